"""Which studies may serve, and balanced groups of label configurations.

Four studies of four patients whose labels give four different configurations of the same three
conditions form a group: four questions with the same four options, each right exactly once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from nast.facts.conditions import CONDITIONS, NO_FINDING, Conditions
from nast.hashes import seed_of
from nast.items.groups import (
    ConditionValues,
    Draw,
    Group,
    Holders,
    condition_sets,
    holders_of,
)
from nast.language.write.templates import WRITTEN_FORMS
from nast.records import Fact, Statement

OPTIONS = 4
MIN_PRESENT, MIN_ABSENT = 2, 3


def eligible(studies: pl.DataFrame, conditions: Conditions = CONDITIONS) -> pl.DataFrame:
    """Studies that pass the paper's filter (section 3.2).

    Not "No Finding" (where the source has that label), at least two conditions present and at
    least three absent.
    """
    labels = [pl.col(name) for name in conditions.labelled()]
    keep = (pl.sum_horizontal(c == "present" for c in labels) >= MIN_PRESENT) & (
        pl.sum_horizontal(c == "absent" for c in labels) >= MIN_ABSENT
    )
    if NO_FINDING in studies.columns:
        keep &= pl.col(NO_FINDING).ne_missing("present")
    return studies.filter(keep)


def consistent(studies: pl.DataFrame, conditions: Conditions = CONDITIONS) -> pl.DataFrame:
    """Studies whose labels do not contradict CheXpert's hierarchy (decision 11)."""
    rows = studies.select(conditions.labelled()).iter_rows(named=True)
    agree = [not conditions.contradicts_hierarchy(row) for row in rows]
    return studies.filter(pl.Series(agree, dtype=pl.Boolean))


def balanced_groups(
    studies: pl.DataFrame, seed: int, uses: int = 4, conditions: Conditions = CONDITIONS
) -> list[Group]:
    """Balanced groups within each split.

    Triples of conditions take turns, so that every triple the labels allow is as frequent as the
    others. Within a triple the configurations that most studies can still give come first, and of
    their studies those that have served least and, among these, those with the fewest labels: they
    fit nowhere else. On CheXpert's labels that makes a tenth more groups than drawing at random.

    Args:
        studies: eligible studies.
        seed: decides ties and configurations.
        uses: how many groups one study may serve in.
        conditions: that the labels are of.

    Returns:
        Groups in a fixed order. No configuration contradicts the label hierarchy.
    """
    return [
        group
        for split in sorted(set(studies["split"]))
        for group in _split_groups(studies.filter(split=split), split, seed, uses, conditions)
    ]


def _split_groups(
    studies: pl.DataFrame, split: str, seed: int, uses: int, conditions: Conditions
) -> Iterator[Group]:
    # Without a phrase for its absence a condition has no affirmative form.
    names = [name for name in conditions.labelled() if conditions[name].normal]
    values = [_values(name, studies[name]) for name in names]
    known = np.zeros((len(studies), len(names)), dtype=bool)
    for place, held in enumerate(values):
        known[held.rows, place] = True
    triples = [
        _possible([values[place] for place in triple], conditions)
        for triple in condition_sets(known, 3, seed_of(seed, "triples", split))
    ]
    draw = Draw(studies["subject_id"].to_list(), OPTIONS, uses, known.sum(axis=1))
    rng = np.random.default_rng(seed_of(seed, "groups", split))
    ids = studies["study_id"].to_list()
    for members in _in_rounds([h for h in triples if len(h) >= OPTIONS], draw, rng):
        chosen = tuple((ids[row], place) for place, row in enumerate(members.values()))
        yield Group(
            "questions", "balanced", split, tuple(members), chosen, WRITTEN_FORMS, "annotated"
        )


def _values(name: str, labels: pl.Series) -> ConditionValues:
    held = labels.to_numpy()
    codes = np.where(held == "present", 1, np.where(held == "absent", 0, -1))
    facts = [Fact(name, "absent"), Fact(name, "present")]
    return ConditionValues(codes, facts, np.flatnonzero(codes >= 0))


def _possible(values: Sequence[ConditionValues], conditions: Conditions) -> Holders:
    """Who holds each configuration that the hierarchy allows; the last condition varies fastest."""
    names = [held.facts[0].condition for held in values]
    table = Conditions({name: conditions[name] for name in names})
    found = {said[::-1]: rows for said, rows in holders_of(values[::-1]).items()}
    return {
        said: rows
        for said, rows in found.items()
        if not table.contradicts_hierarchy({f.condition: f.existence for f in said})
    }


def _in_rounds(
    held: list[Holders], draw: Draw, rng: np.random.Generator
) -> Iterator[dict[Statement, int]]:
    """Members of groups; in every round each triple that is not used up gives one, at random."""
    live = list(range(len(held)))
    while live:
        for place in rng.permutation(len(live)):
            triple = live[place]
            held[triple] = draw.left(held[triple])
            members = draw.members(held[triple], rng, common_first=True)
            if members:
                yield members
            else:
                held[triple] = {}
        live = [triple for triple in live if held[triple]]
