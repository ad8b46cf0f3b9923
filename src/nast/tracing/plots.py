"""Pictures of a trace: the CTE map, the layer profiles, Figure 5 (attention), and their numbers.

They are figures of matplotlib that belong to no window; whoever asks saves or shows them.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib import rc_context
from matplotlib.figure import Figure

from nast.tracing.aggregate import TRACED

ROLES = ("start", "before cue", "cue", "finding", "other", "full stop", "end")
TITLES = {"residual": "Residual stream", "attention": "Attention output", "mlp": "MLP output"}
STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def cte_cells(sites: pl.DataFrame) -> pl.DataFrame:
    """CTE by site, token role and layer: mean over positions, then pairs, then subsets.

    Args:
        sites: `TRACE_SCHEMA`.
    """
    keys = ["site", "role", "layer"]
    # In the order of the rows: the last digit of a mean is that of the order of its terms.
    for over in ([*keys, "subset", "condition"], [*keys, "subset"], keys):
        sites = sites.group_by(over, maintain_order=True).agg(pl.col("cte_mean").mean())
    return sites.sort(keys)


@rc_context(STYLE)
class Picture(Figure):
    """A figure that a notebook shows without any setting of matplotlib."""

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.savefig(out, format="png", dpi=110)
        return out.getvalue()


def plot_cte(sites: pl.DataFrame) -> Figure:
    """The map of `cte_cells`, one panel per site.

    Args:
        sites: `TRACE_SCHEMA`.
    """
    means = cte_cells(sites)
    known = {(site, role, layer): value for site, role, layer, value in means.rows()}
    roles = [r for r in ROLES if r in set(means["role"])]
    layers = range(int(means["layer"].max()) + 1)  # type: ignore[arg-type]
    figure = Picture(figsize=(3.4 + 0.62 * len(layers), 2.9), layout="constrained")
    ratios = [len(layers), len(layers) - 1, len(layers) - 1]
    axes = figure.subplots(1, 3, sharey=True, width_ratios=ratios)
    for axis, site in zip(axes, TITLES, strict=True):
        shown = layers if site == "residual" else layers[1:]
        grid = [[_number(known.get((site, r, layer))) for layer in shown] for r in roles]
        image = axis.imshow(grid, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
        axis.set(title=TITLES[site], xlabel="block (0 = embedding)" if 0 in shown else "block")
        axis.set_xticks(range(len(shown)), shown, fontsize=7)
        _write_cells(axis, grid)
    axes[0].set_yticks(range(len(roles)), roles)
    figure.colorbar(image, ax=axes, shrink=0.85, label="CTE")
    return figure


@rc_context(STYLE)
def plot_profiles(scores: pl.DataFrame) -> Figure:
    """Every aggregation's profile on one axis: CTEs as they are, others over their largest value.

    Args:
        scores: merged rows of `LAYER_SCORES_SCHEMA`.
    """
    names = scores["aggregation"].unique(maintain_order=True).to_list()
    names.sort(key=lambda n: (n not in TRACED, n))
    layers = scores["layer"].n_unique()
    figure = Picture(figsize=(2.6 + 0.55 * layers, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.axhline(0, color="black", linewidth=0.6)
    for i, name in enumerate(names):
        part = scores.filter(aggregation=name)
        value, low, high = _columns(part)
        whole = 1.0 if name in TRACED else np.nanmax(np.abs(value)) or 1.0
        # Side by side, so that intervals of one block do not hide each other.
        at = part["layer"].to_numpy() + 0.09 * (i - (len(names) - 1) / 2)
        axis.plot(
            at,
            value / whole,
            "-" if name in TRACED else "--",
            marker="o",
            markersize=3,
            linewidth=1,
            color=f"C{i}",
            label=name if name in TRACED else f"{name} / {whole:.2g}",
        )
        axis.vlines(at, low / whole, high / whole, color=f"C{i}", linewidth=1, alpha=0.6)
    axis.set(xlabel="block", ylabel="score (1 = whole effect, or the largest)")
    axis.set_xticks(range(1, layers + 1))
    axis.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def attention_cells(attention: pl.DataFrame) -> pl.DataFrame:
    """Mean selectivity of each head and block over conditions.

    Args:
        attention: `ATTENTION_SCHEMA`.
    """
    groups = attention.group_by("layer", "head", maintain_order=True)
    return groups.agg(pl.col("selectivity").mean()).sort("layer", "head")


@rc_context(STYLE)
def plot_attention(attention: pl.DataFrame, means: pl.DataFrame) -> Figure:
    """Negator-selective attention by head and block, with the means of the blocks beside it.

    Args:
        attention: `ATTENTION_SCHEMA`.
        means: merged rows of `LAYER_SCORES_SCHEMA` of the aggregation `attention`.
    """
    cells = attention_cells(attention)
    layers, heads = cells["layer"].n_unique(), cells["head"].n_unique()
    grid = cells["selectivity"].to_numpy().reshape(layers, heads)
    figure = Picture(figsize=(3.2 + 0.42 * heads, 1.2 + 0.26 * layers), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[2.2, 1])
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
    return figure


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
