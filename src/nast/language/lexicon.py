"""The words that the sentence reader knows: names of conditions, cues, borders, modifiers.

Cue words follow the common lists of negation detection in radiology (NegEx, ConText, CheXpert),
reduced to what chest reports use and extended where those lists misread them.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, revision


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BEFORE = (
    "no evidence of", "no sign of", "no signs of", "negative for", "without evidence of", "without",
    "free of", "clear of", "absence of", "lack of", "lacking", "devoid of", "neither", "nor", "not",
    "no",
)  # fmt: skip
"""Cues that deny what follows, longest first."""
_SEEN = (
    "seen|identified|appreciated|visualized|visualised|evident|demonstrated|present|noted|detected"
    "|observed|apparent|found|shown|visible"
)
AFTER = re.compile(
    rf": ?(?:none|absent|no)\b|\b(?:absent|not (?:\w+ ){{0,2}}?(?:{_SEEN})|no longer (?:{_SEEN})"
    r"|(?:has|have|had)(?! not)(?: been)?(?: \w+)? (?:resolved|cleared|excluded)"
    r"|(?:is|are|was|were|been) (?:excluded|resolved|ruled out))\b"
)
"""Cues that deny what stands before them."""
_CHANGE = "change|changes|increase|decrease|improvement|progression|worsening|difference"
PSEUDO = re.compile(
    rf"\b(?:no|without)(?: \w+){{0,3}} (?:{_CHANGE})\b(?: in| of| to| from)?[^.;]*"
    rf"|\b(?:no|without) (?:{_CHANGE})\b[^.;]*"
    r"|\bno absence of\b|\bno longer\b(?! (?:seen))"
    r"|\bnot (?:without|only|certain|sure|clear|significantly|necessarily)\b"
    r"|\b(?:can ?not|could not|not|difficult to|impossible to) (?:\w+ )?(?:be )?"
    r"(?:exclude|excluded|rule out|ruled out)\b"
)
"""Words that look like cues and deny nothing, such as "no significant change in"."""
BORDER = re.compile(
    r"\.(?!\d)|[;!?\n]|\bbut\b"
    r"|(?<!consistent )(?<!compatible )(?<!associated )(?<!keeping )\bwith\b"
    r"|\bnoted\b|\bpresent\b|\bhowever\b|\balthough\b|\bthough\b|\bexcept\b|\bother than\b"
    r"|\baside from\b|\bapart from\b|\bwhich\b|\bthere (?:is|are|was|were)\b|\bdue to\b"
    r"|\bsecondary to\b|\bbecause\b|, (?:the|a|an)\b"
    r"|\bwhile\b|\bwhereas\b|\byet\b|\bplus\b|\bdespite\b|\balong with\b"
    r"|(?:,|\band) (?:stable|unchanged|again|persistent|chronic|old|healed|mild|minimal)\b"
)
"""Where the scope of a cue ends."""
UNSURE_AFTER = re.compile(
    r"\b(?:(?:can ?not|can't|could not|may not|not) (?:be )?(?:\w+ )?(?:excluded|ruled out)"
    r"|vs|versus"
    r"|(?:is|are|was|were) (?:unlikely|likely|questionable|possible|probable|suspected))\b"
)
"""Words after a finding that leave it open."""
UNSURE = re.compile(
    r"\b(?:possib\w+|probabl\w+|likely|may|might|could|questionable|question of|versus|vs"
    r"|(?:can ?not|could not|can't|difficult to|impossible to) (?:\w+ )?(?:exclude|rule out)"
    r"|evaluate for|assess for|rule out|history of|suspected|resolved|resolution of)\b"
)
"""Words before a finding that keep it from being asserted or denied."""
HINT = re.compile(r"\b(?:suspicious for|concern\w* for|suggest\w*)\b")
"""Words before a finding that keep it from being asserted; a denial reaches past them: "no opacity
to suggest pneumonia"."""
HARD = _words("""
    significant new displaced change changes increase increased interval further additional other
    recurrent worsening progressive tension loculated layering sizable sizeable substantial
    enlarging
""")
"""Modifiers that a denial keeps to itself: "no new effusion" does not say that there is none."""
SIZES = {
    **dict.fromkeys(("small", "tiny", "trace", "minimal", "mild"), "mild"),
    "moderate": "moderate",
    **dict.fromkeys(("large", "severe", "massive"), "severe"),
}
SIDES = {"left": "left", "left-sided": "left", "right": "right", "right-sided": "right",
         "bilateral": "bilateral", "bibasilar": "bilateral", "bibasal": "bilateral"}  # fmt: skip
