"""What each model gains on denials over what it loses elsewhere, in one picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from matplotlib import pyplot as plt

from nast.reporting.answer import KINDS
from nast.reporting.figures import color_of, literal, save
from nast.reporting.harm import harm_columns
from nast.reporting.joined import Joined, without_shares
from nast.reporting.numbers import Row, minus

NAME = "gain_harm"
CAPTION = (
    "Gain and harm",
    "Each model against the base, in points: up, denials answered right (mean of questions and "
    "claim sets); to the right, what is lost elsewhere (mean of all that should stay as it was; "
    "dotted: the margin). A line leads from the share of the change that is taken to the whole "
    "change (hollow). Crosses are no narrower than 95 % intervals.",
)


class Spot(NamedTuple):
    """A mean of changes against the base, in points, and half its interval at most."""

    value: float
    half: float


def gains_and_losses(joined: Joined, metrics: pl.DataFrame) -> dict[str, tuple[Spot, Spot]]:
    """Gain on denials and loss elsewhere of every model but the first, in points of per cent.

    Args:
        joined: for the models, the first of which is the base.
        metrics: of one data set.

    Returns:
        Model -> gain, loss; of models that have both.
    """
    base, *others = [*joined.models] or [""]
    found = {}
    for model in others:
        gain = [
            minus(metrics, model, base, task="choice", set=n, statistic="accuracy", form="negated")
            for n in KINDS
        ]
        kept = [
            minus(metrics, model, base, **columns)
            for columns in harm_columns(joined, metrics).values()
        ]
        up, down = _mean(gain), _mean(kept)
        if up and down:
            found[model] = up, Spot(-down.value, down.half)
    return found


def _mean(rows: Sequence[Row | None]) -> Spot | None:
    there = [row for row in rows if row and row["n"]]
    if not there:
        return None
    # Of a mean of numbers, however they go together, the spread is at most the mean of theirs.
    half = sum(row["high"] - row["low"] for row in there) / (2 * len(there))
    return Spot(100 * sum(row["value"] for row in there) / len(there), 100 * half)


def draw_gain(joined: Joined, metrics: pl.DataFrame, folder: Path, data: str = "") -> Path | None:
    """The picture, as `gain_harm.svg`, `.png` and `.pdf`; None without a model beside the base.

    Args:
        joined: for the models and the margin.
        metrics: of one data set.
        folder: gets the files.
        data: name of the data set where there are several; the files are `gain_harm-DATA` then.
    """
    found = gains_and_losses(joined, metrics)
    if not found:
        return None
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    axis.axhline(0, color="gray", lw=0.6)
    axis.axvline(0, color="gray", lw=0.6)
    axis.axvline(100 * joined.margin, color="gray", lw=0.8, ls=":")
    axis.plot(0, 0, "k+", ms=9, label=literal(next(iter(joined.models))))
    for model in without_shares(list(found)):
        color = color_of(model, joined.models)
        whole = found.get(f"{model} @1")
        if whole:
            ends = [found[model], whole]
            axis.plot([e[1].value for e in ends], [e[0].value for e in ends], color=color, lw=1)
            axis.plot(whole[1].value, whole[0].value, "o", color=color, ms=4, mfc="white")
        up, over = found[model]
        axis.errorbar(
            over.value, up.value, up.half, over.half, fmt="o", color=color, ms=5, elinewidth=0.8
        )
        axis.plot([], [], "o", color=color, ms=5, label=literal(model))
    axis.set_xlabel("lost elsewhere, points")
    axis.set_ylabel("gained on denials, points")
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return save(figure, folder, f"{NAME}-{data}" if data else NAME)
