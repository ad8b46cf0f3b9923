"""The truth of pairs by situation equals the truth of each pair."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.facts.entailment import truth
from nast.records import Fact
from nast.training.truth import truth_of

VALUES = [
    Fact(name, existence, side=side)
    for name, existence, side in product(
        ("Pleural Effusion", "Pneumothorax"), ("present", "absent"), (None, "left", "right")
    )
]


def annotations():
    return st.lists(st.sampled_from(VALUES), max_size=3).map(by_condition)


def by_condition(facts):
    """Facts of one study, without those that both affirm and deny."""
    found = {}
    for name in {f.condition for f in facts}:
        own = tuple(f for f in facts if f.condition == name)
        if len({f.existence for f in own}) == 1:
            found[name] = own
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.lists(annotations(), min_size=1, max_size=5),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=5),
)
def test_equal_to_every_pair_alone(known, statements):
    table = truth_of(known, statements)
    found = table.of(np.arange(len(known)), np.arange(len(statements)))
    codes = {True: 1, False: -1, None: 0}
    for i, j in product(range(len(known)), range(len(statements))):
        own = known[i].get(statements[j].condition, ())
        assert found[i, j] == codes[truth(statements[j], own, "described")]


def test_some_rows_and_columns_in_any_order():
    known = [by_condition([f]) for f in VALUES]
    table = truth_of(known, VALUES)
    every = table.of(np.arange(12), np.arange(12))
    rows, columns = np.array([7, 0, 7]), np.array([3, 11])
    assert (table.of(rows, columns) == every[rows][:, columns]).all()
