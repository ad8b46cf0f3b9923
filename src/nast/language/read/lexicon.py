"""The names of conditions that the reader knows, and the words that place and grade them."""

import re
from functools import lru_cache
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.places import tail_pattern
from nast.language.read.plain_words import word_set

HARD = word_set("""
    significant new displaced change changes increase increased interval further additional other
    recurrent worsening progressive tension loculated layering sizable sizeable substantial
    enlarging perihilar hilar compression vertebral calcified cavitary spiculated
""")
"""Modifiers that a denial keeps to itself: "no new effusion" does not say that there is none."""
SIZES = {
    **dict.fromkeys(("small", "tiny", "trace", "minimal", "mild", "mildly"), "mild"),
    **dict.fromkeys(("moderate", "moderately"), "moderate"),
    **dict.fromkeys(("large", "severe", "massive", "marked", "severely", "markedly"), "severe"),
}
_LOBES = {
    "rul": ("right", "upper"),
    "rml": ("right", "mid"),
    "rll": ("right", "lower"),
    "lul": ("left", "upper"),
    "lll": ("left", "lower"),
}
SIDES = {
    **{lobe: side for lobe, (side, _) in _LOBES.items()},
    **dict.fromkeys(("left", "left-sided", "lt", "l"), "left"),
    **dict.fromkeys(("right", "right-sided", "rt", "r"), "right"),
    **dict.fromkeys(("lingula", "lingular"), "left"),
    **dict.fromkeys(("bilateral", "biapical"), "bilateral"),
    "bibasilar": "bilateral",
    "bibasal": "bilateral",
}
_BOTH = dict.fromkeys(("both", "bilaterally", "bases", "apices"), "bilateral")
"""Words for both sides that count only after a name: "both pneumothorax and effusion"."""
ZONES = {
    **{lobe: zone for lobe, (_, zone) in _LOBES.items()},
    "upper": "upper",
    "mid": "mid",
    "middle": "mid",
    "lower": "lower",
    "basilar": "lower",
    "basal": "lower",
    "bibasilar": "lower",
    "bibasal": "lower",
    **dict.fromkeys(("apical", "biapical"), "apical"),
    "retrocardiac": "retrocardiac",
}
_ENDS = {
    **dict.fromkeys(("base", "bases"), "lower"),
    **dict.fromkeys(("apex", "apices"), "apical"),
    **dict.fromkeys(("midlung", "mid-lung", "midlungs"), "mid"),
}
"""Nouns that name a zone."""
SOFT = word_set("""
    focal acute definite visible suspicious xxxx obvious discrete evident radiographic frank overt
    confluent lobar lobe lung lungs zone pulmonary pleural airspace air space active any patchy
    gross residual area areas amount amounts volume of the a an sided sized
    appreciable rib ribs bony osseous
""")
"""Modifiers that leave a denial a denial: "no focal consolidation"."""
_HARDWARE = (
    "(?:tube|catheter|wire|lead|line|screw|rod|plate|clip|pacemaker|stent|suture|hardware|device)s?"
)
_BODY = (
    "(?:extremity|extremities|chest wall|breast|neck|skin|bone|joint|spinal|abdominal|pedal|cardiac"
    "|subcutaneous|liver|knee|hip|elbow|ankle|shoulder|soft tissue|line|catheter|wound|osseous"
    "|pericardial|mediastinal|thyroid|renal|hepatic|splenic)"
)
_NOT_MEANT = (
    rf"fractures?(?:d| of)(?: the| a| one of the)?(?: \w+)?? {_HARDWARE}\b",
    rf"{_HARDWARE} (?:(?:is|are) )?fractur(?:es?|ed)\b",
    r"mass[ -]effect\b",
    rf"{_BODY} (?:edema|nodules?|mass(?:es)?|tumou?rs?|fluid collections?|infections?|effusions?"
    r"|opacit(?:y|ies)|infiltrates?)\b",
    r"(?:peripheral|body wall) edema\b|tumou?r embol\w+|paratracheal mass(?:es)?\b",
    r"(?:surgical|interstitial) emphysema\b"
    r"|emphysema (?:of|in|over) the (?:\w+ )?(?:chest wall|soft tissues?|neck)\b",
    r"(?:(?:granulomatous|prior|previous|old|remote|healed|treated) )+"
    r"(?:infections?|pneumonias?)\b",
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
    # What sounds like another part of the body may be a condition of this table.
    own = [name for name in ordered if any(re.fullmatch(p, name.lower()) for p in _NOT_MEANT)]
    ordered = [*own, *(name for name in ordered if name not in own)]
    patterns = [*map(_pattern, own), *_NOT_MEANT, *map(_pattern, ordered[len(own) :])]
    meant = [known[name] for name in ordered]
    meant[len(own) : len(own)] = [None] * len(_NOT_MEANT)
    phrases = {c.normal.lower(): c.name for c in conditions.values() if c.normal}
    zones = ZONES | {zone: zone for c in conditions.values() for zone in c.zones}
    grades = {
        (c.name, adjective.lower()): grade
        for c in conditions.values()
        for grade, adjective in c.grades.items()
    }
    sizes = {adjective: grade for (_, adjective), grade in grades.items()} | SIZES
    return Lexicon(
        re.compile(rf"\b(?:{'|'.join(patterns)})(?!-free\b)"),
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
