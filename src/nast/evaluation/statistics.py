"""Intervals for clustered items (design section 5: by patient and by group).

All of them are percentile bootstrap intervals over whole clusters; the widest one is kept where
items belong to patients and to groups. Tests and corrections are in `significance`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import beta

RESAMPLES = 2000
LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
DRAWS = 1 << 21
"""Numbers held at once while resampling: 2 M of 8 bytes."""

Clusters = Mapping[str, Sequence[str]]
"""Kind of cluster ("patients", "groups") -> the cluster of each item."""


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


NOTHING = Estimate(float("nan"), float("nan"), float("nan"), 0, "no items")


def clustered_mean(
    values: Sequence[float] | np.ndarray,
    clusters: Clusters,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean of item values with a percentile bootstrap interval over clusters.

    Whole clusters are drawn with replacement, as many as there are; a draw's mean is the sum of
    its items over their number. Where items belong to patients and to groups, an interval is made
    for each, and a third from both: on each side its squared reach is the sum of theirs less that
    of single items (Cameron, Gelbach and Miller 2011, "Robust inference with multiway
    clustering"). The widest is kept.

    Args:
        values: one number per item; differences of paired items give a paired interval.
        clusters: kind of cluster -> the cluster of each item.
        seed: of the resampling.
        resamples: bootstrap draws.

    Returns:
        The estimate; for no items NaN throughout. Equal values have an interval of no width: for
        a share that is 0 or 1 use `clustered_share`.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return NOTHING
    mean = float(values.mean())
    reaches = {}
    for kind, ids in clusters.items():
        sums, counts = by_cluster(values, ids)
        means = resampled_means(sums, counts, seed, resamples)
        reaches[f"{len(sums)} {kind}"] = np.quantile(means, TAILS) - mean
    if len(reaches) == 2:
        means = resampled_means(values, np.ones(len(values)), seed, resamples)
        reaches |= _two_way(reaches, np.quantile(means, TAILS) - mean)
    widest = max(reaches, key=lambda k: round(reaches[k][1] - reaches[k][0], 12))
    low, high = mean + reaches[widest]
    method = f"percentile bootstrap over {widest}, {resamples} resamples"
    return Estimate(mean, float(low), float(high), len(values), method)


def _two_way(reaches: dict[str, np.ndarray], items: np.ndarray) -> dict[str, np.ndarray]:
    """How far the interval of both kinds of cluster reaches below and above the mean."""
    squared = sum(np.square(r) for r in reaches.values()) - np.square(items)
    return {" and ".join(reaches): np.sqrt(np.maximum(squared, 0)) * (-1, 1)}


def clustered_share(
    values: Sequence[float] | np.ndarray, clusters: Clusters, seed: int = 0
) -> Estimate:
    """`clustered_mean` of values in [0, 1]; where all are 0 or all are 1, Clopper-Pearson's bound.

    A bootstrap of equal values has no width. The exact interval takes the fewest clusters for its
    n, so twelve right answers of six patients give [0.54, 1.00].
    """
    values = np.asarray(values, dtype=float)
    if not len(values) or (values != values[0]).any() or values[0] not in (0.0, 1.0):
        return clustered_mean(values, clusters, seed)
    n, kind = min((len(set(ids)), kind) for kind, ids in clusters.items())
    low, high = exact_interval(float(values[0]), n)
    method = f"Clopper-Pearson over {n} {kind}, all items alike"
    return Estimate(float(values[0]), low, high, len(values), method)


def exact_interval(value: float, n: int) -> list[float]:
    """Clopper and Pearson's interval of a share of n independent items; it may be fractional."""
    k = value * n
    low = float(beta.ppf(TAILS[0], k, n - k + 1)) if k > 0 else 0.0
    high = float(beta.ppf(TAILS[1], k + 1, n - k)) if k < n else 1.0
    return [low, high]


def by_cluster(values: np.ndarray, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the values and number of items of each cluster, (clusters,) twice."""
    _, codes = np.unique(np.asarray(ids), return_inverse=True)
    return np.bincount(codes, weights=values), np.bincount(codes).astype(float)


def resampled_means(
    sums: np.ndarray, counts: np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> np.ndarray:
    """Means of resampled clusters, (resamples,).

    Clusters with the same sum and the same number of items are exchangeable, so only how often
    each such kind is drawn matters: a multinomial over the kinds has the same distribution as
    drawing clusters one by one, and right or wrong answers make few kinds.

    Args:
        sums: of each cluster's values.
        counts: of each cluster's items.
        seed: of the draws.
        resamples: how many; they are made in chunks of `DRAWS` numbers.
    """
    kinds, times = np.unique(np.stack([sums, counts], axis=1), axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    step = max(1, DRAWS // len(kinds))
    means = []
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        total = rng.multinomial(len(sums), times / len(sums), size) @ kinds
        means.append(total[:, 0] / total[:, 1])
    return np.concatenate(means)


def clustered_difference(
    first: np.ndarray,
    first_ids: Sequence[str],
    second: np.ndarray,
    second_ids: Sequence[str],
    kind: str,
    seed: int = 0,
) -> Estimate:
    """Mean of `second` minus mean of `first` for items that are not paired.

    Both sides are resampled independently of each other, by their clusters.

    Args:
        first: values of one side.
        first_ids: their clusters.
        second: values of the other side.
        second_ids: their clusters.
        kind: what the clusters are, for the method.
        seed: of the resampling.
    """
    if not len(first) or not len(second):
        return NOTHING
    draws = [
        resampled_means(*by_cluster(v, ids), seed=seed + place)
        for place, (v, ids) in enumerate(((first, first_ids), (second, second_ids)))
    ]
    low, high = np.quantile(draws[1] - draws[0], TAILS)
    n = len(first) + len(second)
    method = f"percentile bootstrap over {kind}, unpaired, {RESAMPLES} resamples"
    value = float(second.mean() - first.mean())
    return Estimate(value, float(low), float(high), n, method)
