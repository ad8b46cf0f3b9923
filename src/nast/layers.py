"""Which text blocks step how far: from a layer profile to a step per block (paper section 4.3).

alpha_l is the block's score scaled to [0, 1]; its update is scaled by alpha_l ** beta. Every choice
of layers has a name, and the same total step by default: the profile of a trace, its controls, a
few blocks alone, or a file (`layer_weights.json`, small and made to be edited by hand).
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nast.errors import InputError
from nast.files import read_json

FLOOR = 0.05
NORMS = ("minmax", "max", "sum")
RENORMS = ("mean", "max")
CONTROL_BLOCKS = 3
"""Blocks of the controls `front` and `top` that a trace writes; Table 4 reports the top 3."""
AGGREGATIONS = {
    "cue": "CTE at the denying tokens, output of the block",
    "scope": "mean CTE over the denying and the finding tokens, output of the block",
    "drop": "CTE at the denying tokens, input minus output: the block that moves the signal on",
    "input": "CTE at the denying tokens, input of the block",
    "module": "CTE of what attention and MLP of the block write, summed over positions",
    "attention": "how much more heads look at the negator than at the word in its place (Figure 5)",
    "gradnorm": "gradient norm of the claim loss over parameter norm (Auto-RGN)",
}
"""How a trace becomes one score per block: the names of its profiles."""


class LayerRule(NamedTuple):
    """How scores become steps, see `layer_weights`."""

    norm: str = "minmax"
    beta: float = 1.0
    floor: float = FLOOR
    renorm: str = "mean"


PROTOCOLS = {"default": LayerRule(), "paper": LayerRule(floor=0.0, renorm="max")}
"""Design row 2; under the paper's the trace also has no filter on d (row 4)."""


@dataclass(frozen=True)
class Profile:
    """A score per text block, the first block first.

    Attributes:
        name: of the score, a key of `AGGREGATIONS`.
        score: one number per block.
        low: lower ends of the 95 % intervals over conditions; None where there is none.
        high: upper ends.
        within_noise: whether its range is too small to say anything (decision 2).
        of: the model or the folder that it belongs to, for warnings.

    Examples:
        >>> import nast
        >>> nast.layer_weights(nast.Profile("scope", [0.2, 0.6, 0.4]), floor=0.0).alpha[1]
        1.0
    """

    name: str
    score: list[float]
    low: list[float | None] = field(default_factory=list)
    high: list[float | None] = field(default_factory=list)
    within_noise: bool = False
    of: str = ""


@dataclass(frozen=True)
class LayerWeights:
    """alpha per block (1..L) and the factor on each block's step.

    Attributes:
        alpha: in [0, 1].
        scale: 0 or more; a block with scale 0 is not trained.
        name: of the choice: `uniform`, `nast/PROFILE` (a trace's own choice), PROFILE, `reversed`,
            `random`, `front-K`, `top-K`, `file`, or `given` for numbers of a caller.
        beta: sharpness, where a profile was scaled.
        protocol: `paper` where its literal rule was asked for.

    Examples:
        >>> import nast
        >>> nast.LayerWeights([1.0, 0.5], [1.5, 0.5]).name
        'given'
    """

    alpha: list[float]
    scale: list[float]
    name: str = field(default="given", compare=False)
    beta: float | None = field(default=None, compare=False)
    protocol: str = field(default="default", compare=False)


