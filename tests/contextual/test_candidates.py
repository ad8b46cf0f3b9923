"""Candidate lists against all facts of their studies, one by one, and what words alone get."""

from collections import Counter
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.contextual.balanced_draw import WORDS, Stated, draw_lists
from nast.contextual.build import build_contextual, check_options
from nast.contextual.candidates import (
    candidate_lists,
    halves,
    may_stand_together,
    worded,
)
from nast.contextual.list_audit import audit_lists, said_in_training
from nast.contextual.statements import sayable
from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS
from nast.facts.entailment import truth
from nast.files import manifest_of, read_table
from nast.hashes import file_hash
from nast.language.read.parse import facts_of
from nast.records import CANDIDATES_SCHEMA, FACTS_SCHEMA, STUDIES_SCHEMA, Fact
from nast.sources.collect import read_facts

FINDINGS = ("Pleural Effusion", "Pneumothorax", "Consolidation", "Fracture", "Edema")


def drawn_facts(patients, seed, split="test"):
    """Studies of one patient each, of which every finding is said to be there or not."""
    rng = np.random.default_rng(seed)
    studies, facts = [], []
    for number in range(patients):
        keys = {
            "subject_id": f"p{number}",
            "study_id": f"s{number}",
            "split": split,
            "image_path": f"{number}.png",
        }
        labels = {}
        for name in FINDINGS:
            there = rng.random() < 0.5
            labels[name] = "present" if there else "absent"
            side = str(rng.choice(["left", "right", "bilateral"])) if there else None
            grade = str(rng.choice(["mild", "moderate", "severe"])) if there else None
            fact = {
                "fact_id": f"{number}-{name}",
                **keys,
                "condition": name,
                "existence": labels[name],
                "side": side if CONDITIONS[name].sided else None,
                "zone": None,
                "severity": grade if CONDITIONS[name].grades else None,
                "source": "drawn",
                "words": "",
            }
            facts.append(fact)
        others = dict.fromkeys(CONDITIONS.labelled(), "not_mentioned")
        studies.append({**keys, "view": "PA", **others, **labels})
    columns = STUDIES_SCHEMA | dict.fromkeys(CONDITIONS.labelled(), pl.String)
    return pl.DataFrame(studies, schema=columns), pl.DataFrame(facts, schema=FACTS_SCHEMA)


def lists_of(studies, facts, limit=1_000, seed=0, **more):
    return candidate_lists(sayable(studies, facts), facts, limit, seed, **more)


@pytest.fixture(scope="module")
def many():
    studies, facts = drawn_facts(300, 1)
    return facts, lists_of(studies, facts)


def told(rows, at):
    return [Fact(**fact) for fact in rows[at]]


def test_one_candidate_is_true_and_the_others_are_contradicted(many):
    facts, lists = many
    assert len(lists) > 500 and lists["list_id"].is_unique().all()
    known = {}
    for row in facts.iter_rows(named=True):
        attributes = {n: row[n] for n in ("condition", "existence", "side", "zone", "severity")}
        known.setdefault((row["study_id"], row["condition"]), []).append(Fact(**attributes))
    for row in lists.iter_rows(named=True):
        stated = [Fact(**fact) for fact in row["facts"]]
        wanted = "absent" if row["polarity"] == "negated" else "present"
        assert {fact.existence for fact in stated} == {wanted}
        verdicts = [
            truth(s, known.get((row["study_id"], s.condition), []), "described") for s in stated
        ]
        assert verdicts.count(True) == 1 and verdicts.index(True) == row["answer"]
        assert verdicts.count(False) == len(stated) - 1
        right = stated[row["answer"]]
        limited = right.side or right.zone or right.severity
        # "No left effusion" is true of who has none, and is said of who has a right one only.
        if wanted == "absent" and limited:
            assert known[row["study_id"], right.condition][0].existence == "present"
        assert all(may_stand_together(a, b) for a, b in combinations(stated, 2))
        assert [worded(s) for s in stated] == row["candidates"]


