"""Tables and the picture of what `layer_policies.py` has kept: no harm, and equal harm.

    python benchmarks/equal_harm.py ANSWERS [--rule shown] [--picture FILE.svg]

Every number is a mean over seeds of a difference on the same items. Its 95 % interval joins, as
squares, that of a bootstrap of the seeds' mean over patients and groups of items, and that of
Student's t over the seeds. `--rule` says how each run's g is chosen from its validation curve:

    shown    the best on denials of which no part loses more than 0.005, with a mean loss of at
             most 0.01 to the end of its interval or, where there is none, without a loss (what
             `nast train` does)
    strict   the same, but no part may lose anything at all
    margin   the best on denials with a mean loss of at most 0.01
    none     the best on denials without a mean loss
    whole    g = 1
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from nast.statistics.bootstrap import clustered_mean
from nast.training.interpolation import KEPT, MARGIN, best_share

GAINED = ("negated claims", "negated questions", "negated lists")
RULES = {"margin": MARGIN, "none": 0.0}
"""The largest loss of two rules."""


class Kept:
    """The answers of one run at every share.

    Attributes:
        g: the shares that were looked at.
        drift: mean cosine of neutral sentences with the base, at each.
        answers: part -> (shares, items).
        validation: the run's own curve.
    """

    def __init__(self, path: Path) -> None:
        """Read the file of a run."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        self.g, self.drift = arrays.pop("g"), arrays.pop("drift")
        found = {n.split("/")[1]: v for n, v in arrays.items() if n.startswith("validation/")}
        self.validation = found
        self.answers = {n: v for n, v in arrays.items() if not n.startswith("validation/")}

    def chosen(self, rule: str) -> float:
        """The g of a rule."""
        if rule == "whole" or not len(self.validation["g"]):
            return 1.0
        names = list(self.validation)
        curve = [
            dict(zip(names, map(float, row), strict=True))
            for row in zip(*self.validation.values(), strict=True)
        ]
        if rule == "shown":
            return best_share(curve)[0]
        if rule == "strict":
            # Under the base alone nothing is lost.
            return best_share([row for row in curve if row["worst"] <= 1e-12])[0]
        fine = [row for row in curve if row["loss"] <= RULES[rule] + 1e-12]
        return max(fine, key=lambda row: (row["repaired"], -row["g"]))["g"]

    def at(self, part: str, g: float) -> np.ndarray:
        """Answers at a share; between two that were looked at, a mean of both."""
        place = float(np.interp(g, self.g, np.arange(len(self.g))))
        low = min(int(place), len(self.g) - 2)
        near, far = self.answers[part][low].astype(float), self.answers[part][low + 1]
        return near * (1 - place + low) + far * (place - low)

    def share_of_drift(self, drift: float) -> float:
        """The share at which neutral sentences have moved so far; the whole where none has."""
        order = np.argsort(self.drift)
        return float(np.interp(drift, self.drift[order], self.g[order]))


Clusters = dict[str, dict[str, np.ndarray]]
"""Part -> kind of cluster -> the cluster of each item."""


def read(folder: Path) -> tuple[dict[str, dict[int, Kept]], Clusters]:
    """Label -> seed -> run, and the clusters of all items."""
    runs: dict[str, dict[int, Kept]] = defaultdict(dict)
    for path in sorted(folder.glob("*, seed *.npz")):
        label, seed = path.stem.rsplit(", seed ", 1)
        runs[label][int(seed)] = Kept(path)
    clusters: Clusters = defaultdict(dict)
    with np.load(folder / "clusters.npz") as file:
        for name in file.files:
            part, kind = name.split("/")
            clusters[part][kind] = np.unique(file[name], return_inverse=True)[1]
    return dict(runs), dict(clusters)


def mean_change(changes: Sequence[np.ndarray], clusters: dict) -> tuple[float, float, float]:
    """Mean over seeds of the mean change of a part's items, with its interval."""
    found = clustered_mean(np.mean(changes, axis=0), clusters)
    seeds, spread = len(changes), 0.0
    if seeds > 1:
        means = [change.mean() for change in changes]
        spread = student.ppf(0.975, seeds - 1) * np.std(means, ddof=1) / np.sqrt(seeds)
    below, above = (np.hypot(found.value - end, spread) for end in (found.low, found.high))
    return found.value, found.value - float(below), found.value + float(above)


def cell(found: tuple[float, float, float]) -> str:
    value, low, high = found
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def print_base(runs, clusters: Clusters) -> None:
    """What the base answers, which every run does at a share of 0."""
    first = next(iter(next(iter(runs.values())).values()))
    print("\n**The base**\n\n| part | items | patients | right |\n| --- | --- | --- | --- |")
    for part, kinds in clusters.items():
        found = clustered_mean(first.answers[part][0].astype(float), kinds)
        patients = len(set(kinds["patients"].tolist()))
        print(
            f"| {part} | {found.n} | {patients} | {found.value:.3f} "
            f"[{found.low:.3f}, {found.high:.3f}] |"
        )


