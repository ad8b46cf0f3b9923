"""nast trace."""

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from nast.commands.arguments import loadable
from nast.commands.options import NotNegativeNumber, Seed, Share


def trace(
    model: str,
    facts: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    aggregation: str = "cue",
    template: str = "severe",
    direction: str = "foil_to_correct",
    protocol: str = "default",
    norm: str | None = None,
    beta: NotNegativeNumber = 1.0,
    floor: Share | None = None,
    renorm: str | None = None,
    failing: bool = False,
    seed: Seed = 0,
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
        Output folder: trace.parquet, attention.parquet, layer_scores.parquet, layer_weights.json,
        controls/, figures/.
    aggregation: str
        Which score becomes alpha: cue, scope, drop, input, module, attention or gradnorm.
    template: str
        Sentences of the caption pairs: severe (the paper's), some, evidence, without or absent.
    direction: str
        foil_to_correct (the paper's) or negated_to_affirmative.
    protocol: str
        default, or paper: min-max, no floor, largest step 1, no filter on d, no look at the noise.
        Options given beside it win.
    norm: str
        How scores become alpha: minmax (the default, and the paper's), max or sum.
    beta: float
        Sharpness of alpha ** beta.
    floor: float
        Smallest alpha; 0.05 by default.
    renorm: str
        Which scale is 1: the mean (the default; total step of uniform training) or the max.
    failing: bool
        Trace only the samples that the model gets wrong: which blocks carry the wrong preference.
    seed: int
        Of the control whose blocks are in random order.
    fresh: bool
        Start over in a folder of another configuration.
    """
    loadable(model)
    from nast.errors import UsageError
    from nast.files import read_json
    from nast.layers import NORMS, PROTOCOLS, RENORMS, build_trace
    from nast.models.registry import load_model
    from nast.reporting.trace_figures import draw_trace
    from nast.tracing.aggregate import AGGREGATIONS
    from nast.tracing.cte import DIRECTIONS
    from nast.tracing.probes import TEMPLATES

    names: dict[str, tuple[str | None, Collection[str]]] = {
        "aggregation": (aggregation, AGGREGATIONS),
        "template": (template, TEMPLATES),
        "direction": (direction, DIRECTIONS),
        "protocol": (protocol, PROTOCOLS),
        "norm": (norm, NORMS),
        "renorm": (renorm, RENORMS),
    }
    for option, (value, known) in names.items():
        if value is not None and value not in known:
            raise UsageError(f"--{option} {value}: it is one of {', '.join(known)}")
    with warnings.catch_warnings():
        # Said in a line of its own below.
        warnings.filterwarnings("ignore", message=".*within its noise")
        manifest = build_trace(
            load_model(model, precision="float32"),
            facts,
            out,
            aggregation=aggregation,
            template=template,
            direction=direction,
            protocol=protocol,
            norm=norm,
            beta=beta,
            floor=floor,
            renorm=renorm,
            failing=failing,
            seed=seed,
            fresh=fresh,
            draw=draw_trace,
        )
    _say(manifest["trace"], read_json(out / "layer_weights.json"))


def _say(summary: dict[str, Any], weights: dict[str, Any]) -> None:
    """What the trace rests on, and the step of each block."""
    kept, seen = summary["samples above tau"], summary["samples"]
    rest = "with a d other than 0" if summary["tau"] is None else "above the filter"
    wrong = summary.get("failing samples of")
    rest += f" (the failing ones of {wrong})" if wrong else ""
    print(
        f"{kept} of {seen} samples {rest}, {len(summary['conditions'])} conditions, "
        f"{len(summary['dropped pairs'])} dropped for their tokens"
    )
    for aggregation, found in summary["rank correlation with attention"].items():
        if found["interval"]:
            low, high = found["interval"]
            print(
                f"rank correlation of {aggregation} with attention to the negator: "
                f"{found['value']:+.2f} [{low:+.2f}, {high:+.2f}]"
            )
    chosen = weights["aggregation"]
    if weights["within_noise"]:
        what = "min-max all the same" if weights.get("protocol") == "paper" else "uniform weights"
        print(f"the {chosen} profile is within its noise: {what}; try --aggregation")
    for layer, score, alpha, scale in zip(
        weights["layers"], weights["score"], weights["alpha"], weights["scale"], strict=True
    ):
        print(f"block {layer:2}  score {score:+.3f}  alpha {alpha:.3f}  step x {scale:.3f}")
