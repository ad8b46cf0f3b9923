"""How far reviewers agree beyond chance: Cohen's kappa, Krippendorff's alpha, their intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 2000
TAILS = (0.025, 0.975)
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
    tables, numbers = _tables(kept, raters)
    statistic = kappa if raters == 2 else alpha
    whole = np.tensordot(numbers, tables, 1)
    found["agreement"] = float(np.trace(whole) / whole.sum())
    value = float(statistic(whole))
    if np.isnan(value):
        return found | {"reason": "all ratings are the same: agreement beyond chance is undefined"}
    # Items with equal ratings are alike: how often each kind is drawn is all that matters.
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(kept), numbers / len(kept), size=resamples)
    values = statistic(np.tensordot(drawn, tables, 1))
    defined = values[~np.isnan(values)]
    method = f"percentile bootstrap over {len(kept)} items, {len(defined)} of {resamples} resamples"
    return found | {
        "value": value,
        "interval": np.quantile(defined, TAILS).tolist(),
        "method": f"{method} where it is defined",
    }


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


def _tables(ratings: Ratings, raters: int) -> tuple[np.ndarray, np.ndarray]:
    """A table for each kind of item, shape (kinds, C, C), and how many items are of that kind.

    Two reviewers: a 1 where the pair of ratings stands. More: the item's coincidences, each pair
    of its ratings counted as 1 / (number of its ratings - 1).
    """
    values = sorted({r for row in ratings for r in row if r is not None})
    codes = np.array([[-1 if r is None else values.index(r) for r in row] for row in ratings])
    kinds, numbers = np.unique(codes, axis=0, return_counts=True)
    tables = np.zeros((len(kinds), len(values), len(values)))
    for table, kind in zip(tables, kinds, strict=True):
        given = kind[kind >= 0]
        if raters == 2:
            table[given[0], given[1]] = 1
        else:
            counts = np.bincount(given, minlength=len(values)).astype(float)
            table[:] = (np.outer(counts, counts) - np.diag(counts)) / (len(given) - 1)
    return tables, numbers.astype(float)
