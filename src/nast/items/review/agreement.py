"""How far reviewers agree beyond chance: Cohen's kappa, Krippendorff's alpha, their intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nast.statistics.bootstrap import RESAMPLES, over_clusters

KAPPA, ALPHA = "Cohen's kappa", "Krippendorff's alpha (nominal)"
Ratings = Sequence[Sequence[str | None]]
"""Per item one rating per reviewer, None where there is none."""


def agreement(ratings: Ratings, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Agreement of reviewers on one judgement.

    Kappa for exactly two reviewers, on the items that both rated; alpha for more, on the items
    that at least two rated.

    Args:
        ratings: of all reviewers.
        seed: of the bootstrap.
        resamples: bootstrap draws, over items.

    Returns:
        `coefficient`, `value` in [-1, 1] (None where it is not defined, with a `reason`),
        `interval` (95 %, percentile bootstrap, or None), `agreement` (share of pairs of ratings of
        one item that are equal), `items` (rated by two or more), `rated by all` and `method`.
    """
    raters = max(map(len, ratings), default=0)
    kept = [row for row in ratings if sum(r is not None for r in row) > 1]
    found: dict[str, Any] = {
        "coefficient": KAPPA if raters == 2 else ALPHA,
        **dict.fromkeys(("value", "interval", "agreement", "method")),
        "items": len(kept),
        "rated by all": sum(None not in row for row in kept),
    }
    if not kept:
        one = "one reviewer" if raters < 2 else "no row that two reviewers rated"
        return found | {"reason": one}
    tables = _tables(kept, raters)
    statistic = kappa if raters == 2 else alpha
    whole = tables.sum(0)
    found["agreement"] = float(np.trace(whole) / whole.sum())
    value = float(statistic(whole))
    if np.isnan(value):
        return found | {"reason": "all ratings are the same: agreement beyond chance is undefined"}
    made = over_clusters(
        value,
        lambda times: statistic(np.tensordot(times, tables, 1)),
        [str(number) for number in range(len(kept))],
        len(kept),
        seed,
        resamples,
        "items",
    )
    return found | {"value": value, "interval": [made.low, made.high], "method": made.method}


def kappa(tables: np.ndarray) -> np.ndarray:
    """Cohen's kappa of two reviewers (Cohen 1960); NaN where both gave one and the same rating.

    Args:
        tables: shape (..., C, C), how often the first said i and the second j.
    """
    shares = tables / tables.sum((-2, -1), keepdims=True)
    observed = np.trace(shares, axis1=-2, axis2=-1)
    by_chance = (shares.sum(-1) * shares.sum(-2)).sum(-1)
    return _ratio(observed - by_chance, 1 - by_chance)


def alpha(tables: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for nominal ratings (2011); NaN where all ratings are the same.

    Args:
        tables: shape (..., C, C), coincidence matrices.
    """
    margins = tables.sum(-1)
    total = margins.sum(-1)
    chance = (margins * (margins - 1)).sum(-1)
    same = np.trace(tables, axis1=-2, axis2=-1)
    return _ratio((total - 1) * same - chance, total * (total - 1) - chance)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    defined = np.abs(below) > 1e-12
    return np.where(defined, above / np.where(defined, below, 1.0), np.nan)


def _tables(ratings: Ratings, raters: int) -> np.ndarray:
    """A table for each item, shape (items, C, C).

    Two reviewers: a 1 where the pair of ratings stands. More: the item's coincidences, each pair
    of its ratings counted as 1 / (number of its ratings - 1).
    """
    values = sorted({r for row in ratings for r in row if r is not None})
    tables = np.zeros((len(ratings), len(values), len(values)))
    for table, row in zip(tables, ratings, strict=True):
        given = [values.index(r) for r in row if r is not None]
        if raters == 2:
            table[given[0], given[1]] = 1
        else:
            counts = np.bincount(given, minlength=len(values)).astype(float)
            table[:] = (np.outer(counts, counts) - np.diag(counts)) / (len(given) - 1)
    return tables
