"""What a study's facts say about a statement: true, false, or unknown (decision 16).

The one table of entailment. "Unknown" is never used as true or false.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from nast.facts.conditions import WITHIN
from nast.records import Fact

World = Literal["annotated", "described", "closed"]


def truth(statement: Fact, facts: Sequence[Fact], world: World = "annotated") -> bool | None:
    """Whether a statement holds for a study.

    Args:
        statement: a present fact ("small left pleural effusion") or a denial, whose attributes
            limit it ("no right pleural effusion").
        facts: the study's annotations of the statement's condition; several present ones are
            several instances. Empty: the condition is not mentioned.
        world: what silence means. `annotated`: an unmentioned condition, and another side or zone
            than the annotated one, are unknown. `described`: an unmentioned condition is unknown,
            but what is said of a finding is all there is of it (section 5's rule for claims).
            `closed`: silence is absence.

    Returns:
        True, False, or None for unknown. A severity other than the annotated one is false in every
        world; an attribute that was not annotated makes statements about it unknown.

    Raises:
        ValueError: the facts speak of another condition.

    Examples:
        >>> left = nast.Fact("Pleural Effusion", "present", side="left")
        >>> no_right = nast.Fact("Pleural Effusion", "absent", side="right")
        >>> nast.truth(no_right, [left]), nast.truth(no_right, [left], "described")
        (None, True)
    """
    if any(f.condition != statement.condition for f in facts):
        raise ValueError(f"facts of another condition than {statement.condition}")
    present = _present(statement, facts, world)
    return present if statement.existence == "present" or present is None else not present


def _present(statement: Fact, facts: Sequence[Fact], world: World) -> bool | None:
    if not facts:
        return False if world == "closed" else None
    if statement.side == "bilateral":
        # Two instances, one on each side, are as good as one that is called bilateral.
        sides = [_present(replace(statement, side=s), facts, world) for s in ("left", "right")]
        return False if False in sides else None if None in sides else True
    verdicts = [_instance(statement, f, world) for f in facts if f.existence == "present"]
    if not verdicts:
        return False
    return any_of(verdicts)


def any_of(verdicts: Iterable[bool | None]) -> bool | None:
    """Three-valued "or"."""
    verdicts = list(verdicts)
    return True if True in verdicts else None if None in verdicts else False


def _instance(statement: Fact, fact: Fact, world: World) -> bool | None:
    """Whether one present instance makes the presence statement true."""
    elsewhere = None if world == "annotated" else False
    checks: list[bool | None] = []
    if statement.side is not None:
        same = fact.side in (statement.side, "bilateral")
        checks.append(None if fact.side is None else True if same else elsewhere)
    if statement.zone is not None:
        checks.append(_in_zone(statement.zone, fact.zone, elsewhere))
    if statement.severity is not None:
        known = fact.severity is not None
        checks.append(None if not known else fact.severity == statement.severity)
    if False in checks:
        return False
    return None if None in checks else True


def _in_zone(stated: str, zone: str | None, elsewhere: bool | None) -> bool | None:
    """Whether a finding in `zone` is in the stated one; a part of it is, a larger one may be."""
    if zone is None or WITHIN.get(stated) == zone:
        return None
    return True if stated in (zone, WITHIN.get(zone)) else elsewhere


def changed(truth_fact: Fact, other: Fact) -> str | None:
    """Which attribute sets two statements about one condition apart: the kind of the negation.

    Returns:
        `existence`, `location` or `severity` (the first that differs in this order), or None.
    """
    if truth_fact.existence != other.existence:
        return "existence"
    if (truth_fact.side, truth_fact.zone) != (other.side, other.zone):
        return "location"
    return "severity" if truth_fact.severity != other.severity else None
