"""What a sentence says of each condition that it names: there, not there, or left open."""

import re
from collections.abc import Sequence
from itertools import pairwise

from nast.language.read.cue_words import (
    AFTER,
    BEFORE,
    BORDER,
    BREAK,
    DOUBLE,
    GONE,
    HINT,
    LESS,
    PSEUDO,
    UNSURE,
    UNSURE_AFTER,
    UNTRUE,
)
from nast.language.read.lists import Verdict, alternatives, reach
from nast.language.read.mentions import Mention

DENY = re.compile(rf"\b(?:{'|'.join(BEFORE)})\b")
_NEWLY = re.compile(r"\s+(?:has|have|had)(?: \w+)? (?:recurred|increased|worsened)\b")
"""After a denied finding: that none is new does not say that there is none."""
_VOID = "\0"
_KINDS = (
    (BORDER, "end"),
    (BREAK, "break"),
    (LESS, "less"),
    (GONE, "cue"),
    (HINT, "hint"),
    (UNSURE, "unsure"),
)


def verdicts(text: str, mentions: Sequence[Mention]) -> list[Verdict]:
    """What a sentence says of each of its mentions.

    Args:
        text: in small letters.
        mentions: all that it has, in order.
    """
    # Each rule blanks what it has used, so that a later one does not read it again.
    blanked, twice = _take(DOUBLE, text)
    untrue = UNTRUE.search(blanked)
    blanked, _ = _take(UNTRUE, blanked)
    blanked, doubts = _take(UNSURE_AFTER, blanked)
    blanked, denials = _take(AFTER, blanked)
    blanked, _ = _take(PSEUDO, blanked, _VOID)
    before = _states(text, blanked, mentions, [m.end() for m in twice])
    after = {i for m in denials for i in reach(text, m, mentions)}
    doubted = {i for m in doubts for i in reach(text, m, mentions)}
    said: list[Verdict] = []
    for i, (mention, state) in enumerate(zip(mentions, before, strict=True)):
        denied = state == "cue" or i in after
        less = state == "less" or (denied and _NEWLY.match(text, mention.end) is not None)
        doubt = state in ("unsure", "hint") or i in doubted
        flipped = untrue is not None and untrue.end() <= mention.start
        if blanked[mention.start] == _VOID or less or (doubt and not denied):
            said.append("open")
        else:
            said.append("absent" if denied != flipped else "present")
    return alternatives(text, mentions, said)


def _take(pattern: re.Pattern[str], text: str, fill: str = " ") -> tuple[str, list[re.Match[str]]]:
    """The text with all matches blanked, and the matches."""
    found = list(pattern.finditer(text))
    return (pattern.sub(lambda m: fill * len(m.group()), text) if found else text), found


def _states(text: str, blanked: str, mentions: Sequence[Mention], twice: list[int]) -> list[str]:
    """The cue, doubt or border that is in force at each mention."""
    events = [(end, "end") for end in twice]
    for pattern, kind in _KINDS:
        events += [(m.end(), kind) for m in pattern.finditer(text if kind == "unsure" else blanked)]
    events += _cues(blanked) + [(end, "end") for end in _opening(blanked, mentions)]
    events.sort()
    states, state, hinted, place = [], "end", False, 0
    for mention in mentions:
        while place < len(events) and events[place][0] <= mention.start:
            kind = events[place][1]
            hinted = kind == "hint"
            if kind == "break":
                state = "end" if state in ("cue", "less") else state
            elif kind != "hint":
                state = kind
            place += 1
        states.append("hint" if hinted and state != "cue" else state)
    return states


def _cues(blanked: str) -> list[tuple[int, str]]:
    """Where cues end; a cue right after another makes nothing that can be relied on."""
    found = list(DENY.finditer(blanked))
    kinds = ["cue"] * len(found)
    for i, (first, second) in enumerate(pairwise(found), 1):
        if not blanked[first.end() : second.start()].strip(" "):
            kinds[i] = "less"
    return [(m.end(), kind) for m, kind in zip(found, kinds, strict=True)]


_WITHOUT = re.compile(r"\W*(?:without|with no|in the absence of|there (?:is|are) no)\b")
_SEEN = re.compile(
    r"\b(?:is|are|was|were) (?:\w+ )?(?:seen|present|noted|identified|visible|there)\b"
)
_OR = re.compile(r"\bn?or\b")


def _opening(text: str, mentions: Sequence[Mention]) -> list[int]:
    """Where a denial at the start of a sentence ends, if a statement follows: "..., B is seen".

    It begins with "without A" or "there is no A". A list that is closed by "or" is denied as a
    whole; else the first comma ends the denial.
    """
    verb = _SEEN.search(text) if _WITHOUT.match(text) else None
    if verb is None or len(mentions) < 2:
        return []
    ors = [m.end() for m in _OR.finditer(text, 0, verb.start())]
    comma = text.find(",", ors[-1] if ors else mentions[0].start, verb.start())
    return [comma] if comma >= 0 else []
