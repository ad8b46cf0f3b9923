"""Clauses that state a list, or the state of an organ."""

import re
from collections.abc import Sequence

from nast.language.read.chunks import Chunk
from nast.language.read.lists import PLURAL, Thing, alternatives, things
from nast.language.read.plain_words import NEUTRAL, word_set
from nast.language.read.said import PAST, Clause, Part, Said, Verdict

_PLACES = word_set("left right bilateral upper mid middle lower base bases")
_NORMAL = word_set("clear normal unremarkable intact") | {
    "within normal limits",
    "within limits of normal",
}
_WHOLE = NEUTRAL | word_set("stable unchanged remaining visualized similar")
"""Adjectives that leave an organ whole; "the right heart" is not the heart."""


def organ(part: Part, row: Sequence[Chunk]) -> dict[int, Said] | None:
    """The verdicts of statements about a whole organ; None for a part of one, or for the past."""
    first = next(k for k, chunk in enumerate(row) if chunk.mentions)
    before = {part.text[c.start : c.end] for c in row[:first] if c.part == "J"}
    behind = {part.text[c.start : c.end] for c in row[first + 1 :] if c.part == "J"}
    if before - _WHOLE or behind & PAST:
        return None
    return {i: Said(_by_itself(part, i)) for chunk in row for i in chunk.mentions}


def stated(clause: Clause) -> dict[int, Said] | None:
    """The verdicts of a clause that states its list, what "or" and "suggesting" leave open.

    None where the list goes on with what was denied or doubted before it, or is said to be normal.
    """
    part, match, listed = clause.part, clause.match, clause.listed
    if _is_normal(clause) or _goes_on(clause):
        return None
    place = clause.place or _behind(clause) or _of_all(part, listed)
    said: dict[int, Said] = {}
    for thing in listed:
        # "Left basilar consolidative opacity": both names have the place.
        shared = part.found[thing.mentions[0]].words if len(thing.mentions) > 1 else ()
        one = Said("present", place or shared)
        if thing.described & PAST:
            one = Said("open", why="not about this film")
        said |= dict.fromkeys(thing.mentions, one)
        phrases = [i for i in thing.mentions if part.found[i].says != "finding"]
        if phrases and thing.described - _WHOLE:
            return None
        said |= {i: Said(_by_itself(part, i)) for i in phrases}
    said |= dict.fromkeys(alternatives(listed), Said("open", why="one of two"))
    if match.re.groupindex.get("open"):
        hinted = things(part.text, match["open"], clause.row[match.start("open") :], part.found)
        said |= {i: Said("open", why="doubt") for thing in hinted for i in thing.mentions}
    return said


def _is_normal(clause: Clause) -> bool:
    """Whether a finding is called normal: "lungs expanded and clear airspace disease"."""
    following = [*(chunk.part for chunk in clause.row[1:]), "F"]
    last = clause.match.end("list")
    states = {
        clause.part.text[chunk.start : chunk.end]
        for k, chunk in enumerate(clause.row)
        if chunk.part == "u" and (following[k] == "F" or k >= last)
    }
    return bool(states & _NORMAL) and any(thing.mentions for thing in clause.listed)


def _goes_on(clause: Clause) -> bool:
    """Whether a list goes on with what the clause before it denies or leaves open."""
    part, match, listed, before = clause.part, clause.match, clause.listed, clause.before
    verbless = match.group() == match["list"]
    bare = [thing.bare for thing in listed]
    if verbless and (before == "unread" or (before == "denial" and any(bare))):
        return True
    joined = part.tags[max(clause.start - 2, 0) : clause.start]
    if before == "unread" and bare[0] and joined.endswith("a") and joined != "ca":
        # "One of A and B is present."
        return True
    text = part.text[clause.row[0].start : clause.row[-1].end]
    versus = re.search(r"\b(?:versus|vs)\b", text)
    if verbless and before != "first" and alternatives(listed) and not versus:
        return True
    if match.group()[0] == "X" and not any(thing.mentions for thing in listed):
        # "No effusion except at the left base."
        return True
    if before in ("denial", "unread") and bare[0] and len(listed) > 1 and not match.start("list"):
        # "No A, B and C are seen" has two lists only where the verb is of both.
        return listed[-1].join != "a" or not PLURAL.match(clause.after)
    return False


def _behind(clause: Clause) -> tuple[str, ...]:
    """A place behind the verb: "the effusion is unchanged on the right"."""
    last = clause.match.end("list")
    if not re.fullmatch("[^tack]*", clause.match.group()[last:]):
        return ()
    return next((chunk.place for chunk in clause.row[last:] if chunk.part == "L"), ())


def _of_all(part: Part, listed: list[Thing]) -> tuple[str, ...]:
    """The place of a plural verb is that of all: "A and B are present on the left"."""
    last = part.found[listed[-1].mentions[-1]] if listed[-1].mentions else None
    if last is None or len(listed) == 1 or not PLURAL.search(part.text, last.start, last.end):
        return ()
    return tuple(word for word in last.words if word in _PLACES)


def _by_itself(part: Part, mention: int) -> Verdict:
    """What a phrase or statement says by itself."""
    return "present" if part.found[mention].says == "presence" else "absent"
