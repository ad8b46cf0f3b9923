"""Rows of the metrics table: found by their columns, and put into a cell of a table."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import t as student

from nast.statistics.bootstrap import LEVEL

Row = Mapping[str, Any]
"""A row of `metrics.parquet`, column -> value."""
CLAIMS = {"task": "choice", "set": "claims", "statistic": "accuracy"}
"""The columns of claim accuracy."""
ANY = True
"""For `pick`: any value but none."""
PLAIN = ("reference", "condition", "subset", "control")
"""Columns that are empty in a number of one model on all items."""


def pick(metrics: pl.DataFrame, **columns: str | bool | None) -> list[Row]:
    """The rows with these values, in their order.

    Args:
        metrics: `METRICS_SCHEMA`.
        columns: column -> its value; None for an empty one, `ANY` for any value but none. The
            columns of `PLAIN` are empty if they are not named.
    """
    for name, value in {**dict.fromkeys(PLAIN), **columns}.items():
        if value is ANY:
            metrics = metrics.filter(pl.col(name).is_not_null())
        else:
            metrics = metrics.filter(pl.col(name).eq_missing(pl.lit(value, pl.String)))
    return list(metrics.iter_rows(named=True))


def minus(metrics: pl.DataFrame, model: str, reference: str, **columns: str | None) -> Row | None:
    """The difference of two models, model minus reference, whichever way round it was made."""
    found = pick(metrics, model=model, reference=reference, **columns)
    if found:
        return found[0]
    other = pick(metrics, model=reference, reference=model, **columns)
    if not other:
        return None
    row = other[0]
    turned = {"value": -row["value"], "low": -row["high"], "high": -row["low"]}
    # The margin was for a loss against the other one.
    return {**row, "model": model, "reference": reference, **turned, "margin": None}


def cell(row: Row | None, sign: bool = False) -> str:
    """A value with its interval, "0.412 [0.380, 0.447]", or a dash."""
    if not row or row["n"] == 0:
        return "-"
    shape = "+.3f" if sign else ".3f"
    return f"{row['value']:{shape}} [{row['low']:{shape}}, {row['high']:{shape}}]"


def corrected(row: Row) -> str:
    """The p of a difference as a page says it: corrected for the number of comparisons."""
    p = row["p_holm"] if row["p_holm"] is not None else row["p"]
    return "" if p is None else "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def seed_interval(row: Row) -> tuple[float, float] | None:
    """The 95 % interval of a difference over paired seeds (decision 24); None for one seed."""
    if row["seed_sd"] is None or row["seeds"] < 2:
        return None
    quantile = student.ppf((1 + LEVEL) / 2, row["seeds"] - 1)
    reach = float(quantile * row["seed_sd"] / np.sqrt(row["seeds"]))
    return row["value"] - reach, row["value"] + reach


def of_any_seed(row: Row) -> bool:
    """Whether a difference has one sign over seeds too, so that it holds for a seed not seen."""
    ends = seed_interval(row)
    return ends is None or ends[0] > 0 or ends[1] < 0


def sign_of(row: Row, above: str, below: str, neither: str) -> str:
    """Words for a difference: `above` or `below` 0 where its interval excludes 0 and its corrected
    p is at most 0.05, else `neither`.
    """
    p = row["p_holm"] if row["p_holm"] is not None else row["p"]
    if p is not None and p > 0.05:
        return neither
    return above if row["low"] > 0 else below if row["high"] < 0 else neither
