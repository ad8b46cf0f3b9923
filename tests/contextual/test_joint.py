"""Joint values: what a study can be asked, and that two of them exclude each other."""

from itertools import combinations

import polars as pl
import pytest

from nast.contextual.joint import (
    Frame,
    StudyFacts,
    frame_holders,
    frames,
    holds,
    study_facts,
    undeniable,
    value_of,
)
from nast.facts.conditions import CONDITIONS
from nast.records import Fact

NAMES = CONDITIONS.labelled()
AGAINST = {name: CONDITIONS.contradicting(name) for name in CONDITIONS}
EFFUSION, AIR = "Pleural Effusion", "Pneumothorax"


def yes(name, side=None, severity=None):
    return Fact(name, "present", side, None, severity)


def no(name):
    return Fact(name, "absent")


def study(*facts, **labels):
    grouped = {}
    for fact in facts:
        grouped[fact.condition] = (*grouped.get(fact.condition, ()), fact)
    known = dict.fromkeys(NAMES, "not_mentioned")
    known |= {n: f[0].existence for n, f in grouped.items()} | labels
    return StudyFacts("p", "s", grouped, known, undeniable(known, AGAINST))


def joint_value(one, frame):
    """The joint value that a study holds in a frame, or None."""
    return next(iter(frame_holders([one], 1).get(frame, ())), None)


SIDES = Frame(("Fracture", EFFUSION), ("existence", "side"))
BOTH = Frame(("Fracture", EFFUSION), ("existence", "side and severity"))


@pytest.mark.parametrize(
    ("facts", "frame", "expected"),
    [
        (
            (yes(EFFUSION, "left", "mild"), no("Fracture")),
            SIDES,
            (no("Fracture"), yes(EFFUSION, "left")),
        ),
        (
            (yes(EFFUSION, "left", "mild"), no("Fracture")),
            BOTH,
            (no("Fracture"), yes(EFFUSION, "left", "mild")),
        ),
        ((no(EFFUSION), yes("Fracture", "left")), SIDES, (yes("Fracture"), no(EFFUSION))),
        ((no(EFFUSION), no("Fracture")), BOTH, (no("Fracture"), no(EFFUSION))),
        # Nothing absent; not annotated; no side; both sides; no grade; a second instance.
        ((yes(EFFUSION, "left"), yes("Fracture")), SIDES, None),
        ((yes(EFFUSION, "left"),), SIDES, None),
        ((yes(EFFUSION), no("Fracture")), SIDES, None),
        ((yes(EFFUSION, "bilateral"), no("Fracture")), SIDES, None),
        ((yes(EFFUSION, "left"), no("Fracture")), BOTH, None),
        ((yes(EFFUSION, "left"), yes(EFFUSION, "right"), no("Fracture")), SIDES, None),
    ],
)
def test_joint_values(facts, frame, expected):
    assert joint_value(study(*facts), frame) == expected


def test_words_that_another_finding_contradicts_are_not_used():
    frame = Frame(("Fracture", AIR), ("existence", "existence"))
    facts = (no(AIR), yes("Fracture"))
    assert joint_value(study(*facts), frame) is not None
    # "Fully expanded lungs" with atelectasis, said by the labels only.
    assert joint_value(study(*facts, Atelectasis="present"), frame) is None
    assert joint_value(study(*facts, Atelectasis="uncertain"), frame) is not None
    # The hierarchy: edema is an opacity.
    frame = Frame(("Fracture", "Lung Opacity"), ("existence", "existence"))
    assert joint_value(study(no("Lung Opacity"), yes("Fracture")), frame) is not None
    assert joint_value(study(no("Lung Opacity"), yes("Fracture"), yes("Edema")), frame) is None


@pytest.mark.parametrize("k", [5, 6, 7])
def test_frames_can_fill_k_claims(k):
    sizes = {"existence": 2, "side": 3, "severity": 4, "side and severity": 7}
    found = list(frames([*combinations(NAMES, 2), *combinations(NAMES, 3)], k))
    assert len(set(found)) == len(found)
    for frame in found:
        values, present = 1, 1
        for name, resolution in zip(frame.conditions, frame.resolutions, strict=True):
            values *= sizes[resolution]
            present *= sizes[resolution] - 1
            assert CONDITIONS[name].sided or "side" not in resolution
            assert CONDITIONS[name].grades or "severity" not in resolution
        assert values - present >= k
        assert len(frame.conditions) in (2, 3)
    # Two sided conditions: 9 joint values, 4 all present, so 5 have an absence.
    two = Frame((EFFUSION, AIR), ("side", "side"))
    assert (two in found) is (k == 5)
    assert SIDES not in found