def test_every_text_reads_back_to_its_fact(many):
    rows = many[1].select("candidates", "facts").explode("candidates", "facts").unique()
    for text, fact in rows.iter_rows():
        assert facts_of(text) == (Fact(**fact),) or list(facts_of(text)) == [Fact(**fact)]


def test_a_statement_is_right_in_its_share_of_showings(many):
    """Within one showing, in each half of the patients and of each polarity."""
    lists = many[1]
    k = lists["candidates"].list.len().unique().item()
    parts = lists.with_columns(half=halves(lists["subject_id"])).group_by("half", "polarity")
    for _, part in parts:
        rights = Counter(texts[at] for texts, at in part.select("candidates", "answer").rows())
        shown = Counter(part["candidates"].explode())
        assert max(abs(rights[text] - times / k) for text, times in shown.items()) <= 1
        places = Counter(part["answer"])
        assert max(places.values()) - min(places.values()) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_words_alone_are_at_chance(seed):
    studies, facts = drawn_facts(300, seed)
    lists = lists_of(studies, facts, seed=seed)
    # What is common among patients is what training says most.
    often = Counter(lists["candidates"].explode())
    for rows in audit_lists(lists, often).values():
        assert {"n-gram classifier", "training frequency", "share of right showings"} <= {
            row["baseline"] for row in rows
        }
        for row in rows:
            chance, spread = row["chance"], (row["chance"] * (1 - row["chance"]) / row["n"]) ** 0.5
            assert abs(row["accuracy"] - chance) < 3.5 * spread, row
            assert not row["leaks"]


def test_the_audit_sees_lists_that_give_the_truth_away(many):
    """Where the truth is always a statement that is never a foil, words are enough."""
    rows = many[1].filter(polarity="negated").to_dicts()
    for row in rows:
        row["candidates"][row["answer"]] = "There is no rib fracture."
    leaky = pl.DataFrame(rows, schema=CANDIDATES_SCHEMA)
    found = {r["baseline"]: r for r in audit_lists(leaky, {})["lists, negated"]}
    assert found["share of right showings"]["accuracy"] == 1
    assert found["n-gram classifier"]["leaks"]


def test_one_size_serves_a_file_and_is_the_largest_that_leaves_enough():
    studies, facts = drawn_facts(300, 1)
    lists = lists_of(studies, facts)
    size = lists["candidates"].list.len().unique().item()
    larger = [k for k in (10, 8, 6, 4) if k > size]
    assert larger
    for k in larger:
        assert len(lists_of(studies, facts, size=k).filter(polarity="negated")) < 200
    assert len(lists.filter(polarity="negated")) >= 200
    # Who asks for fewer lists has longer ones.
    few = lists_of(studies, facts, limit=60)
    assert few["candidates"].list.len().unique().item() >= size
    assert few.group_by("polarity").len()["len"].max() <= 60


def test_training_patients_have_no_lists():
    studies, facts = drawn_facts(60, 0, split="train")
    assert not len(lists_of(studies, facts))
    assert lists_of(studies, facts).schema == pl.Schema(CANDIDATES_SCHEMA)


@pytest.mark.parametrize("patients", [1, 2, 3])
def test_a_half_without_patients_has_no_lists(patients):
    studies, facts = drawn_facts(patients, 0)
    lists = lists_of(studies, facts)
    assert set(lists["study_id"]) <= set(studies["study_id"])


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (
            Fact("Pleural Effusion", "absent"),
            Fact("Pleural Effusion", "absent", side="left"),
            False,
        ),
        (
            Fact("Pleural Effusion", "absent", side="left"),
            Fact("Pleural Effusion", "absent", side="right"),
            True,
        ),
        (
            Fact("Pleural Effusion", "present", side="bilateral"),
            Fact("Pleural Effusion", "present", side="left"),
            False,
        ),
        (Fact("Edema", "absent"), Fact("Lung Opacity", "absent"), False),
        (
            Fact("Edema", "absent", severity="mild"),
            Fact("Lung Opacity", "absent", severity="severe"),
            True,
        ),
        (Fact("Edema", "absent"), Fact("Fracture", "absent"), True),
    ],
)
def test_what_follows_from_another_is_not_shown_beside_it(first, second, together):
    assert may_stand_together(first, second) is together
    assert may_stand_together(second, first) is together


