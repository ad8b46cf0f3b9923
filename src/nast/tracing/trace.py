"""Everything that a trace of a model measures, as tables."""

from typing import Any, NamedTuple

import polars as pl

from nast.tracing.aggregate import TRACED, layer_scores, pair_scores, rank_correlation
from nast.tracing.cte import TAU_SHARE, trace_samples
from nast.tracing.gradient_norms import gradient_norms
from nast.tracing.probes import TEMPLATES, make_samples
from nast.tracing.selectivity import negator_attention
from nast.vectors import Vectors


class TraceTables(NamedTuple):
    """The tables of a trace.

    Attributes:
        sites: `TRACE_SCHEMA`.
        attention: `ATTENTION_SCHEMA`.
        pairs: `PAIRS_SCHEMA`, one score per aggregation, caption pair and block.
        scores: `SCORES_SCHEMA`, the same over pairs, with intervals.
        summary: captions, filters, samples kept, and how the attention's profile ranks the blocks
            against each of the CTE's.
    """

    sites: pl.DataFrame
    attention: pl.DataFrame
    pairs: pl.DataFrame
    scores: pl.DataFrame
    summary: dict[str, Any]


def trace_tables(
    store: Vectors,
    facts: pl.DataFrame,
    *,
    template: str = "severe",
    direction: str = "foil_to_correct",
    tau_share: float | None = TAU_SHARE,
    failing: bool = False,
) -> TraceTables:
    """Trace a model on severe and denied facts of training patients, in every way at once.

    Args:
        store: of the model.
        facts: `FACTS_SCHEMA`; only the training split is used.
        template: a name of `TEMPLATES`.
        direction: a name of `DIRECTIONS`.
        tau_share: the filter on d, see `nast.tracing.cte.trace`.
        failing: CTE of the samples that the model gets wrong alone; attention and gradients stay
            those of all samples.

    Raises:
        InputError: no usable pair, or no training sample.
    """
    samples, dropped = make_samples(store, facts, template)
    sites, summary = trace_samples(
        store.model, samples, direction, tau_share=tau_share, failing=failing
    )
    probes = {s.probe.condition: s.probe for s in samples}.values()
    attention = negator_attention(store.model, list(probes))
    pairs = pair_scores(sites, attention, gradient_norms(store.model, samples))
    sentences = TEMPLATES[template]
    summary |= {
        "template": {"name": template, **sentences._asdict()},
        "dropped pairs": dropped,
        "rank correlation with attention": {a: rank_correlation(pairs, a) for a in TRACED},
    }
    return TraceTables(sites, attention, pairs, layer_scores(pairs), summary)
