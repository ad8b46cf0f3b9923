"""From a trace to a learning-rate scale per layer (paper section 4.3, first half).

alpha_l is the layer's score scaled to [0, 1]; its update is scaled by alpha_l ** beta. The file
`layer_weights.json` is small and made to be edited by hand.
"""

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nast.errors import InputError
from nast.files import read_json, write_json, write_table
from nast.folders import stage, strictest_of
from nast.models.contract import DualEncoder
from nast.sources.collect import read_facts
from nast.tracing.aggregate import SCORES_SCHEMA, merged, within_noise
from nast.tracing.cte import TAU_SHARE, TRACE_SCHEMA
from nast.tracing.measures import TraceTables, trace_tables
from nast.tracing.selectivity import ATTENTION_SCHEMA
from nast.vectors import Vectors

FLOOR = 0.05
NORMS = ("minmax", "max", "sum")
RENORMS = ("mean", "max")
PROTOCOLS: dict[str, dict[str, Any]] = {
    "default": {"norm": "minmax", "floor": FLOOR, "renorm": "mean"},
    "paper": {"norm": "minmax", "floor": 0.0, "renorm": "max"},
}
"""How scores become alpha (design row 2); the paper's also has no filter on d (row 4)."""
CONTROL_BLOCKS = 3
"""Blocks of the controls `front` and `top` that a trace writes; Table 4 reports the top 3."""


class LayerWeights(NamedTuple):
    """alpha per block (1..L) and the factor on each block's step."""

    alpha: list[float]
    scale: list[float]


def layer_weights(
    scores: list[float],
    *,
    norm: str = "minmax",
    beta: float = 1.0,
    floor: float = FLOOR,
    renorm: str = "mean",
) -> LayerWeights:
    """alpha_l, and alpha_l ** beta (equations of section 4.3).

    Args:
        scores: CTE_l of blocks 1..L.
        norm: `minmax` (the paper), `max` (score over the largest, negative ones are 0) or `sum`
            (share of the sum, the same).
        beta: sharpness, at least 0; 0 gives the uniform profile.
        floor: smallest alpha; the paper has none (0) and so freezes the weakest block.
        renorm: `mean` keeps the mean scale at 1, the total step of uniform training; `max` is
            the paper's (largest scale 1).

    Returns:
        alpha in [floor, 1] and the scales. Equal scores give the uniform profile, with a warning
        (min-max would be 0/0), and so do scores without a positive one under `max` and `sum`.

    Raises:
        ValueError: beta is negative, floor is not in [0, 1], a score is not finite, or norm or
            renorm is unknown.
    """
    values = np.asarray(scores, dtype=float)
    if beta < 0 or not 0 <= floor <= 1 or not np.isfinite(values).all():
        raise ValueError(
            f"beta {beta}, floor {floor}, scores {scores}: beta must be 0 or more, "
            "floor from 0 to 1, and every score finite"
        )
    for name, value, known in (("norm", norm, NORMS), ("renorm", renorm, RENORMS)):
        if value not in known:
            raise ValueError(f"{name} {value!r}; choose one of {', '.join(known)}")
    values = values - values.min() if norm == "minmax" else np.maximum(values, 0)
    whole = values.sum() if norm == "sum" else values.max()
    if whole <= 1e-12 or np.ptp(values) <= 1e-12:
        warnings.warn("all layers have the same score: uniform weights", stacklevel=2)
        return uniform(len(values))
    alpha = floor + (1 - floor) * values / whole
    scale = np.where(alpha > 0, np.power(np.maximum(alpha, 1e-300), beta), 0.0)
    scale = scale / (scale.mean() if renorm == "mean" else scale.max())
    return LayerWeights(alpha.tolist(), scale.tolist())


def uniform(layers: int) -> LayerWeights:
    """The same step for every block: the control of every comparison."""
    return LayerWeights([1.0] * layers, [1.0] * layers)


def reordered(weights: LayerWeights, order: list[int]) -> LayerWeights:
    """The weights of blocks `order` (1-based, each once) on blocks 1, 2, ...: the same budget."""
    return LayerWeights(*([values[i - 1] for i in order] for values in weights))


def only(layers: int, chosen: list[int]) -> LayerWeights:
    """Equal steps for some blocks (1-based), none for the others, the same total as uniform."""
    alpha = [float(i in chosen) for i in range(1, layers + 1)]
    return LayerWeights(alpha, [a * layers / len(chosen) for a in alpha])


def controls(
    weights: LayerWeights, scores: list[float], *, k: int = CONTROL_BLOCKS, seed: int = 0
) -> dict[str, LayerWeights]:
    """What a profile must be compared with before its shape is given any credit.

    Args:
        weights: the profile, with mean scale 1.
        scores: of the blocks, for `top`.
        k: number of blocks of `front` and `top`, at most L.
        seed: of `random`.

    Returns:
        `uniform`; `reversed` (the last block gets the first one's weight) and `random` (in random
        order) with the profile's own values; `front` (the first k blocks alone) and `top` (the k
        of the highest scores, lower blocks first where they are equal). All have the total step
        of the profile.
    """
    layers = len(scores)
    k = min(k, layers)
    shuffled = np.random.default_rng(seed).permutation(layers) + 1
    # Scores that differ by rounding are equal, or another processor would choose other blocks.
    top = sorted(range(1, layers + 1), key=lambda i: (-round(scores[i - 1], 9), i))[:k]
    return {
        "uniform": uniform(layers),
        "reversed": reordered(weights, list(range(layers, 0, -1))),
        "random": reordered(weights, shuffled.tolist()),
        f"front-{k}": only(layers, list(range(1, k + 1))),
        f"top-{k}": only(layers, top),
    }


