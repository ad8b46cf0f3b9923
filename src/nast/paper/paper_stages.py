"""The stages of the paper: what each makes, and in which folder it leaves it."""

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nast.errors import InputError, ModelError
from nast.files import MANIFEST, manifest_of
from nast.naming import split_name
from nast.paper.recipe import Recipe, TrainedRow, as_folder
from nast.progress import Progress, counted

if TYPE_CHECKING:
    from nast.models.contract import DualEncoder

LAST = ("report.html", "metrics.parquet", "tables", "figures")
"""What a reader looks for first is copied from the report's folder to the top."""


@dataclass(frozen=True)
class Whole:
    """One recipe at work in one folder.

    Attributes:
        recipe: what is made.
        out: the folder of all folders.
        progress: of the stages.
        fresh: whether finished folders of another configuration are made again.
    """

    recipe: Recipe
    out: Path
    progress: Progress
    fresh: bool = False

    def __truediv__(self, name: str) -> Path:
        return self.out / name

    @property
    def vectors(self) -> Path:
        """The folder of vectors."""
        return Path(self.recipe.vectors) if self.recipe.vectors else self / "vectors"

    @property
    def questions(self) -> dict[str, str]:
        """Folder -> sampler of each set of questions (decision 10: the paper has two)."""
        if self.recipe.protocol == "paper" and "sampler" not in self.recipe.questions.given():
            return {"benchmark": "two_plus_one", "benchmark-appendix-b": "appendix_b"}
        return {"benchmark": self.recipe.construction.sampler}

    def runs(self) -> Iterator[tuple[str, TrainedRow, int, Path]]:
        """Name, options, seed and folder of every run."""
        for name, row in self.recipe.rows.items():
            for seed in range(self.recipe.seeds):
                yield name, row, seed, self / "runs" / f"{as_folder(name)}-{seed}"

    def load(self, model: str, precision: str | None = None) -> "DualEncoder":
        """A model on the recipe's device."""
        from nast.models.registry import load_model

        own = precision or self.recipe.precision
        return load_model(model, device=self.recipe.device, precision=own)


class PaperStage(NamedTuple):
    """A stage of the paper.

    Attributes:
        name: by which it can be asked for.
        says: what it does, for people.
        make: does it.
        leaves: the folders that it leaves.
        wanted: whether a recipe has it.
        shared: what several processes do of it together, where they can: all of it, or what comes
            before it (`encode`).
    """

    name: str
    says: str
    make: Callable[[Whole], None]
    leaves: Callable[[Whole], list[Path]]
    wanted: Callable[[Recipe], bool] = lambda recipe: True
    shared: Callable[[Whole], None] | None = None


def _models(whole: Whole) -> None:
    """Load every model once: what is wrong with one is said before hours of work."""
    from nast.models.needs import needs_of

    recipe = whole.recipe
    given = {"base": recipe.base, **recipe.rivals, **recipe.diagnose}
    missing = [
        f"{name}: {need.what} at {need.place} (get it: {need.mend})"
        for name, model in given.items()
        for need in needs_of(model)
        if need.size is None
    ]
    if missing:
        raise ModelError("models that are not here: " + "; ".join(missing))
    for model in counted(list(given.values()), "models"):
        whole.load(model).encode_texts(["no effusion"])


def _phantom(whole: Whole) -> None:
    from nast.phantom.write import build_phantom

    drawn = whole.recipe.phantom
    assert drawn is not None
    build_phantom(whole / "phantom", drawn.patients, drawn.seed, fresh=whole.fresh)


def _facts(whole: Whole) -> None:
    from nast.sources.collect import build_facts

    drawn = whole / "phantom"
    sources = whole.recipe.sources or [
        f"mimic-cxr-jpg:{drawn}",
        f"cad-chest:{drawn / 'cad_disease.json'}",
    ]
    build_facts(sources, whole / "facts", fresh=whole.fresh, **whole.recipe.facts.given())


