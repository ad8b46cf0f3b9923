"""Areas under the ROC curve and average precision, with intervals over patients."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nast.measuring.statistics import DRAWS, LEVEL, TAILS, Estimate

FEW = 10
"""With fewer patients than this in a class, a bootstrap of an AUC is far too narrow."""
RESAMPLES = 1000


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
    scores: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """AUC with a percentile bootstrap interval over patients.

    Where a class has fewer than `FEW` patients the interval is Hoeffding's bound for two-sample
    statistics, AUC +- sqrt(log(40) / (2 m)) with m the patients of the smaller class: wide, but
    it holds for any distribution (a single positive gives [0, 1]).
    """
    labels = np.asarray(labels, dtype=bool)
    value, n = auc(scores, labels), len(scores)
    smaller = smaller_class(labels, patients)
    if smaller < FEW:
        reach = float(np.sqrt(np.log(2 / (1 - LEVEL)) / (2 * max(smaller, 1))))
        method = f"Hoeffding bound, {smaller} patients in the smaller class"
        return Estimate(value, max(0.0, value - reach), min(1.0, value + reach), n, method)
    levels = levels_of(scores)
    return over_clusters(value, lambda w: areas(levels, labels, w), patients, n, seed, resamples)


def auc_difference(
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """AUC of `second` minus AUC of `first` on the same items, paired by patient.

    With fewer than `FEW` patients in a class the interval is [-1, 1]: such a sample cannot show
    that nothing was lost.
    """
    labels = np.asarray(labels, dtype=bool)
    value, n = auc(second, labels) - auc(first, labels), len(labels)
    smaller = smaller_class(labels, patients)
    if smaller < FEW:
        return Estimate(value, -1.0, 1.0, n, f"no interval, {smaller} patients in a class")
    levels = levels_of(first), levels_of(second)

    def change(weights: np.ndarray) -> np.ndarray:
        return areas(levels[1], labels, weights) - areas(levels[0], labels, weights)

    return over_clusters(value, change, patients, n, seed, resamples)


def smaller_class(labels: np.ndarray, patients: Sequence[str]) -> int:
    """Number of patients in the class that has fewer of them."""
    ids = np.asarray(patients)
    return min(len(set(ids[labels])), len(set(ids[~labels])))


def over_clusters(
    value: float,
    statistic: Callable[[np.ndarray], np.ndarray],
    clusters: Sequence[str],
    n: int,
    seed: int,
    resamples: int = RESAMPLES,
    kind: str = "patients",
) -> Estimate:
    """An estimate with a percentile bootstrap interval of a weighted statistic.

    Args:
        value: the statistic of the sample itself.
        statistic: takes how often each item counts in each draw, (draws, n), and gives one value
            per draw; NaN draws are left out.
        clusters: of each item.
        n: number of items.
        seed: of the draws.
        resamples: how many; they are made in chunks of `DRAWS` numbers.
        kind: what the clusters are, for the method.
    """
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    number = int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    step = max(1, DRAWS // max(len(codes), 1))
    draws = []
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.integers(0, number, (size, number)) + number * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * number).reshape(size, number)
        draws.append(statistic(times[:, codes].astype(float)))
    found = np.concatenate(draws)
    finite = found[np.isfinite(found)]
    if not len(finite):
        return Estimate(value, float("nan"), float("nan"), n, "no draw has both classes")
    low, high = np.quantile(finite, TAILS)
    method = f"percentile bootstrap over {number} {kind}, {len(finite)} resamples"
    return Estimate(value, float(low), float(high), n, method)


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
