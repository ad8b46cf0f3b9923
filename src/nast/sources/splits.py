"""Splits by patient for sources that have none: 80/10/10 train/validate/test."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from nast.errors import InputError, UsageError
from nast.files import manifest_of, read_table
from nast.hashes import seed_of
from nast.sources.io.label_tables import refuse_split_patients

SHARES = (("train", 0.8), ("validate", 0.1), ("test", 0.1))
TRAINING_SHARES = (("train", 7 / 8), ("validate", 1 / 8))
"""Of patients whom a source gives for training and validation without telling them apart."""


def split_of(subject_id: str, seed: int = 0, shares: Sequence[tuple[str, float]] = SHARES) -> str:
    """The split of one patient, after the id and the seed alone; `shares` are parts of patients."""
    place = seed_of(seed, "split", subject_id) / 2**63
    for name, share in shares:
        if place < share:
            return name
        place -= share
    return shares[-1][0]


def add_split(studies: pl.DataFrame, stated: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Studies with a `split` column: that which is stated of a patient, else one by the id."""
    table = {i: (stated or {}).get(i) or split_of(i) for i in studies["subject_id"].unique()}
    return studies.with_columns(
        pl.col("subject_id").replace_strict(table, return_dtype=pl.String).alias("split")
    )


def patients_by_split(folders: Sequence[Path]) -> dict[str, int]:
    """Prove that no patient is in two splits, within and across finished folders.

    Every Parquet table with patients and splits counts: studies and facts, questions, claim sets
    and captions.

    Returns:
        Split -> number of patients.

    Raises:
        InputError: a patient is in two splits, or a folder is unfinished or has no such table.
        UsageError: no folder.
    """
    if not folders:
        raise UsageError("--check needs finished folders: nast facts --check facts questions")
    key = ["subject_id", "split"]
    tables = []
    for folder in map(Path, folders):
        manifest_of(folder)
        every = [read_table(path, {}) for path in sorted(folder.glob("*.parquet"))]
        found = [table.select(key).unique() for table in every if set(key) <= set(table.columns)]
        if not found:
            expected = "a folder of nast facts, benchmark or contextual"
            raise InputError(folder, found="no table with patients and splits", expected=expected)
        tables += found
    patients = pl.concat(tables).unique()
    hint = "; if two hospitals use the same ids, name each in its mapping (site: NAME)"
    names = " and ".join(map(str, folders))
    refuse_split_patients(patients, names, hint if len(folders) > 1 else "")
    return dict(patients["split"].value_counts().sort("split").iter_rows())
