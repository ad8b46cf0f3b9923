"""Absences that the rest of a text takes back, and presences that say nothing more."""

import re

from nast.facts.conditions import Conditions
from nast.language.read.readings import Reading, Unread
from nast.records import Fact

_HEAD = re.compile(r"\s*\w+")
_ANOTHER = re.compile(
    r"\b(?:lines?|tubes?|catheters?|port|drains?|tracheostomy|cannulas?|icd|defibrillator|leads?"
    r"|generator|wires?|clips|swan-ganz|iabp|pump|shunt|stents?|valves?|devices?|placed|inserted"
    r"|replaced|exchanged|remains?|in place|advanced)\b",
    re.IGNORECASE,
)
"""Words of what may be there beside a device that is not."""


def told_once(readings: list[Reading]) -> list[Reading]:
    """The readings without plain presences beside one of the same finding with a place or grade."""
    placed = {r.fact.condition for r in readings if _is_there(r) and r.fact != _plain(r.fact)}
    return [r for r in readings if r.fact.condition not in placed or r.fact != _plain(r.fact)]


def not_taken_back(
    readings: list[Reading], unread: list[Unread], text: str, conditions: Conditions
) -> list[Reading]:
    """The readings that the rest of a text leaves standing; the others are added to `unread`.

    One of several may be gone while another is there: "the tube was removed, the line remains".
    """
    there = {reading.fact.condition for reading in readings if _is_there(reading)}
    named = {one.condition for one in unread}
    for name in {r.fact.condition for r in readings if r.wording == "name" and not _is_there(r)}:
        if conditions[name].plural and (name in named or _another(text, readings, name)):
            there.add(name)
    return without_absences(readings, there, "denied and stated", unread)


def without_absences(
    readings: list[Reading], names: set[str], why: str, unread: list[Unread]
) -> list[Reading]:
    """The readings beside whole absences of some conditions, which become unread."""
    kept = []
    for reading in readings:
        name = reading.fact.condition
        if name in names and reading.fact == Fact(name, "absent"):
            unread.append(Unread(name, reading.start, reading.end, why))
        else:
            kept.append(reading)
    return kept


def _another(text: str, readings: list[Reading], name: str) -> bool:
    """Whether a text speaks of another device than those that it denies."""
    for reading in readings:
        if reading.fact.condition == name:
            # "Line" in "PICC line" is the same one.
            head = _HEAD.match(text, reading.end)
            end = head.end() if head else reading.end
            text = text[: reading.start] + " " * (end - reading.start) + text[end:]
    return _ANOTHER.search(text) is not None


def _is_there(reading: Reading) -> bool:
    return reading.fact.existence == "present"


def _plain(fact: Fact) -> Fact:
    """A presence without its attributes."""
    return Fact(fact.condition, "present")
