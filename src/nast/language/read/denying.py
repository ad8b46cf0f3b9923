"""Clauses that deny a list, before it or behind it."""

import re

from nast.language.read.lists import GRADED, Thing, denies_all, denies_back, shared_place, things
from nast.language.read.said import PAST, WITHOUT, Clause, Said

_REMOVED = re.compile("(?:interval )?remov")
_PARTLY = re.compile(
    r"\b(?:remaining|residual|aerated|peripheral|central|anterior|posterior|portions?|parts?"
    r"|remainder|rest)\b"
)
"""Words for a part of the lung."""
_CAUSE = re.compile("(?:is |are )?(?:due|because|secondary)")
_BESIDE = re.compile("adjacent|beyond|surrounding|next to|distal to|proximal to")
_CHANGE = re.compile(r"(?:worsening|changes?|increase|decrease|recurrence) (?:in|of)\b")
_LIMITED = Said("open", why="limited denial")


def denied_before(clause: Clause) -> dict[int, Said] | None:
    """The verdicts where a denial stands before its list; None where it does not reach it."""
    part, match, listed = clause.part, clause.match, clause.listed
    first, last = match.span("list")
    if any(thing.counted for thing in listed) or _is_partial(clause):
        return None
    # "Without A, B is seen."
    opens = match.group()[0] == "n" and clause.start == 0
    opens = opens and WITHOUT.match(part.text, clause.row[0].start) is not None
    if opens and len(listed) > 1 and "b" in match.group()[last:]:
        return None
    gone = bool(set("mz") & set(match.group()[:first]))
    ends = clause.start + match.end() == len(part.row)
    if not denies_all(listed, clause.after, ends and not (gone or clause.after)):
        return None
    if match.re.groupindex.get("hint"):
        hinted = clause.row[match.start("hint") :]
        listed = [*listed, *things(part.text, match["hint"], hinted, part.found)]
    place = clause.place or shared_place(part.text, listed, part.found)
    return _absent(clause, listed, place, limited=not gone)


def denied_behind(clause: Clause) -> dict[int, Said] | None:
    """The verdicts where a denial stands behind its list; None where it does not reach it."""
    part, match, listed = clause.part, clause.match, clause.listed
    if any(thing.counted for thing in listed) or _is_partial(clause):
        return None
    bare = clause.before == "bare"
    if bare and not any(thing.mentions or thing.article for thing in listed):
        # "Fractures of the ribs, clavicles or spine are not seen": the verb is of the first.
        return None
    borrowed = bare and part.tags[clause.start - 2 : clause.start] != "ca"
    ends = match.group()[-1] != "t" or clause.start + match.end() == len(part.row)
    if borrowed or not ends or not denies_back(listed, clause.after):
        return None
    limited = "z" not in match.group()[match.end("list") :]
    place = clause.place or shared_place(part.text, listed, part.found)
    return _absent(clause, listed, place, limited=limited)


def _is_partial(clause: Clause) -> bool:
    """Whether a denial holds for a part of the lung, beside something, or for what is hidden."""
    part, (first, last) = clause.part, clause.match.span("list")
    before = [chunk for chunk in clause.row[:first] if chunk.part in "JGe"]
    words = " ".join(part.text[chunk.start : chunk.end] for chunk in before)
    behind = part.row[clause.start + last :]
    rest = list(behind)
    while rest and rest[0].part in "bBtsJzch":
        rest.pop(0)
    cause = rest and rest[0].part == "k" and _CAUSE.match(part.text, rest[0].start)
    hidden = cause and "t" in part.tags[clause.start + last :]
    beside = behind and _BESIDE.match(part.text, behind[0].start)
    return bool(_PARTLY.search(words) or hidden or beside)


def _absent(
    clause: Clause, listed: list[Thing], place: tuple[str, ...], *, limited: bool
) -> dict[int, Said]:
    """The verdicts of denied things; an adjective that narrows one limits its denial."""
    part = clause.part
    cues = (part.text[chunk.start : chunk.end] for chunk in clause.row if chunk.part in "mz")
    why = "removed" if any(_REMOVED.match(cue) for cue in cues) else ""
    # "No worsening of A or B."
    first = (part.found[i] for i in listed[0].mentions[:1])
    changes = any(_CHANGE.search(part.text, mention.start, mention.end) for mention in first)
    said: dict[int, Said] = {}
    # "No moderate A or B" may be of the moderate ones alone.
    graded = bool(listed[0].words & GRADED) and len(listed) > 1
    for thing in listed:
        shares = graded and thing is not listed[0] and not thing.words
        narrowed = thing.described if limited or why else thing.described & PAST
        one = _LIMITED if narrowed or changes or shares else Said("absent", place, why)
        said |= dict.fromkeys(thing.mentions, one)
    return said
