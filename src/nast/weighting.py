"""From a trace to a learning-rate scale per layer (paper section 4.3, first half).

alpha_l is the layer's score scaled to [0, 1]; its update is scaled by alpha_l ** beta. The file
`layer_weights.json` is small and made to be edited by hand.
"""

import math
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from nast.embeddings import EmbeddingStore
from nast.errors import InputError
from nast.models.base import DualEncoder
from nast.sources.collect import read_facts
from nast.store import policy_of, read_json, stage, write_json, write_table
from nast.tracing.attention import ATTENTION_SCHEMA, negator_attention
from nast.tracing.cte import AGGREGATIONS, TRACE_SCHEMA, layer_scores, trace, within_noise
from nast.tracing.probes import make_probes

FLOOR = 0.05


class LayerWeights(NamedTuple):
    """alpha per block (1..L) and the factor on each block's step."""

    alpha: list[float]
    scale: list[float]


def layer_weights(
    scores: list[float], *, beta: float = 1.0, floor: float = FLOOR, renorm: str = "mean"
) -> LayerWeights:
    """alpha_l by min-max, and alpha_l ** beta (equations of section 4.3).

    Args:
        scores: CTE_l of blocks 1..L.
        beta: sharpness, at least 0; 0 gives the uniform profile.
        floor: smallest alpha; the paper has none (0) and so freezes the weakest block.
        renorm: `mean` keeps the mean scale at 1, the total step of uniform training; `max` is
            the paper's (largest scale 1).

    Returns:
        alpha in [floor, 1] and the scales. Equal scores give the uniform profile, with a warning
        (min-max would be 0/0).

    Raises:
        ValueError: beta is negative, a score is not finite, or renorm is unknown.
    """
    values = np.asarray(scores, dtype=float)
    if beta < 0 or not np.isfinite(values).all():
        raise ValueError(f"beta {beta} and scores {scores}: beta >= 0 and finite scores are needed")
    if renorm not in ("mean", "max"):
        raise ValueError(f"renorm {renorm!r}; choose mean or max")
    spread = values.max() - values.min()
    if spread <= 1e-12:
        warnings.warn("all layers have the same score: uniform weights", stacklevel=2)
        alpha = np.ones(len(values))
    else:
        alpha = floor + (1 - floor) * (values - values.min()) / spread
    scale = np.where(alpha > 0, np.power(np.maximum(alpha, 1e-300), beta), 0.0)
    scale = scale / scale.mean() if renorm == "mean" else scale
    return LayerWeights(alpha.tolist(), scale.tolist())


def uniform(layers: int) -> LayerWeights:
    """The same step for every block: the control of every comparison."""
    return LayerWeights([1.0] * layers, [1.0] * layers)


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
    if not alpha or len(alpha) != len(scale) or not sound:
        expected = "alpha and scale, each a list with one number of 0 or more per block"
        raise InputError(path, found="something else", expected=expected)
    return LayerWeights(alpha, scale)


def build_trace(
    model: DualEncoder,
    facts: Path,
    folder: Path,
    *,
    aggregation: str = "cue",
    beta: float = 1.0,
    floor: float = FLOOR,
    store: Path | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Trace a model on the training facts and derive its layer weights.

    Args:
        model: loaded dual encoder.
        facts: a folder of `nast facts`.
        folder: gets `trace.parquet`, `attention.parquet`, `layer_scores.parquet` and
            `layer_weights.json`.
        aggregation: which layer score becomes alpha; all are written.
        beta: sharpness.
        floor: smallest alpha.
        store: folder for vectors.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest with the trace's summary.
    """
    config = {"stage": "trace", "model": model.name, "key": model.key,
              "aggregation": aggregation, "beta": beta, "floor": floor}  # fmt: skip

    inputs = [Path(facts), *model.made_from]

    def make(out: Path) -> dict[str, Any]:
        _, table = read_facts(facts)
        rows, summary = trace(EmbeddingStore(model, store, policy_of(inputs)), table)
        write_table(out / "trace.parquet", rows, TRACE_SCHEMA)
        probes, _ = make_probes(model, summary["conditions"])
        write_table(out / "attention.parquet", negator_attention(model, probes), ATTENTION_SCHEMA)
        scores = [layer_scores(rows, a).with_columns(aggregation=pl.lit(a)) for a in AGGREGATIONS]
        schema = {"aggregation": pl.String, "layer": pl.Int64, "score": pl.Float64,
                  "ratio_of_sums": pl.Float64}  # fmt: skip
        write_table(out / "layer_scores.parquet", pl.concat(scores), schema)
        chosen = layer_scores(rows, aggregation)["score"].to_list()
        if None in chosen:
            found = f"no sample of {summary['samples']} with d above {summary['tau']:.3g}"
            expected = "captions that the model prefers to their foils"
            raise InputError(model.name, found=found, expected=expected)
        noise = within_noise(rows, aggregation)
        if noise:
            warnings.warn(
                f"the {aggregation} profile of {model.name} is within its noise: uniform weights. "
                "Another aggregation may show where the signal goes",
                stacklevel=2,
            )
        weights = uniform(len(chosen)) if noise else layer_weights(chosen, beta=beta, floor=floor)
        write_json(
            out / "layer_weights.json",
            {"model": model.name, "model_key": model.key, "aggregation": aggregation, "beta": beta,
             "floor": floor, "renorm": "mean", "within_noise": noise,
             "layers": list(range(1, len(chosen) + 1)),
             "score": chosen, "alpha": weights.alpha, "scale": weights.scale, "trace": summary},
        )  # fmt: skip
        return {"counts": {"sites": len(rows)}, "trace": summary}

    return stage(folder, config, inputs, make, fresh=fresh)
