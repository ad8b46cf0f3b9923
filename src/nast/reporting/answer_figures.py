"""The first picture of a report: each model in affirmative and in denying words."""

from pathlib import Path

import polars as pl
from matplotlib import pyplot as plt

from nast.reporting.answer import KINDS
from nast.reporting.figures import color_of, literal, save
from nast.reporting.joined import Joined
from nast.reporting.numbers import pick

CAPTION = (
    "At a glance",
    "Right answers on the same items in affirmative and in denying words, with 95 % intervals; "
    "dotted: chance. A model that hears “no” has a level line.",
)
FORMS = ("affirmative", "negated")


def draw_answer(joined: Joined, metrics: pl.DataFrame, folder: Path, data: str = "") -> Path | None:
    """A line for each model from affirmative to denying words, for questions and claim sets.

    Args:
        joined: for the order of the models.
        metrics: of one data set.
        folder: gets `answer.svg`, `.png` and `.pdf`.
        data: name of the data set where there are several; the files are `answer-DATA` then.

    Returns:
        The SVG; None where no model was scored in both words.
    """
    sides = {name: _sides(metrics, name) for name in KINDS}
    models = joined.settings
    drawn = {
        name: [m for m in models if all((m, form) in found for form in FORMS)]
        for name, found in sides.items()
    }
    kinds = [name for name in KINDS if drawn[name]]
    if not kinds:
        return None
    figure, axes = plt.subplots(1, len(kinds), figsize=(1.5 + 3 * len(kinds), 3.2), squeeze=False)
    for axis, name in zip(axes[0], kinds, strict=True):
        for place, model in enumerate(drawn[name]):
            rows = [sides[name][model, form] for form in FORMS]
            values = [100 * row["value"] for row in rows]
            reach = [
                [100 * (row["value"] - row["low"]) for row in rows],
                [100 * (row["high"] - row["value"]) for row in rows],
            ]
            shift = 0.03 * (place - (len(drawn[name]) - 1) / 2)
            at = [shift, 1 + shift]
            color = color_of(model, joined.models)
            axis.errorbar(at, values, reach, color=color, marker="o", ms=4, lw=1.4, elinewidth=0.8)
            axis.plot([], [], color=color, marker="o", ms=4, label=literal(model))
        chances = {sides[name][m, form]["chance"] for m in drawn[name] for form in FORMS}
        for chance in chances - {None}:
            axis.axhline(100 * chance, color="gray", ls=":", lw=0.8)
        axis.set_xticks([0, 1], ["affirmative", "denying"])
        axis.set_xlim(-0.25, 1.25)
        axis.set_ylim(0, 100)
        axis.set_title(f"{KINDS[name]}, % right", fontsize=9, loc="left")
    axes[0][-1].legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return save(figure, folder, f"answer-{data}" if data else "answer")


def _sides(metrics: pl.DataFrame, name: str) -> dict[tuple[str, str], dict]:
    """Model and form -> the row of its accuracy."""
    found = pick(metrics, task="choice", set=name, statistic="accuracy")
    return {(row["model"], row["form"]): dict(row) for row in found if row["form"] in FORMS}
