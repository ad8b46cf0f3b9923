"""What `layer_policies.py` prints: Tables 1-4, differences from uniform, what goes with them."""

from pathlib import Path
from statistics import mean, stdev

import polars as pl
from scipy import stats
from statsmodels.stats.multitest import multipletests

from nast.files import read_json
from nast.measuring.metrics import item_values
from nast.models.contract import DualEncoder
from nast.models.registry import load_model
from nast.reporting.tables import markdown, tables_of
from nast.sources.collect import read_facts
from nast.tracing.aggregate import merged
from nast.tracing.measures import trace_tables
from nast.training.updates import top_share
from nast.vectors import Vectors

SHOWN = (
    ("claims/accuracy", "negated"),
    ("claims/accuracy", "affirmative"),
    ("questions/accuracy", "negated"),
    ("questions/accuracy", "affirmative"),
    ("questions/accuracy", "omitted"),
)
MOVED = ("cue", "drop", "scope", "gradnorm")


def print_tables(scores: Path, seeds: dict[str, list[Path]]) -> None:
    """Tables 1-4 and the questions, as `nast report` makes them; seeds are averaged.

    Args:
        scores: folder of `nast evaluate`.
        seeds: label -> its run folders.
    """
    updates = {
        name: [read_json(run / "updates.json") for run in runs] for name, runs in seeds.items()
    }
    for table in tables_of(read_json(scores / "metrics.json"), updates):
        print(f"\n{markdown(table)}")


def _of_seeds(scores: Path) -> pl.DataFrame:
    """Mean of every figure of every run: `label, seed, metric, form, value`."""
    values = item_values(pl.read_parquet(scores / "scores.parquet"))
    means = values.group_by("model", "metric", "form").agg(pl.col("value").mean())
    return means.with_columns(
        label=pl.col("model").str.replace(r"#\d+$", ""),
        seed=pl.col("model").str.extract(r"#(\d+)$"),
    )


def print_differences(scores: Path, baseline: str) -> None:
    """Every model minus the baseline: over patients, with Holm's correction, and over seeds."""
    figures, means = read_json(scores / "metrics.json"), _of_seeds(scores)
    pairs = read_json(scores / "comparisons.json")
    for metric, form in SHOWN:
        name = f"{metric}/{form}"
        found = {}
        for row in pairs:
            sign = 1 if row["reference"] == baseline else -1
            other = row["model"] if sign == 1 else row["reference"]
            if row["figure"] == name and baseline in (row["model"], row["reference"]):
                found[other] = (
                    sign * row["value"],
                    *sorted(sign * v for v in row["interval"]),
                    row["p"],
                )
        holm = dict(
            zip(
                found, multipletests([f[-1] for f in found.values()], method="holm")[1], strict=True
            )
        )
        print(
            f"\n**{name}, minus {baseline}**\n\n| | over patients | p, Holm | over seeds | sd of "
            "seeds |\n|---|---|---|---|---|"
        )
        rows = means.filter(metric=metric, form=form)
        for other, (value, low, high, _) in found.items():
            print(
                f"| {other} | {value:+.3f} [{low:+.3f}, {high:+.3f}] | {holm[other]:.2g} | "
                f"{_over_seeds(rows, other, baseline)} | "
                f"{figures[other][name].get('seed_sd', float('nan')):.3f} |"
            )


def _over_seeds(rows: pl.DataFrame, label: str, baseline: str) -> str:
    """95 % interval of the difference over the seeds that both have, and their number."""
    own, base = (rows.filter(label=name).select("seed", "value") for name in (label, baseline))
    both = own.join(base, on="seed")
    change = (both["value"] - both["value_right"]).to_list()
    if len(change) < 2:
        return ""
    low, high = stats.t.interval(
        0.95, len(change) - 1, loc=mean(change), scale=max(stats.sem(change), 1e-12)
    )
    return f"[{low:+.3f}, {high:+.3f}], {len(change)}"


def print_concentration(scores: Path, seeds: dict[str, list[Path]]) -> None:
    """Whether concentrated updates go with better negated claims, over runs of that objective."""
    rows = _of_seeds(scores).filter(metric="claims/accuracy", form="negated")
    accuracy = dict(rows.select("model", "value").rows())
    points: dict[str, list[tuple[float, float]]] = {}
    for name, runs in seeds.items():
        if name.startswith("nast, ") and name != "nast, mlp":
            points[name] = [
                (top_share(read_json(run / "updates.json")["parameters"], 3), accuracy[run.name])
                for run in runs
            ]
    # Seeds of one policy share its concentration: policies are the units, runs are shown beside.
    means = [tuple(map(mean, zip(*some, strict=True))) for some in points.values()]
    every = [point for some in points.values() for point in some]
    for pairs, what in ((means, "policies"), (every, "runs")):
        found = stats.spearmanr(*zip(*pairs, strict=True))
        print("\nConcentration (top 3 of the parameters' change) against negated claims: rank")
        print(f"correlation {found.statistic:+.2f} over {len(pairs)} {what}, p {found.pvalue:.2g}")


def print_moved(base: DualEncoder, runs: list[Path], facts: Path, store: Path) -> None:
    """Layer scores of the base and of what became of it: which block moves the signal now."""
    _, table = read_facts(facts)
    found: dict[str, list] = {}
    for model in (base, *(load_model(f"run:{run}", run.name) for run in runs)):
        scores = trace_tables(Vectors(model, store, "open"), table).scores
        for name in MOVED:
            found.setdefault(name, []).append(merged(scores, name)["score"].to_numpy())
    print("\n| score | block | base | after training: mean, sd over seeds |\n|---|---|---|---|")
    for name, (before, *after) in found.items():
        for block, value in enumerate(before):
            own = [float(profile[block]) for profile in after]
            spread = f", {stdev(own):.3f}" if len(own) > 1 else ""
            print(f"| {name} | {block + 1} | {value:.3f} | {mean(own):.3f}{spread} |")
