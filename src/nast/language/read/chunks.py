"""A sentence as a row of chunks: findings, statements about organs, and words with their parts."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.lexicon import lexicon
from nast.language.read.mentions import Mention, mentions
from nast.language.read.places import leading_place
from nast.language.read.plain_words import ADJECTIVES, ELSEWHERE, PROPERTIES, THINGS
from nast.language.read.words import PARTS

"""A place without a side: "the upper lobes", "the lung bases"."""
_PART = re.compile("|".join(rf"((?<!\w)(?:{words})(?!\w))" for _, words in PARTS))
_WORD = re.compile(r"[\w'’-]*\w")
_SIGN = re.compile(r"\(\s*[-+]\s*\)|(?<=\()[-+](?=\s*[,)])")
_WITHIN = re.compile(r"(?<=\()-(?=\s*[,)])")
_MARKS = {",": "c", "/": "o", ":": ":", "=": ":", "+": "u", "&": "a", "(": "(", ")": ")"}
_SKIPPED = frozenset("\"'“”‘’*_.!?[]|~-–—")
_ARTICLE = re.compile(r"(?:an?|the)$")
_PLAIN = ADJECTIVES | THINGS | {"to", ""}
_ADJECTIVE = ("ive", "ous", "ic")
_NOW = re.compile("now|also")
_VIEW = re.compile(r"\b(?:lateral|frontal|pa|ap|single|oblique)\b")


class Chunk(NamedTuple):
    """Words that take one part in a sentence.

    Attributes:
        part: a letter, see `constructions`.
        start, end: its place.
        mentions: of a finding or statement, which of the sentence's mentions it holds.
        article: whether an article stands before it.
        place: the side and zone of a place that leads ("in the left lung").
    """

    part: str
    start: int
    end: int
    mentions: tuple[int, ...] = ()
    article: bool = False
    place: tuple[str, ...] = ()


def chunks(text: str, conditions: Conditions = CONDITIONS) -> tuple[list[Mention], list[Chunk]]:
    """The mentions of a sentence in small letters, and its chunks in order.

    Articles and adjuncts that change nothing ("on this study") are left out.
    """
    found = mentions(text, conditions)
    made: list[Chunk] = []
    article, skipped = False, 0
    for chunk in pieces(text, found, conditions):
        if chunk.start < skipped:
            continue
        if chunk.part == "j" and made and made[-1].part == "c" and _comma(text, chunk.end):
            # ", seen yesterday," takes its commas with it.
            made.pop()
            skipped = _comma(text, chunk.end)
        elif chunk.part == "d" and _any(text, chunk, made):
            made.append(chunk._replace(part="h"))
        elif chunk.part == "d":
            if made and made[-1].part in "Ge" and text.startswith("of", chunk.start):
                made.append(chunk._replace(part="f"))
            article = article or _ARTICLE.match(text[chunk.start : chunk.end]) is not None
        elif chunk.part == "j" and _limits(text, chunk, made):
            made.append(chunk._replace(part="x"))
        elif chunk.part == "j":
            # "No effusion, now pneumothorax": what is so introduced is no part of a list.
            article = article or _NOW.fullmatch(text, chunk.start, chunk.end) is not None
        else:
            made.append(chunk._replace(article=article))
            article = False
    return found, _settled(text, made)


def _settled(text: str, made: list[Chunk]) -> list[Chunk]:
    """The chunks, where the part of a word depends on what stands beside it."""
    while made and text[made[-1].start : made[-1].end] == "xxxx":
        made.pop()
    for k, chunk in enumerate(made):
        if text[chunk.start : chunk.end] == "xxxx" and not _describes(made, k):
            # A removed word between two things may have been "likely".
            made[k] = chunk._replace(part="x")
    for k, chunk in enumerate(made[1:], 1):
        # "No underlying pneumonia" has an adjective.
        if made[k - 1].part == "n" and text[chunk.start : chunk.end] == "underlying":
            made[k] = chunk._replace(part="J")
    for k, chunk in enumerate(made[:-1]):
        # "Consolidative opacity" is one thing.
        if chunk.part == made[k + 1].part == "F" and text[: chunk.end].endswith(_ADJECTIVE):
            made[k] = chunk._replace(part="J")
    return made


def _describes(made: Sequence[Chunk], place: int) -> bool:
    """Whether a removed word stands where only an adjective can: "an XXXX opacity"."""
    before = made[place - 1].part if place else "E"
    after = made[place + 1].part if place + 1 < len(made) else ""
    denied = before == "o" and any(chunk.part == "n" for chunk in made[:place])
    return (before in "EnvkJNaLx" or denied) and after != "" and after in "JNFGePSL"


def _limits(text: str, chunk: Chunk, made: Sequence[Chunk]) -> bool:
    """Whether an adjunct limits a denial before it: to one view, or to what is new."""
    before = {one.part for one in made}
    view = _VIEW.search(text, chunk.start, chunk.end) and before & {"t", "m"}
    new = text.find("not ", chunk.start, chunk.end) >= 0 and "n" in before
    return bool(view or new)


def _any(text: str, chunk: Chunk, made: Sequence[Chunk]) -> bool:
    """Whether an "any" stands outside a denial and asserts nothing: "any effusion is small"."""
    held = made and made[-1].part in "ntqmzh"
    return text[chunk.start : chunk.end] == "any" and not held


def pieces(text: str, found: Sequence[Mention], conditions: Conditions) -> Iterator[Chunk]:
    """All chunks of a sentence in small letters whose mentions are known."""
    named = _named(found)
    # What sounds like a condition and is none, such as "pericardial effusion".
    for match in lexicon(conditions).mention.finditer(text):
        if not any(chunk.start <= match.start() < chunk.end for chunk in named.values()):
            named[match.start()] = Chunk("G", match.start(), match.end())
    starts = [*sorted(named), len(text)]
    place, following = 0, 0
    while place < len(text):
        if text[place].isspace() or (text[place] in _SKIPPED and not _dashed(text, place)):
            place += 1
            continue
        while starts[following] < place:
            following += 1
        chunk = named[place] if place in named else _next(text, place, starts[following])
        yield chunk
        place = max(chunk.end, place + 1)


def _named(found: Sequence[Mention]) -> dict[int, Chunk]:
    """Where mentions begin -> their chunks; statements with one subject are one."""
    named: dict[int, Chunk] = {}
    end = 0
    for number, mention in enumerate(found):
        start, stop = mention.start, mention.end
        if mention.wording == "statement":
            start, stop = mention.clause
        part = {"name": "F", "phrase": "P", "statement": "S"}[mention.wording]
        known = named.get(start)
        if known is not None and known.part == part == "S":
            named[start] = known._replace(mentions=(*known.mentions, number))
        elif start >= end:
            named[start] = Chunk(part, start, stop, (number,))
            end = stop
    return named


def _dashed(text: str, place: int) -> bool:
    """Whether a dash with a space beside it, or a sign of "there" and "not there", stands there."""
    if text[place] not in "-–—":
        return False
    if _WITHIN.match(text, place):
        return True
    return place == 0 or text[place - 1].isspace() or text[place + 1 : place + 2] in ("", " ")


def _comma(text: str, place: int) -> int:
    """The place behind a comma that follows, or 0."""
    while place < len(text) and text[place] == " ":
        place += 1
    return place + 1 if text.startswith(",", place) else 0


def _next(text: str, place: int, limit: int) -> Chunk:
    """The chunk at a place, ending before the next mention."""
    sign = _SIGN.match(text, place)
    if sign:
        there = "+" in sign.group()
        return Chunk("u" if there else "z", place, sign.end())
    if _dashed(text, place):
        attached = place + 1 == limit or text[max(0, place - 2) : place].strip() == ","
        return Chunk("x" if attached else "-", place, place + 1)
    if text.startswith(("+/-", "±"), place):
        return Chunk("h", place, place + (3 if text[place] == "+" else 1))
    if text[place] == "+" and not text[place + 1 : limit].strip():
        return Chunk("x", place, place + 1)
    if text[place] in _MARKS:
        return Chunk(_MARKS[text[place]], place, place + 1)
    lead = leading_place(text, place, limit)
    if lead:
        return Chunk("L", place, lead[0], place=lead[1])
    part = _PART.match(text, place)
    if part and part.end() > limit:
        part = _PART.match(text, place, limit)
    if part and part.lastindex:
        return Chunk(PARTS[part.lastindex - 1][0], place, part.end())
    word = _WORD.match(text, place, limit)
    return Chunk(_kind(word.group()), place, word.end()) if word else Chunk("x", place, place + 1)


def _kind(word: str) -> str:
    """The part of a word that stands in no pattern."""
    if word in ADJECTIVES or word.replace(".", "").isdigit():
        return "J"
    if word in THINGS:
        return "G"
    if word in PROPERTIES:
        return "e"
    if word in ELSEWHERE:
        return "O"
    parts = word.split("-")
    return "J" if len(parts) > 1 and all(part in _PLAIN for part in parts) else "x"
