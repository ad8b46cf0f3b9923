"""Scoring of multiple-choice items: questions (section 3.3) and claim sets (section 5.2)."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from nast.errors import ModelError
from nast.ids import hashed_ids
from nast.records import SCORES_SCHEMA

if TYPE_CHECKING:
    from nast.vectors import Vectors

CHOICE = ("questions", "claims")
"""Tasks in which one of several options is right."""
TieRule = Literal["never", "first", "expected"]
"""What a tie for the best option counts as: wrong; right where the right one stands first (argmax);
or one over the number of options that tie."""
PROTOCOLS: dict[str, TieRule] = {
    "default": "never",
    "negbench": "first",
    "cc-neg": "first",
    "clip-benchmark": "first",
    "sugar-crepe": "never",
    "aro": "never",
}
"""How a tie counts here and in the scorers of peers. NegBench (`mcq.py`), CC-Neg (README) and
CLIP_benchmark (`image_caption_selection.py`) take the first of the best; SugarCrepe's own
`main_eval.py` asks for more than the wrong caption has; ARO puts the wrong one first."""
QUESTION_FORMS = ("negated", "affirmative", "omitted")
NAMED = 5
"""Items that a message names."""


def score_questions(store: "Vectors", questions: pl.DataFrame, data: str) -> pl.DataFrame:
    """Cosines of every option of every question in its three forms.

    Args:
        store: of the model.
        questions: `QUESTIONS_SCHEMA` rows whose images can be read.
        data: name of the data set in the results.

    Returns:
        `SCORES_SCHEMA`: one row per question, form and option.

    Raises:
        ModelError: a vector is not finite or not of unit length; names the items.
    """
    return score_rows(store, choice_rows("questions", questions), data, "questions")


def score_claims(store: "Vectors", claims: pl.DataFrame, data: str) -> pl.DataFrame:
    """Cosines of every claim of every set; sets carry their form.

    Returns:
        `SCORES_SCHEMA`: one row per set and claim.

    Raises:
        ModelError: as in `score_questions`.
    """
    return score_rows(store, choice_rows("claims", claims), data, "claims")


def choice_rows(kind: str, table: pl.DataFrame) -> pl.DataFrame:
    """One row per item, form and option.

    Args:
        kind: `questions` or `claims`.
        table: of that kind.

    Returns:
        `item_id, group_id, subject_id, image_path, form, option, text, answer` (whether the option
        is right).
    """
    keys = ["group_id", "subject_id", "image_path", "answer"]
    if kind == "questions":
        item = pl.col("question_id").alias("item_id")
        forms = [
            table.select(item, *keys, pl.col(f).alias("text"), form=pl.lit(f))
            for f in QUESTION_FORMS
        ]
    else:
        forms = [
            table.select(
                pl.col("set_id").alias("item_id"), *keys, pl.col("claims").alias("text"), "form"
            )
        ]
    rows = pl.concat(forms).with_columns(option=pl.int_ranges(pl.col("text").list.len()))
    rows = rows.explode("text", "option")
    return rows.with_columns(answer=pl.col("answer") == pl.col("option"))


def score_rows(store: "Vectors", rows: pl.DataFrame, data: str, task: str) -> pl.DataFrame:
    """Cosines of items with any number of options.

    Args:
        store: of the model.
        rows: as of `choice_rows`.
        data: name of the data set.
        task: name of the task.
    """
    # Several questions share an image and an option; each is looked up once per table.
    texts = rows["text"].unique(maintain_order=True).to_list()
    paths = rows["image_path"].unique(maintain_order=True).to_list()
    text_at = {t: i for i, t in enumerate(texts)}
    image_at = {p: i for i, p in enumerate(paths)}
    text_vectors = vectors_of(store.texts, texts, rows, "text", store.model.name)
    image_vectors = vectors_of(store.images, paths, rows, "image_path", store.model.name)
    scores = (
        image_vectors[[image_at[p] for p in rows["image_path"]]]
        * text_vectors[[text_at[t] for t in rows["text"]]]
    ).sum(dim=-1)
    limit = store.model.max_tokens
    cut = {t: store.model.token_count(t) > limit for t in texts}
    scored = rows.with_columns(
        score=pl.Series(scores.double().numpy()),
        truncated=pl.Series([cut[t] for t in rows["text"]], dtype=pl.Boolean),
    )
    return ranked(scored, store.model.name, data, task)


def vectors_of(
    encode: Callable[[Sequence[str]], Any],
    values: Sequence[str],
    rows: pl.DataFrame,
    column: str,
    name: str,
) -> Any:
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
        shown = ", ".join(items[:NAMED]) + ", ..." * (len(items) > NAMED)
        raise ModelError(
            f"{name}: vectors of {len(bad)} {'texts' if column == 'text' else 'images'} in "
            f"{len(items)} items ({shown}) break the contract; {error}"
        ) from None


def _works(encode: Callable[[Sequence[str]], Any], value: str) -> bool:
    try:
        encode([value])
    except ModelError:
        return False
    return True


def ranked(rows: pl.DataFrame, model: str, data: str, task: str) -> pl.DataFrame:
    """Rows of `choice_rows` with `score` and `truncated`, as `SCORES_SCHEMA`."""
    over = ["item_id", "form"]
    best = (pl.col("score") == pl.col("score").max().over(over)).fill_null(False)
    table = rows.with_columns(
        model=pl.lit(model),
        data=pl.lit(data),
        task=pl.lit(task),
        polarity=pl.col("form").replace(dict.fromkeys(("omitted", "filter"), "affirmative")),
        subject=pl.Series(hashed_ids(rows["subject_id"]), dtype=pl.String),
        rank=pl.col("score").rank("average", descending=True).over(over),
        tie=best & (best.sum().over(over) > 1),
        gallery=pl.lit(None),
        top=pl.lit(None),
    )
    return table.select(pl.col(n).cast(t) for n, t in SCORES_SCHEMA.items())


def correctness(scores: pl.DataFrame, ties: TieRule = "never") -> pl.DataFrame:
    """One row per model and item: whether its best option is the answer.

    Args:
        scores: rows of questions and claim sets; an item without scores is wrong.
        ties: what a tie for the best score counts as; by default it is never correct.

    Returns:
        `model, data, task, form, item_id, group_id, subject, correct` (in [0, 1]).
    """
    key = ["model", "data", "task", "form", "item_id", "group_id", "subject"]
    best = (pl.col("score") == pl.col("score").max()).fill_null(False)
    right = {
        "never": (best & pl.col("answer")).any() & (best.sum() == 1),
        "first": pl.col("answer").filter(best).first().fill_null(False),
        "expected": (best & pl.col("answer")).sum() / pl.max_horizontal(best.sum(), 1),
    }[ties]
    # The first of several best options is the one with the lowest index.
    ordered = scores.sort("option", maintain_order=True) if ties == "first" else scores
    return ordered.group_by(key, maintain_order=True).agg(right.cast(pl.Float64).alias("correct"))
