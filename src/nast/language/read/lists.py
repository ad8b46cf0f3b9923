"""Lists of findings: how far a denial before or behind them reaches, and what "or" leaves open."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from nast.language.read.chunks import Chunk
from nast.language.read.mentions import Mention
from nast.language.read.plain_words import NEUTRAL, word_set

JOIN = "(?:c?[ao]|c)"
"""What parts two things of a list."""
MORE = rf"(?:J{JOIN}(?=[JFG])|[JNsu])*"
DENIED = rf"(?:(?:J{JOIN}(?=[JFG])|[JNs])*(?:G*FG*|[Ge]+))"
"""A thing that can be denied. What follows a finding as its property is denied in its place."""
STATED = rf"(?:{MORE}(?:(?:[Ge]+f{MORE})?[Ge]*F[Ge]*|P|[Ge]+(?:f{MORE}[Ge]+)*))"
"""A thing that can be stated: "the tip of the catheter" has a catheter."""
_THING = re.compile(rf"(?P<join>[aoc]*)(?P<thing>{STATED}|{DENIED})")
PLURAL = re.compile(r"\b(?:are|were|have|remain)\b")
_SIZE = re.compile(r"\d|[cm]m$")
_SINGULAR = re.compile(r"(?:is|was|has|appears|remains|seems)\b")
_PLACED = re.compile(r"\b(?:on|in|at|within) ")
_OWN = word_set("""
    small tiny trace moderate mild minimal mildly moderately left right bilateral bibasilar
""")
"""What grades or places a finding that is there: nobody denies a small one."""
_TOLD = frozenset(["patchy", "residual"])
"""What tells of a finding that is there and narrows no denial."""
_HEADS = word_set("""
    disease process collection collections lesion lesions pattern patterns side sides lung lungs
    chest line lines fluid
""")
"""Nouns behind a name that add nothing to it."""
_SIDES = word_set("left right left-sided right-sided")
GRADED = word_set("small tiny trace moderate mild minimal large severe massive marked")
"""Grades that a denial of the first thing may share with the others."""
_PLACES = frozenset(["left", "right", "upper", "mid", "middle", "lower"])


class Thing(NamedTuple):
    """A thing in a list.

    Attributes:
        join: what parts it from the one before: letters of `constructions`, or nothing.
        mentions: the sentence's mentions in it.
        words: what is said of them: side, zone, grade.
        adjectives: the words before it that describe it.
        sided: whether its findings are ones of a side.
        article: whether an article stands before it.
        counted: whether a number or a state stands in it.
    """

    join: str
    mentions: tuple[int, ...]
    words: frozenset[str]
    adjectives: frozenset[str]
    sided: bool
    article: bool
    counted: bool

    @property
    def described(self) -> frozenset[str]:
        """The adjectives that narrow it: "dominant", "old"."""
        return self.adjectives - NEUTRAL

    @property
    def own(self) -> bool:
        """Whether it is counted, graded or placed as what is there is: "small left effusion"."""
        return self.counted or bool(self.words & _OWN)

    @property
    def bare(self) -> bool:
        """Whether nothing marks it as a finding of its own."""
        told = self.described or self.adjectives & _TOLD
        return not (self.article or self.counted or self.words or told)


def things(text: str, tags: str, row: Sequence[Chunk], found: Sequence[Mention]) -> list[Thing]:
    """The things of a list, whose chunks have the letters `tags`."""
    made = []
    for match in _THING.finditer(tags):
        own = row[match.start("thing") : match.end("thing")]
        mentions = tuple(i for chunk in own for i in chunk.mentions)
        before = own[: _finding(own)]
        # "Pericardial or pleural effusion": the first adjective is not of this one.
        apart = max((k for k, chunk in enumerate(before) if chunk.part in "oac"), default=-1)
        adjectives = {text[c.start : c.end] for c in before[apart + 1 :] if c.part in "JG"}
        # "No fracture of the left clavicle" denies less than "of the left side".
        behind = {text[c.start : c.end] for c in own[_finding(own) :] if c.part == "G"}
        adjectives |= behind - _HEADS
        made.append(
            Thing(
                match["join"],
                mentions,
                frozenset(word for i in mentions for word in found[i].words),
                frozenset(a for a in adjectives if not _SIZE.match(a)),
                all(found[i].sided for i in mentions),
                any(chunk.article for chunk in own),
                bool(set("Nu") & set(match["thing"])),
            )
        )
    return made


def _finding(row: Sequence[Chunk]) -> int:
    """Where the first finding of a row stands, or its length."""
    return next((k for k, chunk in enumerate(row) if chunk.mentions), len(row))


def denies_all(listed: Sequence[Thing], after: str, last: bool) -> bool:
    """Whether a denial before a list reaches all of it.

    Args:
        listed: the things of the list.
        after: the text from the end of the list to that of the sentence.
        last: whether nothing more follows in the part, and nothing is said to be gone.
    """
    if len(listed) == 1:
        return True
    join = listed[-1].join
    if "o" in join:
        return not any(thing.own for thing in listed[1:] if thing.join == "c")
    if any("o" in thing.join for thing in listed) or not all(t.bare for t in listed[1:]):
        return False
    # "No acute disease, cardiomegaly": what is denied there is not the finding. And of two, one
    # with a side would be said with its side, if it were there.
    if not all(t.mentions for t in listed) or (len(listed) == 2 and not listed[1].sided):
        return False
    if "a" in join:
        if len(listed) > 2:
            return join == "ca" or listed[-1].sided
        return join == "a" and (not after or PLURAL.match(after) is not None)
    return last


def denies_back(listed: Sequence[Thing], after: str) -> bool:
    """Whether a denial behind a list reaches all of it; "after" begins with its verb."""
    if len(listed) == 1:
        return True
    join = listed[-1].join
    if join == "c" or (join == "ca" and len(listed) == 2):
        return False
    if "o" in join:
        return True
    return not _SINGULAR.match(after) and not any(t.own or t.described for t in listed)


def shared_place(text: str, listed: Sequence[Thing], found: Sequence[Mention]) -> tuple[str, ...]:
    """The place behind "A or B", or the side before it, which is that of both."""
    if len(listed) < 2 or any("c" in t.join for t in listed) or not listed[-1].mentions:
        return ()
    first = {word for i in listed[0].mentions for word in found[i].words} & _SIDES
    if first and not any(thing.words for thing in listed[1:]):
        # "No right effusion or pneumothorax" denies the right one at least.
        return tuple(first)
    last = found[listed[-1].mentions[-1]]
    placed = _PLACED.search(text, last.start, last.end)
    return tuple(word for word in last.words if word in _PLACES) if placed else ()


def alternatives(listed: Sequence[Thing]) -> set[int]:
    """The mentions of a list that is closed by "or": none of them is asserted."""
    closed = [k for k, thing in enumerate(listed) if "o" in thing.join]
    if not closed:
        return set()
    first = closed[0] - 1
    while first > 0 and listed[first].join == "c":
        first -= 1
    return {i for thing in listed[first : closed[-1] + 1] for i in thing.mentions}
