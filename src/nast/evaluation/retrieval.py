"""Retrieval of single captions: R@1 and R@5 (Tables 1-2, design section 4 row 8)."""

from collections import Counter, defaultdict
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from nast.records import SCORES_SCHEMA
from nast.store import hashed_ids

if TYPE_CHECKING:
    from nast.embeddings import EmbeddingStore

KS = (1, 5)
POLARITIES = ("negated", "affirmative")


def hit_probability(scores: np.ndarray, positives: np.ndarray, k: int) -> float:
    """Probability that a positive is among the top k when equal scores are put in random order.

    Args:
        scores: of the whole gallery, (gallery,).
        positives: true for the hits, (gallery,).
        k: how many are looked at.

    Returns:
        A value in [0, 1]; 0 without positives.
    """
    if not positives.any():
        return 0.0
    best = scores[positives].max()
    above = int((scores > best).sum())
    tied = scores == best
    slots, ties, hits = k - above, int(tied.sum()), int((tied & positives).sum())
    if slots <= 0:
        return 0.0
    return 1.0 if slots >= ties else 1 - comb(ties - hits, slots) / comb(ties, slots)


def score_retrieval(store: "EmbeddingStore", captions: pl.DataFrame, data: str) -> pl.DataFrame:
    """Hits of both directions in the `unique` gallery.

    Image to text: one query per image and polarity, the gallery holds the distinct texts of both
    polarities, a hit is one of the image's own texts of that polarity. Text to image: one query
    per distinct text, the gallery holds the images, a hit is any image that has the text.

    Returns:
        `SCORES_SCHEMA`: one row per query and k; `option` is k, `score` the probability of a
        hit, `rank` the best positive's rank.
    """
    texts = captions["caption"].unique(maintain_order=True).to_list()
    images = captions["image_path"].unique(maintain_order=True).to_list()
    matrix = (store.images(images) @ store.texts(texts).T).double().numpy()
    return retrieval_table(matrix, images, texts, captions, store.model.name, data)


def blind_retrieval(captions: pl.DataFrame, training: pl.DataFrame, data: str) -> pl.DataFrame:
    """The same queries answered with one ranking for all images: training frequency of the text."""
    texts = captions["caption"].unique(maintain_order=True).to_list()
    images = captions["image_path"].unique(maintain_order=True).to_list()
    share = Counter(training["caption"])
    matrix = np.tile([float(share[t]) for t in texts], (len(images), 1))
    return retrieval_table(matrix, images, texts, captions, "blind", data)


def retrieval_table(
    matrix: np.ndarray,
    images: list[str],
    texts: list[str],
    captions: pl.DataFrame,
    model: str,
    data: str,
) -> pl.DataFrame:
    """Hits from a similarity matrix (images, texts)."""
    text_at = {t: i for i, t in enumerate(texts)}
    image_at = {p: i for i, p in enumerate(images)}
    own: dict[tuple[int, str], set[int]] = defaultdict(set)
    shown: dict[tuple[int, str], set[int]] = defaultdict(set)
    subject = {}
    for path, text, polarity, patient in captions.select(
        "image_path", "caption", "polarity", "subject_id"
    ).iter_rows():
        own[image_at[path], polarity].add(text_at[text])
        shown[text_at[text], polarity].add(image_at[path])
        subject[image_at[path]] = patient
    rows = []
    for (image, polarity), hits in sorted(own.items()):
        rows += _query("image to text", image, subject[image], polarity, matrix[image], hits)
    for (text, polarity), hits in sorted(shown.items()):
        # A text belongs to many patients; the query is its own cluster.
        rows += _query("text to image", text, f"text {text}", polarity, matrix[:, text], hits)
    table = pl.DataFrame(rows, schema=["item_id", "polarity", "subject", "option", "score", "rank"],
                         orient="row")  # fmt: skip
    patients = table["subject"].unique().to_list()
    hashed = dict(zip(patients, hashed_ids(patients), strict=True))
    table = table.with_columns(
        pl.col("subject").replace_strict(hashed, return_dtype=pl.String),
        model=pl.lit(model), data=pl.lit(data), form=pl.col("polarity"), group_id=pl.lit(""),
        task=pl.lit("retrieval ") + pl.col("item_id").str.extract(r"^(.*) \d+$"),
        answer=pl.lit(True), tie=pl.lit(False), truncated=pl.lit(False),
    )  # fmt: skip
    return table.select(pl.col(n).cast(t) for n, t in SCORES_SCHEMA.items())


def _query(
    task: str, number: int, subject: str, polarity: str, scores: np.ndarray, hits: set[int]
) -> list[tuple[object, ...]]:
    positives = np.zeros(len(scores), dtype=bool)
    positives[list(hits)] = True
    rank = float((scores > scores[positives].max()).sum() + 1)
    return [
        (f"{task} {number}", polarity, subject, k, hit_probability(scores, positives, k), rank)
        for k in KS
    ]
