"""The contextual folder: audited, counted, and byte for byte the same when built again."""

import json
import os
import subprocess
import sys

import polars as pl
import pytest
from real_labels import real_table

from nast.benchmark.build import build_benchmark
from nast.cli import run
from nast.contextual.build import build_contextual
from nast.contextual.counts import shortfalls
from nast.errors import InputError, NastError, UsageError
from nast.facts.conditions import CONDITIONS
from nast.files import manifest_of, read_table, write_table
from nast.hashes import file_hash
from nast.items.audit import audit_table
from nast.items.table import read_items
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.records import (
    CAPTIONS_SCHEMA,
    FACTS_SCHEMA,
    STUDIES_SCHEMA,
    Fact,
)
from nast.sources.collect import build_facts, read_facts
from nast.stages import stage


@pytest.fixture(scope="module")
def folder(facts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("contextual") / "out"
    build_contextual(facts, folder, groups=12, seed=1)
    return folder


def test_equal_seeds_give_equal_bytes(folder, facts, tmp_path):
    build_contextual(facts, tmp_path / "again", groups=12, seed=1)
    for name in ("items.parquet", "captions.parquet", "audit.json", "README.md"):
        assert file_hash(folder / name) == file_hash(tmp_path / "again" / name)


def test_ids_of_items_hold_no_study_and_no_patient(folder, facts, tmp_path):
    """Items are named in results, reports and messages, where no study may be."""
    build_benchmark(facts, tmp_path / "questions", limit=4)
    places = [
        folder / "items.parquet",
        folder / "captions.parquet",
        facts / "facts.parquet",
        tmp_path / "questions" / "items.parquet",
    ]
    studies, _ = read_facts(facts)
    secret = {*studies["study_id"], *studies["subject_id"]}
    assert min(map(len, secret)) == 8
    for path in places:
        table = pl.read_parquet(path)
        names = [n for n in table.columns if n.endswith("_id")]
        for name in set(names) - {"subject_id", "study_id"}:
            held = {i[at : at + 8] for i in table[name] for at in range(len(i) - 7)}
            assert not held & secret, f"{path.name}: {name}"
    captions = pl.read_parquet(folder / "captions.parquet")["caption_id"]
    assert captions.is_unique().all()
    assert captions.str.contains(r"^[0-9a-f]{16}$").all()


def test_every_blind_baseline_is_at_chance(folder):
    audit = json.loads((folder / "audit.json").read_text())
    assert set(audit) >= {"negated", "affirmative", "lists, negated", "lists, affirmative"}
    # Lists are balanced by statements and not in groups: see test_candidates.
    for rows in (rows for form, rows in audit.items() if not form.startswith("lists")):
        assert {r["baseline"] for r in rows} >= {"medoid", "odd one out", "n-gram classifier"}
        for row in rows:
            assert row["accuracy"] == pytest.approx(0.2, abs=1e-9)
            assert not row["leaks"]


def test_the_audit_sees_a_set_that_lost_its_groups(folder):
    """One member per group is a set whose answers can be anywhere; all at 0 is a leak."""
    claims = read_items(folder)
    first = claims.filter(answer=0)
    audit = audit_table(first)
    for form in ("negated", "affirmative"):
        assert {r["baseline"] for r in audit[form] if r["leaks"]} >= {"position"}


def test_counts(folder):
    counts = manifest_of(folder)["counts"]
    claims = read_items(folder)
    captions = read_table(folder / "captions.parquet", CAPTIONS_SCHEMA)
    assert (
        counts["claim sets"] == len(claims) == sum(counts["claim sets by split and form"].values())
    )
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
    claims = read_items(tmp_path / "out")
    boxes = read_facts(nih).facts.drop_nulls("side")
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


def test_the_card(folder):
    card = (folder / "README.md").read_text()
    counts = manifest_of(folder)["counts"]
    assert "no patient of an evaluation set is in training" in card
    assert "`described`" in card and "Synthetic" in card and "Access class: **open**" in card
    captions = read_table(folder / "captions.parquet", CAPTIONS_SCHEMA)
    cell = captions.filter(polarity="negated", kind="severity", condition="Pleural Effusion")
    rows = [
        line
        for line in card.split("**negated**")[1].splitlines()
        if line.startswith("| Pleural Effusion |")
    ]
    numbers = [int(n.replace(",", "")) for n in rows[0].split("|")[2:-1]]
    assert sum(numbers[6:]) == len(cell) > 0
    for name, number in counts["captions below half of an even share"].items():
        assert f"{name} {number:,}" in card


def test_negated_and_affirmative_sets_ask_about_the_same(folder):
    counts = manifest_of(folder)["counts"]["claim sets by form and condition"]
    for name in CONDITIONS:
        assert counts.get(f"negated {name}") == counts.get(f"affirmative {name}")


def test_shortfalls_by_hand():
    rows = [
        ("train", "negated", "existence", "Edema", 50),
        ("train", "negated", "existence", "Fracture", 50),
        ("train", "negated", "location", "Fracture", 100),
        ("train", "negated", "severity", "Edema", 90),
        ("test", "negated", "severity", "Edema", 10),
        ("train", "affirmative", "existence", "Edema", 5),
    ]
    columns = ["split", "polarity", "kind", "condition", "len"]
    short = shortfalls(pl.DataFrame(rows, schema=columns, orient="row"))
    assert short == {
        "affirmative existence Fracture": 0,
        "affirmative location Fracture": 0,
        "affirmative severity Edema": 0,
    }


def test_the_papers_set_leaks_and_says_so(facts, tmp_path, capsys):
    out = tmp_path / "paper"
    command = ["contextual", "build", str(facts), "-o", str(out), "--groups", "40"]
    assert run([*command, "--protocol", "paper"]) == 0
    printed = capsys.readouterr().out
    assert "warning: words alone solve negated: medoid" in printed
    claims = read_items(out)
    assert set(claims["construction"]) == {"single_flip"}
    assert manifest_of(out)["config"]["protocol"] == "paper"
    assert "Protocol: `paper`" in (out / "README.md").read_text()
    assert "**leaks**" in (out / "README.md").read_text()


def test_a_leak_is_refused_unless_it_is_allowed(facts, tmp_path):
    with pytest.raises(NastError, match="words alone solve items"):
        build_contextual(facts, tmp_path / "a", groups=40, construction="single_flip")
    manifest = build_contextual(
        facts, tmp_path / "b", groups=40, construction="single_flip", allow_leaks=True
    )
    assert any("medoid" in leak for leak in manifest["leaks"])


def test_private_facts_do_not_leave_the_machine(facts, tmp_path, capsys):
    studies, table = read_facts(facts)

    def make(out):
        write_table(out / "studies.parquet", studies, STUDIES_SCHEMA)
        write_table(out / "facts.parquet", table, FACTS_SCHEMA)
        return {"access": "credentialed", "terms": [], "counts": {}, "sources": {}}

    stage(tmp_path / "facts", {"stage": "facts"}, [], make)
    command = ["contextual", "build", str(tmp_path / "facts"), "-o", str(tmp_path / "o")]
    for endpoint in ("http://192.0.2.1:1/v1#model", "llama-3.1-8b"):
        assert run([*command, "--realiser", "llm", "--endpoint", endpoint]) == 1
        assert "credentialed data" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_no_patient_of_an_evaluation_set_is_in_training(facts, folder, tmp_path):
    build_benchmark(facts, tmp_path / "questions", allow_leaks=True)
    tables = [
        read_items(tmp_path / "questions"),
        read_items(folder),
        read_table(folder / "captions.parquet", CAPTIONS_SCHEMA),
    ]
    both = pl.concat([t.select("subject_id", "split") for t in tables])
    training = set(both.filter(split="train")["subject_id"])
    evaluated = set(both.filter(pl.col("split") != "train")["subject_id"])
    assert training and evaluated and not training & evaluated


def test_a_patient_in_two_splits_is_refused(facts, tmp_path):
    studies, table = read_facts(facts)
    moved = studies.with_columns(
        pl.when(pl.int_range(pl.len()) == 0)
        .then(pl.lit("test"))
        .otherwise(pl.lit("train"))
        .alias("split"),
        pl.lit("p").alias("subject_id"),
    )

    def make(out):
        write_table(out / "studies.parquet", moved, STUDIES_SCHEMA)
        write_table(out / "facts.parquet", table, FACTS_SCHEMA)
        return {"access": "open", "terms": [], "counts": {}, "sources": {}}

    stage(tmp_path / "facts", {"stage": "facts"}, [], make)
    with pytest.raises(InputError, match="1 patients in two splits"):
        build_contextual(tmp_path / "facts", tmp_path / "out")


CODE = """
import sys
from pathlib import Path
from nast.contextual import captions
from nast.contextual.build import write_slices
from nast.sources.collect import read_facts
captions._ROWS = 60
write_slices(Path(sys.argv[2]), captions.plan_captions(*read_facts(Path(sys.argv[1]))))
"""


@pytest.mark.slow
def test_threads_do_not_change_a_byte(facts, tmp_path):
    hashes = set()
    for threads in ("1", "8"):
        path = tmp_path / f"{threads}.parquet"
        command = [sys.executable, "-c", CODE, str(facts), str(path)]
        subprocess.run(command, env=os.environ | {"POLARS_MAX_THREADS": threads}, check=True)
        hashes.add(file_hash(path))
    assert len(hashes) == 1


def test_real_reports(tmp_path):
    """Indiana: words alone at chance, every sentence reads back."""
    build_facts([f"iu-xray:{real_table('NLMCXR_reports.tgz')}"], tmp_path / "facts")
    manifest = build_contextual(tmp_path / "facts", tmp_path / "out", groups=60)
    assert manifest["leaks"] == []
    claims = read_items(tmp_path / "out")
    assert len(claims) > 500
    for row in claims.unique(["group_id", "form"]).iter_rows(named=True):
        for text, stated in zip(row["options"], row["facts"], strict=True):
            assert facts_of(text) == {Fact(**f) for f in stated}
    captions = read_table(tmp_path / "out" / "captions.parquet", CAPTIONS_SCHEMA)
    assert len(captions) > 8_000
    for row in captions.unique("caption").sort("caption").gather_every(4).iter_rows(named=True):
        assert facts_of(row["caption"]) == {Fact(**row["fact"])}
        assert bool(cues(row["caption"])) is (row["polarity"] == "negated")
