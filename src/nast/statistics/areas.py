"""Areas under the ROC curve and average precision, with intervals over patients."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nast.statistics.bootstrap import LEVEL, Estimate, over_clusters

FEW = 10
"""With fewer patients than this in a class, a bootstrap of an AUC is far too narrow."""


class Levels(NamedTuple):
    """Items sorted by score; equal scores are one level, which begins at one of `starts`."""

    order: np.ndarray
    starts: np.ndarray

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """Weights (..., n) added up within each level, (..., levels)."""
        return np.add.reduceat(weights[..., self.order], self.starts, axis=-1)


def levels_of(scores: np.ndarray) -> Levels:
    """The levels of some scores, the lowest first."""
    order = np.argsort(scores, kind="stable")
    ordered = np.asarray(scores)[order]
    return Levels(order, np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])))


def auc(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the ROC curve; equal scores count one half.

    Args:
        scores: one number per item.
        labels: true for the positive class.
        weights: how often each item counts (for a bootstrap); 1 if not given.

    Returns:
        A value in [0, 1], NaN when a class is empty.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    return float(areas(levels_of(scores), np.asarray(labels, dtype=bool), weights))


def areas(levels: Levels, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`auc` for many weightings (..., n) of the same items."""
    positive, negative = levels.sums(weights * labels), levels.sums(weights * ~labels)
    pairs = positive.sum(-1) * negative.sum(-1)
    below = np.cumsum(negative, axis=-1) - negative
    won = (positive * (below + negative / 2)).sum(-1)
    return np.divide(won, pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0)


def clustered_auc(
    scores: np.ndarray, labels: np.ndarray, patients: Sequence[str], seed: int = 0
) -> Estimate:
    """AUC with a percentile bootstrap interval over patients.

    Where a class has fewer than `FEW` patients the interval is Hoeffding's bound for two-sample
    statistics, AUC +- sqrt(log(40) / (2 m)) with m the patients of the smaller class: wide, but
    it holds for any distribution (a single positive gives [0, 1]).

    Args:
        scores: one number per item, (n,), or one row per seed, (seeds, n): the AUC is then that of
            each seed, averaged (decision 24).
        labels: true for the positive class, (n,).
        patients: of each item.
        seed: of the bootstrap.
    """
    labels = np.asarray(labels, dtype=bool)
    rows = np.atleast_2d(scores)
    value, n = float(np.mean([auc(row, labels) for row in rows])), len(labels)
    smaller = smaller_class(labels, patients)
    if smaller < FEW:
        reach = float(np.sqrt(np.log(2 / (1 - LEVEL)) / (2 * max(smaller, 1))))
        method = f"Hoeffding bound, {smaller} patients in the smaller class"
        return Estimate(value, max(0.0, value - reach), min(1.0, value + reach), n, method)
    return over_clusters(value, mean_area(rows, labels), patients, n, seed)


def mean_area(scores: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function from weights (..., n) to the AUC of each row of scores (seeds, n), averaged."""
    levels = [levels_of(row) for row in np.atleast_2d(scores)]
    return lambda weights: np.mean([areas(one, labels, weights) for one in levels], axis=0)


def auc_difference(
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    seed: int = 0,
) -> Estimate:
    """AUC of `second` minus AUC of `first` on the same items, paired by patient.

    Either side may have a row per seed, as in `clustered_auc`. With fewer than `FEW` patients in a
    class the interval is [-1, 1]: such a sample cannot show that nothing was lost.
    """
    labels = np.asarray(labels, dtype=bool)
    sides = [mean_area(side, labels) for side in (first, second)]
    value = float(sides[1](np.ones(len(labels))) - sides[0](np.ones(len(labels))))
    smaller, n = smaller_class(labels, patients), len(labels)
    if smaller < FEW:
        return Estimate(value, -1.0, 1.0, n, f"no interval, {smaller} patients in a class")
    return over_clusters(value, lambda w: sides[1](w) - sides[0](w), patients, n, seed)


def smaller_class(labels: np.ndarray, patients: Sequence[str]) -> int:
    """Number of patients in the class that has fewer of them."""
    ids = np.asarray(patients)
    return min(len(set(ids[labels])), len(set(ids[~labels])))


def average_precision(
    scores: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Mean precision at the ranks of the positives; equal scores share one rank.

    The step-wise area of scikit-learn's `average_precision_score`: the sum over distinct scores,
    from the highest, of (recall gained) x (precision there).

    Args:
        scores: one number per item.
        labels: true for the items that are looked for.
        weights: how often each item counts, (..., n); 1 if not given.

    Returns:
        Values in [0, 1], one per weighting; NaN without positives. Chance is the share of
        positives.
    """
    labels = np.asarray(labels, dtype=bool)
    weights = np.ones(len(scores)) if weights is None else weights
    levels = levels_of(-np.asarray(scores))
    found, seen = levels.sums(weights * labels), levels.sums(weights).cumsum(axis=-1)
    precision = np.divide(found.cumsum(axis=-1), seen, out=np.zeros(seen.shape), where=seen > 0)
    total = found.sum(-1)
    gained = (found * precision).sum(-1)
    return np.divide(gained, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def precision_at(
    scores: np.ndarray, labels: np.ndarray, k: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Share of right items among the first k; equal scores count by their expected order.

    Args:
        scores: one number per item.
        labels: true for the items that are looked for.
        k: how many are looked at; all, where there are fewer.
        weights: how often each item counts, (..., n); 1 if not given.
    """
    labels = np.asarray(labels, dtype=bool)
    weights = np.ones(len(scores)) if weights is None else weights
    levels = levels_of(-np.asarray(scores))
    size, found = levels.sums(weights), levels.sums(weights * labels)
    places = np.minimum(k, size.sum(-1, keepdims=True))
    taken = np.clip(places - (size.cumsum(axis=-1) - size), 0, size)
    share = np.divide(found, size, out=np.zeros(size.shape), where=size > 0)
    return (taken * share).sum(-1) / places[..., 0]
