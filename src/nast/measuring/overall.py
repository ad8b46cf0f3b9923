"""Means over items of one setting: accuracy and R@k by form, and the polarity gap (Table 3)."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from nast.measuring.rows import Metric, put
from nast.measuring.values import TEXT_TO_IMAGE, both_forms, over_seeds
from nast.records import FORMS, LISTS
from nast.statistics.bootstrap import (
    Clusters,
    clustered_difference,
    clustered_mean,
    clustered_share,
)
from nast.statistics.paired_tests import mcnemar


def overall(of: Metric, values: pl.DataFrame, seed: int) -> Iterator[Metric]:
    """Every mean of one setting and metric.

    Args:
        of: what the values are of; `statistic` is `accuracy` or `R@k`.
        values: `VALUES` rows of one setting, all seeds, and one metric.
        seed: of the bootstrap.

    Yields:
        A row per form with its spread over seeds and its chance; `gap` (affirmative minus negated
        over the items that have both), `gap to all` (affirmative minus the mean of both). A
        gap of R@k is called `R@k gap`.
    """
    items = over_seeds(values)
    for form in FORMS:
        rows = items.filter(form=form)
        if len(rows):
            spread = seed_spread(values.filter(form=form))
            metric = replace(of, form=form, seed_sd=spread, chance=mean_of(rows["guess"]))
            yield put(
                metric, clustered_share(rows["value"].to_numpy(), clusters_of(rows, of), seed)
            )
    if {"negated", "affirmative"} <= set(items["form"]):
        yield from _gaps(of, items, seed)


def mean_of(column: pl.Series) -> float | None:
    """The mean of some numbers; None where there are none."""
    return None if column.null_count() == len(column) else float(column.mean())  # type: ignore[arg-type]


def gap_name(statistic: str) -> str:
    """What the gap of a statistic is called: `gap` of the accuracy, `R@1 gap` of recall."""
    return "gap" if statistic == "accuracy" else f"{statistic} gap"


def _gaps(of: Metric, items: pl.DataFrame, seed: int) -> Iterator[Metric]:
    of = replace(of, statistic=gap_name(of.statistic))
    if of.direction == TEXT_TO_IMAGE or of.reading == LISTS:
        # Another text, or another list, for each polarity.
        sides = [items.filter(form=f) for f in ("negated", "affirmative")]
        parts = [(s["value"].to_numpy(), s["subject"].to_list()) for s in sides]
        kind = "texts" if of.direction == TEXT_TO_IMAGE else "patients"
        yield put(of, clustered_difference(*parts[0], *parts[1], kind, seed))
        return
    both = both_forms(items)
    change = (both["value"] - both["value_negated"]).to_numpy()
    clusters = clusters_of(both, of)
    yield put(of, clustered_mean(change, clusters, seed))
    yield put(
        replace(of, statistic=f"{of.statistic} to all"), clustered_mean(change / 2, clusters, seed)
    )
    yield from discordant(of, both["value_negated"], both["value"])


def discordant(of: Metric, first: pl.Series, second: pl.Series) -> Iterator[Metric]:
    """McNemar's exact test as a row, where every answer is right or wrong.

    It takes items as independent; `p` of a comparison does not.

    Args:
        of: the difference that is tested.
        first: values of the items on one side.
        second: of the same items on the other, from which the first is subtracted.
    """
    answers = np.array([first, second])
    if not len(first) or of.task != "choice" or not np.isin(answers, (0, 1)).all():
        return
    tested = mcnemar(*answers)
    yield replace(
        of,
        statistic=f"{of.statistic} (McNemar)",
        value=(tested.only_second - tested.only_first) / len(first),
        n=len(first),
        method=f"exact, both {tested.both}, only first {tested.only_first}, only second "
        f"{tested.only_second}, neither {tested.neither}",
        p=tested.p,
    )


def seed_spread(values: pl.DataFrame) -> float | None:
    """Standard deviation of the seeds' means; None for fewer than two seeds."""
    means = values.group_by("seed").agg(pl.col("value").mean()).sort("seed")["value"]
    return float(np.std(means.to_numpy(), ddof=1)) if len(means) > 1 else None


def clusters_of(rows: pl.DataFrame, of: Metric) -> Clusters:
    """The clusters of some items: patients, and groups where all have one."""
    clusters = {"texts" if of.direction == TEXT_TO_IMAGE else "patients": rows["subject"].to_list()}
    if (rows["group_id"] != "").all() and len(rows):
        clusters["groups"] = rows["group_id"].to_list()
    return clusters
