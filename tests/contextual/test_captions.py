"""Single captions: each is true of its study, in the polarity that it says, in bounded slices."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import make_captions

from nast.contextual import captions as module
from nast.contextual.captions import (
    MOST_PARAPHRASES,
    caption_slices,
    plan_captions,
)
from nast.contextual.joint import study_facts
from nast.contextual.statements import true_statements
from nast.facts.conditions import CONDITIONS
from nast.facts.entailment import truth
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.records import CAPTIONS_SCHEMA, FACTS_SCHEMA, SEVERITIES, SIDES, Fact
from nast.sources.collect import read_facts


@pytest.fixture(scope="module")
def tables(facts):
    return read_facts(facts)


@pytest.fixture(scope="module")
def captions(tables):
    return make_captions(*tables, seed=2)


@pytest.fixture(scope="module")
def known(tables):
    return {s.study_id: s.facts for s in study_facts(*tables)}


def test_captions_are_true(captions, known):
    for row in captions.iter_rows(named=True):
        fact = Fact(**row["fact"])
        assert fact.condition == row["condition"]
        assert truth(fact, known[row["study_id"]][fact.condition], "described") is True
        assert facts_of(row["caption"]) == {fact}
        assert (fact.existence == "absent") is (row["polarity"] == "negated")
        assert bool(cues(row["caption"])) is (row["polarity"] == "negated")


def test_kinds(captions):
    for row in captions.iter_rows(named=True):
        fact = row["fact"]
        located = fact["side"] is not None or fact["zone"] is not None
        expected = "severity" if fact["severity"] else "location" if located else "existence"
        assert row["kind"] == expected
    assert set(captions["kind"]) == {"existence", "location", "severity"}


def test_columns(captions, tables):
    assert captions.schema == pl.Schema(CAPTIONS_SCHEMA)
    assert captions["caption_id"].is_unique().all()
    assert captions["study_id"].is_sorted()
    keys = ["subject_id", "study_id", "split", "image_path"]
    shown = captions.select(keys).unique()
    assert len(shown.join(tables.studies.select(keys), on=keys)) == len(shown) > 80


def test_at_most_two_of_a_polarity_and_other_conditions_first(captions, known):
    assert len(captions) > 200
    for (study, polarity), group in captions.group_by("study_id", "polarity"):
        assert len(group) <= 2
        sayable = {
            name
            for name, some in known[study].items()
            if any(s.polarity == polarity for s in true_statements(some))
        }
        assert group["condition"].n_unique() == min(len(sayable), len(group))


def test_attributes_are_denied_of_present_findings_only(captions, known):
    rows = captions.filter(polarity="negated").iter_rows(named=True)
    limited = [r for r in rows if r["kind"] != "existence"]
    assert len(limited) > 20
    for row in limited:
        assert known[row["study_id"]][row["condition"]][0].existence == "present"


def said(*facts):
    found = list(true_statements(facts))
    return {
        p: {(s.fact.side, s.fact.zone, s.fact.severity) for s in found if s.polarity == p}
        for p in ("negated", "affirmative")
    }


def test_statements_by_hand():
    name = "Pleural Effusion"
    one = said(Fact(name, "present", "left", None, "mild"))
    assert one["negated"] == {
        ("right", None, None),
        (None, None, "moderate"),
        (None, None, "severe"),
    }
    assert one["affirmative"] == {
        (None, None, None),
        ("left", None, None),
        (None, None, "mild"),
        ("left", None, "mild"),
    }
    assert said(Fact(name, "absent")) == {"negated": {(None, None, None)}, "affirmative": set()}
    both = said(Fact(name, "present", "left"), Fact(name, "present", "right"))
    assert both["negated"] == set()
    assert ("bilateral", None, None) in both["affirmative"]
    torn = said(Fact(name, "present"), Fact(name, "absent"))
    assert torn == {"negated": set(), "affirmative": set()}


def test_places_by_hand():
    one = said(Fact("Consolidation", "present", "right", "lower"))
    denied = {place[:2] for place in one["negated"]}
    assert {("left", None), (None, "upper"), ("right", "upper"), ("left", "lower")} <= denied
    assert not {("right", None), (None, "lower"), ("right", "lower")} & denied
    stated = {place[:2] for place in one["affirmative"]}
    assert stated == {(None, None), ("right", None), (None, "lower"), ("right", "lower")}


def test_a_side_that_is_not_annotated_is_neither_stated_nor_denied():
    assert said(Fact("Pleural Effusion", "present")) == {
        "negated": set(),
        "affirmative": {(None, None, None)},
    }


def test_seeds(tables, captions):
    assert make_captions(*tables, seed=2).equals(captions)
    assert not make_captions(*tables, seed=3).equals(captions)


def test_slices_do_not_change_the_captions(tables, captions, monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 50)
    parts = list(caption_slices(plan_captions(*tables, seed=2)))
    assert len(parts) > 5
    assert max(map(len, parts)) <= 50
    assert pl.concat(parts).equals(captions)


def test_order_of_the_facts_does_not_matter(tables, captions):
    studies, facts = tables
    assert make_captions(studies.reverse(), facts.reverse(), seed=2).equals(captions)


def test_paraphrases_say_the_same_in_other_words(tables, captions):
    many = make_captions(*tables, seed=2, paraphrases=4)
    assert many["caption_id"].is_unique().all()
    same = ["study_id", "polarity", "fact"]
    assert many.select(same).unique(maintain_order=True).equals(captions.select(same))
    for _, group in many.group_by(same):
        assert len(group) == group["caption"].n_unique() == 4


def test_every_wording_serves(tables):
    many = make_captions(*tables, per_study=1, paraphrases=MOST_PARAPHRASES)
    first = many.filter(study_id=many["study_id"][0])
    assert first["caption"].is_unique().all()
    assert len(first) == 2 * MOST_PARAPHRASES


def test_more_statements_keep_the_first_ones(tables, captions):
    more = make_captions(*tables, per_study=8, seed=2)
    assert len(more) > 2 * len(captions)
    for _, group in more.group_by("study_id", "polarity"):
        assert len(group) <= 8
        assert group["fact"].n_unique() == len(group)


@pytest.mark.parametrize(
    "wrong", [{"per_study": 0}, {"paraphrases": 0}, {"paraphrases": MOST_PARAPHRASES + 1}]
)
def test_numbers_out_of_range(tables, wrong):
    with pytest.raises(ValueError, match="at least one statement"):
        make_captions(*tables, **wrong)


def study_rows(number, *statements):
    """Facts and a study row of study `number`, whose id sorts as its number."""
    keys = {
        "subject_id": f"p{number:04}",
        "study_id": f"s{number:04}",
        "split": "train",
        "image_path": f"{number}.png",
    }
    rows = [
        {**f.as_dict(), **keys, "fact_id": f"{number}-{i}", "source": "made up", "words": None}
        for i, f in enumerate(statements)
    ]
    return keys | {"view": "PA"}, rows


def made_up(*some):
    pairs = [study_rows(n, *statements) for n, statements in enumerate(some)]
    facts = pl.DataFrame([r for _, rows in pairs for r in rows], schema=FACTS_SCHEMA)
    return pl.DataFrame([study for study, _ in pairs]), facts


def test_what_is_rare_is_said_first():
    """Everyone has an absent fracture; of ten an absence of emphysema is known, too."""
    common = (Fact("Fracture", "absent"),)
    rare = (*common, Fact("Emphysema", "absent"))
    table = make_captions(*made_up(*[common] * 190, *[rare] * 10), per_study=1)
    counts = dict(table["condition"].value_counts().rows())
    assert counts["Emphysema"] >= 9
    assert counts["Fracture"] + counts["Emphysema"] == 200


def test_kinds_are_as_equal_as_they_can_be():
    """Of each effusion one existence, one side and two grades can be denied or stated."""
    some = [(Fact("Pleural Effusion", "present", "left", None, "mild"),)] * 600
    table = make_captions(*made_up(*some), per_study=1)
    for _, part in table.filter(polarity="affirmative").group_by("kind"):
        assert 160 <= len(part) <= 240
    denied = dict(table.filter(polarity="negated")["kind"].value_counts().rows())
    assert 250 <= denied["location"] <= 350


def test_no_facts_give_no_captions():
    studies, facts = made_up((Fact("Fracture", "absent"),))
    assert len(make_captions(studies, facts.clear())) == 0


@st.composite
def annotated(draw):
    condition = CONDITIONS[draw(st.sampled_from(list(CONDITIONS)))]
    if draw(st.booleans()):
        return (Fact(condition.name, "absent"),)
    number = draw(st.integers(1, 2))
    one = st.builds(
        Fact,
        st.just(condition.name),
        st.just("present"),
        st.sampled_from([None, *SIDES] if condition.sided else [None]),
        st.sampled_from([None, *condition.zones]),
        st.sampled_from([None, *SEVERITIES] if condition.grades else [None]),
    )
    return tuple(draw(one) for _ in range(number))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(annotated(), min_size=1, max_size=4, unique_by=lambda a: a[0].condition),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 9),
)
def test_any_annotations_give_true_different_captions(some, per_study, paraphrases, seed):
    facts = [f for one in some for f in one]
    table = make_captions(*made_up(facts), per_study, seed, paraphrases=paraphrases)
    by_name = {one[0].condition: one for one in some}
    for row in table.iter_rows(named=True):
        fact = Fact(**row["fact"])
        assert truth(fact, by_name[fact.condition], "described") is True
    assert table["caption"].is_unique().all()
    assert table["caption_id"].is_unique().all()
    # A statement of every condition can be made in one of the polarities.
    assert len(table) >= paraphrases