def read_layer_weights(path: Path) -> LayerWeights:
    """A `layer_weights.json`, made by `nast trace` or written by hand.

    Raises:
        InputError: the file lacks `alpha` or `scale`, or they differ in length.
    """
    data = read_json(path)
    try:
        alpha, scale = ([float(v) for v in data[name]] for name in ("alpha", "scale"))
    except (KeyError, TypeError, ValueError):
        alpha, scale = [], []
    sound = all(math.isfinite(v) and v >= 0 for v in [*alpha, *scale])
    if not alpha or len(alpha) != len(scale) or not sound or not any(scale):
        expected = "alpha and scale, each a list with one number of 0 or more per block, not all 0"
        raise InputError(path, found="something else", expected=expected)
    return LayerWeights(alpha, scale)


def build_trace(
    model: DualEncoder,
    facts: Path,
    folder: Path,
    *,
    aggregation: str = "cue",
    template: str = "severe",
    direction: str = "foil_to_correct",
    protocol: str = "default",
    norm: str | None = None,
    beta: float = 1.0,
    floor: float | None = None,
    renorm: str | None = None,
    failing: bool = False,
    seed: int = 0,
    store: Path | None = None,
    fresh: bool = False,
    draw: Callable[[Path, Path], Any] | None = None,
) -> dict[str, Any]:
    """Trace a model on the training facts and derive its layer weights.

    Args:
        model: loaded dual encoder.
        facts: a folder of `nast facts`.
        folder: gets `trace.parquet`, `attention.parquet`, `layer_scores.parquet`,
            `layer_weights.json` and `controls/`.
        aggregation: which layer score becomes alpha; all are written.
        template: of the caption pairs, a name of `TEMPLATES`.
        direction: of the patch, a name of `DIRECTIONS`.
        protocol: `paper` for its literal rule: min-max, no floor, largest scale 1, also where the
            profile is within its noise; every sample whose d is not exactly 0 counts.
        norm: how scores become alpha, see `layer_weights`; the protocol's if not given.
        beta: sharpness.
        floor: smallest alpha; the protocol's if not given.
        renorm: which scale is 1, the mean or the largest; the protocol's if not given.
        failing: trace the samples alone whose foil the model prefers.
        seed: of the control in random order.
        store: folder for vectors.
        fresh: start over in a folder of another configuration.
        draw: makes pictures of the tables of a folder in another one, here `figures/`.

    Returns:
        The manifest with the trace's summary.
    """
    given = {"norm": norm, "beta": beta, "floor": floor, "renorm": renorm}
    rule = {
        "aggregation": aggregation,
        **PROTOCOLS[protocol],
        **{k: v for k, v in given.items() if v is not None},
    }
    literal: dict[str, Any] = {"protocol": protocol} if protocol != "default" else {}
    if failing:
        literal["failing"] = True
    config = {
        "stage": "trace",
        "key": model.key,
        **rule,
        "template": template,
        "direction": direction,
        "seed": seed,
        **literal,
    }
    inputs = [Path(facts), *model.made_from]

    def make(out: Path) -> dict[str, Any]:
        _, table = read_facts(facts)
        vectors = Vectors(model, store, strictest_of(inputs))
        tau = None if protocol == "paper" else TAU_SHARE
        tables = trace_tables(
            vectors, table, template=template, direction=direction, tau_share=tau, failing=failing
        )
        write_table(out / "trace.parquet", tables.sites, TRACE_SCHEMA)
        write_table(out / "attention.parquet", tables.attention, ATTENTION_SCHEMA)
        write_table(out / "layer_scores.parquet", tables.scores, SCORES_SCHEMA)
        _write_weights(out, model, tables, rule, protocol, seed)
        if draw:
            draw(out, out / "figures")
        return {"counts": {"sites": len(tables.sites)}, "trace": tables.summary}

    return stage(folder, config, inputs, make, fresh=fresh)


def _write_weights(
    out: Path,
    model: DualEncoder,
    tables: TraceTables,
    rule: dict[str, Any],
    protocol: str,
    seed: int,
) -> None:
    aggregation, summary = rule["aggregation"], tables.summary
    rows = merged(tables.scores, aggregation)
    chosen = rows["score"].to_list()
    if None in chosen:
        failing = "failing samples of" in summary
        below = "-d" if failing else "d"
        found = f"no sample of {summary['samples']} with {below} above {summary['tau'] or 0:.3g}"
        expected = (
            f"captions that the model {'does not prefer' if failing else 'prefers'} to their foils"
        )
        raise InputError(model.name, found=found, expected=expected)
    noise = within_noise(tables.pairs, aggregation)
    flat = noise and protocol != "paper"
    if noise:
        what = "uniform weights" if flat else "the paper's rule scales it all the same"
        warnings.warn(
            f"the {aggregation} profile of {model.name} is within its noise: {what}. "
            "Another aggregation may show where the signal goes",
            stacklevel=2,
        )
    how = {k: v for k, v in rule.items() if k != "aggregation"}
    weights = uniform(len(chosen)) if flat else layer_weights(chosen, **how)
    known = {
        "model": model.name,
        "model_key": model.key,
        "layers": rows["layer"].to_list(),
        "tokenizer": type(model.tokenizer).__name__,
    }
    write_json(
        out / "layer_weights.json",
        {
            **known,
            "protocol": protocol,
            **rule,
            "within_noise": noise,
            "score": chosen,
            "interval": [list(i) for i in rows.select("low", "high").rows()],
            "alpha": weights.alpha,
            "scale": weights.scale,
            "trace": summary,
        },
    )
    for name, control in controls(weights, chosen, seed=seed).items():
        write_json(
            out / "controls" / f"{name}.json", {**known, "control": name, **control._asdict()}
        )
