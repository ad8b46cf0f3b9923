"""What a sentence says of each finding that it names: its parts and their clauses.

A sentence is parted at "but" and the like, and each part into clauses (`one_clause`), so that the
least is left unread. A finding of a clause that no construction fits is not read, and one that two
partings read in different ways is not read either.
"""

import re
from collections.abc import Sequence
from functools import cache
from math import inf

from nast.language.read.chunks import Chunk
from nast.language.read.constructions import DOUBTED, HELD, LABEL, TURNED
from nast.language.read.mentions import Mention
from nast.language.read.one_clause import read_clause
from nast.language.read.said import WITHOUT, Kind, Part, Said, Verdict, Verdicts

LONGEST = 60
"""Chunks of a part of a sentence; a longer one is not read."""
_WAYS = 64
"""Readings of a part that are compared at most; those of real sentences are fewer than ten."""
_OPPOSITE: dict[Verdict, Verdict] = {"present": "absent", "absent": "present", "open": "open"}


def verdicts(text: str, found: Sequence[Mention], row: Sequence[Chunk]) -> dict[int, Said]:
    """What a sentence says of its mentions, by their numbers."""
    said: dict[int, Said] = {}
    last: dict[int, Said] = {}
    for chunks, mark in _parts(row):
        tags = "".join(chunk.part for chunk in chunks)
        denied = any(one.verdict == "absent" for one in last.values())
        read = _verdicts(Part(text, found, chunks, tags, denied))
        turns = denied or (tags != "tz" and set("htzxi") & set(tags))
        if mark == "w" and not read and turns and TURNED.fullmatch(tags):
            # "The effusion resolved but recurred."
            said |= dict.fromkeys(last, Said("open", why="doubt"))
        told = any(chunk.article or found[i].words for chunk in chunks for i in chunk.mentions)
        if mark == "-" and denied and not told and re.fullmatch("[JNG]*F", tags):
            # "No effusion - pneumothorax" may be a list.
            read = dict.fromkeys(read, Said("open", why="two readings"))
        said |= read
        last = read or last
    return said


def _parts(row: Sequence[Chunk]) -> list[tuple[list[Chunk], str]]:
    """The parts between "but" and the like, each with the letter of what stands before it.

    What stands in brackets is a part of its own if it names a finding.
    """
    parts: list[tuple[list[Chunk], str]] = [([], "")]
    around: list[tuple[list[Chunk], str]] = []
    for chunk in row:
        if chunk.part == "(":
            around.append(parts.pop())
            parts.append(([], ""))
        elif chunk.part == ")":
            if around:
                (inner, _), (outer, mark) = parts.pop(), around.pop()
                if any(c.mentions for c in inner) and inner[0].part not in "oac":
                    parts += [(inner, ""), (outer, mark)]
                else:
                    parts.append(([*outer, *inner], mark))
        elif chunk.part == "w" or (
            chunk.part in "-:" and not _tied(parts[-1][0], colon=chunk.part == ":")
        ):
            parts.append(([], chunk.part))
        else:
            parts[-1][0].append(chunk)
    parts += around
    return [(trimmed, mark) for part, mark in parts if (trimmed := _trimmed(part))]


def _tied(part: Sequence[Chunk], *, colon: bool) -> bool:
    """Whether a colon or a dash belongs to what stands before it."""
    tags = "".join(chunk.part for chunk in part)
    if colon and not set("FPS") & set(tags):
        # A heading is made of known things: "lungs: no effusion", and not "not seen: effusion".
        return not LABEL.fullmatch(tags)
    return bool(HELD.search(tags)) or "y" in tags or tags[-1:] in ("i", "z", "v")


def _trimmed(part: list[Chunk]) -> list[Chunk]:
    """A part without what tied it to others."""
    start, end = 0, len(part)
    while end > start and part[end - 1].part in "cak":
        end -= 1
    while start < end and part[start].part in "ca":
        start += 1
    return part[start:end]


def _verdicts(part: Part) -> dict[int, Said]:
    """The verdicts of the mentions of a part."""
    untrue = part.tags[0] == "Y"
    if untrue:
        part = part._replace(row=part.row[1:], tags=part.tags[1:])
    named = [i for chunk in part.row for i in chunk.mentions]
    if not named:
        return {}
    if len(part.row) > LONGEST:
        return dict.fromkeys(named, Said("open", why="too long"))
    if re.match("[JNG]*y[JNG]*:", part.tags):
        return dict.fromkeys(named, Said("open", why="not about this film"))
    if part.tags[0] == "h" and part.text.startswith(("if ", "unless "), part.row[0].start):
        return dict.fromkeys(named, Said("open", why="doubt"))
    said = {}
    ways = _best(part)
    for i in named:
        kinds = {dict(way).get(i, _unread(part)) for way in ways}
        said[i] = kinds.pop() if len(kinds) == 1 else Said("open", why="two readings")
    if re.match("L[:c]", part.tags):
        # "Left: no effusion, no pneumothorax."
        place = part.row[0].place
        said = {i: one._replace(place=one.place or place) for i, one in said.items()}
    if untrue:
        said = {i: one._replace(verdict=_OPPOSITE[one.verdict]) for i, one in said.items()}
    return said


def _unread(part: Part) -> Said:
    """What is said of a finding that is not read: the first reason that its part gives."""
    reasons = {
        "r": "doubt",
        "y": "not about this film",
        "h": "doubt",
        "q": "change",
        "x": "unknown word",
    }
    found = (reason for letter, reason in reasons.items() if letter in part.tags)
    return Said("open", why=next(found, "construction"))


def _best(part: Part) -> frozenset[Verdicts]:
    """All readings of a part at the least cost, one for each clause included."""

    @cache
    def best(start: int, before: Kind) -> tuple[float, frozenset[Verdicts]]:
        size = len(part.row)
        if start >= size:
            return 0, frozenset({()})
        cost, ways = inf, set[Verdicts]()
        for end in range(size, start, -1):
            following = _next(part, end)
            if following is None:
                continue
            own, kind, read = read_clause(part, start, end, before)
            rest, others = best(following, kind)
            total = own + rest + 1
            if total < cost:
                cost, ways = total, set()
            if total == cost:
                ways |= {(*read, *other) for other in others}
        return cost, frozenset(sorted(ways)[:_WAYS])

    return best(0, "first")[1]


def _next(part: Part, end: int) -> int | None:
    """Where the next clause begins if one ends here; None where none may end."""
    tags = part.tags
    if end == len(tags) or DOUBTED.match(tags, end):
        return end
    if tags[end] in "nkEmqX" and not HELD.search(tags, 0, end):
        since = tags[max(tags.rfind("c", 0, end), 0) : end]
        cue = part.row[end].start
        held = "O" in since or (tags[end] == "k" and bool(set("hyiY") & set(since)))
        if tags[end] == "n":
            # "The upper lungs show no edema": what stands before is the subject.
            held = held or tags[end - 1] in "bBvEL"
            # "No A without B" and "A no B" have two readings.
            again = set("ntq") & set(since) and WITHOUT.match(part.text, cue)
            bare = re.fullmatch("[JNGe]*F+", since) and part.text.startswith("no", cue)
            held = held or bool(again or bare)
        if not held:
            return end
    if tags[end - 1] == "S" and tags[end] in "SGP":
        return end
    step = end
    while step < len(tags) and tags[step] in "ca":
        step += 1
    return step if end < step < len(tags) and tags[step] != "o" else None
