"""From a trace to one score per block, with intervals (paper section 4.2; decisions 2 to 4).

Which of these the paper averages cannot be told from its text. The independent units are the
conditions that the caption pairs cover, so intervals come from resampling conditions, never images.
"""

from typing import Any

import numpy as np
import polars as pl
from scipy.stats import rankdata

from nast.layers import Profile

TRACED = ("cue", "scope", "drop", "input", "module")
"""Those in units of the whole effect (CTE = 1)."""
PAIR_SCORES_SCHEMA: dict[str, Any] = {
    "aggregation": pl.String,
    "condition": pl.String,
    "subset": pl.String,
    "layer": pl.Int64,
    "score": pl.Float64,
    "sum_effect": pl.Float64,
    "sum_d": pl.Float64,
}
LAYER_SCORES_SCHEMA: dict[str, Any] = {
    "aggregation": pl.String,
    "condition": pl.String,
    "subset": pl.String,
    "layer": pl.Int64,
    "score": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "ratio_of_sums": pl.Float64,
    "ratio_low": pl.Float64,
    "ratio_high": pl.Float64,
}
AXES = ("condition", "subset", "layer")
ALL, BOTH = "all", "both"
RESAMPLES = PERMUTATIONS = 1000
MIN_RANGE = 0.02
"""A profile that spans less than this share of the whole effect is taken as flat."""


