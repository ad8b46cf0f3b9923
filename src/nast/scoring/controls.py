"""Controls: what remains of a score without the image, with a wrong one, or without the "no".

A model that reads image and words is at chance for a blank and for a shuffled image, falls below
chance for the image of another member of its balanced group (whose answer is another option), and
loses the negated form when the negators are taken out of it.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from PIL import Image

from nast.hashes import seed_of
from nast.language.read.cues import cues
from nast.scoring.choice import option_rows, score_rows

if TYPE_CHECKING:
    from nast.vectors import Vectors

BLANK = (224, 224)


def control_scores(
    vectors: "Vectors", items: pl.DataFrame, data: str, seed: int = 0
) -> pl.DataFrame:
    """The scores of one model under every control.

    Args:
        vectors: of the model.
        items: `ITEMS_SCHEMA`, whole groups.
        data: name of the data set.
        seed: of the shuffled images.

    Returns:
        `SCORES_SCHEMA` with `control`: `shuffled image` (of another patient), `group member's
        image`, `blank image`, or `no cue` (negated form).

    Raises:
        AssertionError: another order of the options changes a choice.
    """
    rows = option_rows(items)
    assert_order_free(vectors, rows, data)
    with tempfile.TemporaryDirectory() as folder:
        blank = Path(folder) / "blank.png"
        Image.new("L", BLANK, 128).save(blank)
        return pl.concat(
            score_rows(vectors, changed, data).with_columns(control=pl.lit(name))
            for name, changed in _changes(rows, items, blank, seed)
        )


def _changes(
    rows: pl.DataFrame, items: pl.DataFrame, blank: Path, seed: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    others = shuffled(items, seed)
    yield "shuffled image", rows.with_columns(pl.col("image_path").replace_strict(others))
    yield "no cue", without_cue(rows)
    if items.unique(["group_id", "pair_id"])["group_id"].is_duplicated().any():
        turned = rotated(items)
        paths = [turned[key] for key in rows.select("group_id", "image_path").iter_rows()]
        yield "group member's image", rows.with_columns(image_path=pl.Series(paths))
    yield "blank image", rows.with_columns(image_path=pl.lit(str(blank)))


def shuffled(table: pl.DataFrame, seed: int = 0) -> dict[str, str]:
    """Image -> an image of another patient, drawn at random; itself where there is no other."""
    firsts = table.unique("image_path", maintain_order=True)
    paths, patients = firsts["image_path"].to_list(), firsts["subject_id"].to_numpy()
    found: dict[str, str] = {}
    for path, patient in zip(paths, patients, strict=True):
        others = np.flatnonzero(patients != patient)
        # Drawn by patient, not by path: a checkout elsewhere gives the same images.
        rng = np.random.default_rng(seed_of(seed, "shuffled", len(found), patient))
        found[path] = paths[int(rng.choice(others))] if len(others) else path
    return found


def rotated(table: pl.DataFrame) -> dict[tuple[str, str], str]:
    """(group, image) -> the image of the group's next member."""
    found: dict[tuple[str, str], str] = {}
    members = table.group_by("group_id", maintain_order=True).agg(
        pl.col("image_path").unique(maintain_order=True)
    )
    for group, paths in members.iter_rows():
        found |= {(group, p): paths[(i + 1) % len(paths)] for i, p in enumerate(paths)}
    return found


def without_cue(rows: pl.DataFrame) -> pl.DataFrame:
    """The negated form of `option_rows` without its negators: "no edema" becomes "edema"."""
    negated = rows.filter(form="negated")
    plain = {t: remove_cues(t) for t in negated["text"].unique()}
    return negated.with_columns(text=pl.col("text").replace_strict(plain, return_dtype=pl.String))


def remove_cues(text: str) -> str:
    """A text without its negation cues; what is left is the findings in their order."""
    for cue in cues(text):
        text = re.sub(rf"\s*\b{re.escape(cue)}\b", "", text, count=1, flags=re.IGNORECASE)
    return text.strip()


def assert_order_free(vectors: "Vectors", rows: pl.DataFrame, data: str) -> None:
    """A dual encoder scores options one by one: their order cannot change the choice.

    Raises:
        AssertionError: it does; the model then sees options beside each other.
    """
    last = pl.col("option").max().over("item_id")
    turned = rows.sort("item_id", "option", descending=True)
    turned = turned.with_columns(option=last - pl.col("option"))
    best = pl.col("score") == pl.col("score").max()
    right = (best & pl.col("answer")).any() & (best.sum() == 1)
    first, second = (
        score_rows(vectors, r, data).group_by("item_id").agg(right.alias("right")).sort("item_id")
        for r in (rows, turned)
    )
    assert first.equals(second), "the order of the options changes what the model chooses"
