"""Claim sets: the truth matrix re-derived from the facts, pairs, groups."""

from collections import Counter, defaultdict

import polars as pl
import pytest
from in_memory import make_claims

from nast.contextual.claims import find_groups
from nast.facts.conditions import CONDITIONS
from nast.facts.entailment import truth
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.language.write.templates import sentence
from nast.records import Fact
from nast.sources.collect import read_facts


@pytest.fixture(scope="module")
def tables(facts):
    return read_facts(facts)


@pytest.fixture(scope="module", params=[5, 7])
def claims(request, tables):
    return request.param, make_claims(*tables, k=request.param, groups=25, seed=3)


def annotations(facts):
    found = defaultdict(list)
    for study, *values in facts.select(
        "study_id", "condition", "existence", "side", "zone", "severity"
    ).rows():
        found[study, values[0]].append(Fact(*values))
    return found


def holds(claim, study, known):
    """Whether every part of a claim is true of a study; None where a part is unknown."""
    parts = [Fact(**f) for f in claim]
    verdicts = [truth(f, known[study, f.condition], "described") for f in parts]
    return False if False in verdicts else None if None in verdicts else True


def test_the_truth_matrix_is_the_identity(claims, tables):
    k, rows = claims
    known = annotations(tables.facts)
    checked = 0
    for _, group in rows.filter(form="negated").group_by("group_id"):
        assert len(group) == k
        for row in group.iter_rows(named=True):
            verdicts = [holds(c, row["study_id"], known) for c in row["facts"]]
            assert verdicts == [i == row["answer"] for i in range(k)]
            checked += 1
    assert checked >= 100


def test_groups(claims):
    k, rows = claims
    assert rows["item_id"].is_unique().all()
    assert set(rows["world"]) == {"described"}
    for _, group in rows.group_by("group_id", "form"):
        assert group["subject_id"].n_unique() == k
        assert group["split"].n_unique() == 1
        assert sorted(group["answer"]) == list(range(k))
        assert group.select("options", "facts", "conditions", "realiser").n_unique() == 1
        assert len(set(group["options"][0])) == k
    assert {"negated", "affirmative"} <= set(rows["form"])


def test_a_study_serves_ten_times_at_most(claims):
    served = Counter(claims[1].filter(form="negated")["study_id"])
    assert max(served.values()) <= 10


def test_every_claim_has_an_absence_and_says_its_facts(claims):
    paired = claims[1].filter(pl.col("form") != "plain")
    for row in paired.unique(["group_id", "form"]).iter_rows(named=True):
        style = row["realiser"].removeprefix("template:")
        for text, stated in zip(row["options"], row["facts"], strict=True):
            facts = [Fact(**f) for f in stated]
            assert [f.condition for f in facts] == row["conditions"]
            assert any(f.existence == "absent" for f in facts)
            assert facts_of(text) == frozenset(facts)
            assert bool(cues(text)) is (row["form"] == "negated")
            assert text == sentence(facts, style, row["form"])


def test_forms_are_paired(claims):
    same = [
        "group_id",
        "study_id",
        "answer",
        "facts",
        "kinds",
        "conditions",
        "realiser",
        "image_path",
    ]
    negated, affirmative = (
        claims[1].filter(form=form).sort("group_id", "study_id").select(same)
        for form in ("negated", "affirmative")
    )
    assert negated.equals(affirmative)


def test_kinds_say_what_a_choice_gets_wrong(claims):
    for row in claims[1].iter_rows(named=True):
        true = row["facts"][row["answer"]]
        for kind, claim in zip(row["kinds"], row["facts"], strict=True):
            wrong = set()
            for a, b in zip(true, claim, strict=True):
                if a["existence"] != b["existence"]:
                    wrong.add("existence")
                elif a["side"] != b["side"]:
                    wrong.add("location")
                elif a["severity"] != b["severity"]:
                    wrong.add("severity")
            assert kind == ("+".join(sorted(wrong)) or "truth")


def test_no_claim_contradicts_its_study(claims, tables):
    labels = {r["study_id"]: r for r in tables.studies.iter_rows(named=True)}
    known = annotations(tables.facts)
    for row in claims[1].iter_rows(named=True):
        study = row["study_id"]
        present = {n: "present" for n in CONDITIONS.labelled() if labels[study][n] == "present"}
        present |= {
            n: "present"
            for n in CONDITIONS.labelled()
            if any(f.existence == "present" for f in known[study, n])
        }
        denied = {
            f["condition"]: "absent"
            for f in row["facts"][row["answer"]]
            if f["existence"] == "absent"
        }
        assert not CONDITIONS.contradicts_hierarchy(present | denied)
        assert not CONDITIONS.phrase_conflicts(present | denied)


def test_many_conditions_serve(claims):
    served = set(claims[1]["conditions"].explode())
    assert len(served) >= 8
    assert not served & {"Enlarged Cardiomediastinum", "Lung Lesion", "Support Devices"}


@pytest.mark.parametrize(
    ("k", "construction", "allowed"),
    [
        (2, "balanced", "5 to 7"),
        (4, "balanced", "5 to 7"),
        (8, "balanced", "5 to 7"),
        (2, "single_flip", "3 to 7"),
        (8, "single", "3 to 7"),
        (3, "sides", "2 claims"),
        (5, "other", "no claims"),
    ],
)
def test_how_many_claims(tables, k, construction, allowed):
    with pytest.raises(ValueError, match=allowed):
        find_groups(*tables, k=k, construction=construction)


def test_too_few_studies_give_no_group(tables):
    studies, facts = tables
    four = studies["study_id"].head(4).to_list()
    few = make_claims(studies, facts.filter(pl.col("study_id").is_in(four)))
    assert len(few) == 0
