"""A trace of a model: CTE of every site, attention, and the scores of each block."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from nast.errors import InputError
from nast.layers import Profile
from nast.models.contract import DualEncoder
from nast.sources.collect import Facts, read_facts
from nast.tracing.aggregate import (
    TRACED,
    layer_scores,
    pair_scores,
    profile_of,
    rank_correlation,
)
from nast.tracing.cte import trace_samples
from nast.tracing.gradient_norms import gradient_norms
from nast.tracing.plots import plot_attention, plot_cte, plot_profiles
from nast.tracing.probes import make_samples
from nast.tracing.selectivity import negator_attention
from nast.tracing.trace_config import TAU_SHARE, TEMPLATES
from nast.vectors import Vectors

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Trace:
    """How a text encoder carries a negation.

    Attributes:
        model: its name.
        sites: `TRACE_SCHEMA`, CTE(l, p) of every caption pair, site, layer and position.
        attention: `ATTENTION_SCHEMA`.
        pairs: `PAIR_SCORES_SCHEMA`, one score per aggregation, caption pair and block.
        scores: `LAYER_SCORES_SCHEMA`, the same over pairs, with intervals.
        summary: captions, filters, samples kept, and how the attention's profile ranks the blocks
            against each of the CTE's.

    Examples:
        >>> import nast
        >>> found = nast.trace(nast.load_model("phantom"), "facts")
        >>> type(found.plot("profiles")).__name__, found.profile("scope").within_noise
        ('Picture', False)
    """

    model: str
    sites: pl.DataFrame
    attention: pl.DataFrame
    pairs: pl.DataFrame
    scores: pl.DataFrame
    summary: dict[str, Any]

    def profile(self, name: str = "cue") -> Profile:
        """The score of each block over all conditions, with 95 % intervals.

        Args:
            name: which score, a key of `AGGREGATIONS`.

        Raises:
            ValueError: an unknown name.
            InputError: no sample is above the filter on d, so that blocks have no score.
        """
        found = profile_of(self.scores, name, self.model)
        if None in found.score:
            failing = "failing samples of" in self.summary
            below, tau = "-d" if failing else "d", self.summary["tau"] or 0
            does = "does not prefer" if failing else "prefers"
            raise InputError(
                self.model,
                found=f"no sample of {self.summary['samples']} with {below} above {tau:.3g}",
                expected=f"captions that the model {does} to their foils",
            )
        return found

    def plot(self, what: str = "cte") -> "Figure":
        """A picture of the trace, as a figure of matplotlib.

        Args:
            what: `cte` (by site, token role and layer), `profiles` (every score per block) or
                `attention` (Figure 5).

        Raises:
            ValueError: another picture.
        """
        means = self.scores.filter(condition="all", subset="both").sort("aggregation", "layer")
        if what == "cte":
            return plot_cte(self.sites)
        if what == "profiles":
            return plot_profiles(means)
        if what == "attention":
            return plot_attention(self.attention, means.filter(aggregation="attention"))
        raise ValueError(f"{what!r} is no picture of a trace; choose cte, profiles or attention")

    def __repr__(self) -> str:
        kept, seen = self.summary["samples above tau"], self.summary["samples"]
        return (
            f"Trace of {self.model}: {len(self.summary['conditions'])} conditions, "
            f"{kept} of {seen} samples above the filter\n"
            f"  .sites {self.sites.height} rows; .profile(NAME), .plot() of "
            f"{', '.join(self.scores['aggregation'].unique(maintain_order=True))}"
        )


def trace(
    model: DualEncoder,
    facts: str | Path | Facts,
    *,
    template: str = "severe",
    direction: str = "foil_to_correct",
    tau_share: float | None = TAU_SHARE,
    failing: bool = False,
    vectors: Vectors | None = None,
) -> Trace:
    """Trace a model on severe and denied facts of training patients (paper section 4.2).

    Args:
        model: loaded dual encoder, in float32.
        facts: a folder of `nast facts`, or what `read_facts` gives; only the training split is
            used.
        template: of the caption pairs, a name of `TEMPLATES`.
        direction: of the patch, a name of `DIRECTIONS`.
        tau_share: the filter on d as a share of the model's median |d|; None keeps every sample
            whose d is not exactly 0, as the paper does.
        failing: CTE of the samples that the model gets wrong alone; attention and gradients stay
            those of all samples.
        vectors: of the model, where its images are encoded already.

    Raises:
        InputError: no usable pair, or no training sample.
        ValueError: an unknown direction.

    Examples:
        >>> import nast
        >>> found = nast.trace(nast.load_model("phantom"), "facts")
        >>> found.sites.height > 0, len(found.profile("scope").score)
        (True, 12)
    """
    known = facts if isinstance(facts, Facts) else read_facts(Path(facts))
    vectors = Vectors(model) if vectors is None else vectors
    samples, dropped = make_samples(vectors, known.facts, template, known.conditions)
    sites, summary = trace_samples(model, samples, direction, tau_share=tau_share, failing=failing)
    probes = {s.probe.condition: s.probe for s in samples}.values()
    attention = negator_attention(model, list(probes))
    pairs = pair_scores(sites, attention, gradient_norms(model, samples))
    summary |= {
        "template": {"name": template, **TEMPLATES[template]._asdict()},
        "dropped pairs": dropped,
        "rank correlation with attention": {a: rank_correlation(pairs, a) for a in TRACED},
    }
    return Trace(model.name, sites, attention, pairs, layer_scores(pairs), summary)
