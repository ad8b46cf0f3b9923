"""Intervals for clustered items (by patient and by group).

All of them are percentile bootstrap intervals over whole clusters; the widest one is kept where
items belong to patients and to groups. Tests and corrections are in `paired_tests`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import beta

RESAMPLES = 2000
LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
DRAWS = 1 << 21
"""Numbers held at once while resampling: 2 M of 8 bytes."""

DIGITS = 9
"""Decimals to which the sums of clusters are told apart; values are of the order of 1."""

Clusters = Mapping[str, Any]
"""Kind of cluster ("patients", "groups") -> the cluster of each item: names, or an array of
numbers."""


class Estimate(NamedTuple):
    """A mean with its interval, how many items it stands on, and how the interval was made."""

    value: float
    low: float
    high: float
    n: int
    method: str


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
    items = None
    if len(reaches) == 2:
        drawn = resampled_means(values, np.ones(len(values)), seed, resamples)
        items = np.quantile(drawn, TAILS) - mean
    return _widest(mean, len(values), reaches, items, resamples)


def _widest(
    mean: float, n: int, reaches: dict[str, np.ndarray], items: np.ndarray | None, resamples: int
) -> Estimate:
    """The widest of the intervals over clusters and, of two kinds, the one from both.

    Args:
        mean: of the values.
        n: how many there are.
        reaches: clusters -> how far their interval reaches below and above the mean.
        items: the same of single items, where there are two kinds of cluster.
        resamples: bootstrap draws.
    """
    if items is not None:
        squared = sum(np.square(r) for r in reaches.values()) - np.square(items)
        reaches = {**reaches, " and ".join(reaches): np.sqrt(np.maximum(squared, 0)) * (-1, 1)}
    widest = max(reaches, key=lambda k: round(reaches[k][1] - reaches[k][0], 12))
    low, high = mean + reaches[widest]
    method = f"percentile bootstrap over {widest}, {resamples} resamples"
    return Estimate(mean, float(low), float(high), n, method)


def clustered_means(
    columns: np.ndarray, clusters: Clusters, seed: int = 0, resamples: int = RESAMPLES
) -> list[Estimate]:
    """`clustered_mean` of many values of the same items, from the same draws of clusters.

    All clusters are drawn, and a column's mean is over its items among them, as for a part of a
    survey's sample; a draw without any of them is passed over.

    Args:
        columns: (n, columns); NaN where an item is no item of a column.
        clusters: kind of cluster -> the cluster of each item.
        seed: of the resampling.
        resamples: bootstrap draws.
    """
    has = ~np.isnan(columns)
    numbers = has.sum(axis=0)
    filled = np.where(has, columns, 0.0)
    means = np.divide(filled.sum(axis=0), numbers, out=np.zeros(len(numbers)), where=numbers > 0)
    reaches: list[dict[str, np.ndarray]] = [{} for _ in means]
    for kind, ids in clusters.items():
        codes = codes_of(ids)
        sums, counts = (_by_code(table, codes) for table in (filled, has))
        drawn = _resampled_columns(sums, counts, seed, resamples)
        sizes = np.count_nonzero(counts, axis=0)
        for found, ends, mean, size in zip(reaches, _ends(drawn), means, sizes, strict=True):
            found[f"{size} {kind}"] = ends - mean
    items: list[Any] = [None] * len(means)
    if len(clusters) == 2:
        drawn = np.full((resamples, len(means)), np.nan)
        for place in np.flatnonzero(numbers):
            values = columns[has[:, place], place]
            drawn[:, place] = resampled_means(values, np.ones(len(values)), seed, resamples)
        items = list(_ends(drawn) - means[:, None])
    return [
        _widest(float(mean), int(n), found, item, resamples) if n else NOTHING
        for mean, n, found, item in zip(means, numbers, reaches, items, strict=True)
    ]


def _ends(drawn: np.ndarray) -> np.ndarray:
    """Ends of the interval of each column of draws, NaN draws left out, (columns, 2)."""
    ends = np.full((drawn.shape[1], 2), np.nan)
    whole = ~np.isnan(drawn).any(axis=0)
    ends[whole] = np.quantile(drawn[:, whole], TAILS, axis=0).T
    for place in np.flatnonzero(~whole):
        column = drawn[~np.isnan(drawn[:, place]), place]
        ends[place] = np.quantile(column, TAILS) if len(column) else np.nan
    return ends


def _by_code(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Sums of the rows (n, columns) of each cluster, (clusters, columns)."""
    return np.stack([np.bincount(codes, weights=column) for column in table.T], axis=1)


