"""Sentences back to facts: what a text says, read by rules.

Reads the grammar of `templates` and plain report sentences: cues before and after a finding, lists
("no A, B, or C"), scope that ends at "with", "but" or a semicolon, pseudo-negation ("no
significant change in"), soft adjectives that keep an absence ("no focal consolidation"), hard ones
that limit or void it ("no large effusion", "no new effusion"), grades, sides, zones, Table 5's
phrases.
"""

import re
from collections.abc import Container
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS
from nast.language.lexicon import (
    AFTER,
    BEFORE,
    BORDER,
    HARD,
    HINT,
    PSEUDO,
    SIDES,
    SIZES,
    SOFT,
    UNSURE,
    UNSURE_AFTER,
    lexicon,
)
from nast.records import Fact

_BEFORE = re.compile(rf"\b(?:{'|'.join(BEFORE)})\b")
_SENTENCE = re.compile(r"(?:[^.;!?\n]|\.(?=\d))+")
_LINK = re.compile(
    r"\b(?:both|being|is|are|was|were|has|have|been|and|or|nor|the|any|either)\b|[\s,]"
)


class Reading(NamedTuple):
    """A fact that a text states, with the place of its words (start and end offsets)."""

    fact: Fact
    start: int
    end: int


class _Mention(NamedTuple):
    condition: str
    start: int
    end: int
    modifiers: tuple[str, ...]
    place: re.Match[str] | None
    phrase: bool = False


def cues(text: str) -> list[str]:
    """The negation cues of a text, in order; an affirmative form has none."""
    lowered = _lower(text)
    found = {m.start(): m.group() for m in _BEFORE.finditer(lowered)}
    found |= {m.start(): m.group() for m in AFTER.finditer(lowered)}
    return [found[start] for start in sorted(found)]


def read(text: str) -> list[Reading]:
    """The facts that a text states, in order.

    A mention is absent when a cue stands before it in the same scope, or a cue such as "not seen"
    after it. A Table 5 phrase reads as the absence it stands for. Findings that are only suspected,
    and denials that say less than absence ("no new effusion"), are not read.
    """
    lowered = _lower(text)
    return [
        reading
        for sentence in _SENTENCE.finditer(lowered)
        for reading in _read_sentence(sentence.group(), sentence.start())
    ]


def facts_of(text: str) -> frozenset[Fact]:
    """The set of facts that a sentence states."""
    return frozenset(r.fact for r in read(text))


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    # A letter whose small form is longer keeps its place, so that offsets fit the given text.
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _read_sentence(text: str, offset: int) -> list[Reading]:
    mentions = _mentions(text)
    if not mentions:
        return []
    # Each rule blanks what it has used, so that a later one does not read it again.
    blanked, open_after = _take(UNSURE_AFTER, text)
    blanked, after = _take(AFTER, blanked)
    blanked, _ = _take(PSEUDO, blanked, voids=True)
    events = [(m.end(), "cue") for m in _BEFORE.finditer(blanked)]
    events += [(m.end(), "end") for m in BORDER.finditer(blanked)]
    events += [(m.end(), "unsure") for m in UNSURE.finditer(text)]
    events += [(m.end(), "hint") for m in HINT.finditer(blanked)]
    events.sort()
    readings = []
    for mention in mentions:
        if blanked[mention.start] == _VOID:
            continue
        past = [kind for end, kind in events if end <= mention.start]
        state = next((kind for kind in reversed(past) if kind != "hint"), "end")
        denied = state == "cue" or _followed_by(after, text, mention, mentions)
        unsure = state == "unsure" or past[-1:] == ["hint"]
        unsure |= _followed_by(open_after, text, mention, mentions)
        fact = None if unsure and not denied else _fact(mention, denied)
        if fact is not None:
            readings.append(Reading(fact, offset + mention.start, offset + mention.end))
    return readings


_VOID = "\0"


