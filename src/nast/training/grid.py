"""A grid of runs from one file, each resumable, with a table at the end."""

import math
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nast.errors import InputError
from nast.files import atomic, remove_parts
from nast.models.registry import load_model
from nast.training.config import TrainConfig
from nast.training.policies import layer_policy
from nast.training.processes import processes
from nast.training.run import build_run
from nast.training.trainer import Report

LAYER_KEYS = ("layers", "beta")
DEFAULTS: dict[str, Any] = {
    **{f.name: f.default for f in fields(TrainConfig)},
    "layers": "uniform",
    "beta": None,
    "validate_every": None,
}
"""What a cell may set, and what it has where it does not."""
WORDS = {name: (str,) for name, value in DEFAULTS.items() if isinstance(value, str)}
NUMBERS = {name: (int, float) for name, value in DEFAULTS.items() if isinstance(value, float)} | {
    "beta": (int, float),
    "claim_scale": (int, float),
}
"""Which values are words, and which numbers need not be whole."""
_FIXED = re.compile(r"uniform|(front|top)-\d+|.*\.json")
"""Policies that beta does not change."""
TABLE, STORE = "sweep.csv", "store"


def read_grid(path: Path) -> list[dict[str, Any]]:
    """The cells of a sweep: every combination of the values of a YAML file.

    The file maps names to a value or a list of values: fields of `TrainConfig` (`lambda` for
    lambda_), `layers` (see `layer_policy`) and `beta`. A list of such mappings is the cells of
    each, one after the other; what a mapping leaves out has its default there.

    Raises:
        InputError: no mapping, an unknown name, or an empty list.
    """
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        raise InputError(path, found="no YAML", expected="a mapping of names to values") from None
    grids = read if isinstance(read, list) else [read]
    cells = [cell for grid in grids for cell in _cells(grid, path)]
    if not cells:
        raise InputError(path, found="nothing", expected="a mapping of names to values")
    names = {name: None for cell in cells for name in cell}
    return _distinct([{n: cell.get(n, DEFAULTS[n]) for n in names} for cell in cells])


def _cells(grid: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Every combination of the values of one mapping."""
    if not isinstance(grid, dict) or not grid:
        raise InputError(path, found=type(grid).__name__, expected="a mapping of names to values")
    named = {"lambda_" if name == "lambda" else name: values for name, values in grid.items()}
    for name, values in named.items():
        if name not in DEFAULTS or values == []:
            expected = f"one or more values of {', '.join(sorted(DEFAULTS))}"
            raise InputError(
                path, found="an unknown name or no value", expected=expected, column=str(name)
            )
    lists = [v if isinstance(v, list) else [v] for v in named.values()]
    for values in product(*lists):
        cell = dict(zip(named, values, strict=True))
        yield {name: _fitting(name, value, path) for name, value in cell.items()}


def _fitting(name: str, value: Any, path: Path) -> Any:
    """A value of the kind that its setting has.

    Raises:
        InputError: it is of another kind.
    """
    value = _number(value) if name not in WORDS else value
    kinds = WORDS.get(name, NUMBERS.get(name, (int,)))
    # The truth values of YAML are numbers to Python; so is 1e2, which is no whole one.
    if isinstance(value, float) and kinds == (int,) and value.is_integer():
        value = int(value)
    if name == "beta" and isinstance(value, int | float) and not 0 <= value < math.inf:
        raise InputError(path, found=value, expected="a number of 0 or more", column=name)
    optional = value is None and DEFAULTS[name] is None
    if optional or (isinstance(value, kinds) and not isinstance(value, bool)):
        return value
    expected = {(str,): "a word", (int,): "a whole number", (int, float): "a number"}[kinds]
    raise InputError(path, found=type(value).__name__, expected=expected, column=name)


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3, without a point, as words."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _distinct(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each cell once; beta is that of a trace, so policies without one have none."""
    found = []
    for cell in cells:
        if _FIXED.fullmatch(str(cell.get("layers", "uniform"))) and "beta" in cell:
            cell = {**cell, "beta": None}
        if cell not in found:
            found.append(cell)
    return found


def sweep(
    base: str,
    facts: Path,
    contextual: Path,
    grid: Path,
    folder: Path,
    *,
    trace: Path | None = None,
    store: Path | None = None,
    fresh: bool = False,
    report: Report | None = None,
) -> pl.DataFrame:
    """Train every cell of a grid; finished cells are not trained again.

    Validation comes every tenth of the steps unless the grid says otherwise.

    Args:
        base: the model string.
        facts: folder of `nast facts`.
        contextual: folder of `nast contextual build` on them.
        grid: see `read_grid`.
        folder: gets one run folder per cell and `sweep.csv`.
        trace: a folder of `nast trace`, for the policies that follow one.
        store: folder for the base's vectors; one of the sweep's own if not given, for all cells
            show the same images.
        fresh: start over in the folders of cells with another configuration.
        report: called after each step.

    Returns:
        One row per setting, its seeds pooled: the setting, number of seeds, best validation (mean
        of the forms; mean over seeds and standard deviation), and its step.
    """
    cells = read_grid(grid)
    configs = [_config(cell, grid) for cell in cells]
    model = load_model(base)
    # A policy that cannot be is an error before hours of training, not between them.
    weights = [
        layer_policy(
            str(cell.get("layers", "uniform")),
            model.text.n_layers,
            trace,
            beta=cell.get("beta"),
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
            layers=str(cell.get("layers", "uniform")),
            beta=cell.get("beta"),
            trace=trace,
            store=store or folder / STORE,
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


def _config(cell: dict[str, Any], grid: Path) -> TrainConfig:
    given = {n: v for n, v in cell.items() if n not in LAYER_KEYS}
    if given.get("validate_every") is None:
        given["validate_every"] = max(1, given.get("steps", TrainConfig().steps) // 10)
    try:
        config = TrainConfig(**given)
    except (TypeError, ValueError) as error:
        raise InputError(grid, found=str(error), expected="a setting of a run") from None
    if not 0 < config.validate_every <= config.steps:
        found = f"{config.validate_every} for {config.steps} steps"
        raise InputError(
            grid,
            found=found,
            expected="a validation at least, by which the settings are compared",
            column="validate_every",
        )
    return config


def _names(cells: list[dict[str, Any]], varied: list[str], grid: Path) -> list[str]:
    """The folder of each cell."""
    names = [",".join(f"{n.rstrip('_')}={_short(c[n])}" for n in varied) or "run" for c in cells]
    if len(set(names)) < len(names):
        raise InputError(
            grid,
            found="two settings that a folder's name does not tell apart",
            expected="values and files of different names",
        )
    return names


def _short(value: Any) -> str:
    """A value in the name of a folder: a file's stem, anything else as it is written."""
    text = str(value)
    return Path(text).stem if text.endswith(".json") else text


def _best(manifest: dict[str, Any]) -> Iterator[dict[str, float]]:
    """The best validation of a run; one row or none."""

    def score(row: dict[str, float]) -> float:
        figures = [v for n, v in row.items() if n != "step"]
        return sum(figures) / len(figures)

    rows = manifest["validation"]
    if rows:
        best = max(rows, key=score)
        yield {"validation": score(best), **best}


def _pooled(rows: pl.DataFrame, settings: list[str]) -> pl.DataFrame:
    """Seeds of one setting together, the best setting first."""
    figures = [n for n in rows.columns if n.startswith("validation")]
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
