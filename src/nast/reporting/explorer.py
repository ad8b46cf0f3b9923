"""What the page's explorer of a trace shows: the CTE map by condition, and steps from a profile."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nast.files import manifest_of, read_json, read_table
from nast.folders import identity
from nast.layers import LayerRule
from nast.naming import run_setting
from nast.reporting.item_folders import short_names
from nast.reporting.runs import CONTROL, even_steps, traced_scores, update_shares
from nast.tracing.aggregate import within_noise
from nast.tracing.plots import ROLES, TITLES

ALL = "all"
RESAMPLES = 500
"""Draws of the conditions, for the interval of a cell over all of them."""
CELL = ("site", "role", "layer")
READ: dict[str, dict[str, Any]] = {
    "trace": dict.fromkeys(("pair_id", "site", "role", "subset", "condition"), pl.String)
    | {"layer": pl.Int64, "n": pl.Int64, "cte_mean": pl.Float64},
    "layer_scores": dict.fromkeys(("aggregation", "condition", "subset"), pl.String)
    | {"layer": pl.Int64, "score": pl.Float64},
}
"""Tables of a trace, and the columns of them that are shown."""


def explored_traces(
    traces: Sequence[Path], runs: Mapping[str, Sequence[Path]]
) -> list[dict[str, Any]]:
    """What can be looked into, of some traces, as plain values.

    Args:
        traces: folders of `nast trace`.
        runs: name of a setting -> the runs of its seeds.

    Returns:
        For each trace `name, roles, sites, cells` (condition -> site -> role -> a list per layer
        of value, low, high and samples), `profiles` (name -> score per block), `noisy` (those
        within their noise, of which training makes uniform steps), `chosen`, `rule`,
        `own` (the share of each block under uniform steps, which says how far it goes by itself;
        equal where no such run fits), and `followed` (setting -> shares, of those that step as
        this trace says).
    """
    shares = {
        name: np.mean([update_shares(run, ["parameters"])["parameters"] for run in seeds], axis=0)
        for name, seeds in runs.items()
    }
    even = [shares[name] for name in even_steps(runs)]
    found = []
    for place, name in short_names(traces).items():
        key = identity(place)
        followed = {
            setting: [round(float(share), 4) for share in shares[setting]]
            for setting, seeds in runs.items()
            if key in manifest_of(seeds[0])["inputs"].values() and _follows(seeds[0])
        }
        found.append({**_explored(place, name, even), "followed": followed})
    return found


def _follows(run: Path) -> bool:
    """Whether a run steps as its trace says, and not as one of the controls."""
    setting = run_setting(manifest_of(run))
    return setting is not None and not CONTROL.fullmatch(setting.layers)


def _explored(trace: Path, name: str, even: Sequence[np.ndarray]) -> dict[str, Any]:
    sites, scores = (read_table(trace / f"{n}.parquet", kinds) for n, kinds in READ.items())
    chosen, aggregation = traced_scores(trace)
    # Made to be edited by hand: a file may say nothing of its rule.
    rule = LayerRule()._asdict() | read_json(trace / "layer_weights.json")
    merged = scores.filter(condition=ALL, subset="both").sort("aggregation", "layer")
    # A profile without a number for each block has no steps.
    profiles = {
        str(name): part["score"].to_list()
        for (name,), part in merged.group_by("aggregation", maintain_order=True)
        if not part["score"].null_count()
    }
    layers = len(chosen)
    each = scores.filter(pl.col("condition") != ALL, subset="both")
    noisy = [name for name in profiles if len(each) and within_noise(each, name)]
    if rule.get("protocol") == "paper":
        # The paper's rule follows a profile whatever its noise is.
        noisy = []
    fitting = [share for share in even if len(share) == layers]
    own = np.mean(fitting, axis=0) if fitting else np.full(layers, 1 / layers)
    return {
        "name": name,
        "roles": [role for role in ROLES if role in set(sites["role"])],
        "sites": TITLES,
        "cells": cte_by_condition(sites),
        "profiles": profiles,
        "chosen": aggregation,
        "rule": {key: rule[key] for key in LayerRule._fields},
        "noisy": noisy,
        "own": [round(float(share), 4) for share in own],
        "measured": bool(fitting),
    }


def cte_by_condition(sites: pl.DataFrame) -> dict[str, dict[str, dict[str, list[Any]]]]:
    """The cells of the CTE map for each condition, and for all of them with an interval.

    Args:
        sites: `TRACE_SCHEMA`.

    Returns:
        Condition -> site -> role -> a list per layer of value, low, high, samples. Means are over
        positions and caption pairs, then subsets; the interval of `all` resamples conditions.
    """
    keys = [*CELL, "subset", "condition"]
    pairs = sites.group_by(*keys, "pair_id", maintain_order=True).agg(
        pl.col("cte_mean").mean(), pl.col("n").max()
    )
    means = sites.group_by(keys, maintain_order=True).agg(pl.col("cte_mean").mean())
    counts = pairs.group_by(*CELL, "condition", maintain_order=True).agg(pl.col("n").sum())
    known = {tuple(row[:-1]): row[-1] for row in counts.rows()}
    axes = [means[key].unique(maintain_order=True).to_list() for key in ("subset", "condition")]
    cells = means.select(CELL).unique(maintain_order=True).sort(CELL).rows()
    cube = np.full((len(cells), *map(len, axes)), np.nan)
    places = [{value: place for place, value in enumerate(axis)} for axis in (cells, *axes)]
    for site, role, layer, subset, condition, value in means.rows():
        at = places[0][site, role, layer], places[1][subset], places[2][condition]
        cube[at] = np.nan if value is None else value
    low, value, high = _over_conditions(cube)
    found: dict[str, Any] = {}
    for place, (site, role, layer) in enumerate(cells):
        total = sum(known.get((site, role, layer, c), 0) for c in axes[1])
        whole = [_short(v[place]) for v in (value, low, high)]
        _put(found, ALL, site, role).append([layer, *whole, total])
        for number, condition in enumerate(axes[1]):
            one = _mean(cube[place, :, number])
            count = known.get((site, role, layer, condition), 0)
            _put(found, condition, site, role).append([layer, _short(one), None, None, count])
    return found


def _over_conditions(cube: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Low end, mean and high end over conditions, of (cells, subsets, conditions)."""
    conditions = cube.shape[2]
    draws = np.random.default_rng(0).integers(0, conditions, (RESAMPLES, conditions))
    there = ~np.isnan(cube)
    filled = np.where(there, cube, 0.0)

    def mean(order: np.ndarray) -> np.ndarray:
        n = there[:, :, order].sum(axis=2)
        by_subset = np.divide(
            filled[:, :, order].sum(axis=2), n, out=np.full(n.shape, np.nan), where=n > 0
        )
        return np.array([_mean(row) for row in by_subset])

    drawn = np.stack([mean(order) for order in draws])
    value = mean(np.arange(conditions))
    known = ~np.isnan(value)
    ends = np.full((2, len(value)), np.nan)
    ends[:, known] = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0)
    return ends[0], value, ends[1]


def _mean(values: np.ndarray) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


def _short(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)


def _put(found: dict[str, Any], *path: str) -> list[Any]:
    for name in path[:-1]:
        found = found.setdefault(name, {})
    cells: list[Any] = found.setdefault(path[-1], [])
    return cells
