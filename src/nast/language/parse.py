"""Sentences back to facts: what a text says, read by rules.

Covers the grammar of `templates` and the plain report sentences built like it: preceding cues
("no", "without", "free of", "no evidence of", ...), "absent" after the finding, lists, scope
that ends at "with", "but", "noted" or a semicolon, grades, sides and zones, Table 5's phrases.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS
from nast.records import Fact

CUES = (
    "no evidence of", "no sign of", "negative for", "without", "free of", "clear of",
    "lacking", "not", "no", "absent",
)  # fmt: skip
"""Words that deny, longest first; `absent` denies what stands before it."""

_TERMS = {c.term: c.name for c in CONDITIONS.values()}
_PHRASES = {c.normal: c.name for c in CONDITIONS.values()}
_GRADES = {
    (c.name, adjective): grade for c in CONDITIONS.values() for grade, adjective in c.grades.items()
}
_ADJECTIVES = "|".join(sorted({adjective for _, adjective in _GRADES}))
_MENTION = re.compile(
    rf"(?:\b(?P<grade>{_ADJECTIVES})\s+)?(?:\b(?P<side>left|right|bilateral)\s+)?"
    rf"\b(?P<term>{'|'.join(sorted(_TERMS, key=len, reverse=True))})\b"
    r"(?:\s+in the(?:\s+(?P<zone_side>left|right|bilateral))?"
    r"\s+(?P<zone>upper|mid|lower|apical|retrocardiac) zone)?"
)
_PHRASE = re.compile(rf"\b(?:{'|'.join(sorted(_PHRASES, key=len, reverse=True))})\b")
_CUE = re.compile(rf"\b(?:{'|'.join(CUES)})\b")
_SCOPE_END = re.compile(r"[;.]|,?\s*\bbut\b|,?\s*\bwith\b|\bnoted\b,?|\bpresent\b")


class Reading(NamedTuple):
    """A fact that a text states, with the place of its words (start and end offsets)."""

    fact: Fact
    start: int
    end: int


def cues(text: str) -> list[str]:
    """The negation cues of a text, in order; an affirmative form has none."""
    return _CUE.findall(text.lower())


def read(text: str) -> list[Reading]:
    """The facts that a sentence states, in order.

    A mention is absent when a cue stands before it in the same scope, or "absent" after it. A
    Table 5 phrase reads as the absence it stands for.
    """
    # A letter whose small form is longer keeps its place, so that offsets fit the given text.
    lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    found: list[Reading] = []
    for start, end in _scopes(lowered):
        found += _read_scope(lowered, start, end)
    return sorted(found, key=lambda r: r.start)


def facts_of(text: str) -> frozenset[Fact]:
    """The set of facts that a sentence states."""
    return frozenset(r.fact for r in read(text))


def _scopes(text: str) -> list[tuple[int, int]]:
    borders = [0]
    for match in _SCOPE_END.finditer(text):
        borders += [match.start(), match.end()]
    borders.append(len(text))
    return [(a, b) for a, b in pairwise(borders) if b > a]


def _read_scope(text: str, start: int, end: int) -> list[Reading]:
    part = text[start:end]
    cue = _CUE.search(part)
    post = cue is not None and cue.group() == "absent"
    readings = []
    for match in _PHRASE.finditer(part):
        fact = Fact(_PHRASES[match.group()], "absent")
        readings.append(Reading(fact, start + match.start(), start + match.end()))
    for match in _MENTION.finditer(part):
        before = cue is not None and (match.start() < cue.start() if post else True)
        denied = before if post else cue is not None and cue.start() < match.start()
        readings.append(
            Reading(_mention(match, denied), start + match.start(), start + match.end())
        )
    return readings


def _mention(match: re.Match[str], denied: bool) -> Fact:
    name = _TERMS[match["term"]]
    return Fact(
        name,
        "absent" if denied else "present",
        side=match["side"] or match["zone_side"],  # type: ignore[arg-type]
        zone=match["zone"],  # type: ignore[arg-type]
        severity=_GRADES.get((name, match["grade"])),  # type: ignore[arg-type]
    )
