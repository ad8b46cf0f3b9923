"""What a folder of `nast trace` says of the layers of a text tower."""

import warnings
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.files import read_json, read_table
from nast.layers import (
    AGGREGATIONS,
    LayerRule,
    LayerWeights,
    Profile,
    TracedLayers,
    follows_trace,
    layer_weights,
    named_layers,
    read_layer_weights,
)
from nast.models.contract import DualEncoder
from nast.models.hardware import key_at
from nast.tracing.aggregate import ALL, BOTH, SCORES_SCHEMA, within_noise


def choose_layers(
    name: str,
    layers: int,
    trace: Path | None = None,
    *,
    beta: float | None = None,
    protocol: str = "default",
    seed: int = 0,
    model: DualEncoder | None = None,
) -> LayerWeights:
    """The layer weights of a choice by its name, with the folder of the trace that it follows.

    Args:
        name: see `nast.layers.named_layers`, as the other arguments.
        layers: blocks of the text tower.
        trace: a folder of `nast trace`, for the choices that follow one.
        beta: sharpness; the trace's own if not given.
        protocol: `default` or `paper`.
        seed: of `random`.
        model: that will be trained; a trace of another one gives a warning.

    Raises:
        UsageError: an unknown name, a choice without the trace that it needs, or K out of range.
        InputError: the trace lacks the profile.
    """
    follows = trace is not None and follows_trace(name)
    traced = read_traced(Path(trace), name, model) if trace is not None and follows else None
    return named_layers(name, layers, traced, beta=beta, protocol=protocol, seed=seed)


def read_traced(trace: Path, name: str = "nast", model: DualEncoder | None = None) -> TracedLayers:
    """What a trace says of a choice of layers that follows it.

    Args:
        trace: a folder of `nast trace`.
        name: of the choice; that of an aggregation takes its profile, others the trace's own.
        model: that will be trained; a trace of another one gives a warning.

    Raises:
        InputError: the trace lacks the profile, or its file holds no scores.
    """
    file = trace / "layer_weights.json"
    weights, known = read_layer_weights(file), read_json(file)
    rule = _rule(file, known)
    traced = known.get("model_key")
    # A trace runs in float32, whatever the training's precision.
    if model and traced and key_at(traced, model.precision) != model.key:
        said = f"{trace} is a trace of {known['model']}, not of {model.name}"
        warnings.warn(said, stacklevel=3)
    if name in AGGREGATIONS:
        profile = _profile(trace, name)
    else:
        chosen, noise = known.get("aggregation", "chosen"), known.get("within_noise", False)
        profile = Profile(chosen, known["score"], within_noise=noise, of=str(trace))
    return TracedLayers(weights, profile, rule, known.get("protocol", "default"))


def _rule(file: Path, known: Any) -> LayerRule:
    """How a trace made weights of its scores.

    Raises:
        InputError: the scores or the rule are none, as in a file that was written by hand.
    """
    try:
        rule = LayerRule(**{key: known[key] for key in LayerRule._fields if key in known})
        with warnings.catch_warnings():
            # Equal scores are spoken of where they are used.
            warnings.simplefilter("ignore")
            layer_weights(known["score"], **rule._asdict())
    except (TypeError, ValueError, LookupError):
        raise InputError(
            file,
            found="no scores, or no rule that makes weights of them",
            expected="the file as nast trace writes it",
        ) from None
    return rule


def _profile(trace: Path, aggregation: str) -> Profile:
    """The scores of one aggregation by block, and whether they are within their noise."""
    file = trace / "layer_scores.parquet"
    table = read_table(file, SCORES_SCHEMA).filter(aggregation=aggregation, subset=BOTH)
    rows = table.filter(condition=ALL).sort("layer")
    score = rows["score"].to_list()
    if not score or None in score:
        raise InputError(
            file,
            found=f"no score of {aggregation} for every block",
            expected="captions that the model prefers to their foils",
        )
    # A condition's row of both subsets is the mean of its pairs: what the noise is judged by.
    noise = within_noise(table.filter(pl.col("condition") != ALL), aggregation)
    low, high = (rows[end].to_list() for end in ("low", "high"))
    return Profile(aggregation, score, low, high, noise, str(trace))
