"""What sources say of one condition of one study, and what that makes true (decision 16).

Half a million facts are about a thousand different annotations. What follows from one is worked
out once, and studies are joined to it by number.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.facts.entailment import World, truth
from nast.records import Fact

ATTRIBUTES = ("condition", "existence", "side", "zone", "severity")
Annotation = tuple[Fact, ...]
"""The facts of one condition of one study: an absence, or one or several present instances."""
_CODES = {True: 1, False: -1, None: 0}


class Annotations(NamedTuple):
    """The annotations of all studies, each distinct one once.

    Attributes:
        known: the distinct ones.
        held: `study_id, condition, annotation`, sorted by study and condition; `annotation` is a
            place in `known`.
    """

    known: list[Annotation]
    held: pl.DataFrame


def annotations(facts: pl.DataFrame) -> Annotations:
    """The annotations of all studies with facts.

    Args:
        facts: `FACTS_SCHEMA`.
    """
    distinct = facts.select(ATTRIBUTES).unique().sort(ATTRIBUTES).with_row_index("code")
    studies = facts["study_id"].unique().sort().to_frame().with_row_index("study")
    conditions = facts["condition"].unique().sort().to_frame().with_row_index("number")
    held = (
        facts.select("study_id", *ATTRIBUTES)
        .join(distinct, on=ATTRIBUTES, nulls_equal=True)
        .join(studies, on="study_id")
        .join(conditions, on="condition")
        # Numbers sort and group in a fraction of the time that names take.
        .select("study", "number", "code")
        .unique()
        .sort("study", "number", "code")
        .group_by("study", "number", maintain_order=True)
        .agg(codes="code")
    )
    kinds = held.select("codes").unique().sort("codes").with_row_index("annotation")
    held = held.join(kinds, on="codes", maintain_order="left")
    table = held.select(
        studies["study_id"][held["study"]],
        conditions["condition"][held["number"]],
        "annotation",
    )
    facts_of = [Fact(*row) for row in distinct.select(ATTRIBUTES).iter_rows()]
    return Annotations([tuple(facts_of[code] for code in some) for some in kinds["codes"]], table)


def agrees(annotation: Annotation) -> bool:
    """Whether it says one thing: facts that both affirm and deny a condition are of no use."""
    return len({fact.existence for fact in annotation}) == 1


class TruthTable(NamedTuple):
    """What annotations say of statements, without a table of all images and all statements.

    A statement speaks of one condition, and studies have few different annotations of a condition
    ("small on the left", "absent", none), so the truth of every pair is kept by annotation.

    Attributes:
        situations: (images, conditions), the number of each image's annotation.
        condition: (statements,), which condition a statement speaks of.
        place: (statements,), its column in the condition's table.
        tables: per condition (annotations, statements): 1 entailed, -1 contradicted, 0 unknown.
    """

    situations: np.ndarray
    condition: np.ndarray
    place: np.ndarray
    tables: list[np.ndarray]

    def of(self, images: np.ndarray, statements: np.ndarray) -> np.ndarray:
        """The truth of some statements about some images, int8 (images, statements)."""
        out = np.zeros((len(images), len(statements)), dtype=np.int8)
        for number in np.unique(self.condition[statements]):
            columns = np.flatnonzero(self.condition[statements] == number)
            rows = self.tables[number][self.situations[images, number]]
            out[:, columns] = rows[:, self.place[statements[columns]]]
        return out

    def each(self, images: np.ndarray, statements: np.ndarray) -> np.ndarray:
        """The truth of one statement about one image each, int8 (n,)."""
        out = np.zeros(len(images), dtype=np.int8)
        for number in np.unique(self.condition[statements]):
            at = np.flatnonzero(self.condition[statements] == number)
            situations = self.situations[images[at], number]
            out[at] = self.tables[number][situations, self.place[statements[at]]]
        return out

    def true_of(self, statement: int) -> np.ndarray:
        """The images that entail a statement, in order."""
        number = self.condition[statement]
        true = self.tables[number][:, self.place[statement]] == 1
        return np.flatnonzero(true[self.situations[:, number]])


def truth_table(
    found: Annotations,
    study_ids: Sequence[str],
    statements: Sequence[Fact],
    world: World = "described",
) -> TruthTable:
    """The truth of statements about images.

    Args:
        found: of `annotations`.
        study_ids: per image, its study; one without annotations says nothing.
        statements: what is said, each of one condition.
        world: what silence means; see `entailment.truth`.
    """
    names = sorted({s.condition for s in statements})
    number = {name: i for i, name in enumerate(names)}
    condition = np.array([number[s.condition] for s in statements], dtype=np.int64)
    # Situation 0 is that of a study of whose condition nothing, or nothing certain, is known.
    situation = np.zeros(len(found.known), dtype=np.int32)
    of_condition: list[list[Annotation]] = [[()] for _ in names]
    for code, annotation in enumerate(found.known):
        at = number.get(annotation[0].condition)
        if at is not None and agrees(annotation):
            situation[code] = len(of_condition[at])
            of_condition[at].append(annotation)
    images = pl.DataFrame({"study_id": study_ids}, schema={"study_id": pl.String})
    columns = pl.DataFrame({"condition": names}, schema={"condition": pl.String})
    rows = found.held.join(images.with_row_index("image"), on="study_id").join(
        columns.with_row_index("column"), on="condition"
    )
    situations = np.zeros((len(study_ids), len(names)), dtype=np.int32)
    cells = rows["image"].to_numpy(), rows["column"].to_numpy()
    situations[cells] = situation[rows["annotation"].to_numpy()]
    place = np.zeros(len(statements), dtype=np.int64)
    tables = []
    for column, some in enumerate(of_condition):
        # Many texts say the same.
        said: dict[Fact, int] = {}
        for statement in np.flatnonzero(condition == column).tolist():
            place[statement] = said.setdefault(statements[statement], len(said))
        verdicts = [[_CODES[truth(fact, known, world)] for fact in said] for known in some]
        tables.append(np.array(verdicts, dtype=np.int8))
    return TruthTable(situations, condition, place, tables)
