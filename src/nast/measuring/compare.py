"""Every setting against every other on the same items, and what each may have lost.

No harm means non-inferiority: the paired 95 % interval of the loss must stay above minus the
margin, which is stated beforehand. "No significant loss" is not enough: a small sample never has
one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl

from nast.measuring.drift import drift
from nast.measuring.overall import clusters_of, discordant, gap_name
from nast.measuring.prompt_pairs import detection_change
from nast.measuring.rows import Metric, empty, put
from nast.measuring.values import ITEM, both_forms, over_seeds
from nast.statistics.bootstrap import clustered_mean
from nast.statistics.paired_tests import holm, sign_flip

MARGIN = 0.01
"""One point of AUC, recall or accuracy, where nothing else is asked for."""
KEPT = ("affirmative", "plain")
"""Forms in which a repair of negation must lose nothing."""
GAP = "gap"
"""Stands for a form where the gap between two is compared."""


def comparisons(
    of: Metric, values: pl.DataFrame, models: Sequence[str], seed: int, margin: float
) -> Iterator[Metric]:
    """Paired differences of all pairs of settings on one metric, form by form.

    Args:
        of: what the values are of, without a model.
        values: `VALUES` rows of all settings and one metric.
        models: names in order; the first one is the reference of what may have been lost.
        seed: of the bootstrap and the sign flips.
        margin: largest loss that counts as none.

    Yields:
        Model minus reference per form and, of the accuracy, for the gap: `p` by sign flips over
        clusters, `p_holm` corrected over the pairs of settings of that form, `seed_sd` of the
        seeds' differences; and McNemar's test where answers are not averaged over seeds.
    """
    forms = values["form"].unique(maintain_order=True).to_list()
    for form in [*forms, *([GAP] if of.statistic == "accuracy" else [])]:
        gap = form == GAP
        here = replace(of, statistic=gap_name(of.statistic)) if gap else replace(of, form=form)
        sides = {m: _side(values.filter(model=m), form) for m in models}
        found = []
        for reference, model in combinations([m for m in models if len(sides[m])], 2):
            judged = form in KEPT and reference == models[0]
            metric = replace(
                here, model=model, reference=reference, margin=margin if judged else None
            )
            after, before = (over_seeds(sides[name]) for name in (model, reference))
            both = after.join(before, on=ITEM, maintain_order="left", suffix="_before")
            if len(both):
                steps = _steps(sides[reference], sides[model])
                found.append((_difference(metric, both, steps, seed), both))
        corrected = holm([m.p for m, _ in found if m.p is not None])
        for (metric, both), p in zip(found, corrected, strict=True):
            yield replace(metric, p_holm=p)
            if not gap:
                bare = replace(metric, margin=None, low=None, high=None)
                yield from discordant(bare, both["value_before"], both["value"])


def _difference(metric: Metric, both: pl.DataFrame, steps: list[float], seed: int) -> Metric:
    """The mean of `value` minus `value_before`, with the interval and p of clusters, and the spread
    of its seeds.
    """
    change = (both["value"] - both["value_before"]).to_numpy()
    clusters = clusters_of(both, metric)
    return replace(
        put(metric, clustered_mean(change, clusters, seed)),
        seeds=max(len(steps), 1),
        seed_sd=float(np.std(steps, ddof=1)) if len(steps) > 1 else None,
        p=sign_flip(change, clusters, seed),
    )


def _side(values: pl.DataFrame, form: str) -> pl.DataFrame:
    """The values of one setting in a form; for the gap, affirmative minus negated by item."""
    if form != GAP:
        return values.filter(form=form)
    parts = [
        both_forms(part).select(
            *ITEM,
            seed=pl.lit(name, pl.Int64),
            form=pl.lit(GAP),
            value=pl.col("value") - pl.col("value_negated"),
            guess=pl.lit(None, pl.Float64),
        )
        for (name,), part in values.group_by("seed", maintain_order=True)
    ]
    return pl.concat(parts) if parts else values.clear()


def _steps(first: pl.DataFrame, second: pl.DataFrame) -> list[float]:
    """The difference of each seed that both settings have; a setting of one seed, or of a model
    without, stands against every seed of the other.
    """
    before, after = (
        dict(side.group_by("seed", maintain_order=True).agg(pl.col("value").mean()).rows())
        for side in (first, second)
    )
    if len(before) == 1:
        before = dict.fromkeys(after, *before.values())
    elif len(after) == 1:
        after = dict.fromkeys(before, *after.values())
    return [after[seed] - before[seed] for seed in after if seed in before]


def losses(
    pairs: pl.DataFrame, neutral: pl.DataFrame, models: Sequence[str], seed: int, margin: float
) -> Iterator[Metric]:
    """Every setting against the first: detection of findings, and drift on neutral sentences.

    Args:
        pairs: `PAIRS_SCHEMA` rows of all settings.
        neutral: `NEUTRAL_SCHEMA` rows of all settings.
        models: names in order.
        seed: of the bootstraps.
        margin: largest loss of an area that counts as none.
    """
    for model in models[1:]:
        for (data,), part in pairs.group_by("data", maintain_order=True):
            first, second = (part.filter(model=m) for m in (models[0], model))
            of = empty(
                model=model, reference=models[0], data=str(data), task="prompts", statistic=""
            )
            for metric in detection_change(of, first, second, seed):
                yield replace(metric, margin=margin, seeds=second["seed"].n_unique())
        before, after = (neutral.filter(model=m) for m in (models[0], model))
        if len(before) and len(after):
            of = empty(model=model, reference=models[0], task="neutral", statistic="")
            yield from drift(of, before, after, seed)


def harm(metric: Mapping[str, float]) -> str:
    """What the interval of a difference says about a loss of more than the margin.

    Returns:
        `not inferior`, `inferior` or `not shown`.
    """
    low, high, margin = (metric[n] for n in ("low", "high", "margin"))
    return "not inferior" if low > -margin else "inferior" if high < -margin else "not shown"
