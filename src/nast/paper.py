"""The whole paper as a list of stages, on drawn patients: what `nast demo` runs."""

import shutil
import warnings
from pathlib import Path
from typing import Literal, NamedTuple

from nast.errors import UsageError
from nast.files import read_json, write_json
from nast.progress import Progress

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
"""Chosen on the validation patients; a text tower of width 64 wants more than the default 1e-3."""
PROFILE = "scope"
"""At the cue alone the phantom's profile is within its noise: block 1 moves all of the signal."""
FOLLOWING = "nast"
"""The choice of layers that follows the trace."""


class TrainedRow(NamedTuple):
    """A row of Table 1 that is trained: how the blocks step, and by whose rule."""

    layers: str
    mode: Literal["lr", "gradient"] = "lr"
    protocol: str = "default"


TRAINED = {
    "uniform": TrainedRow("uniform"),
    "nast": TrainedRow(FOLLOWING),
    # Plain min-max, which freezes the weakest block, and factors on the gradient.
    "as-printed": TrainedRow(FOLLOWING, "gradient", "paper"),
}
"""Folder of the runs -> what is trained."""


def run_demo(out: Path, *, quick: bool = False, fresh: bool = False) -> Path:
    """Every stage in turn, each in a folder under `out`; finished ones are not made again.

    Returns:
        The path of `report.html`.
    """
    size = QUICK if quick else FULL
    _claim(out, size, fresh)
    progress = Progress(9)
    folder = {
        n: out / n
        for n in (
            "phantom",
            "facts",
            "benchmark",
            "contextual",
            "trace",
            "runs",
            "vectors",
            "scores",
            "report",
        )
    }
    _build_data(folder, size, progress)
    runs = _train(folder, size, progress)
    _score(folder, runs, progress)
    for name in ("report.html", "metrics.parquet", "tables", "figures"):
        _copy(folder["report"] / name, out / name)
    progress.done()
    return out / "report.html"


def _claim(out: Path, size: Size, fresh: bool) -> None:
    """Take the folder for this size of demo, or refuse it."""
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
    from nast.models.registry import load_model
    from nast.tracing.build import build_trace
    from nast.tracing.choose import choose_layers
    from nast.tracing.trace_config import TraceConfig
    from nast.training.run import build_run
    from nast.training.train_config import TrainConfig

    base = load_model("base=phantom", precision="float32")
    progress.step("tracing negation through the text tower")
    trace = folder["trace"]
    build_trace(
        base, folder["facts"], trace, TraceConfig(aggregation=PROFILE), vectors=folder["vectors"]
    )
    progress.step("fine-tuning", total=len(TRAINED) * size.seeds * size.steps)
    runs = []
    for name, row in TRAINED.items():
        weights = choose_layers(row.layers, base.text.n_layers, trace, protocol=row.protocol)
        for seed in range(size.seeds):
            config = TrainConfig(
                mode=row.mode,
                steps=size.steps,
                seed=seed,
                learning_rate=LEARNING_RATE,
                captions=32,
                claims=20,
            )
            runs.append(folder["runs"] / f"{name}-{seed}")
            with warnings.catch_warnings():
                # The literal mode warns that Adam undoes it; the report says so in its place.
                warnings.filterwarnings("ignore", message="mode='gradient'")
                build_run(
                    load_model("phantom"),
                    "phantom",
                    folder["facts"],
                    folder["contextual"],
                    runs[-1],
                    weights,
                    config,
                    benchmark=folder["benchmark"],
                    trace=trace if row.layers == FOLLOWING else None,
                    vectors=folder["vectors"],
                    report=progress.advance,
                )
    return runs


def _score(folder: dict[str, Path], runs: list[Path], progress: Progress) -> None:
    """The base and every run on the test patients, then the report."""
    from nast.evaluation import evaluate
    from nast.models.registry import load_model
    from nast.reporting.report import build_report

    progress.step("scoring the base and the fine-tuned models")
    # What the whole change does stands beside what is taken of it.
    shares = [f"run:{run}" for run in runs] + [f"run:{run}@1" for run in runs]
    models = [load_model("base=phantom"), *map(load_model, shares)]
    evaluate(
        models,
        [folder["benchmark"], folder["contextual"]],
        folder["scores"],
        vectors=folder["vectors"],
    )
    progress.step("writing tables, figures and the report")
    parts = ["scores", "trace", "benchmark", "contextual", "facts", "phantom"]
    build_report([*(folder[p] for p in parts), *runs], folder["report"], fresh=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)
