"""Which studies may serve, and balanced groups of label configurations (design section 5).

Four studies of four patients whose labels give four different configurations of the same three
conditions form a group: four questions with the same four options, each right exactly once.
Whatever a strategy does with the words alone, it gets one in four.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.facts.conditions import CONDITIONS, NO_FINDING, contradicts_hierarchy, labelled
from nast.hashes import seed_of

OPTIONS = 4
MIN_PRESENT, MIN_ABSENT = 2, 3


class Group(NamedTuple):
    """Four studies and the four configurations they hold; study i is the answer to option i."""

    split: str
    conditions: tuple[str, ...]
    configurations: tuple[tuple[int, ...], ...]
    studies: tuple[int, ...]


class Turn(NamedTuple):
    """When a study's turn comes: how many groups it serves in, then how many labels it has."""

    used: int
    labels: int


def eligible(studies: pl.DataFrame) -> pl.DataFrame:
    """Studies that pass the paper's filter (section 3.2).

    Not "No Finding" (where the source has that label), at least two conditions present and at
    least three absent.
    """
    labels = [pl.col(name) for name in labelled()]
    keep = (pl.sum_horizontal(c == "present" for c in labels) >= MIN_PRESENT) & (
        pl.sum_horizontal(c == "absent" for c in labels) >= MIN_ABSENT
    )
    if NO_FINDING in studies.columns:
        keep &= pl.col(NO_FINDING).ne_missing("present")
    return studies.filter(keep)


def consistent(studies: pl.DataFrame) -> pl.DataFrame:
    """Studies whose labels do not contradict CheXpert's hierarchy (design row 11)."""
    rows = studies.select(labelled()).iter_rows(named=True)
    return studies.filter(pl.Series([not contradicts_hierarchy(r) for r in rows], dtype=pl.Boolean))


def balanced_groups(studies: pl.DataFrame, seed: int, uses: int = 4) -> list[Group]:
    """Balanced groups within each split.

    Triples of conditions take turns, so that every triple the labels allow is as frequent as the
    others. Within a triple the configurations that most studies can still give come first, and of
    their studies those that have served least and, among these, those with the fewest labels: they
    fit nowhere else. On CheXpert's labels that makes a tenth more groups than drawing at random.

    Args:
        studies: eligible studies; `Group.studies` are row numbers of this table.
        seed: decides ties and configurations.
        uses: how many groups one study may serve in.

    Returns:
        Groups in a fixed order. No configuration contradicts the label hierarchy.
    """
    labels = studies.select(labelled()).to_numpy()
    values = np.where(labels == "present", 1, np.where(labels == "absent", 0, -1))
    subjects = studies["subject_id"].to_list()
    groups: list[Group] = []
    for split in sorted(set(studies["split"])):
        rows = np.flatnonzero((studies["split"] == split).to_numpy())
        groups += _split_groups(split, values, rows, subjects, seed, uses)
    return groups


def _split_groups(
    split: str,
    values: np.ndarray,
    rows: np.ndarray,
    subjects: Sequence[str],
    seed: int,
    uses: int,
) -> list[Group]:
    rng = np.random.default_rng(seed_of(seed, "groups", split))
    names = tuple(labelled())
    # Without a phrase for its absence a condition has no affirmative form.
    phrased = [i for i, name in enumerate(names) if CONDITIONS[name].normal]
    fits = (values[:, phrased] >= 0).sum(axis=1)
    turns = {int(row): Turn(0, int(fits[row])) for row in rows}
    triples = list(combinations(phrased, 3))
    buckets = {t: _buckets(values, rows, t) for t in triples}
    live = [t for t in triples if len(buckets[t]) >= OPTIONS]
    groups: list[Group] = []
    while live:
        for place in rng.permutation(len(live)):
            triple = live[place]
            found = _draw(buckets[triple], subjects, turns, uses, rng)
            if found is None:
                buckets[triple] = {}
                continue
            for row in found.values():
                turns[row] = Turn(turns[row].used + 1, turns[row].labels)
            conditions = tuple(names[i] for i in triple)
            groups.append(Group(split, conditions, tuple(found), tuple(found.values())))
        live = [t for t in live if buckets[t]]
    return groups


def _buckets(
    values: np.ndarray, rows: np.ndarray, triple: tuple[int, ...]
) -> dict[tuple[int, ...], list[int]]:
    """Configuration -> rows that hold it, for the rows with three definite labels."""
    part = values[rows][:, list(triple)]
    definite = (part >= 0).all(axis=1)
    buckets: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, configuration in zip(rows[definite], part[definite], strict=True):
        buckets[tuple(int(v) for v in configuration)].append(int(row))
    names = [labelled()[i] for i in triple]
    return {c: r for c, r in sorted(buckets.items()) if not _impossible(names, c)}


def _impossible(names: Sequence[str], configuration: tuple[int, ...]) -> bool:
    words = ("absent", "present")
    return contradicts_hierarchy(
        {name: words[value] for name, value in zip(names, configuration, strict=True)}
    )


def _draw(
    buckets: dict[tuple[int, ...], list[int]],
    subjects: Sequence[str],
    turns: dict[int, Turn],
    uses: int,
    rng: np.random.Generator,
) -> dict[tuple[int, ...], int] | None:
    """Four configurations and a study of another patient for each, or None when used up."""
    for configuration in list(buckets):
        buckets[configuration] = [r for r in buckets[configuration] if turns[r].used < uses]
        if not buckets[configuration]:
            del buckets[configuration]
    found: dict[tuple[int, ...], int] = {}
    taken: set[str] = set()
    shuffled = [list(buckets)[i] for i in rng.permutation(len(buckets))]
    for configuration in sorted(shuffled, key=lambda c: -len(buckets[c])):
        free = [r for r in buckets[configuration] if subjects[r] not in taken]
        if not free:
            continue
        first = min(turns[r] for r in free)
        row = int(rng.choice([r for r in free if turns[r] == first]))
        found[configuration] = row
        taken.add(subjects[row])
        if len(found) == OPTIONS:
            return found
    return None
