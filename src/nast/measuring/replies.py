"""How often a chat model's reply chose nothing, by why."""

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from nast.measuring.overall import clusters_of
from nast.measuring.rows import Metric, empty, put
from nast.records import FORMS
from nast.statistics.bootstrap import clustered_share

NO_CHOICE = ("unparsed", "refused", "unanswered", "cut off")
"""Replies that choose nothing: no option or several, a refusal, no reply at all, and those that
reached the limit of tokens before they were finished."""


def reply_metrics(model: str, replies: pl.DataFrame, seed: int) -> Iterator[Metric]:
    """Share of items whose reply chose nothing, by set, form and outcome.

    Args:
        model: the chat model.
        replies: its `REPLIES_SCHEMA` rows.
        seed: of the bootstrap.
    """
    for (data, name), part in replies.group_by("data", "set", maintain_order=True):
        of = empty(model=model, data=data, set=name, task="replies", statistic="")
        for outcome in NO_CHOICE:
            for form in FORMS:
                rows = part.filter(form=form)
                if len(rows):
                    hit = (rows["outcome"] == outcome).cast(pl.Float64).to_numpy()
                    metric = replace(of, form=form, statistic=outcome)
                    yield put(metric, clustered_share(hit, clusters_of(rows, of), seed))
