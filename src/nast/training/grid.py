"""A grid of runs from one file, each resumable, with a table at the end."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import BeforeValidator, Field, create_model

from nast.errors import InputError, UsageError
from nast.files import atomic, remove_parts
from nast.models.registry import load_model
from nast.processes import processes
from nast.tracing.choose import choose_layers
from nast.training.run import build_run
from nast.training.train_config import TrainConfig
from nast.training.trainer import Report
from nast.yaml_files import StrictModel, fitted, load_yaml

Cell = dict[str, str | float | None]
"""One setting by name: fields of `TrainConfig`, `layers` and `beta`."""
LAYER_KEYS = ("layers", "beta")
OPEN: Cell = {"layers": "uniform", "beta": None, "validate_every": None, "lora_alpha": None}
"""What a cell has where it says nothing, beside the defaults of `TrainConfig`."""
_FIXED = re.compile(r"uniform|(front|top)-\d+|.*\.json")
"""Choices of layers that beta does not change."""
_MAPPING = "a mapping of names to values, or a list of such mappings"
TABLE, VECTORS = "grid.csv", "vectors"


def read_grid(path: Path) -> list[Cell]:
    """The cells of a grid: every combination of the values of a YAML file.

    The file maps names to a value or a list of values: fields of `TrainConfig` (`lambda` for
    lambda_), `layers` (see `choose_layers`) and `beta`. A list of such mappings is the cells of
    each, one after the other; what a mapping leaves out has its default there.

    Raises:
        InputError: no mapping, an unknown name, a value of another kind, or an empty list.
    """
    read = load_yaml(path, _MAPPING)
    several = isinstance(read, list)
    cells = [
        cell
        for number, mapping in enumerate(read if several else [read])
        for cell in _cells(mapping, path, (number,) if several else ())
    ]
    if not cells:
        raise InputError(path, found="nothing", expected=_MAPPING)
    names = {name: None for cell in cells for name in cell}
    return _distinct([{n: {**_usual(cell, path), **cell}[n] for n in names} for cell in cells])


def _cells(mapping: Any, path: Path, at: tuple[int, ...]) -> Iterator[Cell]:
    """Every combination of the values of one mapping, in the order of its names."""
    read = fitted(mapping, _grid_model(), path, at, expected=_MAPPING)
    names = [name for name in mapping if name in read.model_fields_set]
    if not names:
        raise InputError(path, found="nothing", expected=_MAPPING)
    for values in product(*(getattr(read, name) for name in names)):
        yield {"lambda_" if n == "lambda" else n: v for n, v in zip(names, values, strict=True)}


@cache
def _grid_model() -> type[StrictModel]:
    """What a mapping of a grid may hold: of each setting one value or a list."""
    number = Annotated[float, Field(allow_inf_nan=False)]
    fields: dict[str, Any] = {
        "layers": _values(str, "a word"),
        "beta": _values(Annotated[float, Field(ge=0, allow_inf_nan=False)] | None, "0 or more"),
        "claim_scale": _values(number | None, "a number"),
        "lora_alpha": _values(_Whole | None, "a whole number"),
    }
    kinds = {str: (str, "a word"), bool: (bool, "true or false"), float: (number, "a number")}
    for name, value in asdict(TrainConfig()).items():
        kind = kinds.get(type(value), (_Whole, "a whole number"))
        fields.setdefault(name.rstrip("_"), _values(*kind))
    return create_model("GridMapping", __base__=StrictModel, **fields)


def _values(kind: Any, words: str) -> Any:
    """A field that takes one value of a kind, or a list of them."""
    listed = BeforeValidator(lambda value: value if isinstance(value, list) else [value])
    said = f"{words}, or a list of such values"
    return Annotated[list[kind], listed, Field(min_length=1, description=said)], None


_Whole = Annotated[
    int, BeforeValidator(lambda v: int(v) if isinstance(v, float) and v.is_integer() else v)
]
"""A whole number; YAML reads 1e2 as one that could have a fraction."""


def _usual(cell: Cell, path: Path) -> Cell:
    """The settings that a cell has where it says nothing."""
    deciding = ("objective", "protocol", "published")
    config = _config({name: cell[name] for name in deciding if name in cell}, path)
    return {**asdict(config), **OPEN}


def _distinct(cells: list[Cell]) -> list[Cell]:
    """Each cell once; beta is that of a trace, so choices without one have none."""
    found = []
    for cell in cells:
        if _FIXED.fullmatch(str(cell.get("layers", "uniform"))) and "beta" in cell:
            cell = {**cell, "beta": None}
        if cell not in found:
            found.append(cell)
    return found


def train_grid(
    base: str,
    facts: Path,
    contextual: Path,
    grid: Path,
    folder: Path,
    *,
    benchmark: Path | None = None,
    trace: Path | None = None,
    vectors: Path | None = None,
    fresh: bool = False,
    report: Report | None = None,
) -> pl.DataFrame:
    """Train every cell of a grid; finished cells are not trained again.

    Validation comes every tenth of the steps unless the grid says otherwise.

    Args:
        base: a MODEL.
        facts: folder of `nast facts`.
        contextual: folder of `nast contextual build` on them.
        grid: see `read_grid`.
        folder: gets one run folder per cell and `grid.csv`.
        benchmark: folder of `nast benchmark build` on them, for the choice of g.
        trace: a folder of `nast trace`, for the choices of layers that follow one.
        vectors: folder for the base's vectors; one of the grid's own if not given, for all cells
            show the same images.
        fresh: start over in the folders of cells with another configuration.
        report: called after each step.

    Returns:
        One row per setting, its seeds pooled: the setting, number of seeds, validation (mean over
        seeds and standard deviation), the best step, and where there is a choice of g, the mean of
        it and the loss elsewhere. `validation` is the accuracy on denials at the chosen g, or the
        best mean of the forms where nothing is chosen.
    """
    cells = read_grid(grid)
    configs = [_validated(cell, grid) for cell in cells]
    model = load_model(base)
    # A choice that cannot be is an error before hours of training, not between them.
    weights = [
        choose_layers(
            str(cell.get("layers", "uniform")),
            model.text.n_layers,
            trace,
            beta=_beta(cell),
            protocol=config.protocol,
            seed=config.seed,
            model=model,
        )
        for cell, config in zip(cells, configs, strict=True)
    ]
    varied = [n for n in cells[0] if len({str(c[n]) for c in cells}) > 1]
    rows = []
    for name, cell, config, scales in zip(
        _names(cells, varied, grid), cells, configs, weights, strict=True
    ):
        made = build_run(
            load_model(base),
            base,
            facts,
            contextual,
            folder / name,
            scales,
            config,
            benchmark=benchmark,
            trace=trace,
            vectors=vectors or folder / VECTORS,
            fresh=fresh,
            report=report,
        )
        rows += [{**{n: _short(cell[n]) for n in varied}, **best} for best in _best(made)]
    table = _pooled(pl.DataFrame(rows), [n for n in varied if n != "seed"])
    if processes()[0] == 0:
        remove_parts(folder)
        with atomic(folder / TABLE) as temporary:
            table.write_csv(temporary)
    return table


def _beta(cell: Cell) -> float | None:
    return None if cell.get("beta") is None else float(cell["beta"])  # type: ignore[arg-type]


def _config(given: Mapping[str, Any], grid: Path) -> TrainConfig:
    try:
        return TrainConfig(**given)
    except UsageError as error:
        raise InputError(grid, found=str(error), expected="a setting of a run") from None


def _validated(cell: Cell, grid: Path) -> TrainConfig:
    """The configuration of a cell, by whose validation it is compared."""
    given: dict[str, Any] = {n: v for n, v in cell.items() if n not in LAYER_KEYS}
    if given.get("validate_every") is None:
        given["validate_every"] = max(1, given.get("steps", TrainConfig().steps) // 10)
    config = _config(given, grid)
    if not 0 < config.validate_every <= config.steps:
        raise InputError(
            grid,
            found=f"{config.validate_every} for {config.steps} steps",
            expected="a validation at least, by which the settings are compared",
            key="validate_every",
        )
    return config


def _names(cells: list[Cell], varied: list[str], grid: Path) -> list[str]:
    """The folder of each cell."""
    names = [",".join(f"{n.rstrip('_')}={_short(c[n])}" for n in varied) or "run" for c in cells]
    if len(set(names)) < len(names):
        raise InputError(
            grid,
            found="two settings that a folder's name does not tell apart",
            expected="values and files of different names",
        )
    return names


def _short(value: str | float | None) -> str:
    """A value in the name of a folder: a file's stem, a whole number without its point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return Path(text).stem if text.endswith(".json") else text