def _questions(whole: Whole) -> None:
    from dataclasses import replace

    from nast.benchmark.build import build_benchmark
    from nast.benchmark.construction import Construction

    recipe = whole.recipe
    given = {
        name: value
        for name, value in recipe.questions.given().items()
        if name not in Construction.__slots__
    }
    for name, sampler in whole.questions.items():
        writer = _writer(whole, whole / name)
        build_benchmark(
            whole / "facts",
            whole / name,
            construction=replace(recipe.construction, sampler=sampler),
            protocol=recipe.protocol,
            fresh=whole.fresh,
            **given,
            **writer,
        )


def _contextual(whole: Whole) -> None:
    from nast.contextual.build import build_contextual

    build_contextual(
        whole / "facts",
        whole / "contextual",
        protocol=whole.recipe.protocol,
        fresh=whole.fresh,
        **whole.recipe.contextual.given(),
        **_writer(whole, whole / "contextual"),
    )


def _writer(whole: Whole, folder: Path) -> dict[str, Any]:
    """The language model that writes a folder's sentences, and the file of its answers."""
    from nast.language.write.writer import WriterOptions

    options = WriterOptions(**whole.recipe.writer.given())
    model = options.model([whole / "facts"])
    return {"model": model, "cache": options.answers(folder)}


def _trace(whole: Whole) -> None:
    from nast.reporting.trace_figures import draw_trace
    from nast.tracing.build import build_trace
    from nast.tracing.trace_config import TraceConfig

    recipe = whole.recipe
    with warnings.catch_warnings():
        # The trace's own file and the report say so.
        warnings.filterwarnings("ignore", message=".*within its noise")
        build_trace(
            whole.load(recipe.base, "float32"),
            whole / "facts",
            whole / "trace",
            TraceConfig(protocol=recipe.protocol, **recipe.trace.given()),
            vectors=whole.vectors,
            fresh=whole.fresh,
            draw=draw_trace,
        )


def _train(whole: Whole) -> None:
    from nast.tracing.choose import choose_layers
    from nast.training.run import build_run
    from nast.training.train_config import TrainConfig

    recipe, trace = whole.recipe, whole / "trace"
    steps = sum(TrainConfig(**recipe.settings(row)).steps for _, row, *_ in whole.runs())
    whole.progress.expect(steps)
    for _, row, seed, folder in whole.runs():
        base = whole.load(recipe.base)
        followed = None if row.layers == "uniform" or row.layers.startswith("front-") else trace
        with warnings.catch_warnings():
            # The literal mode warns that Adam undoes it, and a flat trace gives uniform weights;
            # the report says so in their place.
            warnings.filterwarnings("ignore", message="mode='gradient'|.*within its noise")
            weights = choose_layers(
                row.layers,
                base.text.n_layers,
                followed,
                beta=row.beta,
                protocol=row.rule or recipe.protocol,
                seed=seed,
                model=base,
            )
            build_run(
                base,
                recipe.base,
                whole / "facts",
                whole / "contextual",
                folder,
                weights,
                TrainConfig(**recipe.settings(row), seed=seed),
                benchmark=whole / "benchmark",
                trace=followed,
                vectors=whole.vectors,
                fresh=whole.fresh,
                report=whole.progress.advance,
            )


def _encode(whole: Whole, models: Sequence[str], data: Sequence[Path]) -> None:
    """Encode what of the texts and images of some models' scores falls to this process."""
    from nast.embedding import embed_folder, launched
    from nast.folders import strictest_of
    from nast.vectors import Vectors

    for name in models:
        model = whole.load(name)
        vectors = Vectors(model, whole.vectors, strictest_of([*data, *model.made_from]))
        for folder in data:
            embed_folder(vectors, folder, "test", launched())


def _scored_data(whole: Whole) -> list[Path]:
    return [*(whole / name for name in whole.questions), whole / "contextual"]


def _encode_scored(whole: Whole) -> None:
    _encode(whole, scored_models(whole), _scored_data(whole))


