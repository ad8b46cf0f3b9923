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

from policy_tables import print_concentration, print_differences, print_moved, print_tables

from nast.benchmark.build import build_benchmark
from nast.contextual.build import build_contextual
from nast.evaluation import evaluate
from nast.files import read_json
from nast.layers import (
    LayerWeights,
    build_trace,
    controls,
    layer_weights,
    only,
    read_layer_weights,
    reordered,
    uniform,
)
from nast.models.registry import load_model
from nast.phantom.write import build_phantom
from nast.sources.collect import build_facts
from nast.training.config import TrainConfig
from nast.training.run import build_run

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
"""Layer scores that are tried; the first one is the traced policy of the objectives. The phantom's
`cue` is within its noise, and `scope` has the shape of `cue` on phantom-minilm."""
FRONT = {"phantom": 4, "phantom-minilm": 3}
"""Blocks of the policy `front-K`."""
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


def profiles(model: str, facts: Path, folder: Path, store: Path) -> dict[str, LayerWeights]:
    """Layer weights of every policy: profiles that stand out of their noise, and controls."""
    base, first = load_model(model), PROFILES[model][0]
    layers = base.text.n_layers
    found = {"uniform": uniform(layers)}
    for name in (*PROFILES[model], "failing"):
        # `failing` is the first profile again, traced on what the base gets wrong.
        known = (
            {"aggregation": first, "failing": True} if name == "failing" else {"aggregation": name}
        )
        build_trace(base, facts, folder / f"trace-{name}", store=store, **known)
        file = folder / f"trace-{name}" / "layer_weights.json"
        written, weights = read_json(file), read_layer_weights(file)
        shown = [[round(v, 3) for v in values] for values in (written["score"], weights.scale)]
        print(f"- {name}: scores {shown[0]}, steps {shown[1]}", flush=True)
        if written["within_noise"]:
            print("  within its noise, so the same as uniform: not trained")
            continue
        found[name] = weights
    scores = read_json(folder / f"trace-{first}" / "layer_weights.json")["score"]
    found["as printed"] = layer_weights(scores, floor=0.0, renorm="max")
    found |= {f"beta {beta:g}": layer_weights(scores, beta=beta) for beta in BETAS}
    for name, shape in (("reversed", first), ("beta 0.5 reversed", "beta 0.5")):
        found[name] = reordered(found[shape], list(range(layers, 0, -1)))
    found[f"front-{FRONT[model]}"] = only(layers, list(range(1, FRONT[model] + 1)))
    return found


def arms(
    asked: argparse.Namespace, train: Path, folder: Path, store: Path
) -> Iterator[tuple[str, int, dict, LayerWeights]]:
    """Label, seed, settings and layer weights of everything that is trained, seed by seed."""
    model, first = asked.model, PROFILES[asked.model][0]
    weights = profiles(model, train / "facts", folder, store)
    for seed in range(asked.first, asked.first + asked.seeds):
        mixed = {
            name: controls(weights[shape], weights[shape].scale, seed=seed)["random"]
            for name, shape in (("random", first), ("beta 0.5 random", "beta 0.5"))
        }
        for name, policy in {**weights, **mixed}.items():
            mode = {"mode": "gradient"} if name == "as printed" else {}
            yield f"nast, {name}", seed, mode, policy
        yield "nast, mlp", seed, MLP[model], weights["uniform"]
        for objective in ("clip", "negclip", "conclip", "negbench"):
            for name in ("uniform", first):
                yield f"{objective}, {name}", seed, {"objective": objective}, weights[name]
            tuned = {"objective": objective, **TUNED[model]}
            yield f"{objective}, tuned", seed, tuned, weights["uniform"]
    if not asked.only or "nast, pilot" in asked.only:
        after = pilot(train, folder, store)
        for seed in range(asked.first, asked.first + asked.seeds):
            yield "nast, pilot", seed, {}, after


def pilot(train: Path, folder: Path, store: Path) -> LayerWeights:
    """Where the first uniform run, finished by now, moves the signal."""
    model = load_model(f"run:{folder / 'runs' / f'{BASELINE}#0'}", "pilot")
    build_trace(model, train / "facts", folder / "trace-pilot", aggregation="drop", store=store)
    return read_layer_weights(folder / "trace-pilot" / "layer_weights.json")


def trained(asked: argparse.Namespace, train: Path, folder: Path, store: Path) -> dict[str, Path]:
    """Label with its seed -> run folder."""
    runs, model = {}, asked.model
    for label, seed, settings, policy in arms(asked, train, folder, store):
        if asked.only and label not in (*asked.only, BASELINE):
            continue
        run = folder / "runs" / f"{label}#{seed}"
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
                policy,
                config,
                store=store,
            )
        runs[run.name] = run
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
    folder, store = asked.work / f"{asked.model}-{asked.steps}", asked.work / "store"
    runs = trained(asked, train, folder, store)
    models = [load_model(asked.model, "base")]
    models += [load_model(f"run:{run}", name) for name, run in runs.items()]
    evaluate(
        models,
        [test / "questions", test / "claims"],
        folder / f"scores-{seed}",
        split="all",
        store=store,
    )
    seeds: dict[str, list[Path]] = {}
    for name, run in runs.items():
        seeds.setdefault(name.partition("#")[0], []).append(run)
    print_tables(folder / f"scores-{seed}", seeds)
    print_differences(folder / f"scores-{seed}", BASELINE)
    print_concentration(folder / f"scores-{seed}", seeds)
    print_moved(load_model(asked.model, "base"), seeds[BASELINE], train / "facts", store)


if __name__ == "__main__":
    main()
