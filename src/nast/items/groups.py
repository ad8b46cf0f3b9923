"""Balanced groups of items, which words alone cannot solve.

K studies of K patients choose between K options in the same words, and each option is right for
exactly one of them: whatever a strategy does with the text, it is right once in K.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from nast.facts.entailment import World
from nast.records import Fact, Statement

Holders = Mapping[Statement, np.ndarray]
"""What is said -> the numbers of the studies that it is true of, ascending."""
MOST_SETS = 5_000
"""So many sets of conditions are looked at; all there are of up to 31 conditions."""


@dataclass(frozen=True)
class Group:
    """Options that one or several studies choose between, each study's own being another one.

    Attributes:
        set: `questions` or `claims`.
        construction: how the options were found.
        split: of its studies.
        options: what each says.
        members: a study's id and the place of its right option.
        forms: in which the options are worded.
        world: what silence means where wrong options were checked.
    """

    set: str
    construction: str
    split: str
    options: tuple[Statement, ...]
    members: tuple[tuple[str, int], ...]
    forms: tuple[str, ...]
    world: World

    @property
    def conditions(self) -> list[str]:
        """What the options speak of, in order of first mention."""
        return list(dict.fromkeys(f.condition for said in self.options for f in said))

    @property
    def studies(self) -> list[str]:
        """The ids of its members."""
        return [study for study, _ in self.members]


class ConditionValues(NamedTuple):
    """What every study holds of one condition.

    Attributes:
        codes: per study, the place in `facts` of what it holds, or -1 where it cannot serve.
        facts: at most eight.
        rows: the studies that can serve, ascending.
    """

    codes: np.ndarray
    facts: Sequence[Fact]
    rows: np.ndarray


def holders_of(columns: Sequence[ConditionValues]) -> dict[Statement, np.ndarray]:
    """Who holds each combination of values; those of the first condition vary fastest."""
    # The condition that the fewest studies have leaves little to look up in the others.
    rows = min((column.rows for column in columns), key=len)
    joint = np.zeros(len(rows), dtype=np.int64)
    usable = np.ones(len(rows), dtype=bool)
    for place, column in enumerate(columns):
        codes = column.codes[rows]
        usable &= codes >= 0
        # Three bits keep eight values apart.
        joint += codes.astype(np.int64) << (3 * place)
    rows, joint = rows[usable], joint[usable]
    if not len(rows):
        return {}
    order = np.argsort(joint, kind="stable")
    rows, joint = rows[order], joint[order]
    edges = np.flatnonzero(np.diff(joint)) + 1
    return {
        tuple(c.facts[(value >> (3 * place)) & 7] for place, c in enumerate(columns)): part
        for value, part in zip(joint[[0, *edges]].tolist(), np.split(rows, edges), strict=True)
    }


def condition_sets(known: np.ndarray, size: int, seed: int) -> list[tuple[int, ...]]:
    """Which sets of conditions are looked at: all, or, where they are too many, those of studies.

    Args:
        known: (studies, conditions), whether a study can serve for a condition.
        size: conditions in a set.
        seed: of the studies whose conditions are drawn.

    Returns:
        At most `MOST_SETS` sets of columns, in order.
    """
    number = known.shape[1]
    if comb(number, size) <= MOST_SETS:
        return list(combinations(range(number), size))
    rng = np.random.default_rng(seed)
    able = np.flatnonzero(known.sum(axis=1) >= size)
    found: dict[tuple[int, ...], None] = {}
    for _ in range(40 if len(able) else 0):
        # The columns of the largest random numbers: a random set of each study's own.
        draws = rng.random((MOST_SETS // 10, number)) * known[rng.choice(able, MOST_SETS // 10)]
        chosen = np.sort(np.argpartition(draws, -size, axis=1)[:, -size:], axis=1)
        found.update(dict.fromkeys(map(tuple, chosen.tolist())))
    return sorted(list(found)[:MOST_SETS])


class Draw:
    """Draws the members of groups and remembers how often each study has served.

    Args:
        patients: of each study.
        k: options of a group, each with a study of another patient.
        uses: how many groups one study may serve in.
        labels: per study, how much it is wanted elsewhere: of studies that have served equally
            often those with the smallest number come first.
    """

    def __init__(
        self, patients: Sequence[str], k: int, uses: int, labels: np.ndarray | None = None
    ) -> None:
        places = {patient: i for i, patient in enumerate(dict.fromkeys(patients))}
        self.patients = np.array([places[p] for p in patients], dtype=np.int64)
        self.k, self.uses = k, uses
        self.used = np.zeros(len(patients), dtype=np.int64)
        self.made: set[frozenset[tuple[Statement, int]]] = set()
        self.labels = np.zeros(len(patients), dtype=np.int64) if labels is None else labels

    def left(self, held: Holders) -> dict[Statement, np.ndarray]:
        """What studies that may still serve hold."""
        free = {said: rows[self.used[rows] < self.uses] for said, rows in held.items()}
        return {said: rows for said, rows in free.items() if len(rows)}

    def members(
        self,
        held: Holders,
        rng: np.random.Generator,
        *,
        required: Statement | None = None,
        common_first: bool = False,
    ) -> dict[Statement, int] | None:
        """K statements and a study for each, never the same twice; None where there are no more.

        Args:
            held: who holds what.
            rng: decides.
            required: a statement that the group must have.
            common_first: whether statements that most studies hold come first.
        """
        while chosen := self._chosen(held, rng, required, common_first):
            self.used[list(chosen.values())] += 1
            # Where few studies can serve, the same ones are drawn for the same options again.
            if (group := frozenset(chosen.items())) not in self.made:
                self.made.add(group)
                return chosen
        return None

    def _chosen(
        self,
        held: Holders,
        rng: np.random.Generator,
        required: Statement | None,
        common_first: bool,
    ) -> dict[Statement, int] | None:
        """The next of `members`, which may have been drawn before."""
        said = list(held)
        places = [said[i] for i in rng.permutation(len(said))]
        if common_first:
            places.sort(key=lambda statement: -len(held[statement]))
        if required:
            places.sort(key=lambda statement: statement != required)
        chosen: dict[Statement, int] = {}
        for statement in places:
            rows = held[statement]
            taken = self.patients[list(chosen.values())]
            free = rows[(self.used[rows] < self.uses) & ~np.isin(self.patients[rows], taken)]
            if len(free):
                free = free[self.used[free] == self.used[free].min()]
                free = free[self.labels[free] == self.labels[free].min()]
                chosen[statement] = int(free[int(rng.integers(len(free)))])
            elif statement == required:
                return None
            if len(chosen) == self.k:
                return chosen
        return None
