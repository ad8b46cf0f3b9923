"""One number of the metrics table, and the table of many."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import polars as pl

from nast.records import METRICS_SCHEMA
from nast.statistics.bootstrap import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A row of `metrics.parquet`; what does not apply is None.

    Attributes:
        model: name of the setting; None where no model is asked (a control by words alone).
        reference: the model that is subtracted; None for a number of one model.
        seeds: how many seeds the number is the mean of; of a difference, how many pairs of them.
        seed_sd: their standard deviation.
        g: interpolation factor of fine-tuned weights, the mean over seeds.
        protocol: of the data, `paper` or `default`.
        data: name of the data set.
        set: `questions`, `claims` or `imported`.
        world: what silence means in the items.
        task: `choice`, `retrieval`, `prompts`, `neutral` or `replies`.
        reading: of retrieval (`unique`, `strict`, `fact`, ...), or the name of a prompt set.
        direction: `image to text` or `text to image`.
        form: of the items, or the polarity of captions.
        condition: that the number is about.
        subset: the part of the items or options that it is about.
        control: what was taken away from the model.
        statistic: what is measured, such as `accuracy`, `gap`, `R@1`, `POS`.
        value: the number.
        low: lower end of its 95 % interval.
        high: upper end.
        n: items that it stands on.
        method: how the interval was made.
        p: two-sided p of no difference.
        p_holm: corrected for the number of pairs of models.
        chance: what guessing gives.
        margin: largest loss that counts as none.
    """

    model: str | None = None
    reference: str | None = None
    seeds: int | None = None
    seed_sd: float | None = None
    g: float | None = None
    protocol: str | None = None
    data: str | None = None
    set: str | None = None
    world: str | None = None
    task: str
    reading: str | None = None
    direction: str | None = None
    form: str | None = None
    condition: str | None = None
    subset: str | None = None
    control: str | None = None
    statistic: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    method: str | None = None
    p: float | None = None
    p_holm: float | None = None
    chance: float | None = None
    margin: float | None = None


def put(metric: Metric, estimate: Estimate) -> Metric:
    """A metric with the value, interval, n and method of an estimate."""
    value, low, high, n, method = estimate
    return replace(metric, value=value, low=low, high=high, n=n, method=method)


def empty(**columns: str | None) -> Metric:
    """A metric without its number; the columns say what it is, `task` and `statistic` at least."""
    return Metric(value=float("nan"), n=0, **columns)  # type: ignore[arg-type]


def table_of(metrics: Iterable[Metric]) -> pl.DataFrame:
    """Metrics as `METRICS_SCHEMA` rows, in their order."""
    names = [f.name for f in fields(Metric)]
    assert names == list(METRICS_SCHEMA)
    rows = [tuple(getattr(metric, name) for name in names) for metric in metrics]
    return pl.DataFrame(rows, schema=METRICS_SCHEMA, orient="row")
