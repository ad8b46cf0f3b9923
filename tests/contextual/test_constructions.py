"""Claim sets of every construction: exactly one right claim, and what the audit says of them."""

from collections import Counter, defaultdict

import polars as pl
import pytest
from in_memory import make_claims

from nast.contextual.claim_groups import GroupRequest, check_group
from nast.contextual.claims import CONSTRUCTIONS, find_groups
from nast.contextual.joint import StudyFacts, holds, study_facts
from nast.contextual.own import flip_sets
from nast.facts.conditions import CONDITIONS
from nast.items.audit import audit_table
from nast.items.groups import Group
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.records import Fact
from nast.sources.collect import read_facts

AIR, EFFUSION = "Pneumothorax", "Pleural Effusion"


@pytest.fixture(scope="module")
def tables(facts):
    return read_facts(facts)


@pytest.fixture(scope="module")
def known(tables):
    return {s.study_id: s for s in study_facts(*tables)}


@pytest.fixture(scope="module")
def made(tables):
    return {
        name: make_claims(*tables, k=numbers[0], groups=30, seed=3, construction=name)
        for name, (numbers, _) in CONSTRUCTIONS.items()
    }


def rows_of(table, **where):
    return [
        (row, [tuple(Fact(**f) for f in claim) for claim in row["facts"]])
        for row in table.filter(**where).iter_rows(named=True)
    ]


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_exactly_one_claim_is_right(made, known, name):
    table = made[name]
    assert set(table.filter(pl.col("construction") != "matched")["world"]) <= {"described"}
    assert set(table.filter(construction="matched")["world"]) <= {"closed"}
    assert len(table) > 30
    for row, claims in rows_of(table):
        study = known[row["study_id"]]
        verdicts = [holds(claim, study, row["world"]) for claim in claims]
        assert verdicts == [i == row["answer"] for i in range(len(claims))]
        assert holds(claims[row["answer"]], study) is True
        assert len(claims) == CONSTRUCTIONS[name][0][0] == len(set(row["options"]))


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_claims_say_their_facts(made, name):
    for row, claims in rows_of(made[name].unique(["group_id", "form"])):
        for text, facts in zip(row["options"], claims, strict=True):
            assert facts_of(text) == frozenset(facts), text
            denies = any(f.existence == "absent" for f in facts) and row["form"] == "negated"
            assert bool(cues(text)) is denies


@pytest.mark.parametrize("name", ["single", "single_flip", "sides"])
def test_the_same_seed_gives_the_same_sets(tables, made, name):
    numbers, _ = CONSTRUCTIONS[name]
    again = make_claims(*tables, k=numbers[0], groups=30, seed=3, construction=name)
    assert again.equals(made[name])


@pytest.mark.parametrize("name", [n for n in CONSTRUCTIONS if n != "single_flip"])
def test_words_alone_are_at_chance(made, name):
    for rows in audit_table(made[name]).values():
        for row in rows:
            assert row["accuracy"] == pytest.approx(row["chance"], abs=1e-9), row["baseline"]


@pytest.mark.parametrize("k", [3, 5])
def test_the_audit_catches_single_flips_by_the_medoid(tables, k):
    table = make_claims(*tables, k=k, seed=1, construction="single_flip")
    audit = audit_table(table)
    assert set(audit) == {"negated", "affirmative", "plain"}
    for form in ("negated", "affirmative"):
        found = {r["baseline"]: r for r in audit[form]}
        assert found["medoid of statements"]["leaks"]
        assert found["medoid of statements"]["accuracy"] > 0.8
        assert not found["position"]["leaks"]


def difference(true, other):
    """The attributes in which two claims differ, by condition."""
    return [
        (
            a.condition,
            [
                n
                for n in ("existence", "side", "zone", "severity")
                if getattr(a, n) != getattr(b, n)
            ],
        )
        for a, b in zip(true, other, strict=True)
        if a != b
    ]


def test_single_flips_alter_one_attribute(made):
    kinds = Counter()
    for row, claims in rows_of(made["single_flip"], form="negated"):
        true = claims[row["answer"]]
        assert any(f.existence == "absent" for f in true)
        for place, claim in enumerate(claims):
            if place != row["answer"]:
                ((_, names),) = difference(true, claim)
                # A finding that is denied has no side or grade left.
                assert len(names) == 1 or names[0] == "existence"
                kinds[row["kinds"][place]] += 1
    assert set(kinds) == {"existence", "location", "severity"}


def test_the_right_flip_stands_everywhere_equally_often(made):
    places = Counter(made["single_flip"].filter(form="negated", split="train")["answer"])
    assert max(places.values()) - min(places.values()) <= 1


