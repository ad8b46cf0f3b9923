"""Figures of a trace: the CTE map, the layer profiles, Figure 5 (attention); numbers as CSV."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nast.errors import InputError
from nast.files import atomic, read_table
from nast.reporting.figures import plt, save

ROLES = ("start", "before cue", "cue", "finding", "other", "full stop", "end")
TITLES = {"residual": "Residual stream", "attention": "Attention output", "mlp": "MLP output"}
UNIT = {"cue", "scope", "drop", "input", "module"}
"""Aggregations whose scores are in units of the whole effect."""
CAPTIONS = {
    "cte_map": (
        "Causal tracing effect",
        "Share of the difference between a true caption and its foil that one patched state "
        "carries, by token role: mean over positions, caption pairs and subsets. In the residual "
        "stream it is 1 at the cue of the embedding by construction, and after the last block "
        "only what is read can carry anything.",
    ),
    "profiles": (
        "Layer profiles",
        "Ways to turn a trace into one score per block, with 95 % intervals over resampled "
        "conditions; alpha comes from one of them. Solid: shares of the whole effect. Dashed: no "
        "effects, so each is drawn over its largest value.",
    ),
    "figure5": (
        "Figure 5",
        "How much more each head looks at “no” than at the word in its place, and the mean over "
        "heads of each block with its 95 % interval over conditions.",
    ),
}
"""Name of the file -> title and text."""
DRAWN: dict[str, dict[str, Any]] = {
    "trace": dict.fromkeys(("site", "role", "subset", "condition"), pl.String)
    | {"layer": pl.Int64, "cte_mean": pl.Float64},
    "layer_scores": dict.fromkeys(("aggregation", "condition", "subset"), pl.String)
    | {"layer": pl.Int64, "score": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    "attention": {"layer": pl.Int64, "head": pl.Int64, "selectivity": pl.Float64},
}
"""Tables of a trace, and those of their columns that are drawn."""


def draw_trace(folder: Path, out: Path) -> dict[str, Path]:
    """All figures of a folder of `nast trace`, each as SVG, PNG and CSV of its numbers.

    Args:
        folder: a finished folder.
        out: gets the files.

    Returns:
        Names, in the order of `CAPTIONS`, and the SVG of each.

    Raises:
        InputError: a table is missing, damaged or of something else.
    """
    trace, scores, attention = (
        _filled(folder / f"{name}.parquet", columns) for name, columns in DRAWN.items()
    )
    merged = scores.filter(condition="all", subset="both").sort("aggregation", "layer")
    return {
        "cte_map": cte_map(trace, out),
        "profiles": profiles(merged, out),
        "figure5": attention_map(attention, merged.filter(aggregation="attention"), out),
    }


def _filled(path: Path, columns: dict[str, Any]) -> pl.DataFrame:
    rows = read_table(path, columns)
    if not len(rows):
        raise InputError(path, found="no row", expected="a table of nast trace")
    return rows


def cte_map(trace: pl.DataFrame, folder: Path) -> Path:
    """CTE by site, token role and layer: mean over positions, then pairs, then subsets."""
    keys = ["site", "role", "layer"]
    means = trace
    # In the order of the rows: the last digit of a mean is that of the order of its terms.
    for over in ([*keys, "subset", "condition"], [*keys, "subset"], keys):
        means = means.group_by(over, maintain_order=True).agg(pl.col("cte_mean").mean())
    means = means.sort(keys)
    _write_csv(means, folder, "cte_map")
    known = {(site, role, layer): value for site, role, layer, value in means.rows()}
    roles = [r for r in ROLES if r in set(means["role"])]
    layers = range(int(means["layer"].max()) + 1)  # type: ignore[arg-type]
    figure, axes = plt.subplots(
        1,
        3,
        sharey=True,
        layout="constrained",
        figsize=(3.4 + 0.62 * len(layers), 2.9),
        width_ratios=[len(layers), len(layers) - 1, len(layers) - 1],
    )
    for axis, site in zip(axes, TITLES, strict=True):
        shown = layers if site == "residual" else layers[1:]
        grid = [[_number(known.get((site, r, layer))) for layer in shown] for r in roles]
        image = axis.imshow(grid, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
        axis.set(title=TITLES[site], xlabel="block (0 = embedding)" if 0 in shown else "block")
        axis.set_xticks(range(len(shown)), shown, fontsize=7)
        _write_cells(axis, grid)
    axes[0].set_yticks(range(len(roles)), roles)
    figure.colorbar(image, ax=axes, shrink=0.85, label="CTE")
    return save(figure, folder, "cte_map")


def profiles(scores: pl.DataFrame, folder: Path) -> Path:
    """Every aggregation's profile on one axis: CTEs as they are, others over their largest value.

    Args:
        scores: merged rows of `SCORES_SCHEMA`.
        folder: gets the files.
    """
    _write_csv(scores, folder, "profiles")
    names = scores["aggregation"].unique(maintain_order=True).to_list()
    names.sort(key=lambda n: (n not in UNIT, n))
    layers = scores["layer"].n_unique()
    figure, axis = plt.subplots(figsize=(2.6 + 0.55 * layers, 3.6), layout="constrained")
    axis.axhline(0, color="black", linewidth=0.6)
    for i, name in enumerate(names):
        part = scores.filter(aggregation=name)
        value, low, high = _columns(part)
        whole = 1.0 if name in UNIT else np.nanmax(np.abs(value)) or 1.0
        # Side by side, so that intervals of one block do not hide each other.
        at = part["layer"].to_numpy() + 0.09 * (i - (len(names) - 1) / 2)
        axis.plot(
            at,
            value / whole,
            "-" if name in UNIT else "--",
            marker="o",
            markersize=3,
            linewidth=1,
            color=f"C{i}",
            label=name if name in UNIT else f"{name} / {whole:.2g}",
        )
        axis.vlines(at, low / whole, high / whole, color=f"C{i}", linewidth=1, alpha=0.6)
    axis.set(xlabel="block", ylabel="score (1 = whole effect, or the largest)")
    axis.set_xticks(range(1, layers + 1))
    axis.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return save(figure, folder, "profiles")


def attention_map(attention: pl.DataFrame, means: pl.DataFrame, folder: Path) -> Path:
    """Negator-selective attention by head and block, with the means of the blocks beside it.

    Args:
        attention: `ATTENTION_SCHEMA`.
        means: merged rows of `SCORES_SCHEMA` of the aggregation `attention`.
        folder: gets the files.
    """
    groups = attention.group_by("layer", "head", maintain_order=True)
    cells = groups.agg(pl.col("selectivity").mean()).sort("layer", "head")
    _write_csv(
        cells.join(means.select("layer", layer_mean="score", low="low", high="high"), on="layer"),
        folder,
        "figure5",
    )
    layers, heads = cells["layer"].n_unique(), cells["head"].n_unique()
    grid = cells["selectivity"].to_numpy().reshape(layers, heads)
    figure, (left, right) = plt.subplots(
        1,
        2,
        sharey=True,
        layout="constrained",
        width_ratios=[2.2, 1],
        figsize=(3.2 + 0.42 * heads, 1.2 + 0.26 * layers),
    )
    image = left.imshow(grid, aspect="auto", cmap="magma", vmin=min(0.0, float(grid.min())))
    left.set(xlabel="head", ylabel="block", title="Attention to the negator")
    left.set_xticks(range(heads), range(1, heads + 1))
    left.set_yticks(range(layers), range(1, layers + 1))
    figure.colorbar(image, ax=left, location="left", shrink=0.85, pad=0.06)
    value, low, high = _columns(means)
    right.barh(range(layers), value, color="#8c3b6b", height=0.7)
    right.hlines(range(layers), low, high, color="black", linewidth=0.9)
    right.set(xlabel="selectivity", title="Mean over heads")
    right.tick_params(axis="y", left=False)
    return save(figure, folder, "figure5")


def _columns(scores: pl.DataFrame) -> list[np.ndarray]:
    """Score and both ends of its interval, NaN where there is none."""
    return [
        scores[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("score", "low", "high")
    ]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _write_cells(axis: Any, grid: Sequence[Sequence[float]]) -> None:
    """The larger values as numbers; small ones would only fill the map."""
    for y, row in enumerate(grid):
        for x, value in enumerate(row):
            if abs(value) >= 0.1:
                text = f"{value:.1f}".replace("0.", ".")
                color = "white" if abs(value) > 0.6 else "black"
                axis.text(x, y, text, ha="center", va="center", fontsize=6, color=color)


def _write_csv(rows: pl.DataFrame, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / f"{name}.csv") as temporary:
        rows.write_csv(temporary)
