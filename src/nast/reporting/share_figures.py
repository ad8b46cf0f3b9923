"""What each share g of a run's change repairs and harms on validation patients (decision 23)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.files import atomic, manifest_of
from nast.measuring.compare import MARGIN
from nast.reporting.figures import color_of, literal, plt, save

NAME = "shares"
CURVES_CAPTION = (
    "How much of the change is taken",
    "On the validation patients, mean over seeds, along the share g of LoRA's change: left, "
    "denials answered right (claims and questions); right, what is lost elsewhere, with the mean "
    "half-width of its 95 % interval, and dotted the margin. Dots: the g that each seed chose. "
    "g = 1 is the whole run.",
)


def share_curves(groups: Mapping[str, Sequence[Path]]) -> pl.DataFrame:
    """The curves of some runs, from their manifests.

    Args:
        groups: name of a setting -> the run folders of its seeds.

    Returns:
        `model, seed, chosen, g, repaired, loss, half_width, worst`, a row for each share of each
        run; no row of a run that chose nothing.
    """
    schema = {"model": pl.String, "seed": pl.Int64}
    numbers = ("chosen", "g", "repaired", "loss", "half_width", "worst")
    rows = [
        (name, made["config"]["seed"], made["g"], *(row.get(n) for n in numbers[1:]))
        for name, seeds in groups.items()
        for made in map(manifest_of, seeds)
        for row in made.get("curve", ())
    ]
    return pl.DataFrame(rows, schema | dict.fromkeys(numbers, pl.Float64), orient="row")


def draw_curves(
    groups: Mapping[str, Sequence[Path]], folder: Path, models: Sequence[str] = ()
) -> Path | None:
    """The figure of some run folders as `shares.svg`, `.png` and `.csv`; None without a curve.

    Args:
        groups: name of a setting -> the run folders of its seeds, which are averaged.
        folder: gets the files.
        models: in the order of the tables, for their colors.
    """
    curves = share_curves(groups)
    if not len(curves):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / f"{NAME}.csv") as temporary:
        curves.write_csv(temporary)
    figure: Any
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3), layout="constrained")
    for (name,), part in curves.group_by("model", maintain_order=True):
        color = color_of(str(name), [*models, *(n for n in groups if n not in models)])
        # Near its choice each seed has looked at other g; a mean is of all of them.
        common = part.filter(pl.len().over("g") == part["seed"].n_unique())
        by_g = common.group_by("g", maintain_order=True)
        mean = by_g.agg(pl.all().exclude("model", "seed").mean())
        chosen = part.filter(pl.col("g") == pl.col("chosen"))
        for axis, column in zip(axes, ("repaired", "loss"), strict=True):
            axis.plot(mean["g"], mean[column], color=color, linewidth=1.2, label=literal(str(name)))
            axis.plot(chosen["g"], chosen[column], "o", color=color, markersize=4)
        low, high = (mean["loss"] + sign * mean["half_width"] for sign in (-1, 1))
        axes[1].fill_between(mean["g"], low, high, color=color, alpha=0.12, linewidth=0)
    axes[0].set(xlabel="g", ylabel="denials answered right")
    axes[1].set(xlabel="g", ylabel="loss elsewhere")
    axes[1].axhline(MARGIN, color="black", linestyle=":", linewidth=0.8)
    axes[0].legend(fontsize=7, frameon=False)
    return save(figure, folder, NAME)
