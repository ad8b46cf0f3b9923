"""What one clause says of its findings: the first construction that fits and holds."""

import re
from collections.abc import Sequence
from itertools import pairwise

from nast.language.read.chunks import Chunk
from nast.language.read.constructions import (
    AFTER_DOUBT,
    CONSTRUCTIONS,
    OTHERS,
    QUIET_DOUBT,
    UNSAID,
)
from nast.language.read.denying import denied_before, denied_behind
from nast.language.read.lists import things
from nast.language.read.plain_words import word_set
from nast.language.read.said import Clause, Kind, Part, Said, Verdicts
from nast.language.read.stating import organ, stated

FINDING, HIDDEN = 10, 1000
"""What it costs to leave a finding unread, and to leave a denial or doubt without a finding."""
_VERBAL = re.compile("[zt]|h[bBsh]*$")
"""A denial or doubt whose verb is also of what stands before: "A with B has resolved"."""
_ENDS = word_set("tip tips margin margins edge position")
"""Parts of what is there."""
_OR_LIST = re.compile("[JNGeFcao]*o[JNGe]*(?:F[Ge]*)?")


def read_clause(part: Part, start: int, end: int, before: Kind) -> tuple[int, Kind, Verdicts]:
    """(cost, kind, verdicts) of a range of chunks, read as one clause."""
    tags = part.tags[start:end]
    for pattern, how in CONSTRUCTIONS:
        match = pattern.fullmatch(tags)
        read = _read(part, how, match, start, before) if match else None
        if match and read is not None:
            cost = FINDING * sum(said.verdict == "open" for said in read.values())
            cost += how == "stated" and "ca" in tags
            kind = _kind(how, match)
            if OTHERS.fullmatch(tags) or (kind == "bare" and before == "denial"):
                kind = before
            return cost, kind, tuple(sorted(read.items()))
    named = sum(len(chunk.mentions) for chunk in part.row[start:end])
    if named:
        shared = before == "bare" and _VERBAL.search(tags)
        listed = before in ("bare", "other") and _OR_LIST.fullmatch(tags)
        return (HIDDEN if shared or listed else FINDING * named), "unread", ()
    return _without_findings(part, tags, end, before)


def _without_findings(part: Part, tags: str, end: int, before: Kind) -> tuple[int, Kind, Verdicts]:
    """(cost, kind, verdicts) of a clause that names no finding and that no construction fits."""
    if before == "bare" and re.search("[zt]", tags):
        return HIDDEN, "unread", ()
    if QUIET_DOUBT.fullmatch(tags):
        return 0, "quiet", ()
    if before != "first" and AFTER_DOUBT.fullmatch(tags):
        return 0, "unread", ()
    # An unknown word may turn what it is tied to: "allegedly no edema".
    tied = "x" in tags and part.tags[end : end + 1] not in ("", "c")
    hidden = tied or set(tags) == {"x"} or UNSAID & set(tags)
    return (HIDDEN, "unread", ()) if hidden else (0, "quiet", ())


def _read(
    part: Part, how: str, match: re.Match[str], start: int, before: Kind
) -> dict[int, Said] | None:
    """The verdicts of a clause that a construction fits; None where it does not hold."""
    row = part.row[start : start + match.end()]
    if how == "nothing":
        return {}
    if how == "organ":
        return organ(part, row)
    first, last = match.span("list")
    listed = things(part.text, match["list"], row[first:last], part.found)
    after = part.text[row[last].start :] if last < len(row) else ""
    clause = Clause(part, match, start, row, listed, _led(row[: first + 1]), after, before)
    if how == "part":
        # "The tip of the tube is not seen": the tube is there.
        return stated(clause) if part.text[row[0].start : row[0].end] in _ENDS else None
    if how == "stated":
        return stated(clause)
    if how == "behind":
        return denied_behind(clause)
    if how == "not" and (start or part.denied):
        return None
    return denied_before(clause)


def _led(row: Sequence[Chunk]) -> tuple[str, ...]:
    """The place that leads; "right costophrenic angle" names no place of a finding."""
    led = [
        chunk.place
        for chunk, following in pairwise(row)
        if chunk.part == "L" and (following.part not in "GeJ" or following is row[-1])
    ]
    return led[-1] if led else ()


def _kind(how: str, match: re.Match[str]) -> Kind:
    """What a clause is to the next one."""
    if how in ("denied", "not"):
        return "denial"
    if match.re.groupindex.get("open"):
        return "unread"
    return "bare" if how == "stated" and not set("bBvsuEtz") & set(match.group()) else "other"
