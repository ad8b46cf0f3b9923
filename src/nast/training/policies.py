"""Layer policies by name: whose steps are large, at equal budget (design section 7).

`gradnorm` follows Auto-RGN of "surgical fine-tuning" (Lee et al. 2023, arXiv 2210.11466): a
layer's learning rate is the base rate times its relative gradient norm ||g|| / ||w|| over the
largest one. It differs from the authors' code in four things:

- They measure before every epoch, on five batches of the training loss. Here it is measured once,
  before training, by the claim loss on the trace's caption pairs of training patients.
- They have one rate per tensor. Here a block has one, from its q, k, v and out weights together.
- They train the weights that they measure. Here those stay frozen, and LoRA beside them is trained.
- They divide by the largest, which freezes nothing. Here the trace's rule holds, by default
  min-max with a floor and a mean scale of 1, so that all policies have one budget;
  `nast trace --norm max --floor 0` is their division.
"""

import re
import warnings
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError, UsageError
from nast.files import read_json, read_table
from nast.layers import LayerWeights, controls, layer_weights, only, read_layer_weights, uniform
from nast.models.contract import DualEncoder
from nast.models.hardware import key_at
from nast.tracing.aggregate import AGGREGATIONS, ALL, BOTH, SCORES_SCHEMA, within_noise

NAMES = f"uniform, nast, {', '.join(AGGREGATIONS)}, reversed, random, front-K, top-K, or a .json"
_COUNTED = re.compile(r"(front|top)-(\d+)")


def layer_policy(
    name: str,
    layers: int,
    trace: Path | None = None,
    *,
    beta: float | None = None,
    literal: bool = False,
    seed: int = 0,
    model: DualEncoder | None = None,
) -> LayerWeights:
    """The layer weights of a policy.

    Args:
        name: `uniform`; `nast` (the trace's chosen profile) or an aggregation's name (that profile
            of the same trace, by the same rule: norm, floor, renorm and noise); `reversed` and
            `random` (the values of `nast` in another order); `front-K` (the first K blocks alone,
            as Omni-NegCLIP), `top-K` (the K with the highest scores); or a file.
        layers: blocks of the text tower.
        trace: a folder of `nast trace`, for the policies that follow one.
        beta: sharpness; the trace's own if not given.
        literal: the paper's rule instead of the trace's: min-max without a floor, largest scale 1.
            A trace that was made with the paper's protocol has it, and is taken as it is.
        seed: of `random`.
        model: that will be trained; a trace of another one gives a warning.

    Returns:
        The weights; uniform ones, with a warning, for a profile within its noise.

    Raises:
        UsageError: an unknown name, a policy without the trace that it needs, or K out of range.
        InputError: the trace lacks the profile.
    """
    counted = _COUNTED.fullmatch(name)
    k = int(counted[2]) if counted else 1
    if not 1 <= k <= layers:
        raise UsageError(f"--layers {name}: the text tower has {layers} blocks")
    if name == "uniform":
        return uniform(layers)
    if counted and counted[1] == "front":
        return only(layers, list(range(1, k + 1)))
    if not (counted or name in ("nast", "reversed", "random", *AGGREGATIONS)):
        if not name.endswith(".json"):
            raise UsageError(f"--layers {name}: no such policy; choose {NAMES}")
        return read_layer_weights(Path(name))
    if trace is None:
        raise UsageError(f"--layers {name} follows a trace; say --trace FOLDER of nast trace")
    weights, scores = _traced(trace, name, beta, literal, model)
    shapes = dict.fromkeys(("nast", *AGGREGATIONS), weights)
    return {**shapes, **controls(weights, scores, k=k, seed=seed)}[name]


def _traced(
    trace: Path, name: str, beta: float | None, literal: bool, model: DualEncoder | None
) -> tuple[LayerWeights, list[float]]:
    """The weights and the scores that a policy of a trace rests on."""
    file = trace / "layer_weights.json"
    weights, known = read_layer_weights(file), read_json(file)
    rule = _rule(file, known)
    traced = known.get("model_key")
    # A trace runs in float32, whatever the training's precision.
    if model and traced and key_at(traced, model.precision) != model.key:
        said = f"{trace} is a trace of {known['model']}, not of {model.name}"
        warnings.warn(said, stacklevel=3)
    scores, noise, asked = known["score"], known.get("within_noise", False), beta is not None
    if asked:
        rule["beta"] = beta
    own = known.get("protocol") == "paper"
    if literal and not own:
        rule |= {"norm": "minmax", "floor": 0.0, "renorm": "max"}
    if name in AGGREGATIONS:
        (scores, noise), asked = _profile(trace / "layer_scores.parquet", name), True
        weights = uniform(len(scores))
    if noise and not (literal or own) and not name.startswith("top"):
        profile = name if name in AGGREGATIONS else known.get("aggregation", "chosen")
        said = f"the {profile} profile of {trace} is within its noise: uniform weights"
        warnings.warn(said, stacklevel=3)
    if (literal and not own) or (asked and (own or not noise)):
        weights = layer_weights(scores, **rule)
    return weights, scores


def _rule(file: Path, known: Any) -> dict[str, Any]:
    """How a trace made weights of its scores.

    Raises:
        InputError: the scores or the rule are none, as in a file that was written by hand.
    """
    rule = {key: known[key] for key in ("norm", "beta", "floor", "renorm") if key in known}
    try:
        with warnings.catch_warnings():
            # Equal scores are spoken of where they are used.
            warnings.simplefilter("ignore")
            layer_weights(known["score"], **rule)
    except (TypeError, ValueError, LookupError):
        raise InputError(
            file,
            found="no scores, or no rule that makes weights of them",
            expected="the file as nast trace writes it",
        ) from None
    return rule


def _profile(file: Path, aggregation: str) -> tuple[list[float], bool]:
    """The scores of one aggregation by block, and whether they are within their noise."""
    table = read_table(file, SCORES_SCHEMA).filter(aggregation=aggregation, subset=BOTH)
    scores = table.filter(condition=ALL).sort("layer")["score"].to_list()
    if not scores or None in scores:
        raise InputError(
            file,
            found=f"no score of {aggregation} for every block",
            expected="captions that the model prefers to their foils",
        )
    # A condition's row of both subsets is the mean of its pairs: what the noise is judged by.
    return scores, within_noise(table.filter(pl.col("condition") != ALL), aggregation)