def pair_scores(
    trace: pl.DataFrame,
    attention: pl.DataFrame | None = None,
    gradients: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One score per aggregation, ordered caption pair and block.

    Args:
        trace: `TRACE_SCHEMA`.
        attention: `ATTENTION_SCHEMA`, for the aggregation `attention`.
        gradients: `GRADIENTS_SCHEMA`, for `gradnorm`.

    Returns:
        `PAIR_SCORES_SCHEMA`; `score` is the mean of ratios above the filter on d, null where no
        sample is; the sums run over all samples, null where there are none to sum.
    """
    residual = trace.filter(site="residual")
    cue = _mean(residual.filter(role="cue"))
    before = cue.with_columns(pl.col("layer") + 1)
    moved = before.join(cue, on=["condition", "subset", "layer"]).with_columns(
        *(pl.col(c) - pl.col(f"{c}_right") for c in ("score", "sum_effect"))
    )
    parts = {
        "cue": cue,
        "scope": _mean(residual.filter(pl.col("role").is_in(["cue", "finding"]))),
        "drop": moved,
        "input": before.filter(pl.col("layer") <= cue["layer"].max()),
        "module": _mean(trace.filter(pl.col("site") != "residual"), summed=True),
    }
    if attention is not None:
        heads = attention.group_by("condition", "layer", maintain_order=True).agg(
            score=pl.col("selectivity").mean()
        )
        parts["attention"] = heads.with_columns(subset=pl.lit("negation in caption"))
    if gradients is not None:
        parts["gradnorm"] = gradients
    table = pl.concat(
        [p.with_columns(aggregation=pl.lit(name)) for name, p in parts.items()], how="diagonal"
    )
    table = table.with_columns(
        pl.lit(None, pl.Float64).alias(c) for c in ("sum_effect", "sum_d") if c not in table.columns
    )
    table = table.select(pl.col(c).cast(k) for c, k in PAIR_SCORES_SCHEMA.items())
    return table.filter(pl.col("layer") > 0).sort("aggregation", "condition", "subset", "layer")


def _mean(rows: pl.DataFrame, summed: bool = False) -> pl.DataFrame:
    """Mean over the positions of each pair and layer, or the sum over positions and sites."""
    score, effect = pl.col("cte_mean"), pl.col("sum_effect")
    total = pl.when(score.is_null().any()).then(None).otherwise(score.sum())
    return rows.group_by("condition", "subset", "layer", maintain_order=True).agg(
        (total if summed else score.mean()).alias("score"),
        (effect.sum() if summed else effect.mean()).alias("sum_effect"),
        pl.col("sum_d").first(),
    )


def layer_scores(pairs: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Scores of each block: merged, per subset and per condition, with 95 % intervals.

    Conditions weigh equally within a subset, and the subsets equally. Beside this mean of ratios
    stands the ratio of sums, where every sample weighs the same. Intervals are percentiles over
    resampled conditions; one condition alone has none.

    Args:
        pairs: `PAIR_SCORES_SCHEMA`.
        seed: of the resampling.

    Returns:
        `LAYER_SCORES_SCHEMA`; merged rows have condition `all` and subset `both`.

    Examples:
        >>> import nast
        >>> import polars as pl
        >>> from nast.tracing.aggregate import PAIR_SCORES_SCHEMA
        >>> row = {"aggregation": "cue", "subset": "foil", "layer": 1, "condition": "Edema"}
        >>> pairs = pl.DataFrame([row | {"score": 0.25}], schema=PAIR_SCORES_SCHEMA)
        >>> nast.layer_scores(pairs)["score"].unique().to_list()
        [0.25]
    """
    found = []
    for (aggregation,), part in pairs.group_by("aggregation", maintain_order=True):
        conditions, subsets, layers = (sorted(part[a].unique()) for a in AXES)
        cells = np.stack([_cube(part, c) for c in ("score", "sum_effect", "sum_d")])
        there = ~np.isnan(cells).all(axis=(0, 3))
        groups = [(ALL, BOTH, cells)]
        groups += [(ALL, s, cells[:, there[:, i], i : i + 1]) for i, s in enumerate(subsets)]
        groups += [(c, BOTH, cells[:, i : i + 1]) for i, c in enumerate(conditions)]
        for condition, subset, some in groups:
            spread = some.shape[1] > 1
            profiles, ratios = _resampled(*some, seed=seed, size=RESAMPLES if spread else 0)
            found += [
                (
                    aggregation,
                    condition,
                    subset,
                    layer,
                    *_cells(profiles[:, i], spread),
                    *_cells(ratios[:, i], spread),
                )
                for i, layer in enumerate(layers)
            ]
    return pl.DataFrame(found, schema=LAYER_SCORES_SCHEMA, orient="row")


def merged(scores: pl.DataFrame, aggregation: str) -> pl.DataFrame:
    """The rows of one aggregation over all conditions and both subsets, by layer.

    Raises:
        ValueError: an unknown aggregation, or one that was not computed.
    """
    known = scores["aggregation"].unique(maintain_order=True).to_list()
    if aggregation not in known:
        raise ValueError(f"aggregation {aggregation!r}; choose one of {', '.join(known)}")
    return scores.filter(aggregation=aggregation, condition=ALL, subset=BOTH).sort("layer")


def _cells(values: np.ndarray, spread: bool) -> tuple[float | None, float | None, float | None]:
    """The value and its interval; the first entry is the value, the others are resampled."""
    value = None if np.isnan(values[0]) else float(values[0])
    if value is None or not spread:
        return value, None, None
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return value, float(low), float(high)


def _resampled(
    score: np.ndarray, effect: np.ndarray, d: np.ndarray, *, seed: int, size: int = RESAMPLES
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of ratios and ratio of sums (1 + size, L); entry 0 is not resampled.

    All three are (conditions, subsets, L). The draws depend on the seed and the number of
    conditions alone, so that two aggregations of the same conditions are resampled alike.
    """
    count = len(score)
    draws = np.random.default_rng(seed).integers(count, size=(size, count))
    times = (draws[:, :, None] == np.arange(count)).sum(1)
    times = np.concatenate([np.ones((1, count)), times])

    def total(values: np.ndarray) -> np.ndarray:
        return np.tensordot(times, values, axes=1)

    with np.errstate(invalid="ignore", divide="ignore"):
        means = total(np.nan_to_num(score)) / total(~np.isnan(score))
        effects, ds = (total(np.nan_to_num(v)).sum(1) for v in (effect, d))
        return _mean_known(means, 1), np.where(ds == 0, np.nan, effects / ds)


def _mean_known(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean of what is not NaN; NaN, without a warning, where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis) / known.sum(axis)


def _cube(rows: pl.DataFrame, column: str) -> np.ndarray:
    """Values (conditions, subsets, layers), NaN where there are none."""
    axes = [rows[a].rank("dense").cast(pl.Int64).to_numpy() - 1 for a in AXES]
    cube = np.full([a.max(initial=-1) + 1 for a in axes], np.nan)
    cube[tuple(axes)] = rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return cube


def within_noise(pairs: pl.DataFrame, aggregation: str = "cue", seed: int = 0) -> bool:
    """Whether the profile's range is too small to say anything (decision 2).

    Conditions are the units; their subsets are averaged first. The range of the mean profile
    must exceed 2 % of the whole effect (of the largest score for what is no CTE), and 95 % of the
    ranges that come out when each condition's blocks are put in random order. Otherwise min-max
    would blow up noise.
    """
    profiles = _mean_known(_cube(pairs.filter(aggregation=aggregation), "score"), 1)
    profiles = profiles[~np.isnan(profiles).any(axis=1)]
    if len(profiles) < 2:
        return True
    rng = np.random.default_rng(seed)
    shuffled = [np.ptp(rng.permuted(profiles, axis=1).mean(0)) for _ in range(PERMUTATIONS)]
    whole = 1.0 if aggregation in TRACED else float(np.abs(profiles.mean(0)).max())
    found = np.ptp(profiles.mean(0))
    return bool(found <= max(MIN_RANGE * whole, float(np.quantile(shuffled, 0.95))))


def profile_of(scores: pl.DataFrame, aggregation: str, of: str) -> Profile:
    """The score of each block over all conditions, its interval, and whether it says anything.

    Args:
        scores: `LAYER_SCORES_SCHEMA`.
        aggregation: which score; None stands for a block without one.
        of: the model or the folder, for warnings.

    Raises:
        ValueError: an unknown aggregation, or one that was not computed.
    """
    rows = merged(scores, aggregation)
    score, low, high = (rows[name].to_list() for name in ("score", "low", "high"))
    # A condition's row of both subsets is the mean of its pairs: what the noise is judged by.
    each = scores.filter(pl.col("condition") != ALL, subset=BOTH)
    return Profile(aggregation, score, low, high, within_noise(each, aggregation), of)


def rank_correlation(
    pairs: pl.DataFrame, aggregation: str, other: str = "attention", seed: int = 0
) -> dict[str, Any]:
    """Spearman correlation of two profiles over blocks (Figure 5 against the CTE).

    Args:
        pairs: `PAIR_SCORES_SCHEMA`.
        aggregation: one profile.
        other: the other one.
        seed: of the resampling.

    Returns:
        `value` in [-1, 1], `interval` (percentiles over resampled conditions) and `n`, the number
        of conditions that have both; value and interval are None where a profile is flat.
    """
    parts = [
        pairs.filter(pl.col("aggregation") == a, pl.col("score").is_not_null())
        for a in (aggregation, other)
    ]
    shared = sorted(set(parts[0]["condition"]) & set(parts[1]["condition"]))
    if not shared:
        return {"value": None, "interval": None, "n": 0}
    cells = [_cube(p.filter(pl.col("condition").is_in(shared)), "score") for p in parts]
    ranks = [rankdata(_resampled(c, c, c, seed=seed)[0], axis=1) for c in cells]
    a, b = (r - r.mean(1, keepdims=True) for r in ranks)
    with np.errstate(invalid="ignore"):
        found = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    value, low, high = _cells(found, len(shared) > 1)
    return {"value": value, "interval": None if low is None else [low, high], "n": len(shared)}