def _resampled_columns(
    sums: np.ndarray, counts: np.ndarray, seed: int, resamples: int
) -> np.ndarray:
    """Means of resampled clusters, (resamples, columns); NaN for a draw without an item."""
    width = sums.shape[1]
    means = []
    for times in _draws(len(sums), len(sums), seed, resamples):
        total = times @ np.hstack([sums, counts])
        # Whole numbers: a draw without an item is exactly 0.
        means.append(
            np.divide(
                total[:, :width],
                total[:, width:],
                out=np.full((len(times), width), np.nan),
                where=total[:, width:] > 0,
            )
        )
    return np.concatenate(means)


def _draws(number: int, width: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """How often each of so many clusters is drawn, (draws, number), until there are `resamples`.

    Args:
        number: of clusters; as many are drawn, with replacement.
        width: numbers that the caller holds for each draw; parts have at most `DRAWS` of them.
        seed: of the draws.
        resamples: how many.
    """
    rng = np.random.default_rng(seed)
    step = max(1, DRAWS // max(width, 1))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.integers(0, number, (size, number)) + number * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * number).reshape(size, number)
        yield times.astype(float)


def codes_of(ids: Any) -> np.ndarray:
    """Names as numbers in order of appearance.

    Patients are keyed hashes, whose order is that of a local key: draws must not depend on it.
    """
    _, firsts, codes = np.unique(np.asarray(ids), return_index=True, return_inverse=True)
    return np.argsort(np.argsort(firsts))[codes]


def over_clusters(
    value: float,
    statistic: Callable[[np.ndarray], np.ndarray],
    clusters: Sequence[str],
    n: int,
    seed: int,
    resamples: int = 1000,
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
        resamples: how many.
        kind: what the clusters are, for the method.
    """
    codes = codes_of(clusters)
    number = int(codes.max()) + 1
    drawn = _draws(number, len(codes), seed, resamples)
    found = np.concatenate([statistic(times[:, codes]) for times in drawn])
    finite = found[np.isfinite(found)]
    if not len(finite):
        return Estimate(value, float("nan"), float("nan"), n, "no draw has both classes")
    low, high = np.quantile(finite, TAILS)
    method = f"percentile bootstrap over {number} {kind}, {len(finite)} resamples"
    return Estimate(value, float(low), float(high), n, method)


def clustered_share(
    values: Sequence[float] | np.ndarray, clusters: Clusters, seed: int = 0
) -> Estimate:
    """`clustered_mean` of values in [0, 1], whose interval stays there; where all are 0 or all are
    1, Clopper-Pearson's bound.

    A bootstrap of equal values has no width. The exact interval takes the fewest clusters for its
    n, so twelve right answers of six patients give [0.54, 1.00].
    """
    values = np.asarray(values, dtype=float)
    return _exact(values, clusters) or _share(clustered_mean(values, clusters, seed))


def clustered_shares(columns: np.ndarray, clusters: Clusters, seed: int = 0) -> list[Estimate]:
    """`clustered_means` of values in [0, 1], with `clustered_share`'s rule for equal ones."""
    found = clustered_means(columns, clusters, seed)
    for place, column in enumerate(columns.T):
        here = ~np.isnan(column)
        exact = _exact(column[here], {k: np.asarray(ids)[here] for k, ids in clusters.items()})
        found[place] = exact or _share(found[place])
    return found


def _share(found: Estimate) -> Estimate:
    """An interval over patients and groups at once, made of squares, may reach beyond 0 or 1."""
    return found._replace(low=max(found.low, 0.0), high=min(found.high, 1.0))


def _exact(values: np.ndarray, clusters: Clusters) -> Estimate | None:
    """Clopper-Pearson's interval where all values are 0 or all are 1."""
    if not len(values) or (values != values[0]).any() or values[0] not in (0.0, 1.0):
        return None
    n, kind = min((len(np.unique(np.asarray(ids))), kind) for kind, ids in clusters.items())
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
    """Sum of the values and number of items of each cluster, (clusters,) twice; clusters stand in
    order of appearance.
    """
    codes = codes_of(ids)
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
    # Sums that differ by rounding are one kind: the draws must not depend on the last digits, which
    # are those of the processor. As complex numbers, pairs are sorted faster than as rows.
    pairs, times = np.unique(np.round(sums, DIGITS) + 1j * counts, return_counts=True)
    kinds = np.stack([pairs.real, pairs.imag], axis=1)
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
