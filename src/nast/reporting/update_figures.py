"""How the update shares of Table 4 come about over the steps of training (section 5.6)."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nast.errors import InputError
from nast.files import atomic, checked
from nast.reporting.figures import color_of, literal, plt, save
from nast.reporting.runs import MEASURES, depth
from nast.sources.io.label_tables import read_csv

NAME = "update_shares"
TOPS = (3, 5)
CAPTION = (
    "Update shares",
    "Share of each block in the path that LoRA's parameters have gone by then (the norms of their "
    "changes, added over steps), mean over seeds. Above: the three and the five blocks that have "
    "gone furthest; dotted where all blocks go equally far, dashed what uniform steps do. Below: "
    "all blocks, the first at the bottom.",
)
ACROSS = 4
"""Settings side by side."""
DRAWN = 40
"""Steps of an area; all of them would make the page heavy. The numbers are complete."""


def share_paths(run: Path) -> pl.DataFrame:
    """Cumulative shares of one run, from its `updates.csv`.

    Returns:
        `step, blocks` (a number from 1, or `top 3`, `top 5`: the blocks with the largest shares at
        that step), and a column for each measure of Table 4, in [0, 1]. After step t a block's
        share is the sum of its norms of steps 1..t over that of all blocks; 0 without LoRA.
    """
    table = _steps(run / "updates.csv")
    measures = table.columns[2:]
    blocks = pl.DataFrame({"block": range(1, depth(run) + 1)})
    every = table.select(pl.col("step").unique()).join(blocks, how="cross")
    every = every.join(table, on=["step", "block"], how="left").fill_null(0).sort("step", "block")
    gone = every.with_columns(pl.col(m).cum_sum().over("block") for m in measures)
    whole = [pl.col(m).sum().over("step") for m in measures]
    shares = gone.select(
        "step",
        "block",
        *(
            pl.when(total > 0).then(pl.col(m) / total).otherwise(0.0).alias(m)
            for m, total in zip(measures, whole, strict=True)
        ),
    )
    steps = shares.group_by("step", maintain_order=True)
    tops = [
        steps.agg(pl.col(m).top_k(k).sum() for m in measures).with_columns(
            blocks=pl.lit(f"top {k}")
        )
        for k in TOPS
    ]
    each = shares.select("step", pl.col("block").cast(pl.String).alias("blocks"), *measures)
    return pl.concat([each, *tops], how="diagonal").select("step", "blocks", *measures)


def _steps(file: Path) -> pl.DataFrame:
    """The columns `step`, `block`, and those measures of Table 4 that the file has."""
    rows = read_csv(checked(file), ["step", "block", "parameters"])
    measures = [m for m in MEASURES if m in rows.columns]
    kinds = {"step": pl.Int64, "block": pl.Int64} | dict.fromkeys(measures, pl.Float64)
    try:
        return rows.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    except pl.exceptions.PolarsError:
        raise InputError(
            file,
            found="something else than numbers",
            expected="a step, a block and its norms a row, as nast train writes them",
        ) from None


def mean_paths(runs: Sequence[Path]) -> pl.DataFrame:
    """The mean of `share_paths` over seeds, on the steps that all of them have."""
    paths = pl.concat([share_paths(run) for run in runs], how="diagonal")
    mean = paths.group_by("step", "blocks", maintain_order=True).agg(
        pl.exclude("step", "blocks").mean(), pl.len().alias("seeds")
    )
    return mean.filter(pl.col("seeds") == len(runs))


def draw_updates(
    groups: Mapping[str, Sequence[Path]],
    folder: Path,
    even: Collection[str] = (),
    models: Sequence[str] = (),
) -> Path:
    """The figure of some run folders as `update_shares.svg`, `.png` and `.csv`.

    Args:
        groups: name of a setting -> the run folders of its seeds, which are averaged.
        folder: gets the files.
        even: the settings whose blocks all take the same step; they are dashed.
        models: in the order of the tables, for their colors.

    Returns:
        The SVG.
    """
    means = {name: mean_paths(seeds) for name, seeds in groups.items()}
    folder.mkdir(parents=True, exist_ok=True)
    rows = [m.select(pl.lit(name).alias("model"), pl.all()) for name, m in means.items()]
    with atomic(folder / f"{NAME}.csv") as temporary:
        pl.concat(rows, how="diagonal").write_csv(temporary)
    depths = {depth(run) for seeds in groups.values() for run in seeds}
    down = -(-len(means) // ACROSS)
    figure: Any = plt.figure(figsize=(7.6, 2.9 + 1.9 * down), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[2.6, 1.9 * down])
    for k, axis in zip(TOPS, above.subplots(1, len(TOPS), sharex=True), strict=True):
        known = [*models, *(name for name in groups if name not in models)]
        _lines(axis, means, k, depths, even, known)
    above.axes[-1].legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes = below.subplots(down, min(ACROSS, len(means)), sharex=True, sharey=True, squeeze=False)
    _areas(below, axes.ravel().tolist(), means, max(depths))
    return save(figure, folder, NAME)


def _lines(
    axis: Any,
    means: Mapping[str, pl.DataFrame],
    k: int,
    depths: set[int],
    even: Collection[str],
    models: Sequence[str],
) -> None:
    """Share of the k most updated blocks over steps, one line per setting."""
    for number in depths:
        axis.axhline(min(1.0, k / number), color="black", linestyle=":", linewidth=0.8)
    for name, mean in means.items():
        part = mean.filter(blocks=f"top {k}")
        style: dict[str, Any] = {"color": color_of(name, models), "linewidth": 1.2}
        if name in even:
            style["linestyle"] = "--"
        axis.plot(
            part["step"].to_list(), part["parameters"].to_list(), label=literal(name), **style
        )
    axis.set(xlabel="step", title=f"top {k} blocks", ylim=(0, 1.02))


def _areas(
    figure: Any, axes: Sequence[Any], means: Mapping[str, pl.DataFrame], layers: int
) -> None:
    """Shares of all blocks over steps, stacked, one panel per setting."""
    colors = plt.get_cmap("viridis", layers)
    for axis, (name, mean) in zip(axes, means.items(), strict=False):
        steps = mean["step"].unique().sort()
        drawn = steps.gather(np.unique(np.linspace(0, len(steps) - 1, DRAWN).astype(int)))
        blocks = mean.filter(
            ~pl.col("blocks").str.starts_with("top"), pl.col("step").is_in(drawn.implode())
        )
        blocks = blocks.with_columns(pl.col("blocks").cast(pl.Int64)).sort("blocks", "step")
        shares = blocks["parameters"].to_numpy().reshape(-1, len(drawn))
        axis.stackplot(drawn.to_list(), shares, colors=colors(range(len(shares))), linewidth=0)
        axis.set_title(literal(name), fontsize=8)
        axis.set(ylim=(0, 1), xlabel="step")
        axis.tick_params(labelbottom=True)
    for axis in axes[len(means) :]:
        axis.set_axis_off()
    scale = plt.cm.ScalarMappable(norm=plt.Normalize(0.5, layers + 0.5), cmap=colors)
    figure.colorbar(scale, ax=list(axes), label="block", ticks=range(1, layers + 1))
