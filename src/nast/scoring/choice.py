"""Scoring of multiple-choice items: questions (section 3.3) and claim sets (section 5.2)."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from nast.errors import ModelError
from nast.ids import hashed_ids
from nast.records import SCORES_SCHEMA
from nast.scoring.data import as_rows, first_of
from nast.scoring.same_tokens import same_tokens

if TYPE_CHECKING:
    import torch

    from nast.vectors import Vectors

ROUNDING = 2e-6
"""Cosines of one image that are nearer than this are one: vectors are in single precision, and
their last bits are those of the batch that they were made in."""
Encode = Callable[[Sequence[str]], "torch.Tensor"]
"""Texts, or paths of images -> their vectors (n, D)."""


def option_rows(items: pl.DataFrame) -> pl.DataFrame:
    """One row per item and option.

    Args:
        items: `ITEMS_SCHEMA`.

    Returns:
        `item_id, set, form, group_id, subject_id, image_path, option, text, answer` (whether the
        option is right).
    """
    keys = ("item_id", "set", "form", "group_id", "subject_id", "image_path")
    rows = items.select(*keys, "answer", text="options")
    rows = rows.with_columns(option=pl.int_ranges(pl.col("text").list.len())).explode(
        "text", "option"
    )
    return rows.with_columns(answer=pl.col("answer") == pl.col("option"))


def score_items(vectors: "Vectors", items: pl.DataFrame, data: str) -> pl.DataFrame:
    """Cosines of every option of some items.

    Args:
        vectors: of the model.
        items: `ITEMS_SCHEMA` rows whose images can be read.
        data: name of the data set in the results.

    Returns:
        `SCORES_SCHEMA`: one row per item and option.

    Raises:
        ModelError: a vector is not finite or not of unit length; names the items.
    """
    return score_rows(vectors, option_rows(items), data)


def score_rows(vectors: "Vectors", rows: pl.DataFrame, data: str) -> pl.DataFrame:
    """`score_items` for rows of `option_rows`. Options with equal tokens have one vector."""
    model = vectors.model
    # Several items share an image and an option; each is looked up once per table.
    texts = rows["text"].unique(maintain_order=True).to_list()
    paths = rows["image_path"].unique(maintain_order=True).to_list()
    firsts = same_tokens(model, texts)
    image_at = {p: i for i, p in enumerate(paths)}
    text_at = dict(zip(texts, firsts, strict=True))
    text_vectors = vectors_of(vectors.texts, texts, rows, "text", model.name)
    image_vectors = vectors_of(vectors.images, paths, rows, "image_path", model.name)
    scores = (
        image_vectors[[image_at[p] for p in rows["image_path"]]]
        * text_vectors[[text_at[t] for t in rows["text"]]]
    ).sum(dim=-1)
    cut = {t: model.token_count(t) > model.max_tokens for t in texts}
    scored = rows.with_columns(
        score=pl.Series(scores.double().numpy()),
        truncated=pl.Series([cut[t] for t in rows["text"]], dtype=pl.Boolean),
    )
    return score_table(one_where_rounded(scored), model.name, model.seed, data)


def one_where_rounded(rows: pl.DataFrame) -> pl.DataFrame:
    """Scores of one item that differ by rounding alone, made equal to the best of them.

    Args:
        rows: with `item_id` and `score`; the options of an item are next to each other.
    """
    scores = rows["score"].to_numpy()
    item = (rows["item_id"] != rows["item_id"].shift()).fill_null(True).cum_sum().to_numpy()
    order = np.lexsort((scores, item))
    ordered, owner = scores[order], item[order]
    starts = np.append(True, (np.diff(ordered) > ROUNDING) | (np.diff(owner) > 0))
    best = np.maximum.reduceat(ordered, np.flatnonzero(starts))
    ordered[:] = best[np.cumsum(starts) - 1]
    made = np.empty_like(scores)
    made[order] = ordered
    return rows.with_columns(score=pl.Series(made))


def vectors_of(
    encode: Encode,
    values: Sequence[str],
    rows: pl.DataFrame,
    column: str,
    name: str,
) -> "torch.Tensor":
    """Vectors of some texts or images; those that break the contract are named by their items.

    Raises:
        ModelError: a vector is not finite or not of unit length (a zero vector, for example).
    """
    try:
        return encode(values)
    except ModelError as error:
        bad = [v for v in values if not _works(encode, v)]
        items = rows.filter(pl.col(column).is_in(bad))["item_id"].unique(maintain_order=True)
        if not len(items):
            raise
        raise ModelError(
            f"{name}: vectors of {len(bad)} {'texts' if column == 'text' else 'images'} in "
            f"{len(items)} items ({first_of(items.to_list())}) break the contract; {error}"
        ) from None


def _works(encode: Encode, value: str) -> bool:
    try:
        encode([value])
    except ModelError:
        return False
    return True


def score_table(rows: pl.DataFrame, model: str, seed: int | None, data: str) -> pl.DataFrame:
    """Rows of `option_rows` with `score` and `truncated`, as `SCORES_SCHEMA`."""
    best = (pl.col("score") == pl.col("score").max().over("item_id")).fill_null(False)
    table = rows.with_columns(
        subject=pl.Series(hashed_ids(rows["subject_id"]), dtype=pl.String),
        tie=best & (best.sum().over("item_id") > 1),
    )
    return as_rows(table, SCORES_SCHEMA, model, seed, data)
