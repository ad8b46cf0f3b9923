"""From per-item scores to the figures of the tables; the model is not needed any more."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from nast.evaluation.choice import correctness
from nast.evaluation.prompt_pairs import prompt_pair_metrics
from nast.evaluation.statistics import clustered_mean

FORM_ORDER = ("negated", "affirmative", "omitted")


def by_label(scores: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Scores of each model; `policy#0`, `policy#1`, ... are the seeds of one policy."""
    labelled = scores.with_columns(pl.col("model").str.replace(r"#\d+$", "").alias("label"))
    for (label,), part in labelled.group_by("label", maintain_order=True):
        yield str(label), part.drop("label")


def in_order(metrics: dict[str, Any], scores: pl.DataFrame) -> dict[str, Any]:
    """Metrics in the order in which the models were scored; what was not scored comes last."""
    order = [label for label, _ in by_label(scores)]
    return {m: metrics[m] for m in [*order, *(m for m in metrics if m not in order)]}


def item_values(scores: pl.DataFrame) -> pl.DataFrame:
    """One value in [0, 1] per model and item, for every task but prompt pairs.

    Returns:
        `model, data, metric, form, pair, group_id, subject, value`; `metric` is the name without
        the form ("claims/accuracy"), `pair` joins the forms of one item.
    """
    choice = correctness(scores.filter(pl.col("task").is_in(["questions", "claims"])))
    # The forms of a claim set differ in the last part of the id; a question has one id.
    pair = pl.col("item_id").str.replace(r"-(negated|affirmative)$", "")
    choice = choice.select(
        "model", "data", (pl.col("task") + "/accuracy").alias("metric"), "form",
        pair.alias("pair"), "group_id", "subject", pl.col("correct").alias("value"),
    )  # fmt: skip
    retrieval = scores.filter(pl.col("task").str.starts_with("retrieval")).select(
        "model", "data",
        pl.format("{}/R@{}", "task", "option").alias("metric"), "form",
        pl.col("item_id").alias("pair"), "group_id", "subject", pl.col("score").alias("value"),
    )  # fmt: skip
    return pl.concat([choice, retrieval])


def metrics_of(scores: pl.DataFrame, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Every figure of one model, by name.

    Args:
        scores: `SCORES_SCHEMA` rows of one model, or of the same policy under several seeds
            (named `policy#seed`): each item's value is averaged over the seeds first, and the
            spread of the seeds' means stands beside as `seed_sd`.
        seed: of the bootstrap.

    Returns:
        `claims/accuracy/negated` -> value, interval, n, method, chance where there is one; gaps
        are affirmative minus negated, over the items that have both forms.
    """
    result: dict[str, dict[str, Any]] = {}
    values = item_values(scores)
    chance = _chance(scores)
    for (metric,), part in sorted(values.group_by("metric"), key=lambda p: p[0]):
        items = _over_seeds(part)
        for form in FORM_ORDER:
            rows = items.filter(form=form)
            if len(rows):
                name = f"{metric}/{form}"
                result[name] = _estimate(rows["value"].to_numpy(), rows, seed)
                result[name] |= _seed_spread(part.filter(form=form))
                if metric in chance:
                    result[name]["chance"] = chance[metric]
        # A text is negated or affirmative: as a query it has no other form to be paired with.
        if {"negated", "affirmative"} <= set(items["form"]) and "text to image" not in metric:
            result[f"{metric}/gap"] = gap(items, seed)
    pairs = scores.filter(task="prompt pairs")
    if len(pairs):
        # Seeds of a policy are averaged by score before the area is taken.
        key = ["data", "item_id", "subject", "group_id", "option", "answer"]
        pairs = pairs.group_by(key, maintain_order=True).agg(pl.col("score").mean())
        result |= dict(prompt_pair_metrics(pairs, seed))
    return result


def _over_seeds(part: pl.DataFrame) -> pl.DataFrame:
    key = ["data", "form", "pair", "group_id", "subject"]
    return part.group_by(key, maintain_order=True).agg(pl.col("value").mean())


def _seed_spread(part: pl.DataFrame) -> dict[str, Any]:
    means = part.group_by("model").agg(pl.col("value").mean()).sort("model")["value"]
    spread = float(np.std(means.to_numpy(), ddof=1)) if len(means) > 1 else 0.0
    return {"seeds": len(means), "seed_sd": spread} if len(means) > 1 else {}


def gap(items: pl.DataFrame, seed: int = 0) -> dict[str, Any]:
    """Affirmative minus negated over items that have both forms (Table 3, design row 17)."""
    key = ["data", "pair", "group_id", "subject"]
    both = items.filter(form="affirmative").join(items.filter(form="negated"), on=key)
    difference = (both["value"] - both["value_right"]).to_numpy()
    return _estimate(difference, both, seed)


def _estimate(values: np.ndarray, rows: pl.DataFrame, seed: int) -> dict[str, Any]:
    queries = rows["pair"].str.starts_with("text to image").all()
    kind = "texts" if queries else "patients"
    clusters: dict[str, Sequence[str]] = {kind: rows["subject"].to_list()}
    if (rows["group_id"] != "").all() and len(rows):
        clusters["groups"] = rows["group_id"].to_list()
    return clustered_mean(values, clusters, seed).as_dict()


def _chance(scores: pl.DataFrame) -> dict[str, float]:
    choice = scores.filter(pl.col("task").is_in(["questions", "claims"]))
    sizes = choice.group_by("task", "model", "item_id", "form").agg(pl.len().alias("k"))
    means = sizes.group_by("task").agg((1 / pl.col("k")).mean())
    return {f"{task}/accuracy": value for task, value in means.rows()}


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
    key = ["data", "form", "pair", "group_id", "subject"]
    tables = [_over_seeds(item_values(s).filter(metric=metric, form=form)) for s in (first, second)]
    both = tables[1].join(tables[0], on=key)
    return _estimate((both["value"] - both["value_right"]).to_numpy(), both, seed)
