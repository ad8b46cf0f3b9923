"""Whether any repair does no harm, and whether a trace is worth anything at equal harm.

    python benchmarks/layer_policies.py WORK phantom [--seeds 5] [--first 0] [--only LABEL ...]

Trains every layer profile and objective on phantom patients of one seed, and lets every share g of
each run answer the items of fresh patients of another seed, which no choice has seen. g is chosen
on the validation patients of the first. Answers are kept, a file per run; finished ones are not
made again. `equal_harm.py` makes the tables and the picture of them.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import torch

from nast.benchmark.build import build_benchmark
from nast.contextual.build import build_contextual
from nast.files import MANIFEST, atomic, manifest_of, read_json
from nast.folders import seal_folder
from nast.layers import LayerWeights, controls, layer_weights, only, reordered, uniform
from nast.models.registry import load_model
from nast.phantom.write import build_phantom
from nast.scoring.neutral import neutral_sentences
from nast.sources.collect import build_facts
from nast.tracing.build import build_trace
from nast.tracing.choose import read_traced
from nast.tracing.trace_config import TraceConfig
from nast.training.interpolation import share_taken
from nast.training.run import build_run
from nast.training.train_config import TrainConfig
from nast.training.validation import validation_of
from nast.vectors import Vectors

SETTINGS = {
    "phantom": {"captions": 32, "claims": 20, "learning_rate": 2e-3, "steps": 60},
    "phantom-minilm": {"captions": 12, "claims": 8, "learning_rate": 1e-3, "steps": 100},
}
"""Learning rates were chosen for uniform LoRA on validation patients (`phantom_grid.yaml`)."""
TRACED = {"phantom": "scope", "phantom-minilm": "cue"}
"""The profile of the trace; the phantom's `cue` is within its noise."""
FRONT = {"phantom": 4, "phantom-minilm": 3}
RIVALS = ("clip", "negclip", "conclip", "negbench")
RIVAL_RATES = (1e-4, 5e-4, 2e-3)
"""Each rival is trained at each; the validation patients choose."""
SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
"""The g that answer the fresh patients' items; values between them are interpolated."""


