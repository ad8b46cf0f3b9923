"""Scores -> one value in [0, 1] per model, seed and item (or query): what every mean is made of."""

from math import comb

import polars as pl

from nast.measuring.ties import TieRule
from nast.records import LISTS

IMAGE_TO_TEXT, TEXT_TO_IMAGE = "image to text", "text to image"
"""Directions of retrieval. A query that is a text is its own cluster, and has one polarity only."""
KS = (1, 5)
"""The k of R@k."""
METRIC_KEY = ("data", "set", "world", "task", "reading", "direction", "statistic")
"""What makes two values part of one metric, whatever the form."""
ITEM = ("pair_id", "group_id", "subject")
"""What makes two values those of one item, in one form or in two."""
VALUES = {
    "model": pl.String,
    "seed": pl.Int64,
    **dict.fromkeys((*METRIC_KEY, "form", *ITEM), pl.String),
    "value": pl.Float64,
    "guess": pl.Float64,
}
"""Columns of a table of values; `guess` is what a guess is worth, null where nobody can say."""


def choice_values(scores: pl.DataFrame, items: pl.DataFrame, ties: TieRule) -> pl.DataFrame:
    """Whether each item is answered right; one without scores is not.

    Args:
        scores: `SCORES_SCHEMA`.
        items: `ITEMS_SCHEMA` rows with `data`, the items that the scores name.
        ties: what a tie for the best option counts as.

    Returns:
        `VALUES` rows.
    """
    best = (pl.col("score") == pl.col("score").max()).fill_null(False)
    right = {
        "never": (best & pl.col("answer")).any() & (best.sum() == 1),
        "first": pl.col("answer").filter(best).first().fill_null(False),
        "expected": (best & pl.col("answer")).sum() / pl.max_horizontal(best.sum(), 1),
    }[ties]
    # The first of several best options is the one with the lowest index.
    ordered = scores.sort("option", maintain_order=True) if ties == "first" else scores
    key = ["model", "seed", "data", "set", "form", "item_id", "group_id", "subject"]
    answered = ordered.group_by(key, maintain_order=True).agg(
        right.cast(pl.Float64).alias("value"), (1 / pl.len()).alias("guess")
    )
    known = items.select("data", "item_id", "pair_id", "world")
    answered = answered.join(known, on=["data", "item_id"], how="left", maintain_order="left")
    return _values(answered.with_columns(task=pl.lit("choice"), statistic=pl.lit("accuracy")))


def hit_values(hits: pl.DataFrame) -> pl.DataFrame:
    """Whether a right candidate is among the first k of each query, k of `KS`.

    Equal scores stand in random order, so the value is a probability.

    Args:
        hits: `HITS_SCHEMA`.

    Returns:
        `VALUES` rows; `pair_id` is the query, which asks for both polarities, or the candidate
        list. Lists of no more than k candidates have no R@k.
    """
    counts = hits.select("rank", "ties", "right_tied").rows()
    frames = [
        hits.with_columns(
            statistic=pl.lit(f"R@{k}"),
            value=pl.Series(
                [hit_probability(r - 1, t, h, k) for r, t, h in counts], dtype=pl.Float64
            ),
            guess=pl.when(reading=LISTS).then(k / pl.col("size")),
        ).filter((pl.col("reading") != LISTS) | (pl.col("size") > k))
        for k in KS
    ]
    return _values(
        pl.concat(frames).with_columns(
            pair_id="query_id", form="polarity", group_id=pl.lit(""), task=pl.lit("retrieval")
        )
    )


def hit_probability(above: int, ties: int, hits: int, k: int) -> float:
    """Probability that a right candidate is in the top k when equal scores are in random order.

    1 - C(ties - hits, s) / C(ties, s) with s = k - above places left.

    Args:
        above: candidates with a better score than the best right one.
        ties: candidates with its score, itself included.
        hits: how many of them are right, at least 1.
        k: how many are looked at.
    """
    slots = k - above
    if slots <= 0:
        return 0.0
    return 1.0 if slots >= ties else 1 - comb(ties - hits, slots) / comb(ties, slots)


def _values(rows: pl.DataFrame) -> pl.DataFrame:
    absent = [name for name in VALUES if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None).alias(name) for name in absent)
    return rows.select(pl.col(name).cast(kind) for name, kind in VALUES.items())


def over_seeds(values: pl.DataFrame) -> pl.DataFrame:
    """Values of one setting and metric, averaged over its seeds: `form`, `ITEM`, `value`, `guess`.

    The mean over items of these is the mean over seeds of each seed's own metric (decision 24),
    for all seeds answer the same items.
    """
    key = ["form", *ITEM]
    return values.group_by(key, maintain_order=True).agg(pl.col("value", "guess").mean())


def both_forms(items: pl.DataFrame) -> pl.DataFrame:
    """Items of `over_seeds`: `value` in the affirmative and `value_negated` in the other form."""
    return items.filter(form="affirmative").join(
        items.filter(form="negated"), on=ITEM, maintain_order="left", suffix="_negated"
    )
