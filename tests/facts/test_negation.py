"""A contextual negation alters one attribute and is false of the study."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nast.facts.conditions import CONDITIONS
from nast.facts.entailment import truth
from nast.facts.negation import contextual_negations
from nast.records import Fact


def effusion(side=None, severity=None, existence="present"):
    return Fact("Pleural Effusion", existence, side, None, severity)


def test_one_instance():
    found = contextual_negations(effusion("left", "mild"), [effusion("left", "mild")], "described")
    assert found == [
        ("existence", effusion("left", "mild", "absent")),
        ("location", effusion("right", "mild")),
        ("location", effusion("bilateral", "mild")),
        ("severity", effusion("left", "moderate")),
        ("severity", effusion("left", "severe")),
    ]


def test_a_swap_that_is_true_of_a_second_finding_is_no_negation():
    facts = [effusion("left", "mild"), effusion("right", "mild")]
    kinds = contextual_negations(effusion("left", "mild"), facts, "described")
    assert ("location", effusion("right", "mild")) not in kinds
    assert ("location", effusion("bilateral", "mild")) not in kinds
    # The right one is large: "large left effusion" stays false, for the left one is small.
    facts = [effusion("left", "mild"), effusion("right", "severe")]
    kinds = contextual_negations(effusion("left", "mild"), facts, "described")
    assert ("location", effusion("right", "mild")) in kinds
    assert ("severity", effusion("left", "severe")) in kinds


def test_a_second_finding_without_a_side_makes_other_sides_unknown():
    facts = [effusion("left", "mild"), effusion()]
    kinds = contextual_negations(effusion("left", "mild"), facts, "described")
    assert kinds == [("existence", effusion("left", "mild", "absent"))]


def test_silence_is_not_absence():
    one = [effusion("left")]
    annotated = contextual_negations(effusion("left"), one, "annotated")
    assert [kind for kind, _ in annotated] == ["existence"]
    closed = contextual_negations(effusion("left"), one, "closed")
    assert [kind for kind, _ in closed] == ["existence", "location", "location"]


def test_an_absence_becomes_a_presence():
    absent = effusion(existence="absent")
    assert contextual_negations(absent, [absent]) == [("existence", effusion())]


def test_only_true_statements_have_negations():
    with pytest.raises(ValueError, match="does not hold"):
        contextual_negations(effusion("right"), [effusion("left")], "described")
    with pytest.raises(ValueError, match="does not hold"):
        contextual_negations(effusion("left"), [effusion()], "closed")


def attributes(name):
    condition = CONDITIONS[name]
    sides = (None, "left", "right", "bilateral") if condition.sided else (None,)
    return st.builds(
        lambda side, zone, severity: Fact(name, "present", side, zone, severity),
        st.sampled_from(sides),
        st.sampled_from((None, *condition.zones, *(["apical"] if condition.zones else []))),
        st.sampled_from((None, *condition.grades)),
    )


@given(st.data(), st.sampled_from(list(CONDITIONS)), st.sampled_from(["described", "closed"]))
def test_exactly_one_attribute_and_false(data, name, world):
    facts = data.draw(st.lists(attributes(name), min_size=1, max_size=3))
    statement = facts[0]
    for kind, altered in contextual_negations(statement, facts, world):
        before, after = statement.as_dict(), altered.as_dict()
        different = {key for key in before if before[key] != after[key]}
        assert len(different) == 1
        assert (
            different
            <= {"existence": {"existence"}, "location": {"side", "zone"}, "severity": {"severity"}}[
                kind
            ]
        )
        assert truth(altered, facts, world) is False