def print_no_harm(runs, clusters: Clusters, rule: str) -> None:
    """Each setting at its own g against the base, on what is to gain and what must not be lost."""
    parts = [p for p in (*GAINED, *KEPT) if p in clusters]
    print(f"\n**Against the base, g by the rule `{rule}`**\n")
    print("| setting | seeds | g |", " | ".join(parts), "| neutral cosine | no harm |")
    print("| --- " * (len(parts) + 5) + "|")
    for label, seeds in runs.items():
        shares = {seed: run.chosen(rule) for seed, run in seeds.items()}
        found = {
            part: mean_change(
                [run.at(part, shares[s]) - run.answers[part][0] for s, run in seeds.items()],
                clusters[part],
            )
            for part in parts
        }
        fine = [part for part in parts if part in KEPT and found[part][1] > -MARGIN]
        drift = np.mean([np.interp(shares[s], run.g, run.drift) for s, run in seeds.items()])
        said = " ".join(f"{g:.1f}" for g in shares.values())
        kept = sum(part in KEPT for part in parts)
        cells = " | ".join(cell(found[part]) for part in parts)
        print(
            f"| {label} | {len(seeds)} | {said} | {cells} | {drift:.2f} | {len(fine)} of {kept} |"
        )


def print_equal(runs, clusters: Clusters, rule: str, against: str) -> None:
    """Each setting minus another one, at each one's g and where both have moved equally far."""
    parts = [p for p in (*GAINED, *KEPT) if p in clusters]
    for title, equal in (("each at its own g", False), ("at equal drift", True)):
        print(f"\n**Minus {against}, {title} (rule `{rule}`)**\n")
        print("| setting | seeds |", " | ".join(parts), "|")
        print("| --- " * (len(parts) + 2) + "|")
        for label, seeds in runs.items():
            both = [s for s in seeds if s in runs[against]]
            if label == against or not both:
                continue
            cells = []
            for part in parts:
                changes = []
                for seed in both:
                    one, other = seeds[seed], runs[against][seed]
                    share, other_share = one.chosen(rule), other.chosen(rule)
                    if equal:
                        moved = float(np.interp(other_share, other.g, other.drift))
                        share = one.share_of_drift(moved)
                    changes.append(one.at(part, share) - other.at(part, other_share))
                cells.append(cell(mean_change(changes, clusters[part])))
            print(f"| {label} | {len(both)} |", " | ".join(cells), "|")


def picture(runs, rule: str, out: Path) -> None:
    """Denials over harm along g: a line per setting, a dot at the chosen g."""
    from matplotlib import pyplot as plt

    grid = np.linspace(0, 1, 11)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    for label, seeds in runs.items():
        parts = next(iter(seeds.values())).answers
        g = float(np.mean([run.chosen(rule) for run in seeds.values()]))

        def mean(parts, g, seeds=seeds):
            return np.mean([run.at(part, g).mean() for run in seeds.values() for part in parts])

        def spot(g, seeds=seeds, parts=parts):
            kept = [part for part in KEPT if part in parts]
            drift = [np.interp(g, run.g, run.drift) for run in seeds.values()]
            return mean(kept, 0.0) - mean(kept, g), 1 - np.mean(drift), mean(GAINED[:2], g)

        line, dot = np.array([spot(g) for g in grid]), spot(g)
        for place, axis in enumerate(axes):
            (drawn,) = axis.plot(line[:, place], line[:, 2], label=label, marker=".", ms=3, lw=1.2)
            axis.plot(dot[place], dot[2], "o", color=drawn.get_color(), ms=7)
    axes[0].axvline(MARGIN, color="gray", lw=0.8, ls=":")
    axes[0].set_xlabel("mean loss elsewhere (dotted: the margin)")
    axes[1].set_xlabel("neutral sentences: 1 - cosine with the base")
    axes[0].set_ylabel("denials answered right (claims and questions)")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("answers", type=Path)
    parser.add_argument("--rule", nargs="+", default=["shown", "margin", "none", "whole"])
    parser.add_argument("--against", nargs="+", default=["uniform"])
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    runs, clusters = read(asked.answers)
    print_base(runs, clusters)
    for rule in asked.rule:
        print_no_harm(runs, clusters, rule)
    for other in asked.against:
        print_equal(runs, clusters, asked.rule[0], other)
    if asked.picture:
        picture(runs, asked.rule[0], asked.picture)


if __name__ == "__main__":
    main()
