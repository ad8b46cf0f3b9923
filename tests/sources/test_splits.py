"""Splits by patient: 80/10/10, from the id and the seed alone."""

from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.records import SPLITS
from nast.sources.splits import add_split, split_of


def test_shares():
    counts = Counter(split_of(str(10_000_000 + i)) for i in range(5000))
    # Three standard deviations of a binomial: 85 for 0.8, 64 for 0.1.
    assert abs(counts["train"] - 4000) < 85
    assert abs(counts["validate"] - 500) < 64
    assert abs(counts["test"] - 500) < 64


@settings(max_examples=50, deadline=None)
@given(st.text(), st.integers())
def test_a_patient_has_one_split(subject, seed):
    assert split_of(subject, seed) == split_of(subject, seed)
    assert split_of(subject, seed) in SPLITS


def test_another_seed_gives_another_division():
    ids = [str(i) for i in range(200)]
    assert [split_of(i) for i in ids] != [split_of(i, 1) for i in ids]


def test_studies_of_a_patient_stay_together():
    studies = pl.DataFrame({"subject_id": [str(i // 3) for i in range(90)]})
    divided = add_split(studies)
    assert divided["subject_id"].to_list() == studies["subject_id"].to_list()
    assert divided.unique().height == 30
    assert divided["split"].n_unique() == 3


def test_no_studies():
    assert add_split(pl.DataFrame(schema={"subject_id": pl.String})).columns == [
        "subject_id", "split"]  # fmt: skip
