"""What facts make true: the verdicts kept by annotation equal those of each pair alone."""

from itertools import product

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.facts.entailment import truth
from nast.facts.truths import annotations, truth_table
from nast.records import FACTS_SCHEMA, Fact

CODES = {True: 1, False: -1, None: 0}
VALUES = [
    Fact(name, existence, side=side)
    for name, existence, side in product(
        ("Pleural Effusion", "Pneumothorax"), ("present", "absent"), (None, "left", "right")
    )
]


def facts_of(known):
    """A table of facts of some studies, `s0` the first."""
    rows = [
        f.as_dict() | {"study_id": f"s{number}"} for number, some in enumerate(known) for f in some
    ]
    blank = {name: pl.lit(None, pl.String).alias(name) for name in FACTS_SCHEMA}
    table = pl.DataFrame(rows, schema={n: pl.String for n in (*VALUES[0].as_dict(), "study_id")})
    return table.select(*(n if n in table.columns else blank[n] for n in FACTS_SCHEMA))


def table_of(known, statements):
    ids = [f"s{number}" for number in range(len(known))]
    return truth_table(annotations(facts_of(known)), ids, statements)


def of_condition(facts, name):
    """A study's facts of a condition, or none where they both affirm and deny it."""
    own = [f for f in facts if f.condition == name]
    return own if len({f.existence for f in own}) == 1 else []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(VALUES), max_size=3), min_size=1, max_size=5),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=5),
)
def test_equal_to_every_pair_alone(known, statements):
    table = table_of(known, statements)
    found = table.of(np.arange(len(known)), np.arange(len(statements)))
    for i, j in product(range(len(known)), range(len(statements))):
        own = of_condition(known[i], statements[j].condition)
        assert found[i, j] == CODES[truth(statements[j], own, "described")]
        assert table.each(np.array([i]), np.array([j])).tolist() == [found[i, j]]
    for j in range(len(statements)):
        assert table.true_of(j).tolist() == np.flatnonzero(found[:, j] == 1).tolist()


def test_some_rows_and_columns_in_any_order():
    table = table_of([[f] for f in VALUES], VALUES)
    every = table.of(np.arange(12), np.arange(12))
    rows, columns = np.array([7, 0, 7]), np.array([3, 11])
    assert (table.of(rows, columns) == every[rows][:, columns]).all()
    assert (table.each(rows[:2], columns) == every[rows[:2], columns]).all()


def test_annotations_are_the_sets_of_facts_of_a_condition():
    left, right = VALUES[1], VALUES[2]
    known, held = annotations(facts_of([[left, right], [right], [right, left, left]]))
    assert held.select("study_id", "condition").rows() == [
        (f"s{i}", "Pleural Effusion") for i in range(3)
    ]
    assert [set(known[i]) for i in held["annotation"]] == [{left, right}, {right}, {left, right}]
    assert len(known) == 2
