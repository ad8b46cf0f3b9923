"""What is true of which image, without a table of all images and all texts.

A text speaks of one condition, and studies have few different situations of a condition ("small
on the left", "absent", "not mentioned"), so the truth of every pair is kept by situation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from nast.facts.entailment import truth
from nast.records import Fact

_CODES = {True: 1, False: -1, None: 0}


class Truth(NamedTuple):
    """The truth of every (image, text).

    Attributes:
        situations: (images, conditions), the number of each image's situation.
        condition: (texts,), which condition a text speaks of.
        place: (texts,), the column of what it says in the condition's table.
        tables: per condition (situations, statements): 1 entailed, -1 contradicted, 0 unknown.
    """

    situations: np.ndarray
    condition: np.ndarray
    place: np.ndarray
    tables: list[np.ndarray]

    def of(self, images: np.ndarray, texts: np.ndarray) -> torch.Tensor:
        """Truth (n images, m texts) of some images and texts, int8."""
        out = np.zeros((len(images), len(texts)), dtype=np.int8)
        for number in np.unique(self.condition[texts]):
            columns = np.flatnonzero(self.condition[texts] == number)
            rows = self.tables[number][self.situations[images, number]]
            out[:, columns] = rows[:, self.place[texts[columns]]]
        return torch.from_numpy(out)


def truth_of(known: Sequence[dict[str, tuple[Fact, ...]]], statements: Sequence[Fact]) -> Truth:
    """The truth of statements about studies.

    What is said of a finding is all there is of it, and a condition that is not mentioned is
    unknown (`described`, the rule of claim sets).

    Args:
        known: per image, its study's facts by condition.
        statements: per text, what it says.
    """
    names = sorted({s.condition for s in statements})
    condition = np.array([names.index(s.condition) for s in statements])
    place = np.zeros(len(statements), dtype=np.int64)
    situations = np.zeros((len(known), len(names)), dtype=np.int32)
    tables = []
    for number, name in enumerate(names):
        codes: dict[tuple[Fact, ...], int] = {}
        for row, facts in enumerate(known):
            situations[row, number] = codes.setdefault(facts.get(name, ()), len(codes))
        # Many texts say the same.
        said: dict[Fact, int] = {}
        for text in np.flatnonzero(condition == number).tolist():
            place[text] = said.setdefault(statements[text], len(said))
        table = [[_CODES[truth(s, f, "described")] for s in said] for f in codes]
        tables.append(np.array(table, dtype=np.int8).reshape(len(codes), len(said)))
    return Truth(situations, condition, place, tables)
