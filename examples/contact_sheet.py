"""Every condition at every severity, on both sides: the picture in docs/phantom.md.

python examples/contact_sheet.py docs/images/phantom.jpg
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from nast.facts.conditions import CONDITIONS
from nast.phantom.draw import draw_frontal
from nast.records import Fact

COLUMNS = 6


def facts_of(name: str) -> list[Fact]:
    """Six present facts of a condition that cover its grades, sides and zones."""
    condition = CONDITIONS[name]
    grades = list(condition.grades) or [None]
    sides = ["right", "left"] if condition.sided else [None]
    zones = list(condition.zones) or [None]
    made = []
    for i in range(COLUMNS):
        grade = grades[i * len(grades) // COLUMNS]
        made.append(Fact(name, "present", sides[i % len(sides)], zones[i % len(zones)], grade))
    return made


def main(path: str) -> None:
    figure, axes = plt.subplots(len(CONDITIONS) + 1, COLUMNS, figsize=(11, 25))
    rows = [("no finding", [None] * COLUMNS), *((n, facts_of(n)) for n in CONDITIONS)]
    for line, (name, facts) in zip(axes, rows, strict=True):
        for place, (axis, fact) in enumerate(zip(line, facts, strict=True)):
            image = draw_frontal([fact] if fact else [], np.random.default_rng(100 + place))
            axis.imshow(image, cmap="gray", vmin=0, vmax=255)
            words = [fact.severity, fact.side, fact.zone] if fact else []
            axis.set_title(" ".join(w for w in words if w), fontsize=7, pad=2)
            axis.axis("off")
        line[0].text(
            -0.08,
            0.5,
            name,
            rotation=90,
            va="center",
            ha="right",
            fontsize=9,
            transform=line[0].transAxes,
        )
    figure.subplots_adjust(left=0.05, right=0.995, top=0.99, bottom=0.005, wspace=0.03, hspace=0.12)
    figure.savefig(path, dpi=75, pil_kwargs={"quality": 80} if path.endswith("jpg") else None)


if __name__ == "__main__":
    main(sys.argv[1])
