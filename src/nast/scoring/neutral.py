"""How far a fine-tuned text tower has moved where nothing was to be learned.

`neutral.txt` holds fixed sentences without a finding or a negation, in two groups: what else stands
in a chest radiograph's report (technique, views, comparison, devices), and everyday language.
"""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from nast.measuring.areas import Levels, levels_of, over_clusters
from nast.measuring.metrics import by_label

if TYPE_CHECKING:
    from nast.vectors import Vectors

NEUTRAL_SCHEMA: dict[str, Any] = {
    "model": pl.String,
    "group": pl.String,
    "sentence": pl.String,
    "vector": pl.List(pl.Float32),
}
LOW = 0.05
"""The quantile that stands for the sentences that moved most."""


@cache
def neutral_sentences() -> dict[str, tuple[str, ...]]:
    """Group -> its sentences."""
    found: dict[str, list[str]] = {}
    for line in files("nast.scoring").joinpath("neutral.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            group = found.setdefault(line[2:], [])
        elif line:
            group.append(line)
    return {name: tuple(lines) for name, lines in found.items()}


def neutral_vectors(store: "Vectors") -> pl.DataFrame:
    """`NEUTRAL_SCHEMA` rows of one model."""
    rows = [(group, text) for group, texts in neutral_sentences().items() for text in texts]
    vectors = store.texts([text for _, text in rows]).float().numpy()
    return pl.DataFrame(
        [(store.model.name, *row, v.tolist()) for row, v in zip(rows, vectors, strict=True)],
        schema=NEUTRAL_SCHEMA,
        orient="row",
    )


def drift(vectors: pl.DataFrame, reference: str, seed: int = 0) -> list[dict[str, Any]]:
    """What changed on neutral sentences, of every model against the reference.

    The cosine says something only about a model that was fine-tuned from the reference; it is
    left out where vectors differ in size. The rank correlation compares any two models.

    Args:
        vectors: `NEUTRAL_SCHEMA` rows; the seeds of an access class count as one model.
        reference: the model that the others are compared with.
        seed: of the bootstrap over sentences.

    Returns:
        Rows as of `no_harm` without `margin` and `verdict`; figures per GROUP of sentences:
        `neutral GROUP/cosine` (mean of each sentence's cosine before and after), `neutral
        GROUP/cosine, 5th percentile`, and `neutral GROUP/geometry`: Spearman's correlation of the
        cosines between all pairs of sentences before and after. No rows without vectors of the
        reference.
    """
    labels = dict(by_label(vectors))
    if reference not in labels:
        return []
    return [
        {"model": model, "reference": reference, "figure": f"neutral {group}/{name}", **figure}
        for model, rows in labels.items()
        if model != reference
        for group in neutral_sentences()
        for name, figure in _figures(_seeds(labels[reference], group), _seeds(rows, group), seed)
    ]


def _seeds(rows: pl.DataFrame, group: str) -> list[np.ndarray]:
    """Vectors of a group's sentences, (n, D) for each seed."""
    parts = rows.filter(group=group).group_by("model", maintain_order=True)
    return [np.array(part["vector"].to_list(), dtype=float) for _, part in parts]


def _figures(
    before: list[np.ndarray], after: list[np.ndarray], seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    number = len(before[0])
    moves = [(b, a) for b in before for a in after]

    def found(statistic: Any) -> dict[str, Any]:
        whole = float(statistic(np.ones((1, number)))[0])
        names = [str(i) for i in range(number)]
        return over_clusters(whole, statistic, names, number, seed, kind="sentences").as_dict()

    if len({v.shape for v in (*before, *after)}) == 1:
        cosines = np.mean([(b * a).sum(axis=1) for b, a in moves], axis=0)
        yield "cosine", found(lambda w: (w @ cosines) / w.sum(axis=-1))
        levels = levels_of(cosines)
        yield "cosine, 5th percentile", found(lambda w: _quantile(cosines, levels, w))
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
