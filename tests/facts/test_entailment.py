"""The entailment table: design row 16 line by line, and the described world of section 5."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.facts.entailment import any_of, changed, truth
from nast.records import SEVERITIES, SIDES, ZONES, Fact

X = "Pleural Effusion"
WORLDS = ("annotated", "described", "closed")


def yes(side=None, severity=None, zone=None):
    return Fact(X, "present", side, zone, severity)


def no(side=None, severity=None, zone=None):
    return Fact(X, "absent", side, zone, severity)


ATTRIBUTES = [(s, g) for s in (None, *SIDES) for g in (None, *SEVERITIES)]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("side", "severity"), ATTRIBUTES)
def test_absent_makes_every_denial_true_and_every_presence_false(world, side, severity):
    assert truth(no(side, severity), [no()], world) is True
    assert truth(yes(side, severity), [no()], world) is False


SMALL_LEFT = [yes("left", "mild")]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    "statement",
    [yes(), yes("left"), yes(None, "mild"), yes("left", "mild"), no(None, "severe")],
    ids=["X", "left X", "small X", "small left X", "no large X"],
)
def test_small_left_makes_true(statement, world):
    assert truth(statement, SMALL_LEFT, world) is True


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("statement", [no(), yes("left", "severe")], ids=["no X", "large left X"])
def test_small_left_makes_false(statement, world):
    assert truth(statement, SMALL_LEFT, world) is False


@pytest.mark.parametrize(
    ("world", "right"), [("annotated", None), ("described", False), ("closed", False)]
)
def test_the_other_side(world, right):
    assert truth(yes("right"), SMALL_LEFT, world) is right
    assert truth(no("right"), SMALL_LEFT, world) is (None if right is None else True)


@pytest.mark.parametrize("world", WORLDS)
def test_an_attribute_that_was_not_annotated_is_unknown(world):
    for statement in (yes("left"), no("left"), yes(None, "mild"), no(None, "mild")):
        assert truth(statement, [yes()], world) is None
    assert truth(yes("left", "mild"), [yes("left")], world) is None
    assert truth(yes(), [yes()], world) is True


@pytest.mark.parametrize(
    ("world", "expected"), [("annotated", None), ("described", None), ("closed", False)]
)
def test_an_unmentioned_condition(world, expected):
    assert truth(yes(), [], world) is expected
    assert truth(no(), [], world) is (None if expected is None else True)


@pytest.mark.parametrize("world", WORLDS)
def test_both_sides_are_each_side(world):
    for facts in ([yes("bilateral")], [yes("left"), yes("right")]):
        assert truth(yes("left"), facts, world) is True
        assert truth(yes("right"), facts, world) is True
        assert truth(no("left"), facts, world) is False
        assert truth(yes("bilateral"), facts, world) is True


def test_one_side_is_not_both():
    assert truth(yes("bilateral"), [yes("left")], "described") is False
    assert truth(yes("bilateral"), [yes("left")], "annotated") is None


def test_a_second_instance_may_hold():
    facts = [yes("left", "mild"), yes("right", "severe")]
    assert truth(yes("right", "severe"), facts, "described") is True
    assert truth(yes("left", "severe"), facts, "described") is False
    assert truth(no("left", "severe"), facts, "described") is True
    assert truth(yes(None, "moderate"), facts, "annotated") is False


def test_zones_follow_the_rule_of_sides():
    lower = [Fact("Pneumonia", "present", "right", "lower")]
    for world, expected in (("annotated", None), ("described", False), ("closed", False)):
        assert truth(Fact("Pneumonia", "present", "right", "upper"), lower, world) is expected
        assert truth(Fact("Pneumonia", "present", "right", "lower"), lower, world) is True


def opacity(zone, existence="present"):
    return Fact("Lung Opacity", existence, zone=zone)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("part", "whole"), [("apical", "upper"), ("retrocardiac", "lower")])
def test_a_part_lies_in_its_zone(world, part, whole):
    assert truth(opacity(whole), [opacity(part)], world) is True
    assert truth(opacity(whole, "absent"), [opacity(part)], world) is False
    assert truth(opacity(part), [opacity(part)], world) is True
    # What is in the zone may be in the part or not, in every world.
    assert truth(opacity(part), [opacity(whole)], world) is None
    assert truth(opacity(part, "absent"), [opacity(whole)], world) is None
    assert truth(opacity(part), [opacity(None)], world) is None


@pytest.mark.parametrize(
    ("world", "elsewhere"), [("annotated", None), ("described", False), ("closed", False)]
)
def test_parts_of_other_zones_are_elsewhere(world, elsewhere):
    for stated, zone in [
        ("upper", "retrocardiac"),
        ("lower", "apical"),
        ("mid", "apical"),
        ("apical", "lower"),
        ("retrocardiac", "upper"),
        ("apical", "retrocardiac"),
        ("apical", "mid"),
        ("upper", "lower"),
    ]:
        assert truth(opacity(stated), [opacity(zone)], world) is elsewhere, (stated, zone)
    assert truth(opacity("upper"), [opacity("mid"), opacity("apical")], world) is True


def test_facts_of_another_condition_are_refused():
    with pytest.raises(ValueError, match="another condition than Pleural Effusion"):
        truth(yes(), [Fact("Edema", "present")])


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [([], False), ([False], False), ([False, None], None), ([None, True], True)],
)
def test_three_valued_or(verdicts, expected):
    assert any_of(verdicts) is expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (yes("left"), no(), "existence"),
        (yes("left", "mild"), yes("right", "severe"), "location"),
        (yes(None, None, "upper"), yes(None, None, "lower"), "location"),
        (yes("left", "mild"), yes("left", "severe"), "severity"),
        (yes("left"), yes("left"), None),
    ],
)
def test_what_sets_two_statements_apart(a, b, expected):
    assert changed(a, b) == expected


attribute = {
    "side": st.sampled_from([None, *SIDES]),
    "zone": st.sampled_from([None, *ZONES]),
    "severity": st.sampled_from([None, *SEVERITIES]),
}
presences = st.builds(Fact, st.just(X), st.just("present"), **attribute)


@settings(max_examples=150, deadline=None)
@given(presences, st.lists(presences, max_size=3), st.sampled_from(WORLDS))
def test_a_denial_is_the_opposite_of_its_presence(statement, facts, world):
    denial = Fact(X, "absent", statement.side, statement.zone, statement.severity)
    shown, denied = truth(statement, facts, world), truth(denial, facts, world)
    assert denied is (None if shown is None else not shown)


@settings(max_examples=150, deadline=None)
@given(presences, st.lists(presences, max_size=3))
def test_more_silence_read_as_absence_never_turns_a_verdict_round(statement, facts):
    annotated, described, closed = (truth(statement, facts, world) for world in WORLDS)
    assert annotated is None or annotated is described
    assert described is None or described is closed