def _encode_diagnosed(whole: Whole) -> None:
    _encode(whole, diagnosed_models(whole), [whole / name for name in whole.questions])


def _evaluate(whole: Whole) -> None:
    from nast.evaluation import evaluate

    evaluate(
        [whole.load(model) for model in scored_models(whole)],
        _scored_data(whole),
        whole / "scores",
        vectors=whole.vectors,
        fresh=whole.fresh,
        **whole.recipe.evaluate.given(),
    )


def scored_models(whole: Whole) -> list[str]:
    """The models of Tables 1-3: the base, the rivals, and every run at its chosen g and whole."""
    recipe = whole.recipe
    models = [recipe.base if split_name(recipe.base)[0] else f"base={recipe.base}"]
    models += [f"{name}={model}" for name, model in recipe.rivals.items()]
    models += [f"{name}=run:{folder}" for name, *_, folder in whole.runs()]
    if recipe.protocol == "default":
        # What the whole change does stands beside what is taken of it.
        models += [f"{name} @1=run:{folder}@1" for name, *_, folder in whole.runs()]
    return models


def diagnosed_models(whole: Whole) -> list[str]:
    """The models of Figure 3 that are scored on the questions alone."""
    return [f"{name}={model}" for name, model in whole.recipe.diagnose.items()]


def _diagnose(whole: Whole) -> None:
    from nast.evaluation import evaluate

    evaluate(
        [whole.load(model) for model in diagnosed_models(whole)],
        [whole / name for name in whole.questions],
        whole / "diagnosed",
        vectors=whole.vectors,
        fresh=whole.fresh,
        **whole.recipe.evaluate.given(),
    )


def _report(whole: Whole) -> None:
    from nast.reporting.report import build_report

    recipe = whole.recipe
    parts = ["scores", *(["diagnosed"] if recipe.diagnose else []), "trace", *whole.questions]
    parts += ["contextual", "facts", *(["phantom"] if recipe.phantom else [])]
    folders = [*(whole / part for part in parts), *(folder for *_, folder in whole.runs())]
    printed = Path(recipe.printed) if recipe.printed else None
    build_report(folders, whole / "report", printed=printed, fresh=True)
    for name in LAST:
        source, target = whole / "report" / name, whole / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)


def finished(folder: Path) -> bool:
    """Whether a stage has left a folder as it should be."""
    try:
        return (folder / MANIFEST).is_file() and bool(manifest_of(folder))
    except InputError:
        return False


def _under(*names: str) -> Callable[[Whole], list[Path]]:
    return lambda whole: [whole / name for name in names]


STAGES = [
    PaperStage("models", "looking at the models", _models, lambda whole: []),
    PaperStage(
        "phantom", "drawing patients", _phantom, _under("phantom"), lambda r: r.phantom is not None
    ),
    PaperStage("facts", "reading labels and facts", _facts, _under("facts")),
    PaperStage(
        "questions",
        "building MedNega-CXR questions",
        _questions,
        lambda whole: [whole / name for name in whole.questions],
    ),
    PaperStage(
        "contextual",
        "building claim sets, captions and candidate lists",
        _contextual,
        _under("contextual"),
    ),
    PaperStage(
        "trace",
        "tracing negation through the text tower",
        _trace,
        _under("trace"),
        shared=_trace,
    ),
    PaperStage(
        "train",
        "fine-tuning",
        _train,
        lambda whole: [folder for *_, folder in whole.runs()],
        shared=_train,
    ),
    PaperStage(
        "evaluate",
        "scoring the base, rivals and runs",
        _evaluate,
        _under("scores"),
        shared=_encode_scored,
    ),
    PaperStage(
        "diagnose",
        "scoring the models to diagnose",
        _diagnose,
        _under("diagnosed"),
        lambda r: bool(r.diagnose),
        shared=_encode_diagnosed,
    ),
    PaperStage("report", "writing tables, figures and the report", _report, _under("report")),
]
"""In order."""