ZONES = {"upper": "upper", "mid": "mid", "middle": "mid", "lower": "lower", "basilar": "lower",
         "basal": "lower", "bibasilar": "lower", "bibasal": "lower", "apical": "apical",
         "retrocardiac": "retrocardiac"}  # fmt: skip
SOFT = _words("""
    focal acute definite visible suspicious xxxx obvious discrete evident radiographic frank overt
    confluent lobar lobe lung lungs zone pulmonary pleural airspace air space active any patchy
    gross residual area areas of the a an sided appreciable rib ribs bony osseous
""")
"""Modifiers that leave a denial a denial: "no focal consolidation"."""


class Lexicon(NamedTuple):
    """The names of the table of conditions in force.

    Attributes:
        mention: matches a name of a condition, or a decoy; `lastgroup` tells which.
        names: group -> condition, None for a decoy.
        phrase: matches a Table 5 phrase.
        phrases: phrase -> condition.
        grades: (condition, adjective) -> severity.
        zones: adjective -> zone.
        place: matches "in the left lower zone" and the like, right after a name.
    """

    mention: re.Pattern[str]
    names: dict[str, str | None]
    phrase: re.Pattern[str]
    phrases: dict[str, str]
    grades: dict[tuple[str, str], str]
    zones: dict[str, str]
    place: re.Pattern[str]


def lexicon() -> Lexicon:
    """The names of the conditions, compiled once per table of conditions."""
    return _lexicon(revision())


@lru_cache(maxsize=2)
def _lexicon(_: int) -> Lexicon:
    known: dict[str, str | None] = {}
    for condition in CONDITIONS.values():
        known |= dict.fromkeys(condition.decoys)
        known |= dict.fromkeys((condition.term, *condition.synonyms), condition.name)
    # The longest name first, so that a decoy wins over the synonym that it contains.
    ordered = sorted(known, key=lambda n: (-len(n), n))
    groups = {f"n{i}": known[name] for i, name in enumerate(ordered)}
    parts = [f"(?P<n{i}>{_pattern(name)})" for i, name in enumerate(ordered)]
    phrases = {c.normal.lower(): c.name for c in CONDITIONS.values() if c.normal}
    zones = ZONES | {zone: zone for c in CONDITIONS.values() for zone in c.zones}
    words = "|".join(re.escape(p) for p in sorted(phrases, key=len, reverse=True))
    return Lexicon(
        re.compile(rf"\b(?:{'|'.join(parts)})"),
        groups,
        re.compile(rf"(?<!limits of )\b(?:{words})\b" if words else r"(?!)"),
        phrases,
        {(c.name, adjective.lower()): grade for c in CONDITIONS.values()
         for grade, adjective in c.grades.items()},
        zones,
        re.compile(
            r"\s+(?:in|at|on|of) the(?:\s+(?P<side>left|right|bilateral))?"
            rf"(?:\s+(?P<zone>{'|'.join(map(re.escape, sorted(zones, key=len, reverse=True)))})"
            r"\s+(?:lung\s+)?(?:zone|lobe|lung)s?"
            r"|\s+(?P<base>base|apex)|\s+(?:lung|side|hemithorax)|\b)"
        ),
    )  # fmt: skip


def _pattern(name: str) -> str:
    words = re.escape(name.rstrip("*").lower()).replace(r"\ ", r"[\s-]+")
    return words + (r"\w*" if name.endswith("*") else r"\b")