def layer_weights(
    profile: Profile | Sequence[float],
    *,
    beta: float = 1.0,
    protocol: str = "default",
    norm: str | None = None,
    floor: float | None = None,
    renorm: str | None = None,
) -> LayerWeights:
    """alpha_l, and alpha_l ** beta (equations of section 4.3).

    Args:
        profile: of a trace, or scores of blocks 1..L.
        beta: sharpness, at least 0; 0 gives the uniform profile.
        protocol: `default`, or `paper` for its literal rule: min-max, no floor, largest scale 1,
            also for a profile within its noise. What is given beside it wins.
        norm: `minmax` (the default, and the paper's), `max` (score over the largest, negative ones
            are 0) or `sum` (share of the sum, the same).
        floor: smallest alpha; 0.05 by default. The paper has none (0) and so freezes the weakest
            block.
        renorm: `mean` (the default) keeps the mean scale at 1, the total step of uniform training;
            `max` is the paper's (largest scale 1).

    Returns:
        alpha in [floor, 1] and the scales. Equal scores give the uniform profile, with a warning
        (min-max would be 0/0), and so do a profile within its noise, and scores without a positive
        one under `max` and `sum`.

    Raises:
        ValueError: beta is negative, floor is not in [0, 1], a score is not finite, or norm,
            renorm or protocol is unknown.

    Examples:
        >>> import nast
        >>> weights = nast.layer_weights([0.2, 0.6, 0.4], floor=0.0)
        >>> [round(scale, 2) for scale in weights.scale]
        [0.0, 2.0, 1.0]
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
    usual = PROTOCOLS[protocol]
    rule = LayerRule(
        norm or usual.norm, beta, usual.floor if floor is None else floor, renorm or usual.renorm
    )
    if not isinstance(profile, Profile):
        return replace(_scaled(list(profile), rule), beta=beta, protocol=protocol)
    found = None
    if profile.within_noise:
        flat = protocol != "paper"
        what = "uniform weights" if flat else "the paper's rule scales it all the same"
        warnings.warn(
            f"the {profile.name} profile of {profile.of} is within its noise: {what}. "
            "Another aggregation may show where the signal goes",
            stacklevel=2,
        )
        found = uniform(len(profile.score)) if flat else None
    found = found or _scaled(profile.score, rule)
    return replace(found, name=profile.name, beta=beta, protocol=protocol)


def _scaled(scores: list[float], rule: LayerRule) -> LayerWeights:
    """Scores by a rule; equal ones are uniform, with a warning."""
    values = np.asarray(scores, dtype=float)
    if rule.beta < 0 or not 0 <= rule.floor <= 1 or not np.isfinite(values).all():
        raise ValueError(
            f"beta {rule.beta}, floor {rule.floor}, scores {scores}: beta must be 0 or more, "
            "floor from 0 to 1, and every score finite"
        )
    for name, value, known in (("norm", rule.norm, NORMS), ("renorm", rule.renorm, RENORMS)):
        if value not in known:
            raise ValueError(f"{name} {value!r}; choose one of {', '.join(known)}")
    values = values - values.min() if rule.norm == "minmax" else np.maximum(values, 0)
    whole = values.sum() if rule.norm == "sum" else values.max()
    if whole <= 1e-12 or np.ptp(values) <= 1e-12:
        warnings.warn("all layers have the same score: uniform weights", stacklevel=3)
        return uniform(len(values))
    alpha = rule.floor + (1 - rule.floor) * values / whole
    scale = np.where(alpha > 0, np.power(np.maximum(alpha, 1e-300), rule.beta), 0.0)
    scale = scale / (scale.mean() if rule.renorm == "mean" else scale.max())
    return LayerWeights(alpha.tolist(), scale.tolist())


def uniform(layers: int) -> LayerWeights:
    """The same step for every block: the control of every comparison.

    Examples:
        >>> uniform(3).scale
        [1.0, 1.0, 1.0]
    """
    return LayerWeights([1.0] * layers, [1.0] * layers, "uniform")


def reordered(weights: LayerWeights, order: Sequence[int]) -> LayerWeights:
    """The weights of blocks `order` (1-based, each once) on blocks 1, 2, ...: the same budget.

    Examples:
        >>> reordered(LayerWeights([0.2, 1.0], [0.4, 1.6]), [2, 1]).scale
        [1.6, 0.4]
    """
    alpha, scale = ([v[i - 1] for i in order] for v in (weights.alpha, weights.scale))
    return replace(weights, alpha=alpha, scale=scale, name="given")


def only(layers: int, chosen: Sequence[int]) -> LayerWeights:
    """Equal steps for some blocks (1-based), none for the others, the same total as uniform.

    Examples:
        >>> only(4, [1, 2]).scale
        [2.0, 2.0, 0.0, 0.0]
    """
    alpha = [float(i in chosen) for i in range(1, layers + 1)]
    return LayerWeights(alpha, [a * layers / len(chosen) for a in alpha])


def controls(
    weights: LayerWeights, scores: Sequence[float], *, k: int = CONTROL_BLOCKS, seed: int = 0
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

    Examples:
        >>> import nast
        >>> scores = [0.9, 0.5, 0.1]
        >>> found = nast.controls(nast.layer_weights(scores), scores, k=1)
        >>> list(found)
        ['uniform', 'reversed', 'random', 'front-1', 'top-1']
        >>> found["top-1"].scale
        [3.0, 0.0, 0.0]
    """
    layers = len(scores)
    k = min(k, layers)
    shuffled = np.random.default_rng(seed).permutation(layers) + 1
    # Scores that differ by rounding are equal, or another processor would choose other blocks.
    top = sorted(range(1, layers + 1), key=lambda i: (-round(scores[i - 1], 9), i))[:k]
    made = {
        "uniform": uniform(layers),
        "reversed": reordered(weights, list(range(layers, 0, -1))),
        "random": reordered(weights, shuffled.tolist()),
        f"front-{k}": only(layers, list(range(1, k + 1))),
        f"top-{k}": only(layers, top),
    }
    return {name: replace(found, name=name) for name, found in made.items()}


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
    return LayerWeights(alpha, scale, "file")
