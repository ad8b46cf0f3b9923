"""Tests on paired answers, and Holm's correction over many of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from nast.statistics.bootstrap import DRAWS, Clusters, by_cluster

FLIPS = 10_000


class Discordance(NamedTuple):
    """The 2 x 2 table of two sets of answers, and McNemar's exact two-sided p."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float


def mcnemar(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray
) -> Discordance:
    """The 2 x 2 table of two sets of right (1) and wrong (0) answers to the same items.

    `p` is a binomial test of the discordant pairs (1 where there are none). It takes items as
    independent; `sign_flip` does not.

    Raises:
        ValueError: an answer is neither 0 nor 1, or the numbers differ.
    """
    pair = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if len(pair[0]) != len(pair[1]) or not np.isin(pair, (0, 1)).all():
        raise ValueError("McNemar's test needs one right (1) or wrong (0) answer per item and side")
    left, right = (p.astype(bool) for p in pair)
    only_first, only_second = int((left & ~right).sum()), int((~left & right).sum())
    number = only_first + only_second
    p = float(binomtest(only_first, number).pvalue) if number else 1.0
    return Discordance(
        int((left & right).sum()), only_first, only_second, int((~left & ~right).sum()), p
    )


def sign_flip(
    differences: np.ndarray, clusters: Clusters, seed: int = 0, flips: int = FLIPS
) -> float:
    """Two-sided p of "no difference" by flipping the sign of whole clusters at random.

    Under the null the two sides of a cluster can be exchanged. p = (1 + draws at least as far
    from 0 as the sample) / (1 + flips), so never 0. Of several kinds of cluster (patients and
    groups) the larger p is kept.

    Args:
        differences: second minus first, one per item.
        clusters: kind of cluster -> the cluster of each item.
        seed: of the flips.
        flips: how many.

    Returns:
        A value in (0, 1]; 1 for no items.
    """
    if not len(differences):
        return 1.0
    return max(_flipped(by_cluster(differences, ids)[0], seed, flips) for ids in clusters.values())


def _flipped(sums: np.ndarray, seed: int, flips: int) -> float:
    rng = np.random.default_rng(seed)
    far, step = 0, max(1, DRAWS // len(sums))
    # Sums of whole numbers in another order differ in the last digit.
    limit = abs(sums.sum()) * (1 - 1e-12) - 1e-12
    for start in range(0, flips, step):
        size = (min(step, flips - start), len(sums))
        signs = rng.integers(0, 2, size, dtype=np.int8) * 2.0 - 1
        far += int((abs(signs @ sums) >= limit).sum())
    return (1 + far) / (1 + flips)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number by Holm's step-down procedure, in their order.

    p(i) of n in ascending order becomes the largest of (n - j + 1) p(j) over j <= i, at most 1.
    Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    corrected, worst = [1.0] * len(p_values), 0.0
    for place, at in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[at]))
        corrected[at] = worst
    return corrected
