"""The contextual folder: audited, counted, and byte for byte the same when built again."""

import json

import pytest

from nast.contextual.build import audit_claims, build_contextual
from nast.errors import InputError, NastError, UsageError
from nast.records import CAPTIONS_SCHEMA, CLAIMS_SCHEMA
from nast.sources.collect import build_facts, read_facts
from nast.store import file_hash, manifest_of, read_table


@pytest.fixture(scope="module")
def folder(facts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("contextual") / "out"
    build_contextual(facts, folder, groups=12, seed=1)
    return folder


def test_equal_seeds_give_equal_bytes(folder, facts, tmp_path):
    build_contextual(facts, tmp_path / "again", groups=12, seed=1)
    for name in ("claims.parquet", "captions.parquet", "audit.json"):
        assert file_hash(folder / name) == file_hash(tmp_path / "again" / name)


def test_every_blind_baseline_is_at_chance(folder):
    audit = json.loads((folder / "audit.json").read_text())
    assert set(audit) == {"negated", "affirmative"}
    for rows in audit.values():
        assert {r["baseline"] for r in rows} >= {"medoid", "odd one out", "n-gram classifier"}
        for row in rows:
            assert row["accuracy"] == pytest.approx(0.2, abs=1e-9)
            assert not row["leaks"]


def test_the_audit_sees_a_set_that_lost_its_groups(folder):
    """One member per group is a set whose answers can be anywhere; all at 0 is a leak."""
    claims = read_table(folder / "claims.parquet", CLAIMS_SCHEMA)
    first = claims.filter(answer=0)
    for rows in audit_claims(first).values():
        assert {r["baseline"] for r in rows if r["leaks"]} >= {"position"}


def test_counts(folder):
    counts = manifest_of(folder)["counts"]
    claims = read_table(folder / "claims.parquet", CLAIMS_SCHEMA)
    captions = read_table(folder / "captions.parquet", CAPTIONS_SCHEMA)
    assert counts["claim sets"] == len(claims) == sum(
        counts["claim sets by split and form"].values())  # fmt: skip
    assert sum(counts["false claims by kind"].values()) == 4 * len(claims)
    assert counts["captions"] == len(captions)
    groups = claims.filter(form="negated").unique("group_id").group_by("split").len()
    assert groups["len"].max() == 12


def test_another_configuration_is_refused(folder, facts):
    with pytest.raises(UsageError, match="another configuration"):
        build_contextual(facts, folder, groups=12, seed=2)


def test_an_unknown_construction_is_refused(facts, tmp_path):
    with pytest.raises(UsageError):
        build_contextual(facts, tmp_path / "out", groups=2, construction="side")


@pytest.fixture(scope="module")
def nih(real_nih, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nih") / "facts"
    build_facts([f"nih-cxr:{real_nih}"], folder)
    return folder


def test_facts_that_allow_no_group(nih, tmp_path):
    """The 31 adjudicated radiographs have absences, but too few joint values."""
    with pytest.raises(InputError, match="no group of 7 studies"):
        build_contextual(nih, tmp_path / "out", k=7)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_sides_of_real_boxes(nih, tmp_path):
    manifest = build_contextual(nih, tmp_path / "out", construction="sides")
    claims = read_table(tmp_path / "out" / "claims.parquet", CLAIMS_SCHEMA)
    boxes = read_facts(nih)[1].drop_nulls("side")
    sides = {(s, c): side for s, c, side in boxes.select("study_id", "condition", "side").rows()}
    for row in claims.iter_rows(named=True):
        (fact,) = row["facts"][row["answer"]]
        assert sides[row["study_id"], fact["condition"]] == fact["side"]
        assert {f["side"] for (f,) in row["facts"]} == {"left", "right"}
    for _, group in claims.group_by("group_id"):
        assert sorted(group["answer"]) == [0, 1]
        assert group["subject_id"].n_unique() == 2
        assert group["split"].n_unique() == 1
    assert len(claims) == manifest["counts"]["claim sets"] >= 2
    assert set(claims["form"]) == {"affirmative"}
    (rows,) = json.loads((tmp_path / "out" / "audit.json").read_text()).values()
    assert all(row["accuracy"] == pytest.approx(0.5, abs=1e-9) for row in rows)


def test_a_missing_folder_is_our_error(tmp_path):
    with pytest.raises(NastError):
        build_contextual(tmp_path / "gone", tmp_path / "out")
