"""Scores -> the metrics table (Tables 1-3, Figure 3, verdicts): one row per number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.measuring.compare import MARGIN, comparisons, losses
from nast.measuring.controls import controlled, text_only
from nast.measuring.overall import overall
from nast.measuring.parts import parts
from nast.measuring.prompt_pairs import prompt_metrics
from nast.measuring.replies import reply_metrics
from nast.measuring.rows import Metric, empty, put, table_of
from nast.measuring.subsets import described
from nast.measuring.ties import TIES
from nast.measuring.values import IMAGE_TO_TEXT, METRIC_KEY, choice_values, hit_values
from nast.progress import counted
from nast.ranges import FRACTION
from nast.records import LISTS
from nast.statistics.bootstrap import Estimate

BLIND = "training frequency"
"""The control of retrieval: one ranking for all images."""


@dataclass(frozen=True)
class Scored:
    """What was scored, as `nast evaluate` leaves it.

    Attributes:
        scores: `SCORES_SCHEMA`.
        hits: `HITS_SCHEMA`; `model` is null where one ranking serves all images.
        pairs: `PAIRS_SCHEMA`.
        controls: `SCORES_SCHEMA` with `control`.
        neutral: `NEUTRAL_SCHEMA`.
        replies: `REPLIES_SCHEMA`, of chat models.
        items: `ITEMS_SCHEMA` with `data`: those that the scores name.
        models: names of the settings in the order in which they were scored.
        g: setting -> interpolation factor of its seeds.
        protocols: data set -> its protocol.
        worlds: data set -> `closed`, where silence is absence in its facts.
        conditions: data set -> the table that its facts are named by.
        reading: of the retrieval among captions: the gallery that was asked for.

    Examples:
        >>> scored = nast.score([nast.load_model("phantom")], "benchmark")
        >>> scored.models
        ['phantom']
    """

    scores: pl.DataFrame
    hits: pl.DataFrame
    pairs: pl.DataFrame
    controls: pl.DataFrame
    neutral: pl.DataFrame
    replies: pl.DataFrame
    items: pl.DataFrame
    models: Sequence[str]
    g: Mapping[str, float | None]
    protocols: Mapping[str, str]
    conditions: Mapping[str, Conditions]
    worlds: Mapping[str, str] = field(default_factory=dict)
    reading: str = "unique"


def measure(
    scored: Scored, *, ties: str = "default", seed: int = 0, margin: float = MARGIN
) -> pl.DataFrame:
    """Every number that the scores allow.

    Args:
        scored: see `Scored`.
        ties: whose rule for ties, a key of `TIES`.
        seed: of the bootstraps, sign flips and folds.
        margin: largest loss of accuracy, recall or AUC that counts as no harm, in [0, 1).

    Returns:
        `METRICS_SCHEMA` rows: each setting's own metrics in the order of the settings, then the
        controls, then comparisons.

    Raises:
        UsageError: `ties` or `margin` is none.
    """
    if ties not in TIES:
        raise UsageError(f"--ties is {ties!r}; choose {', '.join(TIES)}")
    FRACTION.check("--margin", margin)
    values = pl.concat(
        [choice_values(scored.scores, scored.items, TIES[ties]), hit_values(scored.hits)]
    )
    made = [
        *_own(scored, values, seed),
        *_blind(values.filter(pl.col("model").is_null()), seed),
        *controlled(scored.controls, scored.items, seed),
        *(text_only(scored.items, scored.conditions, seed) if len(scored.controls) else ()),
        *_compared(scored, values, seed, margin),
    ]
    return table_of(_completed(metric, scored) for metric in made)


def _own(scored: Scored, values: pl.DataFrame, seed: int) -> Iterator[Metric]:
    """What each setting reaches by itself."""
    known = {
        key: described(part, scored.conditions.get(str(key[0]), CONDITIONS))
        for key, part in scored.items.group_by("data", "set", "world", maintain_order=True)
    }
    for model in counted(scored.models, "measuring models"):
        for key, part in _by_metric(values.filter(model=model)):
            of = replace(_of(key), model=model, seeds=_seeds(part))
            yield from overall(of, part, seed)
            if of.task == "choice":
                rows = _joined(scored, model, of)
                yield from parts(of, part, rows, known[of.data, of.set, of.world], seed)
        yield from _sizes(scored.hits.filter(model=model), model)
        for (data,), some in scored.pairs.filter(model=model).group_by("data", maintain_order=True):
            of = empty(model=model, data=str(data), task="prompts", statistic="")
            yield from prompt_metrics(replace(of, seeds=_seeds(some)), some, seed)
        yield from reply_metrics(model, scored.replies.filter(model=model), seed)


def _joined(scored: Scored, model: str, of: Metric) -> pl.DataFrame:
    """The scores of a setting on one set of items."""
    items = scored.items.filter(data=of.data, set=of.set)
    here = items.filter(pl.col("world").eq_missing(pl.lit(of.world)))
    rows = scored.scores.filter(model=model, data=of.data, set=of.set)
    return rows.join(here.select("item_id"), on="item_id", how="semi")


def _by_metric(values: pl.DataFrame) -> Iterator[tuple[tuple[object, ...], pl.DataFrame]]:
    """Values of each metric, sorted by name so that the order of data sets decides nothing."""
    yield from sorted(
        values.group_by(METRIC_KEY, maintain_order=True), key=lambda p: tuple(map(str, p[0]))
    )


def _of(key: Sequence[object]) -> Metric:
    columns = dict(zip(METRIC_KEY, key, strict=True))
    return empty(**{n: None if v is None else str(v) for n, v in columns.items()})


def _seeds(rows: pl.DataFrame) -> int:
    return rows["seed"].n_unique()


def _sizes(hits: pl.DataFrame, model: str) -> Iterator[Metric]:
    """Number of candidates per query: its mean, smallest and largest value."""
    for (data, reading, direction), part in hits.group_by(
        "data", "reading", "direction", maintain_order=True
    ):
        size = part["size"]
        of = empty(
            model=model,
            data=data,
            task="retrieval",
            reading=reading,
            direction=direction,
            statistic="candidates",
        )
        low, high = float(size.min()), float(size.max())  # type: ignore[arg-type]
        queries = part.select("query_id", "polarity").n_unique()
        said = "candidates per query: mean, smallest, largest"
        yield put(of, Estimate(float(size.mean()), low, high, queries, said))  # type: ignore[arg-type]


def _blind(values: pl.DataFrame, seed: int) -> Iterator[Metric]:
    """Retrieval by one ranking for all images."""
    for key, part in _by_metric(values):
        yield from overall(replace(_of(key), control=BLIND), part, seed)


def _compared(scored: Scored, values: pl.DataFrame, seed: int, margin: float) -> Iterator[Metric]:
    known = list(_by_metric(values.filter(pl.col("model").is_not_null())))
    for key, part in counted(known, "comparing models by metric"):
        of = _of(key)
        headline = of.direction == IMAGE_TO_TEXT and of.reading in (LISTS, scored.reading)
        if of.task == "choice" or headline:
            yield from comparisons(of, part, scored.models, seed, margin)
    yield from losses(scored.pairs, scored.neutral, scored.models, seed, margin)


def _completed(metric: Metric, scored: Scored) -> Metric:
    """A metric with what its model and data set say of themselves."""
    data = metric.data or ""
    return replace(
        metric,
        g=scored.g.get(metric.model or ""),
        protocol=scored.protocols.get(data),
        world=scored.worlds.get(data, metric.world),
    )
