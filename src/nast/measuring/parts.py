"""Accuracy on parts of the items: subsets, wrong options, pairs of forms, whole groups.

All of them stand on one table of items, with a column of values for each; columns of the same items
are resampled together.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.measuring.overall import mean_of
from nast.measuring.rows import Metric, put
from nast.measuring.subsets import Described
from nast.measuring.values import ITEM, over_seeds
from nast.records import FORMS
from nast.statistics.bootstrap import clustered_means, clustered_share, clustered_shares


class Items(NamedTuple):
    """The items of one set, in any of their forms.

    Attributes:
        rows: columns `ITEM`, each item once, (n,).
        patients: which patient each item is of, (n,).
        groups: its group, -1 for none, (n,).
        right: form -> share of seeds whose answer is right, NaN where the item lacks the form.
        guess: form -> one over the number of options.
    """

    rows: pl.DataFrame
    patients: np.ndarray
    groups: np.ndarray
    right: dict[str, np.ndarray]
    guess: dict[str, np.ndarray]


class Column(NamedTuple):
    """A metric, its value for each item (NaN where there is none) and what guessing would give."""

    metric: Metric
    values: np.ndarray
    chance: np.ndarray | None = None


def parts(
    of: Metric, values: pl.DataFrame, scores: pl.DataFrame, known: Described, seed: int
) -> Iterator[Metric]:
    """Metrics of one setting on parts of one set of items.

    Args:
        of: what the values are of (the accuracy of a setting on a set).
        values: `VALUES` rows of all seeds.
        scores: `SCORES_SCHEMA` rows of the same.
        known: what the items say about themselves.
        seed: of the bootstraps.

    Yields:
        `accuracy` and `gap` per subset or condition; `chosen` and `beats` per kind of wrong
        option; `both right`, `only negated`, `only affirmative`, `neither`; `group accuracy`; and
        the accuracy in the form `plain` where items are not marked as such (imported ones).
    """
    items = _items(values)
    columns, gaps = _subsets(of, items, known)
    columns += _wrong_options(of, items, scores, known)
    if "plain" not in items.right:
        columns += _without_cues(of, items, known)
    columns += _pairs(of, items, values)
    yield from _estimates(items, columns, seed, shares=True)
    yield from _estimates(items, gaps, seed, shares=False)
    yield from _group_accuracy(of, values, seed)


def _items(values: pl.DataFrame) -> Items:
    found = over_seeds(values)
    rows = found.select(ITEM).unique(maintain_order=True)
    forms = [f for f in FORMS if f in set(found["form"])]
    sides = {f: found.filter(form=f) for f in forms}
    groups = rows["group_id"].rank("dense").cast(pl.Int64).to_numpy()
    return Items(
        rows,
        rows["subject"].to_numpy(),
        np.where((rows["group_id"] == "").to_numpy(), -1, groups),
        {f: _column(rows, part, "value") for f, part in sides.items()},
        {f: _column(rows, part, "guess") for f, part in sides.items()},
    )


def _column(rows: pl.DataFrame, part: pl.DataFrame, name: str) -> np.ndarray:
    """A column of a table with columns `ITEM`, in the order of `rows`."""
    found = rows.join(part.select(*ITEM, name), on=ITEM, how="left", maintain_order="left")
    return found[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _estimates(items: Items, columns: list[Column], seed: int, shares: bool) -> Iterator[Metric]:
    """The mean of each column over the items that have a value in it; none for empty columns.

    Args:
        items: of the set.
        columns: see `Column`.
        seed: of the bootstrap.
        shares: whether values lie in [0, 1]; else they are differences.
    """
    columns = [c for c in columns if not np.isnan(c.values).all()]
    if not columns:
        return
    clusters = {"patients": items.patients}
    if (items.groups >= 0).all():
        clusters["groups"] = items.groups
    made = (clustered_shares if shares else clustered_means)(
        np.stack([c.values for c in columns], axis=1), clusters, seed
    )
    for (metric, values, chance), estimate in zip(columns, made, strict=True):
        guess = None if chance is None else float(chance[~np.isnan(values)].mean())
        yield put(replace(metric, chance=guess), estimate)


def _subsets(of: Metric, items: Items, known: Described) -> tuple[list[Column], list[Column]]:
    """The accuracy of each subset with its chance and, over the items with both forms, the gap."""
    columns, gaps = [], []
    members = _among(items, known.subsets, "subset")
    equal = _among(items, known.equal_lengths, "form")
    for name in [*sorted(members), "equal lengths"]:
        condition = name in known.conditions
        metric = replace(
            of, condition=name if condition else None, subset=None if condition else name
        )
        right = {
            f: np.where(members[name] if name in members else equal.get(f, False), v, np.nan)
            for f, v in items.right.items()
        }
        columns += [Column(replace(metric, form=f), v, items.guess[f]) for f, v in right.items()]
        if {"negated", "affirmative"} <= set(right):
            change = right["affirmative"] - right["negated"]
            gaps.append(Column(replace(metric, statistic="gap"), change))
    return columns, gaps


def _among(items: Items, members: pl.DataFrame, by: str) -> dict[str, np.ndarray]:
    """Which items are in each part of a table of pairs, (n,) each."""
    placed = items.rows.select("pair_id").with_row_index("row").join(members, on="pair_id")
    found = {}
    for (name,), part in placed.group_by(by):
        found[str(name)] = np.zeros(len(items.rows), dtype=bool)
        found[str(name)][part["row"]] = True
    return found


def _without_cues(of: Metric, items: Items, known: Described) -> list[Column]:
    """The form `plain`: items none of whose options has a negator, as first written."""
    plain, guess = (np.full(len(items.rows), np.nan) for _ in range(2))
    among = _among(items, known.without_cues, "form")
    for form, right in items.right.items():
        here = among.get(form, False)
        plain, guess = np.where(here, right, plain), np.where(here, items.guess[form], guess)
    return [Column(replace(of, form="plain"), plain, guess)]


def _wrong_options(
    of: Metric, items: Items, scores: pl.DataFrame, known: Described
) -> list[Column]:
    """Which mistakes are made, with their chance.

    Returns:
        `chosen`: share of all items in which an option of that kind (`subset`) is chosen, and
        `tie` where several score highest, or `unanswered` where none has a score; chance: its share
        among the options. `beats`: how often the right option scores above an option of that kind,
        over the items that have one; a tie is not above, chance 0.5.
    """
    one = ["seed", "item_id"]
    truth = pl.col("score").filter(pl.col("answer")).first().over(one)
    best = pl.col("score") == pl.col("score").max().over(one)
    rows = scores.join(known.kinds, on=["item_id", "option"]).with_columns(
        chosen=(best & (best.sum().over(one) == 1)).cast(pl.Float64),
        beaten=(truth > pl.col("score")).cast(pl.Float64),
        part=1 / pl.len().over(one),
        tied=(best.sum().over(one) > 1).cast(pl.Float64),
    )
    per_seed = rows.group_by("seed", "form", "kind", *ITEM, maintain_order=True).agg(
        pl.col("chosen", "part").sum(), pl.col("beaten").mean()
    )
    offered = per_seed.group_by("form", "kind", *ITEM, maintain_order=True).agg(
        pl.col("chosen", "part", "beaten").mean()
    )
    columns = []
    for form, right in items.right.items():
        had = np.where(np.isnan(right), np.nan, 0.0)
        several = rows.filter(form=form).group_by(ITEM).agg(pl.col("tied").mean())
        tied = had + np.nan_to_num(_column(items.rows, several, "tied"))
        unanswered = had + 1 - tied
        chosen_of = replace(of, form=form, statistic="chosen")
        for (kind,), part in sorted(offered.filter(form=form).group_by("kind")):
            chosen = _column(items.rows, part, "chosen")
            unanswered -= np.nan_to_num(chosen)
            if kind == "truth":
                continue
            metric = replace(chosen_of, subset=str(kind))
            offers = np.nan_to_num(_column(items.rows, part, "part"))
            # Kinds that an item does not offer are never chosen in it.
            columns.append(Column(metric, had + np.nan_to_num(chosen), offers))
            beaten = _column(items.rows, part, "beaten")
            columns.append(Column(replace(metric, statistic="beats"), beaten, had + 0.5))
        for name, none in (("tie", tied), ("unanswered", unanswered.round(12))):
            if np.nansum(none):
                columns.append(Column(replace(chosen_of, subset=name), none, had))
    return columns


def _pairs(of: Metric, items: Items, values: pl.DataFrame) -> list[Column]:
    """The 2 x 2 table of both forms of the same items, as shares.

    The chance of `both right` is that of independent guesses; a guess that ignores the words has
    1 / K, not 1 / K^2.
    """
    on = ["seed", *ITEM]
    sides = [values.filter(form=f) for f in ("affirmative", "negated")]
    both = sides[0].join(
        sides[1], on=on, nulls_equal=True, maintain_order="left", suffix="_negated"
    )
    if not len(both):
        return []
    affirmative, negated = pl.col("value"), pl.col("value_negated")
    cells = both.group_by(ITEM, maintain_order=True).agg(
        (affirmative * negated).mean().alias("both right"),
        ((1 - affirmative) * negated).mean().alias("only negated"),
        (affirmative * (1 - negated)).mean().alias("only affirmative"),
        ((1 - affirmative) * (1 - negated)).mean().alias("neither"),
    )
    found = [
        Column(replace(of, statistic=name), _column(items.rows, cells, name))
        for name in cells.columns[len(ITEM) :]
    ]
    guess = items.guess["negated"][~np.isnan(found[0].values)].mean()
    return [found[0]._replace(chance=np.full(len(items.rows), guess**2)), *found[1:]]


def _group_accuracy(of: Metric, values: pl.DataFrame, seed: int) -> Iterator[Metric]:
    """All members of a balanced group right, over groups of at least two items.

    Chance is that of independent guesses; whoever ignores the image gives all members one answer
    and is never right in all of them.
    """
    groups = (
        values.filter(pl.col("group_id") != "")
        .group_by("seed", "form", "group_id", maintain_order=True)
        .agg(pl.col("value").min(), pl.col("guess").product(), pl.len().alias("size"))
        .filter(pl.col("size") > 1)
        .group_by("form", "group_id", maintain_order=True)
        .agg(pl.col("value", "guess").mean())
    )
    for form in FORMS:
        part = groups.filter(form=form)
        if len(part):
            ids = {"groups": part["group_id"].to_list()}
            metric = replace(
                of, form=form, statistic="group accuracy", chance=mean_of(part["guess"])
            )
            yield put(metric, clustered_share(part["value"].to_numpy(), ids, seed))
