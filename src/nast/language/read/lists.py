"""Lists of findings: which of them a cue behind them denies, and which are only alternatives."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from nast.language.read.mentions import Mention

Verdict = Literal["present", "absent", "open"]
"""What a text says of a finding that it names."""
_LINK = re.compile(r"(?:\b(?:both|and|or|nor|the|any|either|an?|all)\b|[\s,/])*")
_TO_CUE = re.compile(
    r"(?:\b(?:both|being|is|are|was|were|has|have|been|and|or|nor|the|any|either)\b|[\s,])*"
)
_OPENER = re.compile(
    r"\b(?:there (?:is|are|was|were)|shows?|demonstrates?|reveals?|has|with)(?: (?:an?|the))?\s*$"
)
_ONE = re.compile(r"\s*(?:is|was|has)\b")


def reach(text: str, cue: re.Match[str], mentions: Sequence[Mention]) -> list[int]:
    """The mentions that a cue after them speaks of: the nearest, and the list that it closes.

    "There is A and B is absent" keeps A: what "there is" opens is said, and a verb in the singular
    has the last name for its subject.
    """
    near = [i for i, m in enumerate(mentions) if m.end <= cue.start()]
    if not near or not _TO_CUE.fullmatch(text, mentions[near[-1]].end, cue.start()):
        return []
    group = [near[-1]]
    while group[0] and _LINK.fullmatch(text, mentions[group[0] - 1].end, mentions[group[0]].start):
        group.insert(0, group[0] - 1)
    if len(group) == 1:
        return group
    first, last = mentions[group[0]], mentions[group[-1]]
    opened = _OPENER.search(text, max(0, first.start - 40), first.start) is not None
    singular = _ONE.match(text, last.end) is not None or _ONE.match(cue.group()) is not None
    gaps = [text[mentions[a].end : mentions[b].start] for a, b in pairwise(group)]
    broken = [k for k, gap in enumerate(gaps, 1) if re.match(r"\s*,\s*and\b", gap)]
    if any("or" in gap.split() for gap in gaps) and not opened:
        return group
    if opened and not singular:
        return group[broken[-1] :] if broken and broken[-1] < len(group) - 1 else group[-2:]
    if singular and (opened or (len(group) == 2 and broken)):
        return group[-1:]
    return group


_OR_BEFORE = re.compile(r"\bor\s*(?:an?\s+|the\s+)?$")
_OR_AFTER = re.compile(r"\s*,?\s*(?:and\s*/\s*)?or\b")
_SLASH = re.compile(r"\s*/\s*")


def alternatives(text: str, mentions: Sequence[Mention], said: list[Verdict]) -> list[Verdict]:
    """With "A or B" neither is asserted, nor is what a comma ties to them."""
    for i in range(len(mentions) - 1, -1, -1):
        if said[i] == "present" and (
            _or_before(text, mentions, i) or _or_after(text, mentions, i, said)
        ):
            said[i] = "open"
    return said


def _or_before(text: str, mentions: Sequence[Mention], i: int) -> bool:
    start = mentions[i].start
    last = mentions[i - 1] if i else None
    if last and last.condition == mentions[i].condition:
        return False
    slash = last is not None and _SLASH.fullmatch(text, last.end, start) is not None
    return slash or _OR_BEFORE.search(text, max(0, start - 12), start) is not None


def _or_after(text: str, mentions: Sequence[Mention], i: int, said: list[Verdict]) -> bool:
    end = mentions[i].end
    follows = mentions[i + 1] if i + 1 < len(mentions) else None
    if follows is None or follows.condition == mentions[i].condition:
        return follows is None and _OR_AFTER.match(text, end) is not None
    listed = said[i + 1] == "open" and text[end : follows.start].strip() == ","
    return (
        _OR_AFTER.match(text, end) is not None
        or _SLASH.fullmatch(text, end, follows.start) is not None
        or (listed and _OR_AFTER.match(text, follows.end) is not None)
    )