def test_the_frequency_of_training_counts_facts_in_any_words(facts, tmp_path):
    folder = tmp_path / "contextual"
    build_contextual(facts, folder, groups=4, lists=40, paraphrases=3)
    lists = read_table(folder / "candidates.parquet", CANDIDATES_SCHEMA)
    captions = pl.read_parquet(folder / "captions.parquet").filter(split="train")
    counts = said_in_training(lists, folder / "captions.parquet")
    for row in lists.head(20).iter_rows(named=True):
        for text, fact in zip(row["candidates"], row["facts"], strict=True):
            same = [f for f in captions["fact"] if f == fact]
            assert counts[text] == len(same)


def test_the_folder_has_the_lists_their_audit_and_their_counts(facts, tmp_path):
    made = build_contextual(facts, tmp_path / "a", groups=4, seed=1)
    build_contextual(facts, tmp_path / "b", groups=4, seed=1)
    assert file_hash(tmp_path / "a/candidates.parquet") == file_hash(
        tmp_path / "b/candidates.parquet"
    )
    lists = read_table(tmp_path / "a" / "candidates.parquet", CANDIDATES_SCHEMA)
    assert made["counts"]["candidate lists"] == len(lists) > 0
    assert "candidates.parquet" in manifest_of(tmp_path / "a")["files"]
    assert set(lists["split"]) <= {"test", "validate"}
    studies = read_facts(facts).studies
    assert set(lists["study_id"]) <= set(studies["study_id"])
    card = (tmp_path / "a" / "README.md").read_text()
    assert "## Candidate lists" in card and "lists, negated" in card


def test_the_papers_protocol_has_none(facts, tmp_path):
    made = build_contextual(facts, tmp_path / "paper", groups=4, protocol="paper")
    assert made["counts"]["candidate lists"] == 0


@pytest.mark.parametrize(
    "wrong", [{"lists": 0}, {"lists": 7}, {"lists": 19, "candidates": 10}, {"candidates": 1}]
)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        check_options("balanced", k=5, **wrong)


def test_the_fewest_lists_that_may_be_asked_for_are_some(facts, tmp_path):
    made = build_contextual(facts, tmp_path / "few", groups=4, lists=8)
    assert 0 < made["counts"]["candidate lists"] <= 2 * 2 * 8


def random_statements(seed, images=40, size=12):
    """Verdicts and neighbours at random."""
    rng = np.random.default_rng(seed)
    verdicts = rng.choice([-1, -1, 0, 1], size=(images, size)).astype(np.int8)
    together = rng.random((size, size)) < 0.9
    together &= together.T
    np.fill_diagonal(together, False)
    condition, kind = rng.integers(0, 4, size), rng.integers(0, 3, size)
    alike = WORDS * np.eye(size, dtype=int)
    return Stated(verdicts, together, condition, kind, alike)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_whatever_the_verdicts_lists_are_right_and_balanced(seed, k):
    stated = random_statements(seed)
    drawn = draw_lists(stated, k, 50, np.random.default_rng(seed))
    assert drawn.statements.shape == (len(drawn.images), k) and len(drawn.images) <= 50
    for image, row in zip(drawn.images, drawn.statements, strict=True):
        assert len(set(row.tolist())) == k
        assert stated.verdicts[image, row[0]] == 1
        assert (stated.verdicts[image, row[1:]] == -1).all()
        assert all(stated.together[a, b] for a, b in combinations(row, 2))
    rights = np.bincount(drawn.statements[:, 0], minlength=12)
    shown = np.bincount(drawn.statements.ravel(), minlength=12)
    assert np.abs(rights - shown / k).max() <= 1
    assert len(set(zip(drawn.images, drawn.statements[:, 0], strict=True))) == len(drawn.images)
