"""Figure 3 (question accuracy by form), SVG and PNG."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from nast.files import atomic
from nast.hashes import content_hash

COLORS = {"negated": "#b5443c", "affirmative": "#3c6fb5", "omitted": "#9a9a9a"}
mpl.rcParams.update(
    {
        "svg.hashsalt": "nast",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def save(figure: Any, folder: Path, name: str) -> Path:
    """Write `name.svg` and `name.png`; returns the SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("png", "svg"):
        with atomic(folder / f"{name}.{kind}") as temporary:
            meta = {"Date": None} if kind == "svg" else {}
            figure.savefig(temporary, format=kind, dpi=150, bbox_inches="tight", metadata=meta)
            if kind == "svg":
                temporary.write_text(_numbered(temporary.read_text()))
    plt.close(figure)
    return folder / f"{name}.svg"


def _numbered(svg: str) -> str:
    """A picture whose clips are named by what it shows: matplotlib's names change between runs.

    A page holds several pictures, whose clips must not have one name.
    """
    names = dict.fromkeys(re.findall(r'id="(p[0-9a-f]{10})"', svg))
    shown = content_hash(re.sub("|".join(names) or "$^", "", svg))[:10]
    for number, name in enumerate(names):
        clip = f"clip{number}-{shown}"
        svg = svg.replace(f'"{name}"', f'"{clip}"').replace(f"#{name})", f"#{clip})")
    return svg


def figure3(metrics: Mapping[str, Mapping[str, Any]], folder: Path, data: str = "") -> Path | None:
    """Question accuracy of every model by form, with 95 % intervals and chance.

    Args:
        metrics: model -> figures on one data set.
        folder: gets `figure3.svg` and `.png`.
        data: name of the data set where there are several; the files are `figure3-DATA` then.
    """
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
    return save(figure, folder, f"figure3-{data}" if data else "figure3")
