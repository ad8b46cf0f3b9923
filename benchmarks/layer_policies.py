"""Whether any repair does no harm, and whether a trace is worth anything at equal harm.

    python benchmarks/layer_policies.py WORK phantom [--seeds 5] [--first 0] [--only LABEL ...]

Trains every layer profile and objective on phantom patients of one seed, and lets each run answer
the items of fresh patients of another seed, which no choice has seen, at its chosen g and at some
others. g is chosen on the validation patients of the first; so is the learning rate of each rival,
with the first seed. Answers are kept, a file per run; finished ones are not made again.
`equal_harm.py` makes the tables and the picture of them.
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
from nast.files import MANIFEST, atomic, manifest_of, read_json, read_table
from nast.folders import seal_folder
from nast.items.table import read_items
from nast.layers import LayerWeights, controls, layer_weights, only, reordered, uniform
from nast.models.registry import load_model
from nast.phantom.write import build_phantom
from nast.records import CANDIDATES_SCHEMA
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
SHARES = {"phantom": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "phantom-minilm": (0.0, 0.5, 1.0)}
"""The g that answer the fresh patients' items, beside the chosen one."""
MOST = {"phantom": 10**9, "phantom-minilm": 2400}
"""About so many items of each part are answered."""
TEST_ITEMS = {"groups": 760, "lists": 3800, "limit": 960}
"""Of every 3,600 fresh patients. With 7,200 and eight seeds half-widths are below 0.007."""


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
    some = {"groups": 400, "lists": 1000, "limit": 400}
    if test:
        some = {name: number * patients // 3600 for name, number in TEST_ITEMS.items()}
    build_benchmark(tree / "facts", tree / "questions", limit=some["limit"])
    build_contextual(tree / "facts", tree / "claims", groups=some["groups"], lists=some["lists"])
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
            yield objective, seed, {"objective": objective}, weights["uniform"]


class Trainer:
    """Trains one setting after the other on the same patients.

    Attributes:
        model: which base.
        tree: of `data`.
        folder: of its runs.
        vectors: folder of vectors.
    """

    def __init__(self, model: str, tree: Path, folder: Path, vectors: Path) -> None:
        """Remember where everything is."""
        self.model, self.tree, self.folder, self.vectors = model, tree, folder, vectors

    def run(self, label: str, seed: int, layers: LayerWeights, settings: dict) -> Path:
        """The run folder of a setting and seed, a rival's at the rate that serves it best."""
        if "objective" in settings and "learning_rate" not in settings:
            settings = {**settings, "learning_rate": self.best_rate(label, layers, settings)}
        rate = f" at {settings['learning_rate']:g}" if "learning_rate" in settings else ""
        out = self.folder / f"{label}{rate}, seed {seed}"
        config = TrainConfig(**{"seed": seed, **SETTINGS[self.model], **settings})
        data = self.tree / "facts", self.tree / "claims"
        build_run(
            load_model(self.model),
            self.model,
            *data,
            out,
            layers,
            config,
            benchmark=self.tree / "questions",
            vectors=self.vectors,
        )
        return out

    def best_rate(self, label: str, layers: LayerWeights, settings: dict) -> float:
        """The rate whose chosen g repairs most on the validation patients; of equals the least."""
        repaired = {}
        for rate in RIVAL_RATES:
            made = manifest_of(self.run(label, 0, layers, {**settings, "learning_rate": rate}))
            repaired[rate] = next(r["repaired"] for r in made["curve"] if r["g"] == made["g"])
        return max(repaired, key=lambda rate: (repaired[rate], -rate))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("model", choices=SETTINGS)
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--test", type=int, nargs=2, default=(313, 3600), help="seed and patients")
    parser.add_argument("--train", type=int, nargs=2, default=(21, 2000), help="seed and patients")
    parser.add_argument("--only", nargs="+", help='labels such as "uniform"')
    asked = parser.parse_args()
    train = data(asked.work, asked.train[1], asked.train[0], test=False)
    seed, patients = asked.test
    fresh = data(asked.work, patients, seed, test=True)
    folder, vectors = asked.work / asked.model, asked.work / "vectors"
    base = load_model(asked.model)
    trees = [fresh / "claims", fresh / "questions"]
    items = validation_of(Vectors(base, vectors), trees, "test", MOST[asked.model])
    before = items.right(base)
    print({name: len(right) for name, right in before.items()}, flush=True)
    weights = profiles(asked.model, train / "facts", folder, vectors)
    answers = folder / f"answers-{seed}-{patients}"
    keep_clusters(answers, trees, before)
    trainer = Trainer(asked.model, train, folder / "runs", vectors)
    for label, number, settings, layers in arms(asked, weights):
        out = answers / f"{label}, seed {number}.npz"
        if (asked.only and label not in asked.only) or out.is_file():
            continue
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="mode='gradient'")
            run = trainer.run(label, number, layers, settings)
        trained = time.perf_counter()
        keep_answers(out, run, base, items, before, SHARES[asked.model])
        took = f"{trained - start:.0f} s + {time.perf_counter() - trained:.0f} s"
        print(f"{run.name}: g {manifest_of(run)['g']:g}, {took}", flush=True)


def keep_clusters(folder: Path, trees: list[Path], before: dict[str, np.ndarray]) -> None:
    """Whose image each item is of, and of which group of items it is, by part."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "claims": read_items(trees[0]),
        "questions": read_items(trees[1]),
        "lists": read_table(trees[0] / "candidates.parquet", CANDIDATES_SCHEMA),
    }
    arrays = {}
    for name, right in before.items():
        form, kind = name.split()
        column = "polarity" if kind == "lists" else "form"
        rows = tables[kind].filter(pl.col(column) == form).head(len(right))
        assert len(rows) == len(right), name
        arrays[f"{name}/patients"] = rows["subject_id"].to_numpy()
        if kind != "lists":
            arrays[f"{name}/groups"] = rows["group_id"].to_numpy()
    np.savez_compressed(folder / "clusters.npz", **{k: v.astype(str) for k, v in arrays.items()})


def keep_answers(out: Path, run: Path, base, items, before, shares) -> None:
    """What some shares of a run answer, how far they move neutral sentences, and its curve."""
    model = load_model(f"run:{run}@1")
    made = manifest_of(run)
    neutral = [sentence for group in neutral_sentences().values() for sentence in group]
    unmoved = base.encode_texts(neutral)
    found: dict[str, list[np.ndarray]] = {}
    drift = []
    shares = sorted({*shares, made["g"]})
    for g in shares:
        with share_taken(model, g):
            right = before if g == 0 else items.right(model)
            drift.append(float((unmoved * model.encode_texts(neutral)).sum(dim=1).mean()))
        for name, some in right.items():
            found.setdefault(name, []).append(some.astype(np.uint8))
    validation = {
        f"validation/{key}": np.array([row[key] for row in made["curve"]])
        for key in ("g", "repaired", "loss", "half_width", "worst")
    }
    arrays = {name: np.stack(rows) for name, rows in found.items()}
    with atomic(out) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, g=np.array(shares), drift=np.array(drift), **arrays, **validation)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
