"""Single captions: each is true of its study, in the polarity that it says."""

from collections import Counter

import pytest

from nast.contextual.captions import make_captions, statements
from nast.contextual.joint import StudyFacts, study_facts
from nast.facts.conditions import labelled
from nast.facts.entailment import truth
from nast.language.parse import cues, facts_of
from nast.records import Fact
from nast.sources.collect import read_facts


@pytest.fixture(scope="module")
def tables(facts):
    return read_facts(facts)


@pytest.fixture(scope="module")
def captions(tables):
    return make_captions(*tables, seed=2)


def test_captions_are_true(captions, tables):
    known = {s.study_id: s.facts for s in study_facts(tables[1], tables[0])}
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


def test_at_most_two_of_a_polarity_about_different_conditions(captions):
    assert captions["caption_id"].is_unique().all()
    for _, group in captions.group_by("study_id", "polarity"):
        assert len(group) <= 2
        assert group["condition"].is_unique().all()
    assert len(captions) > 200


def test_attributes_are_denied_of_present_findings_only(captions, tables):
    known = {s.study_id: s.facts for s in study_facts(tables[1], tables[0])}
    rows = captions.filter(polarity="negated").iter_rows(named=True)
    limited = [r for r in rows if r["kind"] != "existence"]
    assert len(limited) > 20
    for row in limited:
        assert known[row["study_id"]][row["condition"]][0].existence == "present"


def test_statements_by_hand():
    name = "Pleural Effusion"
    facts = {name: (Fact(name, "present", "left", None, "mild"),)}
    study = StudyFacts("p", "s", facts, dict.fromkeys(labelled(), "not_mentioned"))
    denied = {(f.side, f.severity) for _, f in statements(study, "negated")}
    assert denied == {("right", None), (None, "moderate"), (None, "severe")}
    said = {(f.side, f.severity) for _, f in statements(study, "affirmative")}
    assert said == {(None, None), ("left", None), (None, "mild"), ("left", "mild")}


def test_seeds(tables, captions):
    assert make_captions(*tables, seed=2).equals(captions)
    assert not make_captions(*tables, seed=3).equals(captions)
    assert Counter(make_captions(*tables, per_study=1)["polarity"])["negated"] <= len(tables[0])
