"""Layer policies by name: whose steps are large, at equal budget (design section 7)."""

import re
from pathlib import Path

from nast.errors import UsageError
from nast.store import read_json
from nast.weighting import LayerWeights, controls, layer_weights, only, read_layer_weights, uniform

NAMES = "uniform, nast, reversed, random, front-K, top-K, or a layer_weights.json"
_COUNTED = re.compile(r"(front|top)-(\d+)")


def layer_policy(
    name: str, layers: int, trace: Path | None = None, *, beta: float | None = None, seed: int = 0
) -> LayerWeights:
    """The layer weights of a policy.

    Args:
        name: `uniform`; `nast` (the trace's profile), `reversed` and `random` (its values in
            another order), `front-K` (the first K blocks alone, as Omni-NegCLIP), `top-K` (the K
            with the highest scores); or a file.
        layers: blocks of the text tower.
        trace: a folder of `nast trace`, for the policies that follow one.
        beta: sharpness; the trace's own if not given.
        seed: of `random`.

    Raises:
        UsageError: an unknown name, a policy without the trace that it needs, or K out of range.
    """
    counted = _COUNTED.fullmatch(name)
    k = int(counted[2]) if counted else 1
    if not 1 <= k <= layers:
        raise UsageError(f"--layers {name}: the text tower has {layers} blocks")
    if name == "uniform":
        return uniform(layers)
    if counted and counted[1] == "front":
        return only(layers, list(range(1, k + 1)))
    if not (counted or name in ("nast", "reversed", "random")):
        if not name.endswith(".json"):
            raise UsageError(f"--layers {name}: no such policy; choose {NAMES}")
        return read_layer_weights(Path(name))
    if trace is None:
        raise UsageError(f"--layers {name} follows a trace; say --trace FOLDER of nast trace")
    file = trace / "layer_weights.json"
    weights, data = read_layer_weights(file), read_json(file)
    if beta is not None and not data.get("within_noise"):
        known = {key: data[key] for key in ("floor", "renorm", "norm") if key in data}
        weights = layer_weights(data["score"], beta=beta, **known)
    return {"nast": weights, **controls(weights, data["score"], k=k, seed=seed)}[name]
