"""The folder of a trace: its tables, and the layer weights that are made of them."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nast.files import write_json, write_table
from nast.folders import strictest_of
from nast.layers import controls, layer_weights
from nast.models.contract import DualEncoder
from nast.processes import joint_stage
from nast.sources.collect import read_facts
from nast.tracing.aggregate import LAYER_SCORES_SCHEMA
from nast.tracing.cte import TRACE_SCHEMA
from nast.tracing.selectivity import ATTENTION_SCHEMA
from nast.tracing.trace import Trace, trace
from nast.tracing.trace_config import TraceConfig
from nast.vectors import Vectors


def build_trace(
    model: DualEncoder,
    facts: Path,
    folder: Path,
    config: TraceConfig | None = None,
    *,
    vectors: Path | None = None,
    fresh: bool = False,
    draw: Callable[[Path, Path], Any] | None = None,
) -> dict[str, Any]:
    """Trace a model on the training facts and derive its layer weights.

    Args:
        model: loaded dual encoder.
        facts: a folder of `nast facts`.
        folder: gets `trace.parquet`, `attention.parquet`, `layer_scores.parquet`,
            `layer_weights.json` and `controls/`.
        config: see `TraceConfig`.
        vectors: folder of vectors.
        fresh: start over in a folder of another configuration.
        draw: makes pictures of the tables of a folder in another one, here `figures/`.

    Returns:
        The manifest with the trace's summary.

    Examples:
        >>> import nast
        >>> from nast.tracing.trace_config import TraceConfig
        >>> config = TraceConfig(aggregation="scope")
        >>> made = nast.build_trace(nast.load_model("phantom"), "facts", tmp / "trace", config)
        >>> made["counts"]["sites"] > 0
        True
    """
    config = config or TraceConfig()
    # What was asked for, in the protocol's numbers.
    settings = {"stage": "trace", "key": model.key, **asdict(config), **config.rule._asdict()}
    inputs = [Path(facts), *model.made_from]

    def make(out: Path) -> dict[str, Any]:
        found = trace(
            model,
            read_facts(facts),
            template=config.template,
            direction=config.direction,
            tau_share=config.tau_share,
            failing=config.failing,
            vectors=Vectors(model, vectors, strictest_of(inputs)),
        )
        write_table(out / "trace.parquet", found.sites, TRACE_SCHEMA)
        write_table(out / "attention.parquet", found.attention, ATTENTION_SCHEMA)
        write_table(out / "layer_scores.parquet", found.scores, LAYER_SCORES_SCHEMA)
        _write_weights(out, model, found, config)
        if draw:
            draw(out, out / "figures")
        return {"counts": {"sites": len(found.sites)}, "trace": found.summary}

    return joint_stage(folder, settings, inputs, make, fresh=fresh)


def _write_weights(out: Path, model: DualEncoder, found: Trace, config: TraceConfig) -> None:
    """`layer_weights.json` and the controls of the chosen profile."""
    profile, rule = found.profile(config.aggregation), config.rule._asdict()
    weights = layer_weights(profile, protocol=config.protocol, **rule)
    known = {
        "model": model.name,
        "model_key": model.key,
        "layers": list(range(1, len(profile.score) + 1)),
        "tokenizer": type(model.tokenizer).__name__,
    }
    said = {
        **known,
        "protocol": config.protocol,
        "aggregation": config.aggregation,
        **rule,
        "within_noise": profile.within_noise,
        "score": profile.score,
        "interval": [list(ends) for ends in zip(profile.low, profile.high, strict=True)],
        "alpha": weights.alpha,
        "scale": weights.scale,
        "trace": found.summary,
    }
    write_json(out / "layer_weights.json", said)
    for name, made in controls(weights, profile.score, seed=config.seed).items():
        numbers = {"control": name, "alpha": made.alpha, "scale": made.scale}
        write_json(out / "controls" / f"{name}.json", {**known, **numbers})