def test_joint_values_exclude_each_other():
    options = [
        no(EFFUSION),
        yes(EFFUSION, "left", "mild"),
        yes(EFFUSION, "left", "severe"),
        yes(EFFUSION, "right", "mild"),
    ]
    held = [(e, f) for e in options for f in (no("Fracture"), yes("Fracture", "left"))]
    members = [(study(*facts), joint_value(study(*facts), BOTH)) for facts in held]
    members = [(s, j) for s, j in members if j is not None]
    assert len(members) == 5
    for s, j in members:
        assert holds(j, s) is True
    for (s, a), (t, b) in combinations(members, 2):
        assert a != b
        assert holds(a, t) is False and holds(b, s) is False


def test_holders_group_studies_by_value():
    held = [
        study(yes(EFFUSION, "left"), no("Fracture")),
        study(no(EFFUSION), yes("Fracture")),
        study(yes(EFFUSION, "left", "mild"), no("Fracture")),
        study(no(EFFUSION)),
    ]
    found = frame_holders(held, 2)
    assert {joint: members.tolist() for joint, members in found[SIDES].items()} == {
        (no("Fracture"), yes(EFFUSION, "left")): [0, 2],
        (yes("Fracture"), no(EFFUSION)): [1],
    }
    assert SIDES not in frame_holders(held, 3)
    assert frame_holders([], 1) == {}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((yes(EFFUSION, "left", "mild"),), yes(EFFUSION, "left")),
        ((yes(EFFUSION, "bilateral"),), None),
        ((yes(EFFUSION, "left"), yes(EFFUSION, "right")), None),
        ((yes(EFFUSION),), None),
        ((no(EFFUSION),), no(EFFUSION)),
        ((), None),
    ],
)
def test_side_values(facts, expected):
    assert value_of(study(*facts), EFFUSION, "side") == expected


def test_frames_of_one_condition_and_without_denials():
    one = set(frames(combinations(NAMES, 1), 3, "any"))
    assert Frame((EFFUSION,), ("side",)) in one
    assert Frame((EFFUSION,), ("existence",)) not in one
    # Two present values of a side are not three.
    assert Frame((EFFUSION,), ("side",)) not in set(frames(combinations(NAMES, 1), 3, "none"))
    held = [study(yes(EFFUSION, "left")), study(no(EFFUSION)), study(yes(EFFUSION, "right"))]
    found = frame_holders(held, 3, (1,), "any")[Frame((EFFUSION,), ("side",))]
    assert {joint: rows.tolist() for joint, rows in found.items()} == {
        (yes(EFFUSION, "left"),): [0],
        (no(EFFUSION),): [1],
        (yes(EFFUSION, "right"),): [2],
    }
    pair = [study(yes(EFFUSION, "left"), yes("Fracture", side)) for side in ("left", "right")]
    both = frame_holders([*pair, study(yes(EFFUSION, "left"), no("Fracture"))], 2, (2,), "none")
    frame = Frame(("Fracture", EFFUSION), ("side", "existence"))
    assert sorted(rows.tolist() for rows in both[frame].values()) == [[0], [1]]


@pytest.mark.parametrize("name", NAMES)
def test_what_contradicts_a_denial(name):
    for other in CONDITIONS:
        labels = {other: "present"} | {name: "absent"} if other != name else {}
        expected = CONDITIONS.contradicts_hierarchy(labels) or bool(
            CONDITIONS.phrase_conflicts(labels)
        )
        assert (other in CONDITIONS.contradicting(name)) is expected
        assert (name in undeniable({other: "present"}, AGAINST)) is expected


def test_silence_in_a_closed_world():
    one = study(yes("Edema"), no("Fracture"), Pneumonia="uncertain")
    assert holds((yes(AIR),), one) is None
    assert holds((yes(AIR),), one, "closed") is False
    assert holds((no(AIR), no("Fracture")), one, "closed") is True
    # The source is uncertain; edema is an opacity.
    assert holds((yes("Pneumonia"),), one, "closed") is None
    assert holds((yes("Lung Opacity"),), one, "closed") is None


def test_facts_that_disagree_are_of_no_use():
    keys = {"study_id": "s", "side": None, "zone": None, "severity": None}
    said = (("Edema", "present"), ("Edema", "absent"), ("Fracture", "absent"))
    rows = [{**keys, "condition": c, "existence": e} for c, e in said]
    labels = dict.fromkeys(NAMES, "not_mentioned") | {"Fracture": "present"}
    studies = pl.DataFrame([{"subject_id": "p", "study_id": "s", **labels}])
    table = pl.DataFrame(rows, schema_overrides=dict.fromkeys(keys, pl.String))
    (found,) = study_facts(studies, table)
    assert found.facts == {"Fracture": (no("Fracture"),)}
    assert found.labels["Fracture"] == "absent"
    assert found.labels["Edema"] == "uncertain"
    studies = studies.with_columns(pl.lit("present").alias("Edema"))
    (found,) = study_facts(studies, table)
    assert found.labels["Edema"] == "present"
