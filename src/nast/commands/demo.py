"""nast demo: the whole paper on phantom data, in a few minutes on a laptop."""

import csv
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nast.commands.progress import Progress
from nast.errors import UsageError
from nast.files import read_json

PATIENTS_SEED = 11


class Size(NamedTuple):
    """How much of everything a demo makes."""

    patients: int
    questions: int
    claims: int
    seeds: int
    steps: int


FULL = Size(patients=500, questions=80, claims=150, seeds=3, steps=60)
QUICK = Size(patients=240, questions=40, claims=60, seeds=1, steps=25)
LEARNING_RATE = 2e-3
"""Chosen on the validation patients; a text tower of width 64 wants more than a CLIP's 1e-4."""
AGGREGATION = "scope"
"""At the cue alone the phantom's profile is within its noise: block 1 moves all of the signal."""
POLICIES: dict[str, Literal["lr", "gradient"] | None] = {
    "LoRA uniform": None,
    "NAST (lr)": "lr",
    "NAST (as printed)": "gradient",
}


def run_demo(out: Path, *, quick: bool = False, fresh: bool = False) -> Path:
    """Every stage in turn, each in a folder under `out`; finished ones are not made again.

    Returns:
        The path of `report.html`.
    """
    size = QUICK if quick else FULL
    _claim(out, size, fresh)
    folder = {
        n: out / n
        for n in (
            "phantom",
            "facts",
            "benchmark",
            "contextual",
            "trace",
            "runs",
            "store",
            "scores",
            "report",
        )
    }
    progress = Progress(9)
    _build_data(folder, size, progress)
    runs = _train(folder, size, progress)
    _score(folder, runs, progress)
    for name in ("report.html", "metrics.json", "tables", "figures"):
        _copy(folder["report"] / name, out / name)
    progress.done()
    return out / "report.html"


def _claim(out: Path, size: Size, fresh: bool) -> None:
    """Take the folder for this size of demo, or refuse it."""
    from nast.files import write_json

    note = out / "demo.json"
    if out.is_dir() and any(out.iterdir()) and not note.is_file():
        raise UsageError(f"{out} holds files that nast demo did not make; choose another --out")
    if fresh:
        shutil.rmtree(out, ignore_errors=True)
    if note.is_file() and read_json(note) != list(size):
        raise UsageError(f"{out} holds a demo of another size; say --fresh or choose another --out")
    write_json(note, list(size))


def _build_data(folder: dict[str, Path], size: Size, progress: Progress) -> None:
    """Patients, facts, questions, claim sets and captions."""
    progress.step(f"drawing {size.patients} phantom patients")
    from nast.benchmark.build import build_benchmark
    from nast.contextual.build import build_contextual
    from nast.phantom.write import build_phantom
    from nast.sources.collect import build_facts

    build_phantom(folder["phantom"], size.patients, PATIENTS_SEED)
    progress.step("reading labels and facts")
    sources = [
        f"mimic-cxr-jpg:{folder['phantom']}",
        f"cad-chest:{folder['phantom'] / 'cad_disease.json'}",
    ]
    build_facts(sources, folder["facts"])
    progress.step("building MedNega-CXR questions")
    build_benchmark(folder["facts"], folder["benchmark"], limit=size.questions)
    progress.step("building claim sets and captions")
    build_contextual(folder["facts"], folder["contextual"], groups=size.claims)


def _train(folder: dict[str, Path], size: Size, progress: Progress) -> list[Path]:
    """The trace, then uniform LoRA and both NAST modes, every seed; returns the run folders."""
    progress.step("loading torch and the phantom model")
    from nast.layers import build_trace, layer_weights, read_layer_weights, uniform
    from nast.models.registry import load_model
    from nast.training.config import TrainConfig
    from nast.training.run import build_run

    base = load_model("phantom", "base", precision="float32")
    progress.step("tracing negation through the text tower")
    build_trace(
        base, folder["facts"], folder["trace"], aggregation=AGGREGATION, store=folder["store"]
    )
    traced = read_layer_weights(folder["trace"] / "layer_weights.json")
    # As printed: plain min-max, which freezes the weakest block, and no scaling to mean 1.
    scores = read_json(folder["trace"] / "layer_weights.json")["score"]
    printed = layer_weights(scores, floor=0.0, renorm="max")
    weights = {None: uniform(len(scores)), "lr": traced, "gradient": printed}
    progress.step("fine-tuning", total=len(POLICIES) * size.seeds * size.steps)
    runs = []
    for policy, mode in POLICIES.items():
        for seed in range(size.seeds):
            config = TrainConfig(
                steps=size.steps, seed=seed, learning_rate=LEARNING_RATE, captions=32, claims=20
            )
            config = replace(config, mode=mode) if mode else config
            runs.append(folder["runs"] / f"{policy}#{seed}")
            with warnings.catch_warnings():
                # The literal mode warns that Adam undoes it; the report says so in its place.
                warnings.filterwarnings("ignore", message="mode='gradient'")
                build_run(
                    load_model("phantom", "base"),
                    "phantom",
                    folder["facts"],
                    folder["contextual"],
                    runs[-1],
                    weights[mode],
                    config,
                    store=folder["store"],
                    report=progress.advance,
                )
    return runs


def _score(folder: dict[str, Path], runs: list[Path], progress: Progress) -> None:
    """The base and every run on the test patients, then the report."""
    from nast.evaluation import evaluate
    from nast.models.registry import load_model
    from nast.reporting.report import build_report

    progress.step("scoring the base and the fine-tuned models")
    models = [load_model("phantom", "base"), *(load_model(f"run:{r}", r.name) for r in runs)]
    evaluate(
        models, [folder["benchmark"], folder["contextual"]], folder["scores"], store=folder["store"]
    )
    progress.step("writing tables, figures and the report")
    parts = ["scores", "trace", "benchmark", "contextual", "facts", "phantom"]
    build_report([*(folder[p] for p in parts), *runs], folder["report"], fresh=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def print_tables(out: Path) -> None:
    """The tables of a finished demo, on the terminal."""
    from rich.console import Console
    from rich.table import Table as RichTable

    # Intervals do not fit eighty columns; a pipe gets whole rows.
    console = Console(width=max(Console().width, 132))
    for path in sorted((out / "tables").glob("*.csv")):
        with open(path, newline="", encoding="utf-8") as file:
            lines: list[Any] = list(csv.reader(file))
        title = (out / "tables" / f"{path.stem}.md").read_text().splitlines()[0].strip("*")
        table = RichTable(*lines[0], title=f"{path.stem}: {title}", title_justify="left")
        for row in lines[1:]:
            table.add_row(*row)
        console.print(table)
