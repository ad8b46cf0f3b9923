"""Groups are drawn so that each option is right for one study of another patient."""

from itertools import combinations

import numpy as np
import pytest

from nast.items import groups as module
from nast.items.groups import ConditionValues, Draw, condition_sets, holders_of
from nast.records import Fact


def values(name, *codes):
    codes = np.array(codes)
    facts = [Fact(name, "absent"), Fact(name, "present")]
    return ConditionValues(codes, facts, np.flatnonzero(codes >= 0))


def statement(number):
    """Different statements of one condition, for what only looks at their being different."""
    return (Fact("Edema", "present", zone="x" * (number + 1)),)


def test_who_holds_what_by_hand():
    held = holders_of([values("Edema", 0, 1, -1, 1, 0), values("Fracture", 1, 0, 1, 0, 0)])
    no, yes = (Fact("Edema", v) for v in ("absent", "present"))
    none, broken = (Fact("Fracture", v) for v in ("absent", "present"))
    assert {said: rows.tolist() for said, rows in held.items()} == {
        (no, none): [4],
        (yes, none): [1, 3],
        (no, broken): [0],
    }
    assert list(held) == [(no, none), (yes, none), (no, broken)]
    assert holders_of([values("Edema", -1, -1), values("Fracture", 0, 1)]) == {}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_few_conditions_are_tried_in_all_sets(size):
    assert condition_sets(np.zeros((4, 13)), size, 0) == list(combinations(range(13), size))


def test_of_many_conditions_those_of_single_studies_are_tried():
    known = np.zeros((60, 90), dtype=bool)
    for study in range(60):
        known[study, [*range(study % 7, 40, 7), 40 + study % 50]] = True
    found = condition_sets(known, 3, seed=1)
    assert found == sorted(set(found)) and len(found) > 200
    assert all(known[:, list(three)].all(axis=1).any() for three in found)
    every = {three for row in known for three in combinations(np.flatnonzero(row).tolist(), 3)}
    assert set(found) == every
    assert condition_sets(known, 3, seed=1) == found
    assert condition_sets(known & False, 3, seed=1) == []


def test_no_more_sets_than_said(monkeypatch):
    monkeypatch.setattr(module, "MOST_SETS", 50)
    assert len(condition_sets(np.ones((9, 30), dtype=bool), 3, 0)) == 50


def test_members_are_of_different_patients_and_serve_so_often():
    held = {statement(i): np.array([2 * i, 2 * i + 1]) for i in range(3)}
    patients = ["a", "b", "a", "c", "a", "d"]
    draw, rng = Draw(patients, 3, uses=2), np.random.default_rng(0)
    drawn = []
    while members := draw.members(held, rng):
        assert len({patients[row] for row in members.values()}) == 3
        assert all(row in held[said] for said, row in members.items())
        drawn += members.values()
    assert 2 <= len(drawn) // 3 <= 4
    assert max(np.bincount(drawn)) <= 2 and draw.used.sum() == len(drawn)
    assert all((draw.used[rows] < 2).all() for rows in draw.left(held).values())


def test_what_is_required_comes_first_or_nothing_does():
    held = {statement(i): np.array([i]) for i in range(4)}
    draw, rng = Draw(list("abcd"), 2, uses=1), np.random.default_rng(0)
    assert statement(3) in draw.members(held, rng, required=statement(3))
    assert draw.members(held, rng, required=statement(3)) is None


def test_of_equal_turns_the_study_that_is_least_wanted_elsewhere_serves():
    held = {statement(0): np.array([0, 1, 2]), statement(1): np.array([3])}
    for seed in range(5):
        draw = Draw(list("abcd"), 2, uses=1, labels=np.array([5, 3, 4, 9]))
        assert set(draw.members(held, np.random.default_rng(seed)).values()) == {1, 3}


def test_common_statements_come_first():
    held = {statement(i): np.arange(i + 1) + 10 * i for i in range(5)}
    draw = Draw([f"p{i}" for i in range(50)], 2, uses=1)
    members = draw.members(held, np.random.default_rng(0), common_first=True)
    assert list(members) == [statement(4), statement(3)]


def test_the_same_group_is_never_drawn_twice():
    """Where two studies hold one statement each, they form one group, however often they may."""
    held = {statement(0): np.array([0]), statement(1): np.array([1])}
    draw, rng = Draw(["a", "b"], 2, 5), np.random.default_rng(0)
    assert draw.members(held, rng) == {statement(0): 0, statement(1): 1}
    assert draw.members(held, rng) is None
    assert draw.used.tolist() == [5, 5]
