"""From per-item scores to the figures of the tables; the model is not needed any more."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from nast.measuring.significance import mcnemar, sign_flip
from nast.measuring.statistics import (
    Clusters,
    clustered_difference,
    clustered_mean,
    clustered_share,
)
from nast.scoring.choice import CHOICE, TieRule, correctness
from nast.scoring.prompt_pairs import prompt_pair_metrics
from nast.scoring.prompt_sets import SETS

FORM_ORDER = ("negated", "affirmative", "omitted", "filter")
KEY = ["data", "pair", "group_id", "subject"]
"""What makes two rows of `item_values` the same item, in one form or in two."""
Figures = dict[str, dict[str, Any]]
"""Figure's name -> value, interval, n, method, and what belongs to it."""


def by_label(scores: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Scores of each model; `policy#0`, `policy#1`, ... are the seeds of one policy."""
    labelled = scores.with_columns(pl.col("model").str.replace(r"#\d+$", "").alias("label"))
    for (label,), part in labelled.group_by("label", maintain_order=True):
        yield str(label), part.drop("label")


def in_order(metrics: dict[str, Any], scores: pl.DataFrame) -> dict[str, Any]:
    """Metrics in the order in which the models were scored; what was not scored comes last."""
    order = [label for label, _ in by_label(scores)]
    return {m: metrics[m] for m in [*order, *(m for m in metrics if m not in order)]}


def item_values(scores: pl.DataFrame, ties: TieRule = "never") -> pl.DataFrame:
    """One value in [0, 1] per model and item, for every task but prompt pairs.

    Args:
        scores: `SCORES_SCHEMA` rows.
        ties: what a tie for the best option counts as.

    Returns:
        `model, data, metric, form, pair, group_id, subject, value`; `metric` is the name without
        the form ("claims/accuracy"), `pair` joins the forms of one item.
    """
    choice = correctness(scores.filter(pl.col("task").is_in(CHOICE)), ties)
    choice = choice.select(
        "model",
        "data",
        (pl.col("task") + "/accuracy").alias("metric"),
        "form",
        pair_of().alias("pair"),
        "group_id",
        "subject",
        pl.col("correct").alias("value"),
    )
    retrieval = scores.filter(pl.col("task").str.starts_with("retrieval")).select(
        "model",
        "data",
        pl.format("{}/R@{}", "task", "option").alias("metric"),
        "form",
        pl.col("item_id").alias("pair"),
        "group_id",
        "subject",
        pl.col("score").alias("value"),
    )
    return pl.concat([choice, retrieval])


def pair_of() -> pl.Expr:
    """The id of an item without its form: a claim set's ends in it, a question has one id."""
    return pl.col("item_id").str.replace(rf"-({'|'.join(FORM_ORDER)})$", "")


def metrics_of(scores: pl.DataFrame, seed: int = 0, ties: TieRule = "never") -> Figures:
    """Every figure of one model that needs nothing but its scores, by name.

    Args:
        scores: `SCORES_SCHEMA` rows of one model, or of the same policy under several seeds
            (named `policy#seed`): each item's value is averaged over the seeds first, and the
            spread of the seeds' means stands beside as `seed_sd`.
        seed: of the bootstrap.
        ties: what a tie for the best option counts as.

    Returns:
        `claims/accuracy/negated` -> value, interval, n, method, chance where there is one.
        `.../gap`: affirmative minus negated over the items that have both forms, with McNemar's
        table; `.../gap to all`: affirmative minus the mean of both (design row 17).
    """
    result: Figures = {}
    values = item_values(scores, ties)
    chance = _chance(scores)
    for (metric,), part in sorted(values.group_by("metric"), key=lambda p: p[0]):
        items = over_seeds(part)
        for form in FORM_ORDER:
            rows = items.filter(form=form)
            if len(rows):
                name = f"{metric}/{form}"
                result[name] = share(rows, seed) | _seed_spread(part.filter(form=form))
                if metric in chance:
                    result[name]["chance"] = chance[metric]
        if {"negated", "affirmative"} <= set(items["form"]):
            result |= _gaps(str(metric), items, seed)
    result |= _galleries(scores)
    pairs = scores.filter(pl.col("task").is_in(list(SETS)))
    if len(pairs):
        # Seeds of a policy are averaged by score before the area is taken.
        key = ["data", "task", "item_id", "subject", "group_id", "option", "answer"]
        pairs = pairs.group_by(key, maintain_order=True).agg(pl.col("score").mean())
        result |= dict(prompt_pair_metrics(pairs, seed))
    return result


def _gaps(metric: str, items: pl.DataFrame, seed: int) -> Figures:
    # A text is negated or affirmative: as a query it has no other form to be paired with.
    if "text to image" in metric:
        return {f"{metric}/gap": _unpaired_gap(items, seed)}
    both = both_forms(items)
    to_all = (both["value"] - both["value_right"]).to_numpy() / 2
    figures = {
        f"{metric}/gap": gap(items, seed),
        f"{metric}/gap to all": mean(to_all, both, seed),
    }
    answers = both.select("value_right", "value").to_numpy()
    if metric.endswith("accuracy") and np.isin(answers, (0, 1)).all():
        figures[f"{metric}/gap"]["mcnemar"] = mcnemar(answers[:, 0], answers[:, 1])
    return figures


def _unpaired_gap(items: pl.DataFrame, seed: int) -> dict[str, Any]:
    negated, affirmative = (items.filter(form=f) for f in ("negated", "affirmative"))
    return clustered_difference(
        negated["value"].to_numpy(),
        negated["subject"].to_list(),
        affirmative["value"].to_numpy(),
        affirmative["subject"].to_list(),
        "texts",
        seed,
    ).as_dict()


def over_seeds(part: pl.DataFrame) -> pl.DataFrame:
    """`item_values` of one metric, averaged over the seeds of a policy."""
    key = ["data", "form", "pair", "group_id", "subject"]
    return part.group_by(key, maintain_order=True).agg(pl.col("value").mean())


def _seed_spread(part: pl.DataFrame) -> dict[str, Any]:
    means = part.group_by("model").agg(pl.col("value").mean()).sort("model")["value"]
    spread = float(np.std(means.to_numpy(), ddof=1)) if len(means) > 1 else 0.0
    return {"seeds": len(means), "seed_sd": spread} if len(means) > 1 else {}


def both_forms(items: pl.DataFrame) -> pl.DataFrame:
    """Items with `value` in the affirmative and `value_right` in the negated form."""
    return items.filter(form="affirmative").join(items.filter(form="negated"), on=KEY)


def gap(items: pl.DataFrame, seed: int = 0) -> dict[str, Any]:
    """Affirmative minus negated over items that have both forms (Table 3, design row 17)."""
    both = both_forms(items)
    return mean((both["value"] - both["value_right"]).to_numpy(), both, seed)


def clusters_of(rows: pl.DataFrame) -> Clusters:
    """The clusters of some items: patients, and groups where all have one."""
    queries = rows["pair"].str.starts_with("text to image").all()
    clusters = {"texts" if queries else "patients": rows["subject"].to_list()}
    if (rows["group_id"] != "").all() and len(rows):
        clusters["groups"] = rows["group_id"].to_list()
    return clusters


def mean(values: np.ndarray, rows: pl.DataFrame, seed: int) -> dict[str, Any]:
    """The figure of some values, one for each of `rows`."""
    return clustered_mean(values, clusters_of(rows), seed).as_dict()


def share(rows: pl.DataFrame, seed: int) -> dict[str, Any]:
    """The figure of the column `value`, in [0, 1]."""
    return clustered_share(rows["value"].to_numpy(), clusters_of(rows), seed).as_dict()


def _chance(scores: pl.DataFrame) -> dict[str, float]:
    choice = scores.filter(pl.col("task").is_in(CHOICE))
    key = ["task", "model", "item_id", "form"]
    sizes = choice.group_by(key, maintain_order=True).agg(pl.len().alias("k"))
    means = sizes.group_by("task", maintain_order=True).agg((1 / pl.col("k")).mean())
    return {f"{task}/accuracy": value for task, value in means.rows()}


def _galleries(scores: pl.DataFrame) -> Figures:
    """Number of candidates per query: its mean, smallest and largest value."""
    queries = scores.filter(pl.col("gallery").is_not_null() & (pl.col("option") == 1))
    size = pl.col("gallery")
    found = queries.group_by("task", maintain_order=True).agg(
        size.mean().alias("mean"),
        size.min().alias("min"),
        size.max().alias("max"),
        pl.struct("data", "item_id", "form").n_unique().alias("n"),
    )
    return {
        f"{task}/gallery": {
            "value": value,
            "interval": [low, high],
            "n": n,
            "method": "candidates per query: mean, smallest, largest",
        }
        for task, value, low, high, n in found.rows()
    }


def difference(
    first: pl.DataFrame, second: pl.DataFrame, metric: str, form: str, seed: int = 0
) -> dict[str, Any]:
    """Second minus first on the same items, with a paired interval.

    Args:
        first: scores of one model (or of one policy's seeds).
        second: scores of the other on the same items.
        metric: for example `claims/accuracy`.
        form: `negated`, `affirmative` or `omitted`.
        seed: of the bootstrap.
    """
    tables = [item_values(s).filter(metric=metric, form=form) for s in (first, second)]
    return difference_of(over_seeds(tables[0]), over_seeds(tables[1]), seed)


def difference_of(first: pl.DataFrame, second: pl.DataFrame, seed: int = 0) -> dict[str, Any]:
    """`difference` of two `over_seeds` tables of one metric and form.

    Returns:
        The figure, with `p` by sign flips over clusters, and `mcnemar` where every answer is
        right or wrong (not averaged over seeds).
    """
    both = second.join(first, on=[*KEY, "form"])
    change = (both["value"] - both["value_right"]).to_numpy()
    figure = mean(change, both, seed)
    figure["p"] = sign_flip(change, clusters_of(both), seed)
    answers = both.select("value_right", "value").to_numpy()
    if len(answers) and np.isin(answers, (0, 1)).all():
        figure["mcnemar"] = mcnemar(answers[:, 0], answers[:, 1])
    return figure
