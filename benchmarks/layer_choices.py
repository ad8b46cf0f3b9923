"""Which layers and which objective to choose: all of them, over seeds.

    python benchmarks/layer_choices.py WORK phantom-minilm [--seeds 5] [--steps 30] [--only ...]

Trains on phantom patients of one seed and scores on all patients of another, which no choice has
seen. Layers are compared at the NAST objective, objectives at uniform and at traced layers, all
after the same number of steps. Each stage leaves a folder; finished ones are not made
again. Prints Markdown.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

from layer_tables import print_concentration, print_differences, print_moved, print_values

from nast.benchmark.build import build_benchmark
from nast.contextual.build import build_contextual
from nast.evaluation import evaluate
from nast.layers import LayerWeights, controls, layer_weights, only, reordered, uniform
from nast.models.registry import load_model
from nast.phantom.write import build_phantom
from nast.sources.collect import build_facts
from nast.tracing.build import build_trace
from nast.tracing.choose import read_traced
from nast.tracing.trace_config import TraceConfig
from nast.training.run import build_run
from nast.training.train_config import TrainConfig

BASELINE = "nast, uniform"
"""What every model is compared with; always trained."""
SETTINGS = {
    "phantom": {"captions": 32, "claims": 20},
    "phantom-minilm": {"captions": 12, "claims": 8},
}
RATES = {"phantom": 2e-3, "phantom-minilm": 1e-3}
"""Learning rates, chosen for the `nast` objective with uniform LoRA on validation patients."""
TUNED = {
    "phantom": {"learning_rate": 1e-4, "captions": 96},
    "phantom-minilm": {"learning_rate": 1e-4},
}
"""What serves the rivals best there, of `rival_rates.yaml` and `rival_rates_minilm.yaml`."""
PROFILES = {
    "phantom": ("scope", "drop", "attention", "gradnorm"),
    "phantom-minilm": ("cue", "drop", "module", "attention", "gradnorm"),
}
"""Layer scores that are tried; the first one is traced for the objectives. The phantom's
`cue` is within its noise, and `scope` has the shape of `cue` on phantom-minilm."""
FRONT = {"phantom": 4, "phantom-minilm": 3}
"""Blocks of `front-K`."""
BETAS = (0.5, 2.0)
MLP = {
    "phantom": {"lora": "mlp", "rank": 6, "alpha": 12},
    "phantom-minilm": {"lora": "mlp", "rank": 6, "alpha": 12},
}
"""LoRA on the MLPs instead of the attention, with about as many parameters."""


def data(work: Path, patients: int, seed: int, groups: int, questions: int) -> Path:
    """A tree of phantom patients with its facts, questions and claim sets."""
    tree = work / f"patients-{seed}"
    build_phantom(tree / "phantom", patients, seed)
    build_facts(
        [f"mimic-cxr-jpg:{tree / 'phantom'}", f"cad-chest:{tree / 'phantom' / 'cad_disease.json'}"],
        tree / "facts",
    )
    build_benchmark(tree / "facts", tree / "questions", limit=questions)
    build_contextual(tree / "facts", tree / "claims", groups=groups)
    return tree


def profiles(model: str, facts: Path, folder: Path, vectors: Path) -> dict[str, LayerWeights]:
    """Layer weights of every choice: profiles that stand out of their noise, and controls."""
    base, first = load_model(model), PROFILES[model][0]
    layers = base.text.n_layers
    found = {"uniform": uniform(layers)}
    for name in (*PROFILES[model], "failing"):
        # `failing` is the first profile again, traced on what the base gets wrong.
        failing = name == "failing"
        config = TraceConfig(aggregation=first if failing else name, failing=failing)
        build_trace(base, facts, folder / f"trace-{name}", config, vectors=vectors)
        traced = read_traced(folder / f"trace-{name}")
        parts = (traced.profile.score, traced.weights.scale)
        shown = [[round(v, 3) for v in values] for values in parts]
        print(f"- {name}: scores {shown[0]}, steps {shown[1]}", flush=True)
        if traced.profile.within_noise:
            print("  within its noise, so the same as uniform: not trained")
            continue
        found[name] = traced.weights
    scores = read_traced(folder / f"trace-{first}").profile.score
    found["as printed"] = layer_weights(scores, floor=0.0, renorm="max")
    found |= {f"beta {beta:g}": layer_weights(scores, beta=beta) for beta in BETAS}
    for name, shape in (("reversed", first), ("beta 0.5 reversed", "beta 0.5")):
        found[name] = reordered(found[shape], list(range(layers, 0, -1)))
    found[f"front-{FRONT[model]}"] = only(layers, list(range(1, FRONT[model] + 1)))
    return found


def arms(
    asked: argparse.Namespace, train: Path, folder: Path, vectors: Path
) -> Iterator[tuple[str, int, dict, LayerWeights]]:
    """Label, seed, settings and layer weights of everything that is trained, seed by seed."""
    model, first = asked.model, PROFILES[asked.model][0]
    weights = profiles(model, train / "facts", folder, vectors)
    for seed in range(asked.first, asked.first + asked.seeds):
        mixed = {
            name: controls(weights[shape], weights[shape].scale, seed=seed)["random"]
            for name, shape in (("random", first), ("beta 0.5 random", "beta 0.5"))
        }
        for name, layers in {**weights, **mixed}.items():
            mode = {"mode": "gradient"} if name == "as printed" else {}
            yield f"nast, {name}", seed, mode, layers
        yield "nast, mlp", seed, MLP[model], weights["uniform"]
        for objective in ("clip", "negclip", "conclip", "negbench"):
            for name in ("uniform", first):
                yield f"{objective}, {name}", seed, {"objective": objective}, weights[name]
            tuned = {"objective": objective, **TUNED[model]}
            yield f"{objective}, tuned", seed, tuned, weights["uniform"]
    if not asked.only or "nast, pilot" in asked.only:
        after = pilot(train, folder, vectors)
        for seed in range(asked.first, asked.first + asked.seeds):
            yield "nast, pilot", seed, {}, after


def pilot(train: Path, folder: Path, vectors: Path) -> LayerWeights:
    """Where the first uniform run, finished by now, moves the signal."""
    model = load_model(f"pilot=run:{folder / 'runs' / f'{BASELINE}, seed 0'}")
    config, out = TraceConfig(aggregation="drop"), folder / "trace-pilot"
    build_trace(model, train / "facts", out, config, vectors=vectors)
    return read_traced(out).weights


def trained(
    asked: argparse.Namespace, train: Path, folder: Path, vectors: Path
) -> dict[str, list[Path]]:
    """Label -> the run folders of its seeds."""
    runs: dict[str, list[Path]] = {}
    model = asked.model
    for label, seed, settings, layers in arms(asked, train, folder, vectors):
        if asked.only and label not in (*asked.only, BASELINE):
            continue
        run = folder / "runs" / f"{label}, seed {seed}"
        config = TrainConfig(
            **{
                "seed": seed,
                "steps": asked.steps,
                "learning_rate": RATES[model],
                **SETTINGS[model],
                **settings,
            }
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="mode='gradient'")
            build_run(
                load_model(model),
                model,
                train / "facts",
                train / "claims",
                run,
                layers,
                config,
                vectors=vectors,
            )
        runs.setdefault(label, []).append(run)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("model", choices=SETTINGS)
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument(
        "--test",
        type=int,
        nargs=2,
        default=(12, 150),
        help="seed and number of the patients that are scored",
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--only", nargs="+", help='labels such as "nast, uniform"')
    asked = parser.parse_args()
    train = data(asked.work, patients=500, seed=11, groups=150, questions=80)
    seed, patients = asked.test
    test = data(asked.work, patients, seed, groups=patients * 2 // 5, questions=patients * 4 // 15)
    folder, vectors = asked.work / f"{asked.model}-{asked.steps}", asked.work / "vectors"
    runs = trained(asked, train, folder, vectors)
    # What is compared with comes before what is compared.
    labels = [BASELINE, *(label for label in runs if label != BASELINE)]
    models = [load_model(f"run:{run}", label) for label in labels for run in runs[label]]
    scores = folder / f"scores-{seed}"
    base = load_model(asked.model, "base")
    evaluate(
        [*models, base], [test / "questions", test / "claims"], scores, split="all", vectors=vectors
    )
    print_values(scores)
    print_differences(scores, BASELINE)
    print_concentration(scores, runs)
    print_moved(base, runs[BASELINE], train / "facts", vectors)


if __name__ == "__main__":
    main()
