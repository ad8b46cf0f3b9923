"""Which parts of a sentence deny, and what is left beside them."""

import re

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.write.llm.vocabulary import LINKS, SAID, cue_spans, readings_of

_LINK = rf"(?:\b(?:{'|'.join(sorted(LINKS))})\b|[\s,;])"
_BETWEEN = re.compile(rf"{_LINK}*")
_BEFORE = re.compile(rf"{_LINK}+$")
_OPENING = re.compile(
    r"(?:\b(?:while|whereas|although|though|but|and|with|yet|however|despite|in|plus|along)\b|[\s,;])+",
    re.IGNORECASE,
)
_VERB = re.compile(rf"(?:\s+(?:is|are|was|were))?(?:\s+(?:{'|'.join(sorted(SAID))})\b)?")


def kept_parts(text: str, conditions: Conditions = CONDITIONS) -> list[str]:
    """The parts of a sentence beside its denials, byte for byte.

    A denial is a cue with the findings that it denies, or a Table 5 phrase, with the words that tie
    it to what stands before it ("but", "with", "there is") and its verb ("is seen"). The parts of
    the two forms of a sentence are equal if they differ in the denials and nowhere else.
    """
    parts, place = [], 0
    for start, end in _denials(text, conditions):
        parts.append(text[place:start])
        place = end
    return [part for part in [*parts, text[place:]] if part]


def without_denials(text: str, conditions: Conditions = CONDITIONS) -> str:
    """What a sentence says beside its denials; blank where it says nothing."""
    words = "".join(kept_parts(text, conditions))
    opening = _OPENING.match(words)
    words = words[opening.end() :] if opening else words
    return words if re.search(r"\w", words) else ""


def _denials(text: str, conditions: Conditions) -> list[tuple[int, int]]:
    lowered = text.lower()
    readings = readings_of(text, conditions)
    marks = [(r.start, r.end) for r in readings if r.fact.existence == "absent"]
    merged: list[tuple[int, int]] = []
    for start, end in sorted([*marks, *cue_spans(text)]):
        if merged and _BETWEEN.fullmatch(lowered[merged[-1][1] : max(start, merged[-1][1])]):
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [_widened(lowered, start, end) for start, end in merged]


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """A denial with the links before it and the verb behind it."""
    before = _BEFORE.search(text[:start])
    verb = _VERB.match(text, end)
    return (before.start() if before else start), (verb.end() if verb else end)
