"""Figure 3 (question accuracy by form), SVG and PNG."""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import polars as pl

mpl.use("Agg")
import matplotlib.pyplot as plt

from nast.errors import visible
from nast.files import atomic
from nast.hashes import content_hash
from nast.reporting.joined import Joined, without_shares
from nast.reporting.numbers import pick

OF_FORMS = {"negated": "#b5443c", "affirmative": "#3c6fb5", "omitted": "#9a9a9a"}
OF_MODELS = ("#b5443c", "#3c6fb5", "#5a8f4f", "#8a5fa8", "#c98a2b", "#4f8f8a", "#666666", "#a03070")
MARKS = "osD^vP*X"
"""Colors and marks of the models, in the order of the tables."""
mpl.rcParams.update(
    {
        "svg.hashsalt": "nast",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def save(figure: Any, folder: Path, name: str) -> Path:
    """Write `name.svg`, `name.png` and `name.pdf`; returns the SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    # The hour of a picture would make its bytes others each time.
    for kind, meta in (("png", {}), ("svg", {"Date": None}), ("pdf", {"CreationDate": None})):
        with atomic(folder / f"{name}.{kind}") as temporary:
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


def figure3(joined: Joined, metrics: pl.DataFrame, folder: Path, data: str = "") -> Path | None:
    """Question accuracy of every model by form, with 95 % intervals and chance.

    Args:
        joined: for the order of the models.
        metrics: on one data set.
        folder: gets `figure3.svg` and `.png`.
        data: name of the data set where there are several; the files are `figure3-DATA` then.
    """
    found = pick(metrics, task="choice", set="questions", statistic="accuracy")
    known = {(r["model"], r["form"]): r for r in found}
    models = [m for m in joined.models if (m, "negated") in known]
    if not models:
        return None
    figure, axis = plt.subplots(figsize=(1.6 + 1.3 * len(models), 3))
    for step, (form, color) in enumerate(OF_FORMS.items()):
        drawn = [(i, known[m, form]) for i, m in enumerate(models) if (m, form) in known]
        values = [r["value"] for _, r in drawn]
        below = [r["value"] - r["low"] for _, r in drawn]
        above = [r["high"] - r["value"] for _, r in drawn]
        at = [i + 0.26 * (step - 1) for i, _ in drawn]
        axis.bar(at, values, 0.25, color=color, label=form)
        axis.errorbar(at, values, [below, above], fmt="none", ecolor="black", elinewidth=0.8)
    for chance in dict.fromkeys(r["chance"] for r in found if r["chance"]):
        axis.axhline(chance, color="black", linestyle=":", linewidth=0.8, label="chance")
    names = ["\n".join(map(literal, textwrap.wrap(m, 12) or [m])) for m in models]
    axis.set_xticks(range(len(models)), names)
    axis.set_ylabel("question accuracy")
    axis.set_ylim(0, 1)
    axis.legend(ncols=4, fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    return save(figure, folder, f"figure3-{data}" if data else "figure3")


def color_of(model: str, models: Sequence[str]) -> str:
    """The color that a model has in every picture; another share of a run has the run's.

    Args:
        model: to be drawn.
        models: all, in the order of the tables; one that is not among them comes behind.
    """
    whole = without_shares(models)
    name = model if model in whole else model.rpartition(" @")[0]
    place = whole.index(name) if name in whole else len(whole)
    return OF_MODELS[place % len(OF_MODELS)]


def literal(name: str) -> str:
    """A name as matplotlib draws it: no formulas between dollars, and no control marks."""
    return visible(name).replace("$", r"\$")
