"""Accuracy that remains under a control, and what words alone solve."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import polars as pl

from nast.facts.conditions import CONDITIONS, Conditions
from nast.items.audit import audit_table
from nast.measuring.overall import clusters_of, mean_of
from nast.measuring.rows import Metric, empty, put
from nast.measuring.values import METRIC_KEY, choice_values, over_seeds
from nast.records import FORMS
from nast.statistics.bootstrap import clustered_share, exact_interval


def controlled(scores: pl.DataFrame, items: pl.DataFrame, seed: int) -> Iterator[Metric]:
    """The accuracy of each setting under each control, by form.

    Equal scores count by the chance of picking right among them: without its cue an option may
    read like another.

    Args:
        scores: `SCORES_SCHEMA` rows with `control`.
        items: `ITEMS_SCHEMA` rows with `data`.
        seed: of the bootstrap.
    """
    for (model, control), part in scores.group_by("model", "control", maintain_order=True):
        values = choice_values(part.drop("control"), items, "expected")
        for key, rows in values.group_by(METRIC_KEY, maintain_order=True):
            of = empty(
                model=str(model), control=str(control), **dict(zip(METRIC_KEY, key, strict=True))
            )
            found = over_seeds(rows)
            for form in FORMS:
                some = found.filter(form=form)
                if len(some):
                    metric = replace(of, form=form, chance=mean_of(some["guess"]))
                    clusters = clusters_of(some, of)
                    yield put(metric, clustered_share(some["value"].to_numpy(), clusters, seed))


def text_only(items: pl.DataFrame, known: Mapping[str, Conditions], seed: int) -> Iterator[Metric]:
    """The best baseline of the audit that never sees an image, for each set and form.

    Args:
        items: `ITEMS_SCHEMA` rows with `data`.
        known: data set -> the table that its facts are named by.
        seed: of the audit's folds.
    """
    # Sorted, so that the order in which data are given decides nothing.
    parts = items.group_by("data", "set", "world", maintain_order=True)
    for (data, name, world), part in sorted(parts, key=lambda p: tuple(map(str, p[0]))):
        of = empty(
            data=data,
            set=name,
            world=world,
            task="choice",
            control="text only",
            statistic="accuracy",
        )
        for form, rows in audit_table(part, seed, known.get(data, CONDITIONS)).items():
            best = max(rows, key=lambda r: r["accuracy"])
            low, high = exact_interval(best["accuracy"], best["n"])
            yield replace(
                of,
                form=form,
                value=best["accuracy"],
                low=low,
                high=high,
                n=best["n"],
                chance=best["chance"],
                method=f"Clopper-Pearson over items; {best['baseline']}, p above chance "
                f"{best['p']:.3g}",
            )
