"""Sentences back to facts: what a text says, read by rules.

Reads the grammar of `templates` and plain report sentences: cues before and after a finding, lists
("no A, B, or C"), scope that ends at "with", "but" or a semicolon, pseudo-negation ("no
significant change in"), two denials that make a presence ("not without"), soft adjectives that keep
an absence ("no focal consolidation"), hard ones that limit or void it ("no large effusion", "no new
effusion"), grades, sides and zones before and after a name, Table 5's phrases, and plain statements
about heart and mediastinum ("heart size is normal").
"""

import re
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.language.read.cue_words import GONE
from nast.language.read.lexicon import AFTER, HARD, Lexicon, lexicon
from nast.language.read.mentions import Mention, mentions
from nast.language.read.places import stated_before
from nast.language.read.scope import DENY, verdicts
from nast.records import Fact

_SENTENCE = re.compile(r"(?:[^.;!?\n]|\.(?=\d))+\??")


class Reading(NamedTuple):
    """A fact that a text states.

    Attributes:
        fact: what it says.
        start, end: the place of its words.
        wording: "name", "phrase" (Table 5's own words) or "statement" ("heart size is normal", of
            which the place holds only "normal"). Only a phrase is the affirmative form of an
            absence.
        unsaid: words that place or grade the finding and have no room in the fact, because the
            condition has no side, zone or grade, or two are named ("mild to moderate").
    """

    fact: Fact
    start: int
    end: int
    wording: str = "name"
    unsaid: tuple[str, ...] = ()


def cues(text: str) -> list[str]:
    """The negation cues of a text, in order; an affirmative form has none."""
    lowered = _lower(text)
    found = {m.start(): m.group() for p in (DENY, GONE, AFTER) for m in p.finditer(lowered)}
    return [found[start] for start in sorted(found)]


def read(text: str, conditions: Conditions = CONDITIONS) -> list[Reading]:
    """The facts that a text states, in order.

    A mention is absent when a cue stands before it in the same scope, or a cue such as "not seen"
    after it. A Table 5 phrase reads as the absence it stands for. Not read: findings that are only
    suspected, asked for, or one of two ("A or B"); denials that say less than absence ("no new
    effusion", "no apical pneumothorax" where the condition has no zones). A presence with an
    attribute that its condition does not have is read as the plain presence that it implies.
    """
    lowered = _lower(text)
    return [
        reading
        for sentence in _SENTENCE.finditer(lowered)
        if not sentence.group().endswith("?")
        for reading in _read_sentence(sentence.group(), sentence.start(), conditions)
    ]


def facts_of(text: str, conditions: Conditions = CONDITIONS) -> frozenset[Fact]:
    """The set of facts that a sentence states.

    Example:
        >>> (fact,) = nast.facts_of("No pneumothorax.")
        >>> fact.condition, fact.existence
        ('Pneumothorax', 'absent')
    """
    return frozenset(r.fact for r in read(text, conditions))


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    # A letter whose small form is longer keeps its place, so that offsets fit the given text.
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _read_sentence(text: str, offset: int, conditions: Conditions) -> list[Reading]:
    found, known = mentions(text, conditions), lexicon(conditions)
    readings = []
    for mention, verdict in zip(found, verdicts(text, found) if found else [], strict=True):
        if verdict != "open":
            words = mention.words
            if mention.wording == "name" and not any(w in known.sides for w in words):
                words += stated_before(text, mention.start)
            condition = conditions[mention.condition]
            fact, unsaid = _fact(mention, words, verdict == "absent", condition, known)
            if fact is not None:
                start, end = offset + mention.start, offset + mention.end
                readings.append(Reading(fact, start, end, mention.wording, unsaid))
    return readings


def _fact(
    mention: Mention, words: tuple[str, ...], denied: bool, condition: Condition, known: Lexicon
) -> tuple[Fact | None, tuple[str, ...]]:
    """The fact of a mention, None for a denial that says less than absence; and what is unsaid."""
    name = condition.name
    if mention.says == "absence":
        return (None if denied else Fact(name, "absent")), ()
    grades = {known.grades.get((name, w), known.sizes[w]): w for w in words if w in known.sizes}
    sides = {known.sides[w]: w for w in words if w in known.sides}
    zones = {known.zones[w]: w for w in words if w in known.zones}
    if len(grades) == 3:
        # "No mild, moderate or severe edema" leaves none out.
        grades = {}
    side = next(iter(sides)) if len(sides) == 1 else "bilateral" if sides else None
    zone = next(iter(zones)) if len(zones) == 1 else None
    grade = next(iter(grades)) if len(grades) == 1 else None
    side = side if condition.sided else None
    zone = zone if condition.takes_zone(zone) else None
    grade = grade if condition.grades else None
    unsaid = tuple(
        w
        for kept, all_ in ((side, sides), (zone, zones), (grade, grades))
        if kept is None
        for w in all_.values()
    )
    if denied and (unsaid or HARD & set(words)):
        return None, unsaid
    existence = "absent" if denied else "present"
    return Fact(name, existence, side, zone, grade), unsaid  # type: ignore[arg-type]
