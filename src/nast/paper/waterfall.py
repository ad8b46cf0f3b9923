"""From the paper's literal choices to ours, one decision at a time, on the same data.

Each step adds one decision of docs/decisions.md to those before it and trains NAST again. All runs
answer the same items, ours and the paper's, so that what moves is what the decision does.
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.contextual.build import build_contextual
from nast.errors import UsageError
from nast.files import read_table
from nast.measuring.values import IMAGE_TO_TEXT
from nast.paper.paper_stages import Whole
from nast.paper.recipe import read_recipe
from nast.paper.whole import chosen_stages, claim_folder
from nast.progress import Progress
from nast.records import METRICS_SCHEMA
from nast.reporting.numbers import cell, pick
from nast.reporting.tables import Table
from nast.reporting.written import write_tables
from nast.training.train_config import OURS, PAPER, TrainConfig


class Choices(NamedTuple):
    """How a step trains, beside the recipe.

    Attributes:
        settings: of `TrainConfig`.
        rule: of the layers' scales.
        trace: the folder of the trace.
        contextual: the folder of the training claims.
        g: what is taken of the change; None for what the run has chosen.
    """

    settings: dict[str, Any]
    rule: str
    trace: str
    contextual: str
    g: float | None


class Waterfall(NamedTuple):
    """A step: the rows of docs/decisions.md that it adds, and what they are about."""

    rows: str
    says: str
    choices: Choices


LITERAL = Choices(dict(PAPER), "paper", "trace-paper", "contextual-paper", 1.0)


NEEDED = ("phantom", "facts", "questions", "contextual", "trace")
"""Stages of `run_paper` that the steps stand on."""
STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("1", "rates by block instead of factors on the gradient", {"settings": ["mode"]}),
    ("4", "pairs of small d are left out of the trace", {"trace": "trace"}),
    ("2", "floor and mean scale instead of plain min-max", {"rule": "default"}),
    ("6", "claims at the model's logit scale", {"settings": ["claim_scale"]}),
    (
        "7",
        "captions of both polarities, all true ones are positives",
        {"settings": ["targets", "caption_polarity"]},
    ),
    ("9", "balanced claim sets instead of one altered attribute", {"contextual": "contextual"}),
    ("19", "warm-up", {"settings": ["warm_up"]}),
    ("23", "as much of the change as does no harm", {"g": None}),
]
"""Rows of docs/decisions.md, what they are about, and the choices that they change; settings become
ours."""


def steps() -> list[Waterfall]:
    """The steps in order; the first is the paper's own reading, the last one our default."""
    found = [Waterfall("-", "as printed", LITERAL)]
    for rows, says, change in STEPS:
        before = found[-1].choices
        ours = {name: OURS[name] for name in change.get("settings", ())}
        change = {**change, "settings": {**before.settings, **ours}}
        found.append(Waterfall(rows, says, before._replace(**change)))
    return found


def run_waterfall(recipe: Path, out: Path) -> Path:
    """Train and score every step of a recipe under `out/waterfall`, and write the table.

    Facts, items and the trace are those of `run_paper` in the same folder, which are made where
    they are not there yet.

    Args:
        recipe: see `read_recipe`; of the default protocol.
        out: the folder of the recipe's results.

    Returns:
        The table, `out/waterfall/tables/waterfall.md`.

    Raises:
        UsageError: the recipe is of the paper's protocol, where the first step stands.
    """
    read = read_recipe(recipe)
    if read.protocol != "default":
        raise UsageError(
            "a waterfall goes from the paper's protocol to the default one; leave `protocol` out "
            "of the recipe"
        )
    claim_folder(out, recipe)
    stages = [stage for stage in chosen_stages(read) if stage.name in NEEDED]
    whole = Whole(read, out, Progress(len(stages) + 2))
    for stage in stages:
        whole.progress.step(stage.says)
        stage.make(whole)
    _build_literal(whole)
    ladder = steps()
    config = TrainConfig(**read.train.given())
    whole.progress.step("training", total=len(ladder) * read.seeds * config.steps)
    for number, step in enumerate(ladder):
        for seed in range(read.seeds):
            _train_step(whole, step.choices, folder_of(out, number, seed), seed)
    whole.progress.step("scoring them")
    _evaluate(whole, ladder)
    table = _table(out, ladder)
    write_tables([table], out / "waterfall" / "tables")
    whole.progress.done()
    return out / "waterfall" / "tables" / "waterfall.md"


