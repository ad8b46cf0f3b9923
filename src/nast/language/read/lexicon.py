"""The words that the sentence reader knows: names of conditions, modifiers, cues.

The cues and borders stand in `language.read.cue_words`; all can be imported from here.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.cue_words import AFTER, BEFORE, HINT, PSEUDO, UNSURE, UNSURE_AFTER
from nast.language.read.places import tail_pattern

__all__ = [
    "AFTER",
    "BEFORE",
    "HARD",
    "HINT",
    "PSEUDO",
    "SIDES",
    "SIZES",
    "SOFT",
    "UNSURE",
    "UNSURE_AFTER",
    "ZONES",
    "Lexicon",
    "lexicon",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HARD = _words("""
    significant new displaced change changes increase increased interval further additional other
    recurrent worsening progressive tension loculated layering sizable sizeable substantial
    enlarging perihilar hilar compression vertebral calcified cavitary spiculated
""")
"""Modifiers that a denial keeps to itself: "no new effusion" does not say that there is none."""
SIZES = {
    **dict.fromkeys(("small", "tiny", "trace", "minimal", "mild", "mildly"), "mild"),
    **dict.fromkeys(("moderate", "moderately"), "moderate"),
    **dict.fromkeys(("large", "severe", "massive", "severely", "markedly"), "severe"),
}
SIDES = {
    "left": "left",
    "left-sided": "left",
    "right": "right",
    "right-sided": "right",
    "bilateral": "bilateral",
    "bibasilar": "bilateral",
    "bibasal": "bilateral",
}
_BOTH = dict.fromkeys(("both", "bilaterally", "bases", "apices"), "bilateral")
"""Words for both sides that count only after a name: "both pneumothorax and effusion"."""
ZONES = {
    "upper": "upper",
    "mid": "mid",
    "middle": "mid",
    "lower": "lower",
    "basilar": "lower",
    "basal": "lower",
    "bibasilar": "lower",
    "bibasal": "lower",
    "apical": "apical",
    "retrocardiac": "retrocardiac",
}
_ENDS = {"base": "lower", "bases": "lower", "apex": "apical", "apices": "apical"}
"""Nouns that name a zone."""
SOFT = _words("""
    focal acute definite visible suspicious xxxx obvious discrete evident radiographic frank overt
    confluent lobar lobe lung lungs zone pulmonary pleural airspace air space active any patchy
    gross residual area areas of the a an sided sized appreciable rib ribs bony osseous
""")
"""Modifiers that leave a denial a denial: "no focal consolidation"."""
_NOT_MEANT = (
    r"fractures? of the (?:tube|catheter|wire|lead|line)s?\b",
    r"mass[ -]effect\b",
    r"(?:knee|hip|elbow|ankle|shoulder) effusions?\b",
)
"""Words that hold a condition's name and mean something else, in any table."""


class Lexicon(NamedTuple):
    """The names of a table of conditions.

    Attributes:
        mention: matches a name of a condition, or a decoy; `name_of` tells which.
        names: (pattern of a name, its condition or None for a decoy), the longest name first.
        phrase: matches a Table 5 phrase.
        phrases: phrase -> condition.
        grades: (condition, adjective) -> severity.
        sizes: adjective -> severity, where the condition has no word of its own.
        sides: word of a tail -> side.
        zones: word -> zone.
        tail: matches "in the left lower zone", "is small" and the like, right after a name.
        attribute: matches each word of a tail that names a side, zone or size.
        attributes: the words before a name that place or grade it.
        modifiers: all words before a name that belong to it.
    """

    mention: re.Pattern[str]
    names: tuple[tuple[re.Pattern[str], str | None], ...]
    phrase: re.Pattern[str]
    phrases: dict[str, str]
    grades: dict[tuple[str, str], str]
    sizes: dict[str, str]
    sides: dict[str, str]
    zones: dict[str, str]
    tail: re.Pattern[str]
    attribute: re.Pattern[str]
    attributes: frozenset[str]
    modifiers: frozenset[str]


@lru_cache(maxsize=1024)
def name_of(words: str, conditions: Conditions) -> str | None:
    """The condition that matched words name, None for a decoy."""
    return next(name for pattern, name in lexicon(conditions).names if pattern.fullmatch(words))


@lru_cache(maxsize=8)
def lexicon(conditions: Conditions = CONDITIONS) -> Lexicon:
    """The names of the conditions, compiled once per table of conditions."""
    known: dict[str, str | None] = {}
    for condition in conditions.values():
        known |= dict.fromkeys(condition.decoys)
        known |= dict.fromkeys((condition.term, *condition.synonyms), condition.name)
    # The longest name first, so that a decoy wins over the synonym that it contains.
    ordered = sorted(known, key=lambda n: (-len(n), n))
    patterns = [*_NOT_MEANT, *map(_pattern, ordered)]
    meant = [*(None for _ in _NOT_MEANT), *(known[name] for name in ordered)]
    phrases = {c.normal.lower(): c.name for c in conditions.values() if c.normal}
    zones = ZONES | {zone: zone for c in conditions.values() for zone in c.zones}
    grades = {
        (c.name, adjective.lower()): grade
        for c in conditions.values()
        for grade, adjective in c.grades.items()
    }
    sizes = {adjective: grade for (_, adjective), grade in grades.items()} | SIZES
    return Lexicon(
        re.compile(rf"\b(?:{'|'.join(patterns)})"),
        tuple((re.compile(p), name) for p, name in zip(patterns, meant, strict=True)),
        re.compile(rf"(?<!limits of )\b(?:{_any(phrases)})\b" if phrases else r"(?!)"),
        phrases,
        grades,
        sizes,
        SIDES | _BOTH,
        zones | _ENDS,
        tail_pattern(_any(zones), _any(sizes)),
        re.compile(rf"\b(?:{_any({**zones, **sizes, **SIDES, **_ENDS, **_BOTH})})\b"),
        frozenset({**zones, **sizes, **SIDES, **_ENDS}),
        frozenset({**zones, **sizes, **SIDES, **_ENDS}) | HARD | SOFT,
    )


def _any(words: dict[str, str]) -> str:
    """The words as alternatives, the longest first."""
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))


def _pattern(name: str) -> str:
    words = re.escape(name.rstrip("*").lower()).replace(r"\ ", r"[\s-]+")
    words = words.replace("tumor", "tumou?r")
    return words + (r"\w*" if name.endswith("*") else r"\b")
