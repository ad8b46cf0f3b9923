"""nast trace."""

import warnings
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from nast.commands.arguments import loadable
from nast.tracing.trace_config import TraceConfig

DEFAULT = TraceConfig()


def trace_command(
    model: str,
    facts: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    config: Annotated[TraceConfig, Parameter(name="*")] = DEFAULT,
    vectors: Path | None = None,
    fresh: bool = False,
) -> None:
    """Trace how a text encoder carries a negation, and derive layer weights.

    Under torchrun the caption pairs are shared out among the processes.

    Parameters
    ----------
    model: str
        A MODEL; see nast models list.
    facts: Path
        Folder of nast facts; its training patients are used.
    out: Path
        Output folder: trace.parquet, attention.parquet, layer_scores.parquet, layer_weights.json,
        controls/, figures/.
    vectors: Path
        Folder for vectors, shared with other commands.
    fresh: bool
        Start over in a folder of another configuration.
    """
    loadable(model)
    from nast.files import read_json
    from nast.models.registry import load_model
    from nast.processes import joined_processes
    from nast.reporting.trace_figures import draw_trace
    from nast.tracing.build import build_trace

    with joined_processes() as first, warnings.catch_warnings():
        # Said in a line of its own below.
        warnings.filterwarnings("ignore", message=".*within its noise")
        manifest = build_trace(
            load_model(model, precision="float32"),
            facts,
            out,
            config,
            vectors=vectors,
            fresh=fresh,
            draw=draw_trace,
        )
        if first:
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
