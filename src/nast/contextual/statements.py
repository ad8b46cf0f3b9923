"""What can truly be said of studies, looked up once per distinct annotation of a condition.

Statements are looked up by annotation and joined to studies as columns.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.facts.entailment import truth
from nast.facts.truths import agrees, annotations
from nast.records import Fact

KINDS = ("existence", "location", "severity")
POLARITIES = ("negated", "affirmative")


class TrueStatement(NamedTuple):
    """A sentence's content: what a caption says."""

    polarity: str
    kind: str
    fact: Fact


class Sayable(NamedTuple):
    """The true statements of every study.

    Attributes:
        statements: every distinct statement, in a fixed order.
        entailed: `annotation, statement`: which statements an annotation makes true.
        held: `study, annotation`, sorted by study: the number of its row in `studies`.
        studies: sorted by `study_id`; only those with facts.
    """

    statements: list[TrueStatement]
    entailed: pl.DataFrame
    held: pl.DataFrame
    studies: pl.DataFrame


def true_statements(
    facts: Sequence[Fact], conditions: Conditions = CONDITIONS
) -> Iterator[TrueStatement]:
    """The statements that the annotations of one condition of a study make true.

    A negated statement denies a condition, or a side, zone or grade of a present one ("no large
    pleural effusion"); an affirmative one states a present finding. What is said of a finding is
    all there is of it (`described`); conditions that the source does not mention say nothing.

    Args:
        facts: at least one; annotations that both affirm and deny the condition entail nothing.
        conditions: that they are named by.
    """
    if not agrees(tuple(facts)):
        return
    absent = facts[0].existence == "absent"
    for polarity in ("negated",) if absent else POLARITIES:
        for kind, fact in _candidates(conditions[facts[0].condition], polarity):
            # Of an absent finding only the whole absence is said, not that of its large kind.
            limited = absent and kind != "existence"
            if not limited and truth(fact, facts, "described") is True:
                yield TrueStatement(polarity, kind, fact)


def _candidates(condition: Condition, polarity: str) -> Iterator[tuple[str, Fact]]:
    name = condition.name
    denied = polarity == "negated"
    existence: Any = "absent" if denied else "present"
    sides: tuple[Any, ...] = ("left", "right") if condition.sided else ()
    # "No bilateral effusion" is true of a left one, and is heard as "no effusion".
    sides += () if denied or not condition.sided else ("bilateral",)
    grades: tuple[Any, ...] = tuple(condition.grades)
    places = [(side, zone) for side in (None, *sides) for zone in (None, *condition.zones)]
    yield "existence", Fact(name, existence)
    for side, zone in places[1:]:
        yield "location", Fact(name, existence, side=side, zone=zone)
    for grade in grades:
        yield "severity", Fact(name, existence, severity=grade)
        for side, zone in places[1:] if not denied else ():
            yield "severity", Fact(name, existence, side=side, zone=zone, severity=grade)


def sayable(
    studies: pl.DataFrame, facts: pl.DataFrame, conditions: Conditions = CONDITIONS
) -> Sayable:
    """The true statements of all studies with facts.

    Args:
        studies: `STUDIES_SCHEMA`.
        facts: `FACTS_SCHEMA`.
        conditions: that they are named by.
    """
    known, held = annotations(facts)
    shown = studies.join(held.select("study_id").unique(), on="study_id", how="semi")
    shown = shown.sort("study_id")
    numbers = shown.select("study_id").with_row_index("study")
    held = held.join(numbers, on="study_id", maintain_order="left").select("study", "annotation")
    places: dict[TrueStatement, int] = {}
    pairs = [
        (annotation, places.setdefault(statement, len(places)))
        for annotation, some in enumerate(known)
        for statement in true_statements(some, conditions)
    ]
    schema = {"annotation": pl.UInt32, "statement": pl.UInt32}
    entailed = pl.DataFrame(pairs, schema=schema, orient="row")
    return Sayable(list(places), entailed, held, shown)
