"""Controls: what remains of a score without the image, with a wrong one, or without the "no".

A model that reads image and words is at chance for a blank and for a shuffled image, falls below
chance for the image of another member of its balanced group (whose answer is another option), and
loses the negated form when the negators are taken out of it.
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from PIL import Image

from nast.hashes import seed_of
from nast.items.audit import Item, audit_items
from nast.language.read.parse import cues
from nast.measuring.metrics import FORM_ORDER, pair_of, share
from nast.measuring.statistics import exact_interval
from nast.scoring.choice import choice_rows, correctness, score_rows

if TYPE_CHECKING:
    from nast.vectors import Vectors

BLANK = (224, 224)


def control_figures(
    store: "Vectors", kind: str, table: pl.DataFrame, data: str, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Accuracy of one model under every control.

    Args:
        store: of the model.
        kind: `questions` or `claims`.
        table: of that kind, whole groups.
        data: name of the data set.
        seed: of the shuffled images and the bootstrap.

    Returns:
        `TASK/accuracy/FORM/CONTROL` -> figure. CONTROL is `shuffled image` (of another patient),
        `group member's image`, `blank image`, `no cue` (negated form), or `text only`: the best
        blind baseline of the audit, named. Equal scores count by the chance of picking right
        among them: without its cue an option may read like another.

    Raises:
        AssertionError: another order of the options changes a choice.
    """
    rows = choice_rows(kind, table)
    assert_order_free(store, rows, data, kind)
    figures: dict[str, dict[str, Any]] = {}
    changes: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
        "shuffled image": lambda r: _with_images(r, shuffled(table, seed)),
        "no cue": without_cue,
    }
    if table["group_id"].is_duplicated().any():
        changes["group member's image"] = lambda r: _with_images(r, rotated(table))
    for name, change in changes.items():
        figures |= _figures(store, change(rows), kind, data, name, seed)
    with tempfile.TemporaryDirectory() as folder:
        blank = Path(folder) / "blank.png"
        Image.new("L", BLANK, 128).save(blank)
        same = rows.with_columns(image_path=pl.lit(str(blank)))
        figures |= _figures(store, same, kind, data, "blank image", seed)
    return figures | text_only(rows, kind, seed)


def _figures(
    store: "Vectors", rows: pl.DataFrame, kind: str, data: str, name: str, seed: int
) -> dict[str, dict[str, Any]]:
    scores = score_rows(store, rows, data, kind)
    answers = correctness(scores, "expected").rename({"correct": "value"})
    answers = answers.with_columns(pair=pair_of())
    sizes = rows.group_by("form").agg((1 / pl.len().over("item_id", "form")).mean().alias("chance"))
    chance = dict(sizes.iter_rows())
    return {
        f"{kind}/accuracy/{form}/{name}": share(part, seed) | {"chance": chance[form]}
        for form in FORM_ORDER
        if len(part := answers.filter(form=form))
    }


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


def _with_images(rows: pl.DataFrame, images: dict[Any, str]) -> pl.DataFrame:
    by_group = isinstance(next(iter(images)), tuple)
    keys = rows.select("group_id", "image_path").rows() if by_group else rows["image_path"]
    return rows.with_columns(image_path=pl.Series([images[k] for k in keys]))


def without_cue(rows: pl.DataFrame) -> pl.DataFrame:
    """The negated form of `choice_rows` without its negators: "no edema" becomes "edema"."""
    negated = rows.filter(form="negated")
    plain = {t: remove_cues(t) for t in negated["text"].unique()}
    return negated.with_columns(text=pl.col("text").replace_strict(plain, return_dtype=pl.String))


def remove_cues(text: str) -> str:
    """A text without its negation cues; what is left is the findings in their order."""
    for cue in cues(text):
        text = re.sub(rf"\s*\b{re.escape(cue)}\b", "", text, count=1, flags=re.IGNORECASE)
    return text.strip()


def assert_order_free(store: "Vectors", rows: pl.DataFrame, data: str, kind: str) -> None:
    """A dual encoder scores options one by one: their order cannot change the choice.

    Raises:
        AssertionError: it does; the model then sees options beside each other.
    """
    last = pl.col("option").max().over("item_id", "form")
    turned = rows.sort("item_id", "form", "option", descending=True)
    turned = turned.with_columns(option=last - pl.col("option"))
    first, second = (
        correctness(score_rows(store, r, data, kind)).sort("item_id", "form")["correct"]
        for r in (rows, turned)
    )
    assert first.equals(second), "the order of the options changes what the model chooses"


def text_only(rows: pl.DataFrame, kind: str, seed: int = 0) -> dict[str, dict[str, Any]]:
    """The best baseline of the audit that never sees an image, for each form."""
    figures: dict[str, dict[str, Any]] = {}
    for form in FORM_ORDER:
        items = (
            rows.filter(form=form)
            .group_by("item_id", "group_id", maintain_order=True)
            .agg("text", pl.col("answer").arg_max())
        )
        if not len(items):
            continue
        audited = [
            Item(tuple(texts), answer, group) for _, group, texts, answer in items.iter_rows()
        ]
        best = max(audit_items(audited, seed), key=lambda r: r["accuracy"])
        figures[f"{kind}/accuracy/{form}/text only"] = {
            "value": best["accuracy"],
            "interval": exact_interval(best["accuracy"], best["n"]),
            "n": best["n"],
            "chance": best["chance"],
            "method": f"Clopper-Pearson over items; {best['baseline']}, p above chance "
            f"{best['p']:.3g}",
        }
    return figures
