"""What `layer_choices.py` prints: metrics, differences from uniform, and what goes with them."""

from pathlib import Path
from statistics import mean, stdev

import polars as pl
from scipy import stats

from nast.files import manifest_of, read_json, read_table
from nast.measuring.read import read_scored
from nast.measuring.ties import TIES
from nast.measuring.values import choice_values
from nast.models.contract import DualEncoder
from nast.models.registry import load_model
from nast.naming import run_setting
from nast.records import METRICS_SCHEMA
from nast.sources.collect import read_facts
from nast.tracing.aggregate import merged
from nast.tracing.trace import trace
from nast.vectors import Vectors

SHOWN = (
    ("claims", "negated"),
    ("claims", "affirmative"),
    ("questions", "negated"),
    ("questions", "affirmative"),
    ("questions", "omitted"),
)
MOVED = ("cue", "drop", "scope", "gradnorm")
WHOLE = ("condition", "subset", "control")
"""Columns that are blank in a metric of all items."""


def accuracies(scores: Path) -> pl.DataFrame:
    """Accuracies of all items, and their differences, of a folder of `nast evaluate`."""
    metrics = read_table(scores / "metrics.parquet", METRICS_SCHEMA)
    whole = [pl.col(name).is_null() for name in WHOLE]
    return metrics.filter(*whole, pl.col("low").is_not_null(), task="choice", statistic="accuracy")


def print_values(scores: Path) -> None:
    """Accuracy of every setting, its seeds pooled."""
    rows = accuracies(scores).filter(pl.col("reference").is_null())
    print("\n| | " + " | ".join(f"{form} {name}" for name, form in SHOWN) + " |")
    print("|---|" + "---|" * len(SHOWN))
    for (model,), part in rows.group_by("model", maintain_order=True):
        found = [part.filter(set=name, form=form) for name, form in SHOWN]
        cells = [f"{cell['value'][0]:.3f}" if len(cell) else "" for cell in found]
        print(f"| {model} | " + " | ".join(cells) + " |")


def print_differences(scores: Path, baseline: str) -> None:
    """Every setting minus the baseline: over patients, with Holm's correction, and over seeds."""
    rows = accuracies(scores).filter(reference=baseline)
    for name, form in SHOWN:
        print(
            f"\n**{form} {name}, minus {baseline}**\n\n| | over patients | p, Holm | over seeds |"
            "\n|---|---|---|---|"
        )
        for row in rows.filter(set=name, form=form).iter_rows(named=True):
            low, high = row["low"], row["high"]
            print(
                f"| {row['model']} | {row['value']:+.3f} [{low:+.3f}, {high:+.3f}] | "
                f"{row['p_holm']:.2g} | {_over_seeds(row['value'], row['seed_sd'], row['seeds'])} |"
            )


def _over_seeds(value: float, sd: float | None, seeds: int | None) -> str:
    """95 % interval of the difference over seeds, and their number."""
    if not sd or not seeds or seeds < 2:
        return ""
    low, high = stats.t.interval(0.95, seeds - 1, loc=value, scale=sd / seeds**0.5)
    return f"[{low:+.3f}, {high:+.3f}], {seeds}"


def print_concentration(scores: Path, runs: dict[str, list[Path]]) -> None:
    """Whether concentrated updates go with better negated claims, over runs of that objective."""
    scored = read_scored([scores])
    values = choice_values(scored.scores, scored.items, TIES["default"])
    values = (
        values.filter(set="claims", form="negated")
        .group_by("model", "seed")
        .agg(pl.col("value").mean())
    )
    accuracy = {(model, seed): value for model, seed, value in values.iter_rows()}
    points: dict[str, list[tuple[float, float]]] = {}
    for label, folders in runs.items():
        if not label.startswith("nast, ") or label == "nast, mlp":
            continue
        for folder in folders:
            setting = run_setting(manifest_of(folder))
            share = sum(sorted(read_json(folder / "updates.json")["parameters"])[-3:])
            if setting:
                points.setdefault(label, []).append((share, accuracy[label, setting.seed]))
    # Seeds of one setting share its concentration: settings are the units, runs stand beside.
    means = [tuple(map(mean, zip(*some, strict=True))) for some in points.values()]
    every = [point for some in points.values() for point in some]
    for pairs, what in ((means, "settings"), (every, "runs")):
        found = stats.spearmanr(*zip(*pairs, strict=True))
        print("\nConcentration (top 3 of the parameters' change) against negated claims: rank")
        print(f"correlation {found.statistic:+.2f} over {len(pairs)} {what}, p {found.pvalue:.2g}")


def print_moved(base: DualEncoder, runs: list[Path], facts: Path, vectors: Path) -> None:
    """Layer scores of the base and of what became of it: which block moves the signal now."""
    known = read_facts(facts)
    found: dict[str, list] = {}
    for model in (base, *(load_model(f"run:{run}") for run in runs)):
        scores = trace(model, known, vectors=Vectors(model, vectors, "open")).scores
        for name in MOVED:
            found.setdefault(name, []).append(merged(scores, name)["score"].to_numpy())
    print("\n| score | block | base | after training: mean, sd over seeds |\n|---|---|---|---|")
    for name, (before, *after) in found.items():
        for block, value in enumerate(before):
            own = [float(profile[block]) for profile in after]
            spread = f", {stdev(own):.3f}" if len(own) > 1 else ""
            print(f"| {name} | {block + 1} | {value:.3f} | {mean(own):.3f}{spread} |")
