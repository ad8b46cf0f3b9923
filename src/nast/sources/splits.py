"""Splits by patient for sources that have none: 80/10/10 train/validate/test."""

import polars as pl

from nast.store import seed_of

SHARES = (("train", 0.8), ("validate", 0.1), ("test", 0.1))


def split_of(subject_id: str, seed: int = 0) -> str:
    """The split of one patient; it depends on the id and the seed only.

    Args:
        subject_id: the patient.
        seed: another seed gives another division.

    Returns:
        `train`, `validate` or `test`.
    """
    place = seed_of(seed, "split", subject_id) / 2**63
    for name, share in SHARES:
        if place < share:
            return name
        place -= share
    return SHARES[-1][0]


def add_split(studies: pl.DataFrame) -> pl.DataFrame:
    """Studies with a `split` column from their `subject_id`."""
    ids = studies["subject_id"].unique()
    table = {i: split_of(i) for i in ids}
    return studies.with_columns(
        pl.col("subject_id").replace_strict(table, return_dtype=pl.String).alias("split")
    )
