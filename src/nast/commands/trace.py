"""nast trace."""

import warnings
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def trace(
    model: str,
    facts: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    aggregation: str = "cue",
    beta: float = 1.0,
    floor: float = 0.05,
    fresh: bool = False,
) -> None:
    """Trace how a text encoder carries a negation, and derive layer weights.

    Parameters
    ----------
    model: str
        phantom, hf:FOLDER or run:FOLDER.
    facts: Path
        Folder of nast facts; its training patients are used.
    out: Path
        Output folder: trace.parquet, attention.parquet, layer_weights.json.
    aggregation: str
        cue, scope or drop.
    beta: float
        Sharpness of alpha ** beta.
    floor: float
        Smallest alpha.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.errors import UsageError
    from nast.models.registry import load_model
    from nast.store import read_json
    from nast.tracing.cte import AGGREGATIONS
    from nast.weighting import build_trace

    if aggregation not in AGGREGATIONS or beta < 0 or not 0 <= floor <= 1:
        raise UsageError(f"--aggregation is one of {', '.join(AGGREGATIONS)}, --beta at least 0, "
                         "--floor from 0 to 1")  # fmt: skip
    with warnings.catch_warnings():
        # Said in a line of its own below.
        warnings.filterwarnings("ignore", message=".*within its noise")
        manifest = build_trace(load_model(model), facts, out, aggregation=aggregation, beta=beta,
                               floor=floor, fresh=fresh)  # fmt: skip
    summary = manifest["trace"]
    kept, seen = summary["samples above tau"], summary["samples"]
    print(f"{kept} of {seen} samples above the filter, {len(summary['conditions'])} conditions")
    weights = read_json(out / "layer_weights.json")
    if weights["within_noise"]:
        print(f"the {aggregation} profile is within its noise: uniform weights; try --aggregation")
    for layer, score, alpha, scale in zip(
        weights["layers"], weights["score"], weights["alpha"], weights["scale"], strict=True
    ):
        print(f"block {layer:2}  score {score:+.3f}  alpha {alpha:.3f}  step x {scale:.3f}")
