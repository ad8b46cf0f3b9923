"""What of a sentence denies: the parts beside its denials, and whether their reach is plain.

"No edema, while a fracture is present" and "no edema, fracture and pneumonia present" can be read
as denials of everything that follows. A text of a model is used only where such doubts cannot
arise for any reader, not for our sentence reader alone: a list that ends in "or", a cue for each
finding, one cue for one list.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.cues import cues_of
from nast.language.write.llm.vocabulary import LINKS, SAID, readings_of

_FILL = re.compile(r"\b(?:any|a|an|the|either|both|of)\b")
_SAID = "|".join(sorted(SAID))
_VERB = re.compile(rf"\s*(?:is|are|was|were|{_SAID})\b")
_WITH = re.compile(rf"(?:\s+(?:is|are|was|were|{_SAID}))*\s+with\b")
"""In "no edema with fracture" the two may be denied together; a comma makes it plain."""
_BARE = ("no", "not", "nor", "neither", "nil", "zero", "such")
"""Cues that do not reach past "and": in "no edema and fracture" the fracture may be there."""
_LINK = rf"(?:\b(?:{'|'.join(sorted(LINKS))})\b|[\s,;])"
_BETWEEN = re.compile(rf"{_LINK}*")
_BEFORE = re.compile(rf"{_LINK}+$")
_OPENING = re.compile(
    r"(?:\b(?:while|whereas|although|though|but|and|with|yet|however|despite|in|plus|along)\b|[\s,;])+",
    re.IGNORECASE,
)
_SEEN = re.compile(rf"(?:\s+(?:is|are|was|were))?(?:\s+(?:{_SAID})\b)?")


class _Mark(NamedTuple):
    kind: str
    start: int
    end: int
    placed: bool = False


def unclear_denial(text: str, conditions: Conditions = CONDITIONS) -> str | None:
    """The first cue of a sentence whose reach may be read in two ways, or None.

    The facts of the sentence have been read, and are the wanted ones.
    """
    lowered = text.lower()
    marks = _marks(lowered, conditions)
    claimed: set[int] = set()
    for place, mark in enumerate(marks):
        if mark.kind in ("finding", "present"):
            continue
        step = -1 if mark.kind == "after" else 1
        reach = _reach(marks, place, step)
        own = {m.start for m in reach}
        if not reach or own & claimed or not _plain(lowered, mark, reach):
            return lowered[mark.start : mark.end]
        claimed |= own
    return None


def _marks(text: str, conditions: Conditions) -> list[_Mark]:
    """Cues and findings in order."""
    words = {"absent": "finding", "present": "present"}
    found = [
        _Mark(
            words[r.fact.existence],
            r.start,
            r.end,
            any((r.fact.side, r.fact.zone, r.fact.severity)),
        )
        for r in readings_of(text, conditions)
    ]
    found += [
        _Mark("after" if cue.kind == "behind" else "before", cue.start, cue.end)
        for cue in cues_of(text, conditions)
    ]
    return sorted(found, key=lambda m: m.start)


def _reach(marks: list[_Mark], place: int, step: int) -> list[_Mark]:
    """The denied findings next to a cue, up to the next cue, in order of the text."""
    reach = []
    place += step
    while 0 <= place < len(marks) and marks[place].kind == "finding":
        reach.append(marks[place])
        place += step
    return sorted(reach, key=lambda m: m.start)


def _plain(text: str, cue: _Mark, reach: list[_Mark]) -> bool:
    """Whether the findings of a cue are one list with a clear end."""
    word = text[cue.start : cue.end]
    after = text[max(cue.end, reach[-1].end) :]
    if word == "neither" and not re.match(r",? nor\b", after):
        return False
    if word != "absent" and _WITH.match(after):
        return False
    if len(reach) == 1:
        return True
    if any(mark.placed for mark in reach[1:]):
        # "No A or right B" may state the B.
        return False
    *inner, last = (
        " ".join(_FILL.sub(" ", text[a.end : b.start]).split()) for a, b in pairwise(reach)
    )
    if last in ("or", ", or"):
        return all(gap in (",", "or", ", or") for gap in inner)
    if any(gap != "," for gap in inner) or last not in (("and", ", and") if inner else ("and",)):
        return False
    before = text[: min(cue.start, reach[0].start)]
    if re.search(r"\band\s*$", before) or re.match(r",?\s*and\b", after):
        return False
    if cue.kind == "before":
        return word.split()[-1] not in _BARE and not _VERB.match(after)
    return not (
        re.search(r"\bthere (?:is|are|was|were)\s*(?:an?\s*)?$", before)
        or re.search(r"\b(?:is|was)\b", text[reach[-1].end : cue.end])
    )


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
    cues = ((cue.start, cue.end) for cue in cues_of(lowered, conditions))
    for start, end in sorted([*marks, *cues]):
        if merged and _BETWEEN.fullmatch(lowered[merged[-1][1] : max(start, merged[-1][1])]):
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [_widened(lowered, start, end) for start, end in merged]


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """A denial with the links before it and the verb behind it."""
    before = _BEFORE.search(text[:start])
    verb = _SEEN.match(text, end)
    return (before.start() if before else start), (verb.end() if verb else end)
