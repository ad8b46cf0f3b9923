"""Candidate lists: which of K statements of one polarity a model finds nearest to an image.

R@1 and R@5 of Tables 1-3 (decision 8). Whoever ignores the image has 1/K and 5/K.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from nast.ids import hashed_ids
from nast.records import HITS_SCHEMA, LISTS
from nast.scoring.choice import ROUNDING
from nast.scoring.data import as_rows
from nast.scoring.same_tokens import same_tokens

if TYPE_CHECKING:
    from nast.vectors import Vectors

_CHUNK = 4096
"""Lists whose vectors are in memory at once."""


def score_lists(vectors: "Vectors", lists: pl.DataFrame, data: str) -> pl.DataFrame:
    """Hits of a model on candidate lists.

    Args:
        vectors: of the model.
        lists: `CANDIDATES_SCHEMA` rows whose images can be read.
        data: name of the data set in the results.

    Returns:
        `HITS_SCHEMA` rows, one per list, with `reading` "lists".
    """
    model = vectors.model
    images = lists["image_path"].unique(maintain_order=True)
    texts = lists["candidates"].explode().unique(maintain_order=True)
    of_image = vectors.images(images.to_list()).float().numpy()
    of_text = vectors.texts(texts.to_list()).float().numpy()[same_tokens(model, texts.to_list())]
    rows = [
        np.einsum("nd,nkd->nk", of_image[at], of_text[shown])
        for at, shown in _places(lists, images, texts)
    ]
    found = hits_of_lists(lists, np.concatenate(rows), ROUNDING)
    return as_rows(found, HITS_SCHEMA, model.name, model.seed, data)


def blind_lists(lists: pl.DataFrame, training: Mapping[str, int], data: str) -> pl.DataFrame:
    """The same lists answered by how often a statement is said in training; `model` is null.

    Args:
        lists: `CANDIDATES_SCHEMA` rows.
        training: of `contextual.list_audit.said_in_training`.
        data: name of the data set in the results.
    """
    scores = np.array([[training.get(text, 0) for text in row] for row in lists["candidates"]])
    return as_rows(hits_of_lists(lists, scores, 0.0), HITS_SCHEMA, None, None, data)


def _places(
    lists: pl.DataFrame, images: pl.Series, texts: pl.Series
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of the image and of the candidates of each list, in chunks."""
    image = dict(zip(images, range(len(images)), strict=True))
    text = dict(zip(texts, range(len(texts)), strict=True))
    for part in lists.iter_slices(_CHUNK):
        shown = [[text[c] for c in row] for row in part["candidates"]]
        yield np.array([image[p] for p in part["image_path"]]), np.array(shown)


def hits_of_lists(lists: pl.DataFrame, scores: np.ndarray, near: float) -> pl.DataFrame:
    """Where the right candidate of each list stands, `HITS_SCHEMA` without `MODEL_KEYS`.

    Args:
        lists: `CANDIDATES_SCHEMA` rows.
        scores: (lists, K), the higher the better.
        near: scores that differ by no more are equal.
    """
    right = np.take_along_axis(scores, lists["answer"].to_numpy()[:, None], axis=1)
    ties = np.abs(scores - right) <= near
    above = (scores > right) & ~ties
    patients = lists["subject_id"].unique(maintain_order=True).to_list()
    hashed = dict(zip(patients, hashed_ids(patients), strict=True))
    return lists.select(
        pl.col("list_id").alias("query_id"),
        "list_id",
        "polarity",
        pl.col("subject_id").replace_strict(hashed, return_dtype=pl.String).alias("subject"),
        pl.Series("rank", above.sum(axis=1) + 1),
        pl.Series("ties", ties.sum(axis=1)),
        right_tied=pl.lit(1),
        right=pl.lit(1),
        size=pl.col("candidates").list.len(),
        reading=pl.lit(LISTS),
        direction=pl.lit("image to text"),
    )
