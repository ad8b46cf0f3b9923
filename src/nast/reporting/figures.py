"""Figure 3 (question accuracy by form) and Figure 5 (the trace and the attention), SVG and PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import polars as pl

from nast.store import atomic

COLORS = {"negated": "#b5443c", "affirmative": "#3c6fb5", "omitted": "#9a9a9a"}
ROLES = ("before cue", "cue", "finding", "full stop", "end")
mpl.rcParams.update({
    "svg.hashsalt": "nast", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
})  # fmt: skip


def save(figure: Any, folder: Path, name: str) -> Path:
    """Write `name.svg` and `name.png`; returns the SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("png", "svg"):
        with atomic(folder / f"{name}.{kind}") as temporary:
            meta = {"Date": None} if kind == "svg" else {}
            figure.savefig(temporary, format=kind, dpi=150, bbox_inches="tight", metadata=meta)
    plt.close(figure)
    return folder / f"{name}.svg"


def figure3(metrics: Mapping[str, Mapping[str, Any]], folder: Path) -> Path | None:
    """Question accuracy of every model by form, with 95 % intervals and chance."""
    models = [m for m in metrics if "questions/accuracy/negated" in metrics[m]]
    if not models:
        return None
    figure, axis = plt.subplots(figsize=(1.6 + 1.3 * len(models), 3))
    for step, (form, color) in enumerate(COLORS.items()):
        found = [metrics[m].get(f"questions/accuracy/{form}") for m in models]
        drawn = [(i, f) for i, f in enumerate(found) if f]
        values = [f["value"] for _, f in drawn]
        below = [f["value"] - f["interval"][0] for _, f in drawn]
        above = [f["interval"][1] - f["value"] for _, f in drawn]
        at = [i + 0.26 * (step - 1) for i, _ in drawn]
        axis.bar(at, values, 0.25, color=color, label=form)
        axis.errorbar(at, values, [below, above], fmt="none", ecolor="black", elinewidth=0.8)
    axis.axhline(0.25, color="black", linestyle=":", linewidth=0.8, label="chance")
    axis.set_xticks(range(len(models)), models)
    axis.set_ylabel("question accuracy")
    axis.set_ylim(0, 1)
    axis.legend(ncols=4, fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    return save(figure, folder, "figure3")


def figure5(
    trace: pl.DataFrame, scores: pl.DataFrame, attention: pl.DataFrame, folder: Path
) -> Path:
    """CTE by layer and token role, layer profiles, and attention to the negator by head."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(11, 3.4), width_ratios=[1, 1, 1.1], layout="constrained"
    )
    _heat_map(left, trace)
    for name, part in scores.group_by("aggregation", maintain_order=True):
        middle.plot(part["layer"], part["score"], marker="o", markersize=3, label=str(name[0]))
    middle.axhline(0, color="black", linewidth=0.5)
    middle.set(xlabel="block", ylabel="layer score", title="Profiles (alpha comes from one)")
    middle.legend(fontsize=7, frameon=False)
    grid = attention.pivot("layer", index="head", values="selectivity").drop("head").to_numpy()
    image = right.imshow(grid, aspect="auto", cmap="magma", vmin=0)
    layers, heads = grid.shape[1], grid.shape[0]
    right.set(xlabel="block", ylabel="head", title="Attention to the negator",
              xticks=range(layers), yticks=range(heads))  # fmt: skip
    right.set_xticklabels(range(1, layers + 1))
    right.set_yticklabels(range(1, heads + 1))
    figure.colorbar(image, ax=right, shrink=0.8)
    return save(figure, folder, "figure5")


def _heat_map(axis: Any, trace: pl.DataFrame) -> None:
    means = trace.group_by("role", "layer").agg(pl.col("cte_mean").mean())
    known = dict(((r, layer), v) for r, layer, v in means.rows())
    layers = sorted(set(trace["layer"]))
    roles: Sequence[str] = [r for r in ROLES if r in set(trace["role"])]
    grid = [[known.get((r, layer)) or 0.0 for layer in layers] for r in roles]
    image = axis.imshow(grid, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set(xlabel="after block (0 = embedding)", title="CTE by token role",
             xticks=range(len(layers)), yticks=range(len(roles)))  # fmt: skip
    axis.set_xticklabels(layers)
    axis.set_yticklabels(roles)
    axis.figure.colorbar(image, ax=axis, shrink=0.8)