def folder_of(out: Path, number: int, seed: int) -> Path:
    """The run of a step and seed."""
    return out / "waterfall" / "runs" / f"step-{number}-{seed}"


def _build_literal(whole: Whole) -> None:
    """The paper's own claim sets, and its trace, beside ours."""
    from nast.tracing.build import build_trace
    from nast.tracing.trace_config import TraceConfig

    recipe = whole.recipe
    given = {k: v for k, v in recipe.contextual.given().items() if k in ("seed", "groups")}
    build_contextual(
        whole / "facts", whole / "waterfall" / "contextual-paper", protocol="paper", **given
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*within its noise")
        build_trace(
            whole.load(recipe.base, "float32"),
            whole / "facts",
            whole / "waterfall" / "trace-paper",
            TraceConfig(**{**recipe.trace.given(), "protocol": "paper"}),
            vectors=whole.vectors,
        )


def _train_step(whole: Whole, choices: Choices, folder: Path, seed: int) -> None:
    from nast.tracing.choose import choose_layers
    from nast.training.run import build_run

    recipe = whole.recipe
    places = {"trace": whole.out, "contextual": whole.out}
    trace = places.get(choices.trace, whole / "waterfall") / choices.trace
    contextual = places.get(choices.contextual, whole / "waterfall") / choices.contextual
    given = {k: v for k, v in recipe.train.given().items() if k not in choices.settings}
    config = TrainConfig(**{**given, **choices.settings}, seed=seed)
    base = whole.load(recipe.base)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="mode='gradient'|.*within its noise")
        weights = choose_layers("nast", base.text.n_layers, trace, protocol=choices.rule)
        build_run(
            base,
            recipe.base,
            whole / "facts",
            contextual,
            folder,
            weights,
            config,
            benchmark=whole / "benchmark",
            trace=trace,
            vectors=whole.vectors,
            report=whole.progress.advance,
        )


def _evaluate(whole: Whole, ladder: Sequence[Waterfall]) -> None:
    """All steps on our items and on the paper's claim sets and captions."""
    from nast.evaluation import evaluate

    models = [f"base={whole.recipe.base.rpartition('=')[2]}"]
    for number, step in enumerate(ladder):
        share = "" if step.choices.g is None else f"@{step.choices.g:g}"
        models += [
            f"{number}=run:{folder_of(whole.out, number, seed)}{share}"
            for seed in range(whole.recipe.seeds)
        ]
    evaluate(
        [whole.load(model) for model in models],
        [whole / "contextual", whole / "waterfall" / "contextual-paper", whole / "benchmark"],
        whole / "waterfall" / "scores",
        vectors=whole.vectors,
        **whole.recipe.evaluate.given(),
    )


def _table(out: Path, ladder: Sequence[Waterfall]) -> Table:
    metrics = read_table(out / "waterfall" / "scores" / "metrics.parquet", METRICS_SCHEMA)
    header = ("Decision", "What it changes", *(name for name, _ in _columns()))
    rows = [("", "base", *_cells(metrics, "base"))]
    rows += [
        (step.rows, step.says, *_cells(metrics, str(number))) for number, step in enumerate(ladder)
    ]
    return Table("waterfall", "From the paper's choices to ours, one at a time", header, rows)


def _cells(metrics: pl.DataFrame, model: str) -> Iterator[str]:
    for name, columns in _columns():
        found = pick(metrics, model=model, **columns)
        yield cell(found[0] if found else None, sign=name.endswith("gap"))


def _columns() -> list[tuple[str, dict[str, Any]]]:
    """The numbers of a step: on our items, then on the paper's."""
    claims = {"task": "choice", "set": "claims", "statistic": "accuracy"}
    ours, paper = {"data": "contextual"}, {"data": "contextual-paper"}
    lists = {"task": "retrieval", "reading": "lists", "statistic": "R@1", "form": "negated"}
    captions = {"task": "retrieval", "reading": "unique", "direction": IMAGE_TO_TEXT}
    return [
        ("negated claims", {**claims, **ours, "form": "negated"}),
        ("claims gap", {**claims, **ours, "statistic": "gap", "form": None}),
        ("R@1 of lists", {**lists, **ours}),
        ("negated questions", {**claims, "set": "questions", "form": "negated"}),
        ("paper: negated claims", {**claims, **paper, "form": "negated"}),
        ("paper: claims gap", {**claims, **paper, "statistic": "gap", "form": None}),
        ("paper: R@1", {**captions, **paper, "statistic": "R@1", "form": "negated"}),
    ]
