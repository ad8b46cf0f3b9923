"""The layers of a run by the name of the choice, and what a folder of `nast trace` says of them."""

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nast.errors import InputError, UsageError
from nast.files import read_json, read_table
from nast.layers import (
    AGGREGATIONS,
    PROTOCOLS,
    LayerRule,
    LayerWeights,
    Profile,
    controls,
    layer_weights,
    only,
    read_layer_weights,
    uniform,
)
from nast.models.contract import DualEncoder
from nast.models.hardware import key_at
from nast.tracing.aggregate import LAYER_SCORES_SCHEMA, profile_of

CHOICES = f"uniform, nast, {', '.join(AGGREGATIONS)}, reversed, random, front-K, top-K, or a .json"
_COUNTED = re.compile(r"(front|top)-(\d+)")


@dataclass(frozen=True)
class TracedLayers:
    """What a finished trace says of one choice of layers.

    Attributes:
        weights: those that the trace chose itself.
        profile: the trace's own choice, or the one that was asked for.
        rule: how the trace makes weights of scores.
        protocol: that the trace was made with.
    """

    weights: LayerWeights
    profile: Profile
    rule: LayerRule
    protocol: str = "default"


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
    """The layer weights of a choice by its name.

    Args:
        name: `uniform`; `nast` (the trace's chosen profile) or an aggregation's name (that profile
            of the same trace, by the same rule: norm, floor, renorm and noise); `reversed` and
            `random` (the values of `nast` in another order); `front-K` (the first K blocks alone,
            as Omni-NegCLIP), `top-K` (the K with the highest scores); or a file.
        layers: blocks of the text tower.
        trace: a folder of `nast trace`, for the choices that follow one.
        beta: sharpness; the trace's own if not given.
        protocol: `paper` for its rule instead of the trace's: min-max without a floor, largest
            scale 1. A trace that was made with the paper's protocol has it, and is taken as it is.
        seed: of `random`.
        model: that will be trained; a trace of another one gives a warning.

    Returns:
        The weights; uniform ones, with a warning, for a profile within its noise.

    Raises:
        UsageError: an unknown name, a choice without the trace that it needs, or K out of range.
        InputError: the trace lacks the profile, or the file is none of layer weights.

    Examples:
        >>> nast.choose_layers("front-2", 4).scale
        [2.0, 2.0, 0.0, 0.0]
    """
    counted = _COUNTED.fullmatch(name)
    k = int(counted[2]) if counted else 1
    if not 1 <= k <= layers:
        raise UsageError(f"--layers {name}: the text tower has {layers} blocks")
    top = counted is not None and counted[1] == "top"
    if top or name in ("nast", "reversed", "random", *AGGREGATIONS):
        if trace is None:
            raise UsageError(f"--layers {name} follows a trace; say --trace FOLDER of nast trace")
        traced = read_traced(Path(trace), name, model)
        found = _following(name, traced, beta, protocol, k, seed)
    elif name == "uniform":
        found = uniform(layers)
    elif counted:
        found = replace(only(layers, list(range(1, k + 1))), name=name)
    elif name.endswith(".json"):
        found = read_layer_weights(Path(name))
    else:
        raise UsageError(f"--layers {name}: no such choice; choose {CHOICES}")
    return replace(found, protocol=protocol)


def _following(
    name: str, traced: TracedLayers, beta: float | None, protocol: str, k: int, seed: int
) -> LayerWeights:
    """The weights of a choice that follows a trace."""
    profile, own = traced.profile, traced.protocol == "paper"
    literal = protocol == "paper" and not own
    rule = PROTOCOLS["paper"]._replace(beta=traced.rule.beta) if literal else traced.rule
    rule = rule if beta is None else rule._replace(beta=beta)
    flat = profile.within_noise and not (literal or own)
    if flat and not name.startswith("top"):
        said = f"the {profile.name} profile of {profile.of} is within its noise: uniform weights"
        warnings.warn(said, stacklevel=3)
    weights = uniform(len(profile.score)) if name in AGGREGATIONS else traced.weights
    if literal or ((beta is not None or name in AGGREGATIONS) and not flat):
        weights = layer_weights(profile.score, **rule._asdict())
    weights = replace(weights, beta=rule.beta)
    if name in AGGREGATIONS:
        return replace(weights, name=name)
    if name == "nast":
        return replace(weights, name=f"nast/{profile.name}")
    return controls(weights, profile.score, k=k, seed=seed)[name]


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
    scores = read_table(file, LAYER_SCORES_SCHEMA)
    known = aggregation in set(scores["aggregation"])
    found = profile_of(scores, aggregation, str(trace)) if known else None
    if found is None or None in found.score:
        raise InputError(
            file,
            found=f"no score of {aggregation} for every block",
            expected="captions that the model prefers to their foils",
        )
    return found
