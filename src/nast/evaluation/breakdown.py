"""Figures that need the items beside the scores: subsets, wrong options, pairs, whole groups."""

from collections.abc import Mapping

import polars as pl

from nast.evaluation.choice import TieRule
from nast.evaluation.metrics import (
    FORM_ORDER,
    KEY,
    Figures,
    both_forms,
    gap,
    item_values,
    over_seeds,
    pair_of,
    share,
)
from nast.evaluation.statistics import clustered_share
from nast.evaluation.subsets import claim_subsets, option_kinds, question_subsets, without_cues

SUBSETS = {"questions": question_subsets, "claims": claim_subsets}


def breakdown(
    scores: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    seed: int = 0,
    ties: TieRule = "never",
) -> Figures:
    """Figures of one model on parts of the questions and claim sets.

    Args:
        scores: `SCORES_SCHEMA` rows of one model or of the seeds of one policy.
        tables: `questions` and `claims` as they were scored, either or both.
        seed: of the bootstraps.
        ties: what a tie for the best option counts as.

    Returns:
        For each task `TASK/accuracy/FORM/SUBSET` and `TASK/accuracy/gap/SUBSET` (`subsets`),
        `TASK/wrong/FORM/KIND` and `TASK/pairwise/FORM/KIND` (`wrong_options`), `TASK/pairs/...`
        (`pair_consistency`), `TASK/group accuracy/FORM`, and
        `claims/accuracy/filter` where the sets are not marked as such (imported ones).
    """
    values = item_values(scores, ties)
    result: Figures = {}
    for task in SUBSETS:
        answers = values.filter(metric=f"{task}/accuracy")
        items = over_seeds(answers)
        if task not in tables or not len(items):
            continue
        part = scores.filter(task=task)
        sizes = _sizes(part)
        parts = SUBSETS[task](tables[task])
        for (name,), members in sorted(parts.group_by("subset"), key=lambda p: p[0]):
            rows = items.join(members.select("pair"), on="pair", how="semi")
            result |= _subset(f"{task}/accuracy", str(name), rows, sizes, seed)
        if task == "claims" and not (items["form"] == "filter").any():
            plain = items.join(without_cues(tables[task]), on=["pair", "form"], how="semi")
            if len(plain):
                chance = _chance(plain, sizes)
                result["claims/accuracy/filter"] = share(plain, seed) | {"chance": chance}
        result |= wrong_options(task, part, tables[task], seed)
        result |= pair_consistency(task, answers, sizes, seed)
        result |= group_accuracy(task, answers, sizes, seed)
    return result


def _sizes(scores: pl.DataFrame) -> pl.DataFrame:
    """Number of options of every item: `pair, form, k`."""
    items = scores.select("model", pair_of().alias("pair"), "form", "option")
    return items.group_by("pair", "form").agg((pl.col("option").max() + 1).alias("k"))


def _chance(rows: pl.DataFrame, sizes: pl.DataFrame) -> float:
    return float((1 / rows.join(sizes, on=["pair", "form"])["k"]).mean())  # type: ignore[arg-type]


def _subset(metric: str, name: str, items: pl.DataFrame, sizes: pl.DataFrame, seed: int) -> Figures:
    figures: Figures = {}
    for form in FORM_ORDER:
        rows = items.filter(form=form)
        if len(rows):
            figures[f"{metric}/{form}/{name}"] = share(rows, seed) | {
                "chance": _chance(rows, sizes)
            }
    if len(both_forms(items)):
        figures[f"{metric}/gap/{name}"] = gap(items, seed)
    return figures


