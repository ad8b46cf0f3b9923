"""The table of conditions agrees with the paper's Table 5 and CheXpert's hierarchy."""

import pytest

from nast.facts.conditions import CONDITIONS, contradicts_hierarchy, phrase_conflicts


def test_the_thirteen_conditions():
    names = list(CONDITIONS)
    assert len(names) == 13
    assert names == sorted(names)
    assert CONDITIONS["Edema"].term == "pulmonary edema"
    assert CONDITIONS["Pleural Other"].term == "pleural abnormality"


def test_phrases_are_told_apart():
    phrases = [c.normal for c in CONDITIONS.values()]
    assert len(set(phrases)) == 13
    assert CONDITIONS["Pneumothorax"].normal == "fully expanded lungs"
    assert CONDITIONS["Edema"].normal == "normal pulmonary vascularity"
    for phrase in phrases:
        for condition in CONDITIONS.values():
            assert condition.term not in phrase


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=lambda c: c.name)
def test_a_condition_refers_to_conditions(condition):
    others = {*condition.parents, *condition.conflicts}
    assert others <= set(CONDITIONS) - {condition.name}
    assert set(condition.grades) in (set(), {"mild", "moderate", "severe"})
    assert condition.sided or not condition.zones
    # A grandparent is a parent too, so that one look is enough.
    for parent in condition.parents:
        assert set(CONDITIONS[parent].parents) <= set(condition.parents)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"Lung Opacity": "absent", "Edema": "present"}, True),
        ({"Consolidation": "absent", "Pneumonia": "present"}, True),
        ({"Enlarged Cardiomediastinum": "absent", "Cardiomegaly": "present"}, True),
        ({"Enlarged Cardiomediastinum": "present", "Cardiomegaly": "absent"}, False),
        ({"Lung Opacity": "uncertain", "Edema": "present"}, False),
        ({"Lung Opacity": "absent", "Edema": "uncertain"}, False),
        ({"Lung Opacity": "absent", "Pneumothorax": "present"}, False),
        ({}, False),
    ],
)
def test_the_hierarchy(labels, expected):
    assert contradicts_hierarchy(labels) is expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            {"Consolidation": "absent", "Lung Opacity": "present"},
            [("Consolidation", "Lung Opacity")],
        ),
        ({"Pneumothorax": "absent", "Atelectasis": "present"}, [("Pneumothorax", "Atelectasis")]),
        ({"Consolidation": "uncertain", "Lung Opacity": "present"}, []),
        ({"Consolidation": "absent", "Lung Opacity": "absent"}, []),
        ({"Edema": "absent", "Lung Opacity": "present"}, []),
    ],
)
def test_phrases_that_contradict_a_finding(labels, expected):
    assert phrase_conflicts(labels) == expected
