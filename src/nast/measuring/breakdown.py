"""Figures that need the items beside the scores: subsets, wrong options, pairs, whole groups.

All figures of a task stand on one table of items, with a column of values for each; columns of
the same items are resampled together.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.measuring.metrics import FORM_ORDER, Figures, item_values, over_seeds, pair_of
from nast.measuring.statistics import clustered_means, clustered_share, clustered_shares
from nast.measuring.subsets import Described
from nast.scoring.choice import TieRule

ITEM = ["pair", "group_id", "subject"]
Columns = dict[str, np.ndarray]
"""Name -> a value for each item, NaN where there is none."""


class Items(NamedTuple):
    """The items of one task, in any of their forms.

    Attributes:
        rows: columns `ITEM`, each item once, (n,).
        patients: which patient each item is of, (n,).
        groups: its group, -1 for none, (n,).
        right: form -> share of seeds whose answer is right.
        guess: form -> one over the number of options.
    """

    rows: pl.DataFrame
    patients: np.ndarray
    groups: np.ndarray
    right: Columns
    guess: Columns


def breakdown(
    scores: pl.DataFrame,
    described: Mapping[str, Described],
    seed: int = 0,
    ties: TieRule = "never",
) -> Figures:
    """Figures of one model on parts of the questions and claim sets.

    Args:
        scores: `SCORES_SCHEMA` rows of one model or of the seeds of one policy, on one table of
            each kind.
        described: kind of table -> what `subsets.described` says about its items.
        seed: of the bootstraps.
        ties: what a tie for the best option counts as.

    Returns:
        For each task `TASK/accuracy/FORM/SUBSET` and `TASK/accuracy/gap/SUBSET` (`subsets`),
        `TASK/wrong/FORM/KIND` and `TASK/pairwise/FORM/KIND` (`_wrong_options`), `TASK/pairs/...`
        (`_pairs`), `TASK/group accuracy/FORM`, and `claims/accuracy/filter` where the sets are
        not marked as such (imported ones).
    """
    values = item_values(scores, ties)
    result: Figures = {}
    for task, known in described.items():
        answers = values.filter(metric=f"{task}/accuracy")
        part = scores.filter(task=task)
        if not len(answers):
            continue
        figures = _figures(_items(answers, part), answers, part, known, seed)
        figures |= _group_accuracy(answers, part, seed)
        result |= {f"{task}/{name}": figure for name, figure in figures.items()}
    return result


def _figures(
    items: Items, answers: pl.DataFrame, scores: pl.DataFrame, known: Described, seed: int
) -> Figures:
    """All figures of a task whose items are questions or claim sets, resampled together."""
    columns, chance, gaps = _subsets(items, known)
    found = [_wrong_options(items, scores, known)]
    if "filter" not in items.right:
        found.append(_without_cues(items, known))
    for some, by_guessing in found:
        columns, chance = columns | some, chance | by_guessing
    pairs = _pairs(items, answers)
    figures = _estimates(items, columns | pairs, seed, chance)
    if pairs:
        # Of independent guesses; a guess that ignores the words has 1 / K, not 1 / K^2.
        guess = items.guess["negated"][~np.isnan(pairs["pairs/both right"])].mean()
        figures["pairs/both right"]["chance"] = float(guess) ** 2
    return figures | _estimates(items, gaps, seed, {}, shares=False)


def _items(answers: pl.DataFrame, scores: pl.DataFrame) -> Items:
    values = over_seeds(answers).join(
        _options(scores), on=["pair", "form"], how="left", maintain_order="left"
    )
    rows = values.select(ITEM).unique(maintain_order=True)
    forms = [f for f in FORM_ORDER if f in set(values["form"])]
    parts = {f: values.filter(form=f) for f in forms}
    groups = rows["group_id"].rank("dense").cast(pl.Int64).to_numpy()
    return Items(
        rows,
        rows["subject"].rank("dense").to_numpy(),
        np.where((rows["group_id"] == "").to_numpy(), -1, groups),
        {f: _column(rows, part, "value") for f, part in parts.items()},
        {f: _column(rows, part, "guess") for f, part in parts.items()},
    )


def _options(scores: pl.DataFrame) -> pl.DataFrame:
    """One over the number of options of every item: `pair, form, guess`."""
    options = scores.select(pair_of().alias("pair"), "form", "option")
    return options.group_by("pair", "form").agg((1 / (pl.col("option").max() + 1)).alias("guess"))


def _column(rows: pl.DataFrame, part: pl.DataFrame, name: str) -> np.ndarray:
    """A column of a table with columns `ITEM`, in the order of `rows`."""
    found = rows.join(part.select(*ITEM, name), on=ITEM, how="left", maintain_order="left")
    return found[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _estimates(
    items: Items, columns: Columns, seed: int, chance: Columns, shares: bool = True
) -> Figures:
    """The mean of each column over the items that have a value in it; none for empty columns.

    Args:
        items: of the task.
        columns: values in the order of the items.
        seed: of the bootstrap.
        chance: figure's name -> what guessing would give, per item.
        shares: whether values lie in [0, 1]; else they are differences.
    """
    columns = {n: v for n, v in columns.items() if not np.isnan(v).all()}
    if not columns:
        return {}
    clusters = {"patients": items.patients}
    if (items.groups >= 0).all():
        clusters["groups"] = items.groups
    made = (clustered_shares if shares else clustered_means)(
        np.stack(list(columns.values()), axis=1), clusters, seed
    )
    found = {n: estimate.as_dict() for n, estimate in zip(columns, made, strict=True)}
    for name in found.keys() & chance.keys():
        found[name]["chance"] = float(chance[name][~np.isnan(columns[name])].mean())
    return found


def _subsets(items: Items, known: Described) -> tuple[Columns, Columns, Columns]:
    """`accuracy/FORM/SUBSET` with its chance and, over the items that have both forms,
    `accuracy/gap/SUBSET`.
    """
    columns: Columns = {}
    chance: Columns = {}
    gaps: Columns = {}
    parts = _among(items, known.subsets, "subset")
    equal = _among(items, known.equal_lengths, "form")
    for name in [*sorted(parts), "length=equal"]:
        right = {
            f: np.where(parts[name] if name in parts else equal.get(f, False), v, np.nan)
            for f, v in items.right.items()
        }
        columns |= {f"accuracy/{f}/{name}": v for f, v in right.items()}
        chance |= {f"accuracy/{f}/{name}": v for f, v in items.guess.items()}
        if {"negated", "affirmative"} <= set(right):
            gaps[f"accuracy/gap/{name}"] = right["affirmative"] - right["negated"]
    return columns, chance, gaps


def _among(items: Items, members: pl.DataFrame, by: str) -> dict[str, np.ndarray]:
    """Which items are in each part of a table of pairs, (n,) each."""
    placed = items.rows.select("pair").with_row_index("row").join(members, on="pair")
    found = {}
    for (name,), part in placed.group_by(by):
        found[str(name)] = np.zeros(len(items.rows), dtype=bool)
        found[str(name)][part["row"]] = True
    return found


def _without_cues(items: Items, known: Described) -> tuple[Columns, Columns]:
    """`accuracy/filter`: items none of whose options has a negator, as first written."""
    plain, guess = (np.full(len(items.rows), np.nan) for _ in range(2))
    among = _among(items, known.without_cues, "form")
    for form, right in items.right.items():
        here = among.get(form, False)
        plain, guess = np.where(here, right, plain), np.where(here, items.guess[form], guess)
    return {"accuracy/filter": plain}, {"accuracy/filter": guess}


def _wrong_options(items: Items, scores: pl.DataFrame, known: Described) -> tuple[Columns, Columns]:
    """Which mistakes are made, with their chance.

    Returns:
        `wrong/FORM/KIND`: share of all items in which an option of that kind is chosen, and
        `.../tie` where none is; chance: its share among the options. `pairwise/FORM/KIND`: how
        often the right option scores above an option of that kind, over the items that have one;
        a tie is not above, chance 0.5.
    """
    one = ["model", "item_id", "form"]
    truth = pl.col("score").filter(pl.col("answer")).first().over(one)
    best = pl.col("score") == pl.col("score").max().over(one)
    rows = scores.join(known.kinds, on=["item_id", "option"]).with_columns(
        chosen=(best & (best.sum().over(one) == 1)).cast(pl.Float64),
        beaten=(truth > pl.col("score")).cast(pl.Float64),
        part=1 / pl.len().over(one),
        pair=pair_of(),
    )
    per_seed = rows.group_by("model", "form", "kind", *ITEM, maintain_order=True).agg(
        pl.col("chosen", "part").sum(), pl.col("beaten").mean()
    )
    offered = per_seed.group_by("form", "kind", *ITEM, maintain_order=True).agg(
        pl.col("chosen", "part", "beaten").mean()
    )
    columns: Columns = {}
    chance: Columns = {}
    for form, right in items.right.items():
        had = np.where(np.isnan(right), np.nan, 0.0)
        tied = had + 1
        for (kind,), part in sorted(offered.filter(form=form).group_by("kind")):
            chosen = _column(items.rows, part, "chosen")
            tied -= np.nan_to_num(chosen)
            if kind == "truth":
                continue
            # Kinds that an item does not offer are never chosen in it.
            columns[f"wrong/{form}/{kind}"] = had + np.nan_to_num(chosen)
            chance[f"wrong/{form}/{kind}"] = np.nan_to_num(_column(items.rows, part, "part"))
            columns[f"pairwise/{form}/{kind}"] = _column(items.rows, part, "beaten")
            chance[f"pairwise/{form}/{kind}"] = had + 0.5
        tied = tied.round(12)
        if np.nansum(tied):
            columns[f"wrong/{form}/tie"], chance[f"wrong/{form}/tie"] = tied, had
    return columns, chance


def _pairs(items: Items, values: pl.DataFrame) -> Columns:
    """The 2 x 2 table of both forms of the same items, as shares.

    Args:
        items: of the task.
        values: `item_values` of its accuracy, one row per seed of a policy.

    Returns:
        `pairs/both right`, `only negated`, `only affirmative`, `neither`.
    """
    on = ["model", *ITEM]
    both = values.filter(form="affirmative").join(values.filter(form="negated"), on=on)
    if not len(both):
        return {}
    affirmative, negated = pl.col("value"), pl.col("value_right")
    cells = both.group_by(ITEM, maintain_order=True).agg(
        (affirmative * negated).mean().alias("both right"),
        ((1 - affirmative) * negated).mean().alias("only negated"),
        (affirmative * (1 - negated)).mean().alias("only affirmative"),
        ((1 - affirmative) * (1 - negated)).mean().alias("neither"),
    )
    return {f"pairs/{n}": _column(items.rows, cells, n) for n in cells.columns[len(ITEM) :]}


def _group_accuracy(values: pl.DataFrame, scores: pl.DataFrame, seed: int) -> Figures:
    """`group accuracy/FORM`: all members of a balanced group right.

    Over groups of at least two items. Chance is that of independent guesses; whoever ignores
    the image gives all members one answer and is never right in all of them.
    """
    figures: Figures = {}
    groups = (
        values.filter(pl.col("group_id") != "")
        .join(_options(scores), on=["pair", "form"], how="left")
        .group_by("model", "form", "group_id", maintain_order=True)
        .agg(pl.col("value").min(), pl.col("guess").product(), pl.len().alias("size"))
        .filter(pl.col("size") > 1)
        .group_by("form", "group_id", maintain_order=True)
        .agg(pl.col("value", "guess").mean())
    )
    for form in FORM_ORDER:
        part = groups.filter(form=form)
        if len(part):
            ids = {"groups": part["group_id"].to_list()}
            found = clustered_share(part["value"].to_numpy(), ids, seed).as_dict()
            figures[f"group accuracy/{form}"] = found | {"chance": part["guess"].mean()}
    return figures