def data(work: Path, patients: int, seed: int, *, test: bool) -> Path:
    """A tree of phantom patients with facts, questions and claim sets; fresh ones are `test`."""
    tree = work / f"patients-{seed}-{patients}"
    phantom = tree / "phantom"
    build_phantom(phantom, patients, seed)
    sources = [f"mimic-cxr-jpg:{phantom}", f"cad-chest:{phantom / 'cad_disease.json'}"]
    if not (tree / "facts").is_dir():
        build_facts(sources, tree / "facts")
        if test:
            as_test(tree / "facts")
    build_benchmark(tree / "facts", tree / "questions", limit=patients * 4 // 15)
    groups = patients * 2 // 5
    build_contextual(tree / "facts", tree / "claims", groups=groups, lists=2 * patients)
    return tree


def as_test(facts: Path) -> None:
    """Make every patient of a facts folder a test patient."""
    for name in ("studies", "facts"):
        path = facts / f"{name}.parquet"
        pl.read_parquet(path).with_columns(split=pl.lit("test")).write_parquet(path)
    made = {k: v for k, v in read_json(facts / MANIFEST).items() if k != "files"}
    seal_folder(facts, made)


def profiles(model: str, facts: Path, folder: Path, vectors: Path) -> dict[str, LayerWeights]:
    """Layer weights of every choice that is the same for all seeds."""
    base, first = load_model(model), TRACED[model]
    layers = base.text.n_layers
    found = {"uniform": uniform(layers)}
    for name in dict.fromkeys((first, "cue", "gradnorm")):
        config = TraceConfig(aggregation=name)
        build_trace(base, facts, folder / f"trace-{name}", config, vectors=vectors)
        traced = read_traced(folder / f"trace-{name}")
        if traced.profile.within_noise:
            print(f"- {name}: within its noise, so the same as uniform: not trained", flush=True)
            continue
        found[name] = traced.weights
    scores = read_traced(folder / f"trace-{first}").profile.score
    found[f"{first}, beta 0.5"] = layer_weights(scores, beta=0.5)
    found["reversed"] = reordered(found[first], list(range(layers, 0, -1)))
    found[f"front-{FRONT[model]}"] = only(layers, list(range(1, FRONT[model] + 1)))
    return found


def arms(asked: argparse.Namespace, weights: dict[str, LayerWeights]):
    """Label, seed, settings and layer weights of everything that is trained, seed by seed."""
    first = TRACED[asked.model]
    for seed in range(asked.first, asked.first + asked.seeds):
        mixed = controls(weights[first], weights[first].scale, seed=seed)["random"]
        for name, layers in {**weights, "random": mixed}.items():
            yield name, seed, {}, layers
        for objective in RIVALS:
            for rate in RIVAL_RATES:
                settings = {"objective": objective, "learning_rate": rate}
                yield f"{objective}, {rate:g}", seed, settings, weights["uniform"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("model", choices=SETTINGS)
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--test", type=int, nargs=2, default=(101, 1900), help="seed and patients")
    parser.add_argument("--train", type=int, nargs=2, default=(11, 1000), help="seed and patients")
    parser.add_argument("--only", nargs="+", help='labels such as "uniform"')
    asked = parser.parse_args()
    seed, patients = asked.train
    train = data(asked.work, patients, seed, test=False)
    seed, patients = asked.test
    fresh = data(asked.work, patients, seed, test=True)
    folder, vectors = asked.work / asked.model, asked.work / "vectors"
    base = load_model(asked.model)
    known = Vectors(base, vectors)
    items = validation_of(known, [fresh / "claims", fresh / "questions"], "test", 10**9)
    print({name: len(part.answers) for name, part in items.parts.items()}, flush=True)
    weights = profiles(asked.model, train / "facts", folder, vectors)
    answers = folder / f"answers-{seed}-{patients}"
    answers.mkdir(parents=True, exist_ok=True)
    keep_items(answers, items)
    for label, number, settings, layers in arms(asked, weights):
        out = answers / f"{label}, seed {number}.npz"
        if (asked.only and label not in asked.only) or out.is_file():
            continue
        start = time.perf_counter()
        run = folder / "runs" / f"{label}, seed {number}"
        config = TrainConfig(**{"seed": number, **SETTINGS[asked.model], **settings})
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="mode='gradient'")
            made = build_run(
                load_model(asked.model),
                asked.model,
                train / "facts",
                train / "claims",
                run,
                layers,
                config,
                benchmark=train / "questions",
                vectors=vectors,
            )
        trained = time.perf_counter()
        keep_answers(out, run, base, items)
        took = f"{trained - start:.0f} s + {time.perf_counter() - trained:.0f} s"
        print(f"{label}, seed {number}: g {made['g']:g}, {took}", flush=True)


def keep_items(folder: Path, items) -> None:
    """Whose image each item is of, by part."""
    patients = {name: np.array(part.patients) for name, part in items.parts.items()}
    np.savez_compressed(folder / "patients.npz", **patients)


def keep_answers(out: Path, run: Path, base, items) -> None:
    """What every share of a run answers, how far it moves neutral sentences, and its curve."""
    model = load_model(f"run:{run}@1")
    neutral = [sentence for group in neutral_sentences().values() for sentence in group]
    before = base.encode_texts(neutral)
    found: dict[str, list[np.ndarray]] = {}
    drift = []
    for g in SHARES:
        with share_taken(model, g):
            for name, right in items.right(model).items():
                found.setdefault(name, []).append(right.astype(np.uint8))
            drift.append(float((before * model.encode_texts(neutral)).sum(dim=1).mean()))
    curve = manifest_of(run)["curve"]
    validation = {
        f"validation/{key}": np.array([row[key] for row in curve])
        for key in ("g", "repaired", "loss", "half_width")
    }
    arrays = {name: np.stack(rows) for name, rows in found.items()}
    with atomic(out) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, g=np.array(SHARES), drift=np.array(drift), **arrays, **validation)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