def _take(pattern: re.Pattern[str], text: str, voids: bool = False) -> tuple[str, list[int]]:
    """The text with all matches blanked, and where they start."""
    places = [m.start() for m in pattern.finditer(text)]
    fill = _VOID if voids else " "
    return pattern.sub(lambda m: fill * len(m.group()), text), places


def _mentions(text: str) -> list[_Mention]:
    known = lexicon()
    found = [
        _Mention(known.phrases[m.group()], m.start(), m.end(), (), None, phrase=True)
        for m in known.phrase.finditer(text)
    ]
    for match in known.mention.finditer(text):
        name = known.names[match.lastgroup or ""]
        inside = any(p.start <= match.start() < p.end for p in found)
        if name is not None and not inside:
            start, modifiers = _modifiers(text, match.start(), known.zones)
            place = known.place.match(text, match.end())
            end = place.end() if place else match.end()
            found.append(_Mention(name, start, end, modifiers, place))
    return sorted(found, key=lambda m: m.start)


def _modifiers(text: str, start: int, zones: Container[str]) -> tuple[int, tuple[str, ...]]:
    """The words right before a name that belong to it, and where they begin."""
    words: list[str] = []
    base = max(0, start - 80)
    for match in reversed(list(re.finditer(r"[\w-]+", text[base:start]))):
        place = base + match.start()
        gap = text[place + len(match.group()) : start]
        word = match.group()
        if gap.strip() or not (
            word in SIZES or word in SIDES or word in zones or word in HARD or word in SOFT
        ):
            break
        words.append(word)
        start = place
    # What does not limit the finding is no part of it.
    while words and words[-1] in SOFT:
        word = words.pop()
        start = re.compile(rf"{re.escape(word)}\s+").match(text, start).end()  # type: ignore[union-attr]
    return start, tuple(reversed(words))


def _followed_by(places: list[int], text: str, mention: _Mention, mentions: list[_Mention]) -> bool:
    """Whether a cue such as "not seen" follows with nothing between but other names and links."""
    place = next((p for p in places if p >= mention.end), None)
    if place is None:
        return False
    between = list(text[mention.end : place])
    for other in mentions:
        for i in range(max(other.start, mention.end), min(other.end, place)):
            between[i - mention.end] = " "
    return not _LINK.sub("", "".join(between))


def _fact(mention: _Mention, denied: bool) -> Fact | None:
    """The fact of a mention; None for a denial that says less than absence."""
    if mention.phrase:
        return None if denied else Fact(mention.condition, "absent")
    name, words = mention.condition, mention.modifiers
    if denied and HARD & set(words):
        return None
    known = lexicon()
    grades = {known.grades.get((name, w)) or SIZES[w] for w in words if w in SIZES} - {None}
    sides = {SIDES[w] for w in words if w in SIDES}
    zones = {known.zones[w] for w in words if w in known.zones}
    if mention.place:
        sides |= {mention.place["side"]} - {None}
        base = {"base": "lower", "apex": "apical", None: None}[mention.place["base"]]
        zones |= {known.zones.get(mention.place["zone"] or ""), base} - {None}  # type: ignore[arg-type]
    condition = CONDITIONS[name]
    graded = grades if condition.grades else set()
    zones = {zone for zone in zones if condition.takes_zone(zone)}
    limits = len(graded) + len(zones) + (len(sides) if condition.sided else 0)
    if denied and limits < len({w for w in words if w in SIZES or w in SIDES or w in known.zones}):
        # "No apical pneumothorax", where apical cannot be said in a fact, is not "none".
        return None
    return Fact(
        name,
        "absent" if denied else "present",
        side=next(iter(sides)) if len(sides) == 1 and condition.sided else None,  # type: ignore[arg-type]
        zone=next(iter(zones)) if len(zones) == 1 else None,
        severity=next(iter(graded)) if len(graded) == 1 else None,  # type: ignore[arg-type]
    )
