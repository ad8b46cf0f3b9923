"""Which layer policy and which objective to choose: all of them, over seeds.

    python benchmarks/layer_policies.py WORK phantom-minilm [--seeds 5] [--steps 30] [--only ...]

Trains on phantom patients of one seed and scores on all patients of another, which no choice has
seen. Policies are compared at the NAST objective, objectives at the uniform and at the traced
policy, all after the same number of steps. Each stage leaves a folder; finished ones are not made
again. Prints Markdown.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from scipy import stats

from nast.benchmark.build import build_benchmark
from nast.contextual.build import build_contextual
from nast.evaluation.evaluate import evaluate
from nast.evaluation.metrics import item_values
from nast.models.registry import load_model
from nast.phantom.write import build_phantom
from nast.sources.collect import build_facts
from nast.store import read_json
from nast.training.run import build_run
from nast.training.trainer import TrainConfig
from nast.weighting import (
    LayerWeights,
    build_trace,
    layer_weights,
    read_layer_weights,
    reordered,
    uniform,
)

SETTINGS = {
    "phantom": {"learning_rate": 2e-3, "captions": 32, "claims": 20},
    "phantom-minilm": {"learning_rate": 1e-3, "captions": 12, "claims": 8},
}
"""Learning rates were chosen with uniform LoRA on validation patients."""
PROFILES = {
    "phantom": ("scope", "drop", "attention", "gradnorm"),
    "phantom-minilm": ("cue", "drop", "gradnorm"),
}
"""Layer scores that are tried; the first one is the traced policy of the objectives. The phantom's
`cue` is within its noise, and `scope` has the shape of `cue` on phantom-minilm."""
SHOWN = (
    ("claims/accuracy", "negated"), ("claims/accuracy", "affirmative"),
    ("questions/accuracy", "negated"), ("questions/accuracy", "affirmative"),
    ("questions/accuracy", "omitted"), ("retrieval image to text/R@1", "negated"),
    ("retrieval image to text/R@5", "negated"), ("retrieval image to text/R@5", "affirmative"),
)  # fmt: skip


def data(work: Path, name: str, patients: int, seed: int, groups: int, questions: int) -> Path:
    """A tree of phantom patients with its facts, questions and claim sets."""
    tree = work / name
    build_phantom(tree / "phantom", patients, seed)
    build_facts([f"mimic-cxr-jpg:{tree / 'phantom'}",
                 f"cad-chest:{tree / 'phantom' / 'cad_disease.json'}"], tree / "facts")  # fmt: skip
    build_benchmark(tree / "facts", tree / "questions", limit=questions)
    build_contextual(tree / "facts", tree / "claims", groups=groups)
    return tree


def profiles(model: str, facts: Path, folder: Path, store: Path) -> dict[str, LayerWeights]:
    """Layer weights of every policy: profiles that stand out of their noise, and controls."""
    base = load_model(model)
    found = {"uniform": uniform(base.text.n_layers)}
    for name in PROFILES[model]:
        build_trace(base, facts, folder / f"trace-{name}", aggregation=name, store=store)
        file = folder / f"trace-{name}" / "layer_weights.json"
        known, weights = read_json(file), read_layer_weights(file)
        shown = [[round(v, 3) for v in values] for values in (known["score"], weights.scale)]
        print(f"- {name}: scores {shown[0]}, steps {shown[1]}", flush=True)
        if known["within_noise"]:
            print("  within its noise, so the same as uniform: not trained")
            continue
        found[name] = weights
        if name == PROFILES[model][0]:
            backwards = list(range(len(weights.scale), 0, -1))
            found["reversed"] = reordered(weights, backwards)
            found["as printed"] = layer_weights(known["score"], floor=0.0, renorm="max")
    return found


def arms(model: str, weights: dict[str, LayerWeights]) -> Iterator[tuple[str, dict, LayerWeights]]:
    """Label, settings and layer weights of everything that is trained."""
    for name, policy in weights.items():
        mode = {"mode": "gradient"} if name == "as printed" else {}
        yield f"nast, {name}", mode, policy
    for objective in ("clip", "negclip", "conclip", "negbench"):
        for name in ("uniform", PROFILES[model][0]):
            yield f"{objective}, {name}", {"objective": objective}, weights[name]


def trained(asked: argparse.Namespace, train: Path, folder: Path, store: Path) -> dict[str, Path]:
    """Label with its seed -> run folder."""
    runs, model = {}, asked.model
    weights = profiles(model, train / "facts", folder, store)
    for seed in range(asked.seeds):
        for label, settings, policy in arms(model, weights):
            if asked.only and label not in asked.only:
                continue
            run = folder / "runs" / f"{label}#{seed}"
            config = TrainConfig(seed=seed, steps=asked.steps, **SETTINGS[model], **settings)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="mode='gradient'")
                build_run(load_model(model), model, train / "facts", train / "claims", run,
                          policy, config, store=store)  # fmt: skip
            runs[run.name] = run
    return runs


def table(scores: pl.DataFrame, comparisons: list, metrics: dict, baseline: str) -> None:
    """One row per model: figures, and the difference from uniform by patients and by seeds."""
    values = item_values(scores)
    means = values.group_by("model", "metric", "form").agg(pl.col("value").mean())
    label = pl.col("model").str.replace(r"#\d+$", "")
    means = means.with_columns(label.alias("label"), pl.col("model").str.extract(r"#(\d+)$"))
    for metric, form in SHOWN:
        print(f"\n**{metric}, {form}**\n\n| | mean | sd of seeds | minus uniform, interval over "
              "patients | p, Holm | interval over seeds |\n|---|---|---|---|---|---|")  # fmt: skip
        rows = means.filter(metric=metric, form=form)
        base = rows.filter(label=baseline).sort("model")["value"].to_list()
        for name, figures in metrics.items():
            figure = figures.get(f"{metric}/{form}")
            if figure is None:
                continue
            low, high = figure["interval"]
            line = [name, f"{figure['value']:.3f} [{low:.3f}, {high:.3f}]",
                    f"{figure.get('seed_sd', float('nan')):.3f}"]  # fmt: skip
            line += against(comparisons, f"{metric}/{form}", name, baseline)
            own = rows.filter(label=name).sort("model")["value"].to_list()
            if len(own) == len(base) > 1 and name != baseline:
                change = [a - b for a, b in zip(own, base, strict=True)]
                low, high = stats.t.interval(0.95, len(change) - 1, loc=sum(change) / len(change),
                                             scale=max(stats.sem(change), 1e-12))  # fmt: skip
                line.append(f"[{low:+.3f}, {high:+.3f}]")
            else:
                line.append("")
            print("| " + " | ".join(line) + " |")


def against(comparisons: list, figure: str, name: str, baseline: str) -> list[str]:
    """The paired difference of a model from the baseline, and its corrected p."""
    for row in comparisons:
        sign = {(name, baseline): 1, (baseline, name): -1}.get((row["model"], row["reference"]))
        if row["figure"] == figure and sign:
            low, high = sorted(sign * v for v in row["interval"])
            return [f"{sign * row['value']:+.3f} [{low:+.3f}, {high:+.3f}]",
                    f"{row['p_holm']:.3g}"]  # fmt: skip
    return ["", ""]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("model", choices=SETTINGS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--only", nargs="+", help='labels such as "nast, uniform"')
    asked = parser.parse_args()
    train = data(asked.work, "train", patients=500, seed=11, groups=150, questions=80)
    test = data(asked.work, "test", patients=150, seed=12, groups=60, questions=40)
    folder, store = asked.work / f"{asked.model}-{asked.steps}", asked.work / "store"
    runs = trained(asked, train, folder, store)
    models = [load_model(asked.model, "base")]
    models += [load_model(f"run:{run}", name) for name, run in runs.items()]
    evaluate(models, [test / "questions", test / "claims"], folder / "scores", split="all",
             store=store)  # fmt: skip
    scores = pl.read_parquet(folder / "scores" / "scores.parquet")
    table(scores, read_json(folder / "scores" / "comparisons.json"),
          read_json(folder / "scores" / "metrics.json"), "nast, uniform")  # fmt: skip


if __name__ == "__main__":
    main()