def wrong_options(task: str, scores: pl.DataFrame, table: pl.DataFrame, seed: int = 0) -> Figures:
    """Which mistakes are made.

    Returns:
        `TASK/wrong/FORM/KIND`: share of all items in which an option of that kind is chosen, and
        `.../tie` where none is; chance: its share among the options. `TASK/pairwise/FORM/KIND`:
        how often the right option scores above an option of that kind, over the items that have
        one; a tie is not above, chance 0.5.
    """
    columns = {"item_id": pl.String, "option": pl.Int64, "kind": pl.String}
    names = pl.DataFrame(option_kinds(task, table), orient="row", schema=columns)
    item = ["model", "data", "item_id", "form"]
    truth = pl.col("score").filter(pl.col("answer")).first().over(item)
    best = pl.col("score") == pl.col("score").max().over(item)
    rows = scores.join(names, on=["item_id", "option"]).with_columns(
        chosen=(best & (best.sum().over(item) == 1)).cast(pl.Float64),
        beaten=(truth > pl.col("score")).cast(pl.Float64),
        part=1 / pl.len().over(item),
        pair=pair_of(),
    )
    per_item = [*item, "pair", "group_id", "subject"]
    tied = rows.group_by(per_item, maintain_order=True).agg(
        value=1 - pl.col("chosen").sum(), beaten=pl.lit(None, pl.Float64), part=pl.lit(0.0)
    ).with_columns(kind=pl.lit("tie"))  # fmt: skip
    # Kinds that an item does not offer are never chosen in it.
    offered = rows.group_by([*per_item, "kind"], maintain_order=True).agg(
        value=pl.col("chosen").sum(), beaten=pl.col("beaten").mean(), part=pl.col("part").sum()
    )  # fmt: skip
    found = pl.concat([offered, tied], how="diagonal").filter(pl.col("kind") != "truth")
    figures: Figures = {}
    for (form, kind), part in sorted(found.group_by("form", "kind"), key=lambda p: p[0]):
        whole = tied.filter(form=form).select(per_item).join(
            part.select(*per_item, "value", "part"), on=per_item, how="left", maintain_order="left"
        ).with_columns(pl.col("value", "part").fill_null(0.0))  # fmt: skip
        if kind == "tie" and not whole["value"].sum():
            continue
        chance = float(whole["part"].mean())  # type: ignore[arg-type]
        figures[f"{task}/wrong/{form}/{kind}"] = share(over_seeds(whole), seed) | {"chance": chance}
        if kind != "tie":
            pairs = over_seeds(part.drop("value").rename({"beaten": "value"}))
            figures[f"{task}/pairwise/{form}/{kind}"] = share(pairs, seed) | {"chance": 0.5}
    return figures


def pair_consistency(
    task: str, values: pl.DataFrame, sizes: pl.DataFrame, seed: int = 0
) -> Figures:
    """The 2 x 2 table of both forms of the same items, as shares.

    Args:
        task: `questions` or `claims`.
        values: `item_values` of its accuracy, one row per seed of a policy.
        sizes: number of options.
        seed: of the bootstrap.

    Returns:
        `TASK/pairs/both right`, `only negated`, `only affirmative`, `neither`. The chance of both
        right is that of independent guesses, 1 / K^2; a guess that ignores the words has 1 / K.
    """
    on = ["model", *KEY]
    both = values.filter(form="affirmative").join(values.filter(form="negated"), on=on)
    if not len(both):
        return {}
    affirmative, negated = pl.col("value"), pl.col("value_right")
    cells = {
        "both right": affirmative * negated,
        "only negated": (1 - affirmative) * negated,
        "only affirmative": affirmative * (1 - negated),
        "neither": (1 - affirmative) * (1 - negated),
    }
    chance = _chance(both.with_columns(form=pl.lit("negated")), sizes) ** 2
    return {
        f"{task}/pairs/{name}": share(over_seeds(both.with_columns(value=cell)), seed)
        | ({"chance": chance} if name == "both right" else {})
        for name, cell in cells.items()
    }


def group_accuracy(task: str, values: pl.DataFrame, sizes: pl.DataFrame, seed: int = 0) -> Figures:
    """`TASK/group accuracy/FORM`: all members of a balanced group right.

    Over groups of at least two items. Chance is that of independent guesses; whoever ignores
    the image gives all members one answer and is never right in all of them.
    """
    figures: Figures = {}
    for form in FORM_ORDER:
        groups = (
            values.filter((pl.col("form") == form) & (pl.col("group_id") != ""))
            .join(sizes, on=["pair", "form"], how="left")
            .group_by("model", "data", "group_id", maintain_order=True)
            .agg(pl.col("value").min(), (1 / pl.col("k")).product().alias("chance"),
                 pl.len().alias("size"))
            .filter(pl.col("size") > 1)
            .group_by("data", "group_id", maintain_order=True)
            .agg(pl.col("value", "chance").mean())
        )  # fmt: skip
        if len(groups):
            ids = groups["group_id"].to_list()
            found = clustered_share(groups["value"].to_numpy(), {"groups": ids}, seed).as_dict()
            figures[f"{task}/group accuracy/{form}"] = found | {"chance": groups["chance"].mean()}
    return figures
