"""Contextual negations of a fact: one attribute altered, false of the study (section 4.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from nast.facts.conditions import CONDITIONS, Conditions
from nast.facts.entailment import World, truth
from nast.records import SEVERITIES, SIDES, Existence, Fact

NegationKind = Literal["existence", "location", "severity"]
"""Which attribute a contextual negation alters."""


def contextual_negations(
    statement: Fact,
    facts: Sequence[Fact],
    world: World = "annotated",
    conditions: Conditions = CONDITIONS,
) -> list[tuple[NegationKind, Fact]]:
    """The statements that differ from a true one in exactly one attribute and are false.

    Each is checked against every fact of the study: where there is an effusion on either side,
    swapping left and right gives another true statement, which is not a negation.

    Args:
        statement: holds for the study.
        facts: the study's facts of the statement's condition.
        world: what silence means; see `entailment.truth`. In `annotated` another side than the
            annotated one is unknown, so that location is altered in `described` or `closed` only.
        conditions: that they are named by.

    Returns:
        (kind, statement) in a fixed order: existence, side, zone, severity. Only attributes that
        the statement names are altered.

    Raises:
        ValueError: the statement does not hold for the study.

    Examples:
        >>> left = nast.Fact("Pleural Effusion", "present", side="left")
        >>> [kind for kind, _ in nast.contextual_negations(left, [left], "described")]
        ['existence', 'location', 'location']
    """
    if truth(statement, facts, world) is not True:
        raise ValueError(f"a statement about {statement.condition} that does not hold")
    return [
        (kind, altered)
        for kind, altered in _altered(statement, conditions)
        if truth(altered, facts, world) is False
    ]


def _altered(statement: Fact, conditions: Conditions) -> Iterator[tuple[NegationKind, Fact]]:
    other: Existence = "absent" if statement.existence == "present" else "present"
    yield "existence", replace(statement, existence=other)
    if statement.side:
        for side in SIDES:
            if side != statement.side:
                yield "location", replace(statement, side=side)  # type: ignore[arg-type]
    if statement.zone:
        for zone in conditions[statement.condition].zones:
            if zone != statement.zone:
                yield "location", replace(statement, zone=zone)
    if statement.severity:
        for grade in SEVERITIES:
            if grade != statement.severity:
                yield "severity", replace(statement, severity=grade)  # type: ignore[arg-type]
