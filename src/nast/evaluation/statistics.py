"""Intervals and tests for clustered items (design section 5: by patient and by group)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean with its interval, how many items it stands on, and how the interval was made."""

    value: float
    low: float
    high: float
    n: int
    method: str

    def as_dict(self) -> dict[str, Any]:
        """The entry of `metrics.json`."""
        return {
            "value": self.value,
            "interval": [self.low, self.high],
            "n": self.n,
            "method": self.method,
        }


def clustered_mean(
    values: Sequence[float] | np.ndarray,
    clusters: dict[str, Sequence[str]],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean of item values with a percentile bootstrap interval over clusters.

    Whole clusters are drawn with replacement. Where items belong to several kinds of cluster
    (patients and groups), the interval is made for each kind and the wider one is kept.

    Args:
        values: one number per item; differences of paired items give a paired interval.
        clusters: kind of cluster -> the cluster of each item.
        seed: of the resampling.
        resamples: bootstrap draws.

    Returns:
        The estimate; for no items NaN throughout.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return Estimate(float("nan"), float("nan"), float("nan"), 0, "no items")
    spans = {}
    for kind, ids in clusters.items():
        sums, counts = _by_cluster(values, ids)
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
        means = (weights @ sums) / (weights @ counts)
        tail = (1 - LEVEL) / 2
        spans[f"{len(sums)} {kind}"] = np.quantile(means, [tail, 1 - tail])
    widest = max(spans, key=lambda k: spans[k][1] - spans[k][0])
    low, high = spans[widest]
    method = f"percentile bootstrap over {widest}, {resamples} resamples"
    return Estimate(float(values.mean()), float(low), float(high), len(values), method)


def _by_cluster(values: np.ndarray, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    _, codes = np.unique(np.asarray(ids), return_inverse=True)
    return np.bincount(codes, weights=values), np.bincount(codes).astype(float)


def auc(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the ROC curve; equal scores count one half.

    Args:
        scores: one number per item.
        labels: true for the positive class.
        weights: how often each item counts (for a bootstrap); 1 if not given.

    Returns:
        A value in [0, 1], NaN when a class is empty.
    """
    labels = np.asarray(labels, dtype=bool)
    weights = np.ones(len(scores)) if weights is None else weights
    order, codes = np.unique(scores, return_inverse=True)
    positive = np.bincount(codes, weights=weights * labels, minlength=len(order))
    negative = np.bincount(codes, weights=weights * ~labels, minlength=len(order))
    pairs = positive.sum() * negative.sum()
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / pairs) if pairs else float("nan")


FEW = 10
"""With fewer patients than this in a class, a bootstrap of an AUC is far too narrow."""


def clustered_auc(
    scores: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    seed: int = 0,
    resamples: int = 1000,
) -> Estimate:
    """AUC with a percentile bootstrap interval over patients.

    Where a class has fewer than `FEW` patients the interval is Hoeffding's bound for two-sample
    statistics, AUC +- sqrt(log(40) / (2 m)) with m the patients of the smaller class: wide, but
    it holds for any distribution (a single positive gives [0, 1]).
    """
    labels = np.asarray(labels, dtype=bool)
    ids = np.asarray(patients)
    value, n = auc(scores, labels), len(scores)
    smaller = min(len(set(ids[labels])), len(set(ids[~labels])))
    if smaller < FEW:
        reach = float(np.sqrt(np.log(2 / (1 - LEVEL)) / (2 * max(smaller, 1))))
        method = f"Hoeffding bound, {smaller} patients in the smaller class"
        return Estimate(value, max(0.0, value - reach), min(1.0, value + reach), n, method)
    _, codes = np.unique(ids, return_inverse=True)
    number = int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        weights = rng.multinomial(number, np.full(number, 1 / number)).astype(float)[codes]
        draws.append(auc(scores, labels, weights))
    finite = np.asarray(draws)[np.isfinite(draws)]
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    method = f"percentile bootstrap over {number} patients, {len(finite)} resamples"
    return Estimate(value, float(low), float(high), n, method)
