"""The causal tracing effect CTE(l, p) of every site (paper section 4.2, Appendix D.3).

For an image v, S is the cosine of a caption with v, d = S(correct) - S(foil), and patching the
foil's state into the correct caption gives CTE(l, p) = (S(correct) - S(patched)) / d: 1 where the
state carries the whole difference, 0 where it carries none. Text vectors do not depend on the
image, so each caption pair is swept once and every image costs one product.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import torch

from nast.embeddings import EmbeddingStore
from nast.errors import InputError
from nast.tracing.patching import sweep, text_vector
from nast.tracing.probes import Probe, make_probes, probe_images, roles

TRACE_SCHEMA: dict[str, Any] = {
    "pair_id": pl.String, "condition": pl.String, "subset": pl.String, "direction": pl.String,
    "site": pl.String, "layer": pl.Int64, "position": pl.Int64, "token": pl.String,
    "role": pl.String, "n": pl.Int64, "n_all": pl.Int64, "sum_d": pl.Float64,
    "sum_effect": pl.Float64, "cte_mean": pl.Float64,
}  # fmt: skip
"""`n` counts the samples above the filter, `n_all` all; the sums run over all, the mean over n."""
TAU_SHARE = 0.05


def trace(store: EmbeddingStore, facts: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    """CTE of every layer and position, over the severe and the denied facts of training patients.

    Samples whose d is not above 5 % of the model's median |d| are left out of the mean of
    ratios (design row 4) and counted; the sums over all samples stand beside it.

    Args:
        store: of the model.
        facts: `FACTS_SCHEMA`; only the training split is used.

    Returns:
        `TRACE_SCHEMA` rows and a summary: conditions, dropped pairs, tau, samples kept and seen.

    Raises:
        InputError: no usable pair, or no training sample.
    """
    images = probe_images(facts)
    names = sorted({condition for condition, _ in images})
    probes, dropped = make_probes(store.model, names)
    used = [p for p in probes if images.get((p.condition, p.subset))]
    if not used:
        raise InputError(store.model.name, found="no severe or absent fact of a training patient",
                         expected="facts of the train split")  # fmt: skip
    tower = store.model.text_tower()
    samples = [_sample(store, tower, p, images[p.condition, p.subset]) for p in used]
    tau = TAU_SHARE * float(torch.cat([s[1].abs() for s in samples]).median())
    rows = [row for probe, (vectors, d) in zip(used, samples, strict=True)
            for row in _rows(store, tower, probe, vectors, d, tau)]  # fmt: skip
    kept = sum(int((d > tau).sum()) for _, d in samples)
    summary = {
        "conditions": sorted({p.condition for p in used}),
        "dropped pairs": dropped,
        "pairs": len(used),
        "tau": tau,
        "samples": sum(len(d) for _, d in samples),
        "samples above tau": kept,
        "direction": "foil_to_correct",
    }
    return pl.DataFrame(rows, schema=TRACE_SCHEMA), summary


_Sample = tuple[torch.Tensor, torch.Tensor]
"""Image vectors (n, D) and d (n,) of one ordered pair."""


def _sample(
    store: EmbeddingStore, tower: Any, probe: Probe, images: Sequence[tuple[str, str]]
) -> _Sample:
    vectors = store.images([path for _, path in images])
    contrast = text_vector(tower, probe.correct_ids) - text_vector(tower, probe.foil_ids)
    return vectors, vectors @ contrast


def _rows(
    store: EmbeddingStore,
    tower: Any,
    probe: Probe,
    vectors: torch.Tensor,
    d: torch.Tensor,
    tau: float,
) -> list[dict[str, Any]]:
    patched = sweep(tower, probe.correct_ids, probe.foil_ids)
    correct = text_vector(tower, probe.correct_ids)
    effect = torch.einsum("nd,lpd->nlp", vectors, correct - patched).double()
    keep = d > tau
    ratio = (effect[keep] / d[keep, None, None].double()).mean(0)
    total = effect.sum(0)
    places = roles(probe, store.model)
    return [
        {
            "pair_id": f"{probe.condition}/{probe.subset}",
            "condition": probe.condition, "subset": f"negation in {probe.subset}",
            "direction": "foil_to_correct", "site": "residual", "layer": layer,
            "n": int(keep.sum()), "n_all": len(d), "sum_d": float(d.sum()),
            "sum_effect": float(total[layer, place["position"]]),
            "cte_mean": float(ratio[layer, place["position"]]) if keep.any() else None,
            **place,
        }
        for layer in range(patched.shape[0])
        for place in places
    ]  # fmt: skip


PERMUTATIONS = 1000
MIN_RANGE = 0.02
"""A profile that spans less than this share of the whole effect (CTE = 1) is taken as flat."""
AGGREGATIONS = {"cue": ["cue"], "scope": ["cue", "finding"], "drop": ["cue"]}
"""How a trace becomes one score per block, and the token roles that count."""


def pair_scores(rows: pl.DataFrame, aggregation: str = "cue") -> pl.DataFrame:
    """One score per ordered caption pair and layer (0 = embedding).

    Args:
        rows: `TRACE_SCHEMA`.
        aggregation: `cue` (CTE at the denying token, block output), `scope` (mean over the
            denying and the finding tokens) or `drop` (CTE(l-1) - CTE(l) at the denying token:
            the block that moves the signal on).

    Returns:
        `subset, condition, layer, score, sum_effect, sum_d`, ordered by layer.

    Raises:
        ValueError: an unknown aggregation.
    """
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation {aggregation!r}; choose one of {', '.join(AGGREGATIONS)}")
    wanted = pl.col("role").is_in(AGGREGATIONS[aggregation])
    pairs = rows.filter(wanted, pl.col("site") == "residual").group_by(
        "subset", "condition", "layer"
    ).agg(
        pl.col("cte_mean").mean().alias("score"), pl.col("sum_effect").mean(),
        pl.col("sum_d").first(),
    ).sort("subset", "condition", "layer")  # fmt: skip
    if aggregation == "drop":
        moved = pl.col("score", "sum_effect")
        pairs = pairs.with_columns(moved.shift(1).over("subset", "condition") - moved)
    return pairs


def layer_scores(rows: pl.DataFrame, aggregation: str = "cue") -> pl.DataFrame:
    """One score per block from a trace; see `pair_scores` for the aggregations.

    Returns:
        `layer, score, ratio_of_sums` for blocks 1..L; subsets and conditions weigh equally in
        the score.
    """
    subsets = (
        pair_scores(rows, aggregation)
        .group_by("subset", "layer")
        .agg(pl.col("score").mean(), pl.col("sum_effect").sum(), pl.col("sum_d").sum())
    )
    layers = subsets.group_by("layer").agg(
        pl.col("score").mean(),
        (pl.col("sum_effect").sum() / pl.col("sum_d").sum()).alias("ratio_of_sums"),
    )
    return layers.filter(pl.col("layer") > 0).sort("layer")


def within_noise(rows: pl.DataFrame, aggregation: str = "cue", seed: int = 0) -> bool:
    """Whether the profile's range is too small to say anything (design row 2).

    Conditions are the units; their subsets are averaged first. The range of the mean profile
    must exceed `MIN_RANGE` of the whole effect, and 95 % of the ranges that come out when each
    condition's blocks are put in random order. Otherwise min-max would blow up noise.
    """
    pairs = pair_scores(rows, aggregation).filter(pl.col("layer") > 0)
    means = pairs.group_by("condition", "layer").agg(pl.col("score").mean())
    wide = means.sort("layer").pivot("layer", index="condition", values="score").drop_nulls()
    profiles = wide.sort("condition").drop("condition").to_numpy()
    if len(profiles) < 2:
        return True
    rng = np.random.default_rng(seed)
    shuffled = [np.ptp(rng.permuted(profiles, axis=1).mean(0)) for _ in range(PERMUTATIONS)]
    found = np.ptp(profiles.mean(0))
    return bool(found <= max(MIN_RANGE, float(np.quantile(shuffled, 0.95))))
