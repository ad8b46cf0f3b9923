"""How far a fine-tuned text tower has moved where nothing was to be learned."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from nast.measuring.rows import Metric, put
from nast.statistics.areas import Levels, levels_of
from nast.statistics.bootstrap import Estimate, over_clusters

LOW = 0.05
"""The quantile that stands for the sentences that moved most."""
LOWEST = "cosine, 5th percentile"


def drift(of: Metric, before: pl.DataFrame, after: pl.DataFrame, seed: int) -> Iterator[Metric]:
    """What changed on neutral sentences, per group of them.

    The cosine says something only about a model that was fine-tuned from the reference; it is
    left out where vectors differ in size. The rank correlation compares any two models.

    Args:
        of: the two settings; `task` is `neutral`.
        before: `NEUTRAL_SCHEMA` rows of the reference.
        after: of the other, all seeds.
        seed: of the bootstrap over sentences.

    Yields:
        `cosine` (mean of each sentence's cosine before and after), `cosine, 5th percentile`, and
        `geometry`: Spearman's correlation of the cosines between all pairs of sentences before and
        after. `subset` is the group of sentences.
    """
    for (group,), _ in before.group_by("group", maintain_order=True):
        old, new = (_seeds(rows, str(group)) for rows in (before, after))
        for name, estimate in _changes(old, new, seed):
            yield put(replace(of, subset=str(group), statistic=name), estimate)


def _seeds(rows: pl.DataFrame, group: str) -> list[np.ndarray]:
    """Vectors of a group's sentences, (n, D) for each seed."""
    parts = rows.filter(group=group).group_by("seed", maintain_order=True)
    return [np.array(part["vector"].to_list(), dtype=float) for _, part in parts]


def _changes(
    before: list[np.ndarray], after: list[np.ndarray], seed: int
) -> Iterator[tuple[str, Estimate]]:
    number = len(before[0])
    moves = [(b, a) for b in before for a in after]

    def found(statistic: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        whole = float(statistic(np.ones((1, number)))[0])
        names = [str(i) for i in range(number)]
        return over_clusters(whole, statistic, names, number, seed, kind="sentences")

    if len({v.shape for v in (*before, *after)}) == 1:
        cosines = [(b * a).sum(axis=1) for b, a in moves]
        mean = np.mean(cosines, axis=0)
        yield "cosine", found(lambda w: (w @ mean) / w.sum(axis=-1))
        levels = [levels_of(one) for one in cosines]
        yield (
            LOWEST,
            found(
                lambda w: np.mean(
                    [_quantile(*c, w) for c in zip(cosines, levels, strict=True)], axis=0
                )
            ),
        )
    one, other = np.triu_indices(number, 1)
    sides = [[levels_of((v @ v.T)[one, other]) for v in move] for move in moves]
    yield (
        "geometry",
        found(
            lambda w: np.mean(
                [_rank_correlation(old, new, w[:, one] * w[:, other]) for old, new in sides], axis=0
            )
        ),
    )


def _quantile(values: np.ndarray, levels: Levels, weights: np.ndarray) -> np.ndarray:
    """The smallest value that at least `LOW` of the weight (draws, n) does not exceed."""
    reached = levels.sums(weights).cumsum(axis=-1)
    # Whole numbers of equal weights reach it exactly, or miss it by the rounding of their sum.
    place = (reached >= LOW * reached[:, -1:] * (1 - 1e-12)).argmax(axis=-1)
    return np.sort(np.unique(values))[place]


def _rank_correlation(first: Levels, second: Levels, weights: np.ndarray) -> np.ndarray:
    """Spearman's correlation with weights (draws, n); equal values share their middle rank."""
    ranks = [_ranks(levels, weights) for levels in (first, second)]
    total = weights.sum(axis=-1, keepdims=True)
    steps = [r - (weights * r).sum(axis=-1, keepdims=True) / total for r in ranks]
    (xy, xx, yy) = (
        (weights * a * b).sum(axis=-1) for a, b in (steps, (steps[0],) * 2, (steps[1],) * 2)
    )
    return np.divide(xy, np.sqrt(xx * yy), out=np.full(len(xy), np.nan), where=xx * yy > 0)


def _ranks(levels: Levels, weights: np.ndarray) -> np.ndarray:
    sums = levels.sums(weights)
    middle = sums.cumsum(axis=-1) - sums / 2
    place = np.zeros(weights.shape[-1], dtype=np.int64)
    place[levels.order] = np.repeat(
        np.arange(len(levels.starts)), np.diff([*levels.starts, len(levels.order)])
    )
    return middle[:, place]
