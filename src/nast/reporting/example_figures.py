"""Figure 1: one film, a question in both wordings, and what each model chose."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from matplotlib import pyplot as plt

from nast.errors import ImageError
from nast.models.images import open_image
from nast.reporting.choices import shown_choices
from nast.reporting.figures import MARKS, color_of, literal, save
from nast.reporting.joined import without_shares

CAPTION = (
    "Figure 1",
    "One question in both wordings. The right option is bold; a mark shows what a model chose.",
)
FORMS = ("negated", "affirmative")
WIDTH = 46
"""Letters on a line of an option."""


class Example(NamedTuple):
    """A question that shows what is wrong and what is mended.

    Attributes:
        image: the film.
        items: form -> its row of `items.parquet`.
        chosen: form -> model -> the option that it scores highest.
    """

    image: Path
    items: Mapping[str, Mapping[str, Any]]
    chosen: Mapping[str, Mapping[str, int]]


def draw_example(
    evaluations: Sequence[Path],
    folders: Sequence[Path],
    models: Sequence[str],
    folder: Path,
    with_images: bool = False,
) -> Path | None:
    """The picture of a question that the first model gets right in affirmative words alone.

    Of those, one that most of the others get right in both is taken. Only data whose access class
    is open are shown.

    Args:
        evaluations: folders of `nast evaluate`.
        folders: of questions.
        models: in the order of the tables; the first is the reference.
        folder: gets `figure1.svg`, `.png` and `.pdf`.
        with_images: the user's word that data which are not open may be shown.

    Returns:
        The SVG; None where there is no such question, no open data or no readable film.
    """
    # Another share of a run is no model of its own here.
    models = without_shares(models)
    example = find_example(evaluations, folders, models, with_images)
    if example is None:
        return None
    try:
        film = open_image(example.image).convert("L")
    except ImageError:
        return None
    shown = [m for m in models if all(m in example.chosen[form] for form in FORMS)][: len(MARKS)]
    figure = plt.figure(figsize=(10, 3.3))
    axis = figure.add_axes((0.005, 0.1, 0.28, 0.88))
    axis.imshow(film, cmap="gray")
    axis.axis("off")
    for left, form in zip((0.3, 0.66), FORMS, strict=True):
        axis = figure.add_axes((left, 0.12, 0.34, 0.78))
        _draw_form(axis, example.items[form], example.chosen[form], shown, form, models)
    handles = [
        axis.plot([], [], MARKS[n], color=color_of(m, models), ms=6, label=literal(m))[0]
        for n, m in enumerate(shown)
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(shown), frameon=False, fontsize=8)
    return save(figure, folder, "figure1")


def find_example(
    evaluations: Sequence[Path],
    folders: Sequence[Path],
    models: Sequence[str],
    with_images: bool = False,
) -> Example | None:
    """The question of `draw_example`, by the first seed of each model."""
    if not models:
        return None
    for items, chosen in shown_choices(evaluations, folders, models, with_images):
        items = items.filter(pl.col("set") == "questions", pl.col("form").is_in(FORMS))
        right = chosen.drop_nulls("option").join(
            items.select("item_id", "pair_id", "form", "answer"), on="item_id"
        )
        right = right.with_columns(hit=pl.col("option") == pl.col("answer"))
        wide = right.pivot("form", index=["pair_id", "model"], values="hit")
        if not set(FORMS) <= set(wide.columns):
            continue
        failing = wide.filter(~pl.col("negated"), pl.col("affirmative"), model=models[0])
        both = wide.filter("negated", "affirmative")
        mended = both.group_by("pair_id").len()
        ranked = failing.join(mended, on="pair_id", how="left")
        ranked = ranked.sort(pl.col("len").fill_null(0), "pair_id", descending=[True, False])
        if len(ranked):
            return _example(items, right, ranked["pair_id"][0])
    return None


def _example(items: pl.DataFrame, right: pl.DataFrame, pair: str) -> Example:
    rows = {row["form"]: row for row in items.filter(pair_id=pair).iter_rows(named=True)}
    chosen = {
        form: dict(right.filter(pair_id=pair, form=form).select("model", "option").rows())
        for form in FORMS
    }
    return Example(Path(rows["negated"]["image_path"]), rows, chosen)


def _draw_form(
    axis: Any,
    item: Mapping[str, Any],
    chosen: Mapping[str, int],
    models: Sequence[str],
    form: str,
    known: Sequence[str],
) -> None:
    """The options of one wording, and beside each the marks of the models that chose it."""
    options = item["options"]
    axis.set_xlim(0, 1)
    axis.set_ylim(len(options), 0)
    axis.axis("off")
    axis.set_title(f"in {form} words", fontsize=9, loc="left", x=0.02)
    for place, text in enumerate(options):
        weight = "bold" if place == item["answer"] else "normal"
        lines = textwrap.wrap(f"{'ABCDEFGH'[place % 8]}. {text}", WIDTH)
        said = "\n".join(map(literal, lines))
        axis.text(0.02, place + 0.32, said, fontsize=8, weight=weight, va="center")
        marks = [n for n, model in enumerate(models) if chosen.get(model) == place]
        for row, n in enumerate(marks):
            axis.plot(
                0.05 + 0.05 * row, place + 0.8, MARKS[n], color=color_of(models[n], known), ms=6
            )