def _best(manifest: Mapping[str, Any]) -> Iterator[dict[str, float]]:
    """The best validation of a run; one row or none."""

    def score(row: dict[str, float]) -> float:
        figures = [v for n, v in row.items() if n != "step"]
        return sum(figures) / len(figures)

    rows = manifest["validation"]
    if rows:
        best = max(rows, key=score)
        chosen = [row for row in manifest.get("curve", ()) if row["g"] == manifest["g"]]
        at_g = {"g": manifest["g"], "loss": chosen[0]["loss"]} if chosen else {}
        worth = chosen[0]["repaired"] if chosen else score(best)
        yield {"validation": worth, **best, **at_g}


def _pooled(rows: pl.DataFrame, settings: list[str]) -> pl.DataFrame:
    """Seeds of one setting together, the best setting first."""
    figures = [n for n in rows.columns if n.startswith("validation") or n in ("g", "loss")]
    columns = [
        pl.len().alias("seeds"),
        *(pl.col(n).mean() for n in figures),
        pl.col("validation").std().alias("sd over seeds"),
        pl.col("step").mean().alias("best step"),
    ]
    grouped = (
        rows.group_by(settings, maintain_order=True).agg(columns)
        if settings
        else (rows.select(columns))
    )
    return grouped.sort("validation", descending=True)
