"""Scoring of multiple-choice items: questions (section 3.3) and claim sets (section 5.2)."""

from typing import TYPE_CHECKING

import polars as pl

from nast.records import SCORES_SCHEMA
from nast.store import hashed_ids

if TYPE_CHECKING:
    from nast.embeddings import EmbeddingStore

QUESTION_FORMS = ("negated", "affirmative", "omitted")


def score_questions(store: "EmbeddingStore", questions: pl.DataFrame, data: str) -> pl.DataFrame:
    """Cosines of every option of every question in its three forms.

    Args:
        store: of the model.
        questions: `QUESTIONS_SCHEMA` rows whose images can be read.
        data: name of the data set in the results.

    Returns:
        `SCORES_SCHEMA`: one row per question, form and option.
    """
    frames = []
    for form in QUESTION_FORMS:
        items = questions.select(
            pl.col("question_id").alias("item_id"), "group_id", "subject_id", "image_path",
            pl.col(form).alias("options"), "answer", form=pl.lit(form),
        )  # fmt: skip
        frames.append(score_items(store, items, data, "questions"))
    return pl.concat(frames)


def score_claims(store: "EmbeddingStore", claims: pl.DataFrame, data: str) -> pl.DataFrame:
    """Cosines of every claim of every set; sets carry their form.

    Returns:
        `SCORES_SCHEMA`: one row per set and claim.
    """
    items = claims.select(
        pl.col("set_id").alias("item_id"), "group_id", "subject_id", "image_path",
        pl.col("claims").alias("options"), "answer", "form",
    )  # fmt: skip
    return score_items(store, items, data, "claims")


def score_items(store: "EmbeddingStore", items: pl.DataFrame, data: str, task: str) -> pl.DataFrame:
    """Scores of items with any number of options.

    Args:
        store: of the model.
        items: `item_id, group_id, subject_id, image_path, options, answer, form`.
        data: name of the data set.
        task: name of the task.
    """
    # Several questions share an image and an option; each is looked up once per table.
    rows = items.with_columns(
        pl.col("options").list.len().alias("count"),
        pl.int_ranges(pl.col("options").list.len()).alias("option"),
    ).explode("options", "option")
    texts = rows["options"].unique(maintain_order=True).to_list()
    paths = rows["image_path"].unique(maintain_order=True).to_list()
    text_at = {t: i for i, t in enumerate(texts)}
    image_at = {p: i for i, p in enumerate(paths)}
    text_vectors, image_vectors = store.texts(texts), store.images(paths)
    scores = (
        image_vectors[[image_at[p] for p in rows["image_path"]]]
        * text_vectors[[text_at[t] for t in rows["options"]]]
    ).sum(dim=-1)
    limit = store.model.max_tokens
    cut = {t: store.model.token_count(t) > limit for t in texts}
    table = rows.select(
        "item_id",
        pl.lit(store.model.name).alias("model"),
        pl.lit(data).alias("data"),
        pl.lit(task).alias("task"),
        pl.col("form").replace_strict(
            {"omitted": "affirmative"}, default=pl.col("form"), return_dtype=pl.String
        ).alias("polarity"),
        "form",
        "group_id",
        pl.Series("subject", hashed_ids(rows["subject_id"])),
        "option",
        pl.Series("score", scores.double().numpy()),
        (pl.col("answer") == pl.col("option")).alias("answer"),
        pl.Series("truncated", [cut[t] for t in rows["options"]]),
    )  # fmt: skip
    over = ["item_id", "form"]
    best = pl.col("score") == pl.col("score").max().over(over)
    table = table.with_columns(
        pl.col("score").rank("average", descending=True).over(over).alias("rank"),
        (best & (best.sum().over(over) > 1)).alias("tie"),
    )
    return table.select(pl.col(n).cast(t) for n, t in SCORES_SCHEMA.items())


def correctness(scores: pl.DataFrame) -> pl.DataFrame:
    """One row per model and item: whether its best option is the answer.

    A tie for the best score is never correct.

    Returns:
        `model, data, task, form, item_id, group_id, subject, correct` (1.0 or 0.0).
    """
    key = ["model", "data", "task", "form", "item_id", "group_id", "subject"]
    chosen = (pl.col("rank") == 1) & pl.col("answer") & ~pl.col("tie")
    return scores.group_by(key, maintain_order=True).agg(
        chosen.any().cast(pl.Float64).alias("correct")
    )
