"""The paper's own constructions, hand-checked; and the audit names what they give away."""

from collections import Counter
from dataclasses import asdict

import polars as pl
import pytest

from nast.benchmark.build import build_benchmark
from nast.benchmark.construction import PAPER, Construction
from nast.benchmark.questions import make_questions
from nast.errors import NastError, UsageError
from nast.facts.conditions import CONDITIONS
from nast.files import manifest_of
from nast.hashes import file_hash
from nast.items.audit import audit_table, leaks_of


@pytest.fixture(scope="module")
def studies(facts):
    return pl.read_parquet(facts / "studies.parquet")


def questions_of(studies, *names, **more):
    """The questions in their first form."""
    return make_questions(studies, Construction(*names, **more))[0].filter(form="negated")


def configurations(row):
    return [[int(f["existence"] == "present") for f in option] for option in row["facts"]]


def right(row):
    return configurations(row)[row["answer"]]


def test_two_plus_one_is_section_3_2_to_the_letter(studies):
    labels = {r["study_id"]: r for r in studies.iter_rows(named=True)}
    for row in questions_of(studies, "two_plus_one", "uniform").iter_rows(named=True):
        assert sorted(right(row)) == [0, 1, 1]
        for name, value in zip(row["conditions"], right(row), strict=True):
            assert labels[row["study_id"]][name] == ("present" if value else "absent")


def test_appendix_b_takes_any_three(studies):
    rows = questions_of(studies, "appendix_b", "uniform", per_study=3)
    sums = Counter(sum(right(r)) for r in rows.iter_rows(named=True))
    assert set(sums) == {0, 1, 2, 3}


@pytest.mark.parametrize("distractors", ["uniform", "single_flip"])
def test_wrong_options(studies, distractors):
    seen = set()
    for row in questions_of(studies, "appendix_b", distractors).iter_rows(named=True):
        wrong = [o for i, o in enumerate(configurations(row)) if i != row["answer"]]
        flips = [sum(a != b for a, b in zip(o, right(row), strict=True)) for o in wrong]
        assert len({tuple(o) for o in configurations(row)}) == 4
        assert distractors == "uniform" or flips == [1, 1, 1]
        seen.update(flips)
    assert seen == ({1, 2, 3} if distractors == "uniform" else {1})


def test_one_question_a_study_and_positions_in_turn(studies):
    rows = questions_of(studies, "two_plus_one", "uniform")
    assert rows["study_id"].n_unique() == rows["group_id"].n_unique() == len(rows)
    counts = Counter(rows["answer"])
    assert max(counts.values()) - min(counts.values()) <= 1
    several = questions_of(studies, "appendix_b", "uniform", per_study=4)
    asked = several.group_by("study_id").agg(
        pl.len(), pl.col("conditions").list.join("|").n_unique().alias("kinds")
    )
    assert (asked["len"] == asked["kinds"]).all()
    assert asked["len"].max() == 4
    assert set(asked["study_id"]) == set(rows["study_id"])


def test_a_study_keeps_its_questions_when_others_leave(studies):
    """So that one more patient does not change the whole benchmark."""
    both = questions_of(studies, "two_plus_one", "uniform")
    half = questions_of(studies.head(len(studies) // 2), "two_plus_one", "uniform")
    kept = both.filter(pl.col("study_id").is_in(half["study_id"].implode()))
    assert kept["conditions"].to_list() == half["conditions"].to_list()


def test_the_paper_keeps_conflicts(studies):
    """A parent absent and its child present: left out by default, kept by the paper."""
    torn = studies.with_columns(
        pl.lit("absent").alias("Lung Opacity"),
        pl.lit("present").alias("Edema"),
        pl.lit("present").alias("Cardiomegaly"),
        pl.lit("absent").alias("Fracture"),
        pl.lit("absent").alias("Pneumothorax"),
    )
    found, counts = make_questions(torn, PAPER)
    assert len(found) == 3 * len(studies.filter(pl.col("No Finding") != "present"))
    assert counts["studies that contradict the label hierarchy"] == counts["eligible studies"]
    assert len(make_questions(torn)[0]) == 0
    assert {c for row in found["conditions"] for c in row} <= set(CONDITIONS.labelled())


def test_the_audit_catches_both(studies):
    """Label priors give uniform options away, the medoid single flips."""
    flips = audit_table(make_questions(studies, Construction("appendix_b", "single_flip"))[0])
    for rows in flips.values():
        (medoid,) = (r for r in rows if r["baseline"] == "medoid of statements")
        assert medoid["leaks"]
    (medoid,) = (r for r in flips["negated"] if r["baseline"] == "medoid of statements")
    assert medoid["accuracy"] == 1.0
    uniform = audit_table(questions_of(studies, "two_plus_one", "uniform", per_study=4))
    (prior,) = (r for r in uniform["negated"] if r["baseline"] == "label prior")
    assert prior["leaks"]
    assert any("label prior" in leak for leak in leaks_of(uniform))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("two_plus_one", "balanced"), "need --distractors uniform or single_flip"),
        (("all_triples", "uniform"), "balanced groups are made of all triples"),
        (("triples", "balanced"), "sampler 'triples'; choose one of all_triples"),
        (("appendix_b", "medoid"), "distractors 'medoid'; choose one of balanced"),
        (("appendix_b", "uniform", 0), "at least once"),
    ],
)
def test_what_does_not_go_together_is_refused(names, message):
    with pytest.raises(UsageError, match=message):
        Construction(*names)


def test_a_leaking_build_is_refused_or_says_so(facts, tmp_path):
    with pytest.raises(NastError, match="words alone solve items without an image"):
        build_benchmark(facts, tmp_path / "no", construction=PAPER)
    manifest = build_benchmark(facts, tmp_path / "yes", construction=PAPER, allow_leaks=True)
    assert manifest["leaks"]
    card = (tmp_path / "yes" / "README.md").read_text()
    assert "**leaks**" in card
    assert "`two_plus_one`, wrong options by `uniform`" in card
    assert manifest_of(tmp_path / "yes")["config"]["conflicts"] is True


def test_the_papers_protocol_is_recorded_and_never_fails(facts, tmp_path):
    manifest = build_benchmark(facts, tmp_path / "paper", protocol="paper")
    assert manifest["leaks"] and "**leaks**" in (tmp_path / "paper" / "README.md").read_text()
    assert manifest["config"] | asdict(PAPER) == manifest["config"]
    assert manifest["config"]["protocol"] == "paper"
    with pytest.raises(UsageError, match="choose one of default, paper"):
        build_benchmark(facts, tmp_path / "other", protocol="papers")


def test_equal_bytes_and_a_card(facts, tmp_path):
    for name in "ab":
        build_benchmark(facts, tmp_path / name, seed=3, limit=10)
    for name in ("items.parquet", "audit.json", "README.md"):
        assert file_hash(tmp_path / "a" / name) == file_hash(tmp_path / "b" / name)
    card = (tmp_path / "a" / "README.md").read_text()
    for words in (
        "Access class: **open**",
        "not reviewed",
        "| Pneumothorax |",
        "0.937 / 0.918",
        "| negated | medoid | 0.250 | 0.250 |",
        "cad-chest: synthetic",
    ):
        assert words in card