def test_single_sets_are_about_one_condition(made):
    for row, claims in rows_of(made["single"], form="negated"):
        assert len(row["conditions"]) == 1
        assert sum(c[0].existence == "absent" for c in claims) == 1
    assert made["single"]["group_id"].n_unique() > 10


def test_matched_sets_are_for_training_only(made):
    table = made["matched"]
    assert set(table.filter(split="train")["construction"]) == {"matched"}
    assert set(table.filter(pl.col("split") != "train")["construction"]) == {"balanced"}


def test_matched_texts_are_right_as_often_as_shown_divided_by_k(made):
    table = made["matched"].filter(split="train")
    for form in ("negated", "affirmative"):
        shown, right = Counter(), Counter()
        for row in table.filter(form=form).iter_rows(named=True):
            shown.update(row["options"])
            right[row["options"][row["answer"]]] += 1
        assert shown == {text: 3 * number for text, number in right.items()}
    assert table["conditions"].list.len().max() > 3


@pytest.mark.parametrize("name", ["balanced", "single", "single_flip", "matched"])
def test_plain_sets_deny_nothing(made, name):
    table = made[name]
    denying = table.filter(form="negated", split="train")
    assert len(denying)
    assert set(table.filter(form="plain")["split"]) <= {"test", "validate"}
    for row, claims in rows_of(table, form="plain"):
        assert not any(cues(text) for text in row["options"])
        assert all(f.existence == "present" for claim in claims for f in claim)
        assert not any("existence" in kind for kind in row["kinds"])


def test_plain_sets_are_found(made):
    assert all(len(made[n].filter(form="plain")) for n in ("single", "single_flip", "matched"))


def test_no_patient_is_in_two_splits(made):
    for table in made.values():
        splits = table.group_by("subject_id").agg(pl.col("split").n_unique())
        assert splits["split"].max() == 1


def small(number, *facts):
    grouped = defaultdict(tuple)
    for fact in facts:
        grouped[fact.condition] += (fact,)
    labels = dict.fromkeys(CONDITIONS.labelled(), "not_mentioned")
    labels |= {n: f[0].existence for n, f in grouped.items()}
    return StudyFacts(f"p{number}", f"s{number}", dict(grouped), labels, frozenset())


def checked(construction, claims, members, world="described"):
    """Check a group of some studies, each with the place of its claim."""
    places = tuple((study.study_id, place) for study, place in members)
    group = Group("claims", construction, "train", claims, places, ("negated",), world)
    check_group(group, {study.study_id: study for study, _ in members})


def test_a_false_claim_that_may_be_true_is_refused():
    left = small(1, Fact(EFFUSION, "present", "left"), Fact(AIR, "absent"))
    right = small(2, Fact(EFFUSION, "present", "right"), Fact(AIR, "absent"))
    claims = ((Fact(EFFUSION, "present", "left"),), (Fact(EFFUSION, "present", "right"),))
    checked("balanced", claims, ((left, 0), (right, 1)))
    for wrong in (
        ((left, 1),),  # false of its study
        ((small(3, Fact(EFFUSION, "present", "bilateral")), 0),),  # both are true
        ((small(3, Fact(EFFUSION, "present")), 0),),  # no side is annotated
    ):
        with pytest.raises(AssertionError, match="one right claim"):
            checked("balanced", claims, wrong)
    silent = ((Fact(AIR, "absent"),), (Fact("Fracture", "present"),))
    with pytest.raises(AssertionError, match="one right claim"):
        checked("balanced", silent, ((left, 0),))
    checked("matched", silent, ((left, 0),), "closed")


def test_a_flip_set_by_hand():
    one = small(1, Fact(EFFUSION, "present", "left", None, "mild"), Fact(AIR, "absent"))
    (group,) = flip_sets(GroupRequest([one], "train", 5, 10, 1, 0))
    ((study, answer),) = group.members
    assert study == one.study_id and answer == 0
    true, *wrong = group.options
    assert true == (Fact(EFFUSION, "present", "left", None, "mild"), Fact(AIR, "absent"))
    # Two other grades, two other sides and two existences: four of them.
    assert len(set(wrong)) == 4
    assert all(len(difference(true, claim)) == 1 for claim in wrong)
    assert list(flip_sets(GroupRequest([one], "train", 8, 10, 1, 0))) == []


def test_groups_are_checked_when_they_are_found(tables, monkeypatch):
    def refuse(*_):
        raise AssertionError("checked")

    monkeypatch.setattr("nast.contextual.claims.check_group", refuse)
    with pytest.raises(AssertionError, match="checked"):
        find_groups(*tables, groups=1)
