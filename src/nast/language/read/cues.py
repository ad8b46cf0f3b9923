"""Where a text of any domain denies, by which words, and what only looks like a denial."""

import re
from typing import Literal, NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.chunks import pieces
from nast.language.read.denial_words import NEGATOR
from nast.language.read.lists import DENIED, JOIN
from nast.language.read.mentions import mentions
from nast.language.read.splitting import LONGEST, sentences, small_letters

CueKind = Literal["before", "behind", "gone", "double", "uncertain", "pseudo"]
"""Which side of the finding a cue stands on; gone: "resolution of"; the others deny nothing."""
_EXCLUDE = re.compile(r"exclud|rule[ds]? out|unlikely")
_LISTED = re.compile(rf"{DENIED}(?:{JOIN}{DENIED})+[bB]*$")
_OR = re.compile("[^nzwtmqDhbBvEsS:-]*o")


class Cue(NamedTuple):
    """Words that deny, or look as if they did.

    Attributes:
        kind: see `CueKind`.
        start, end: its place.
        words: itself, in small letters.
        several: whether it reaches a list: "no A or B", "A and B are absent".
    """

    kind: CueKind
    start: int
    end: int
    words: str
    several: bool


def cues_of(text: str, conditions: Conditions = CONDITIONS) -> list[Cue]:
    """The negation cues of a text, in order; an affirmative form has none.

    Args:
        text: of any domain; only a list before a cue needs findings that the reader knows.
        conditions: the table of conditions.
    """
    return [
        cue._replace(start=start + cue.start, end=start + cue.end)
        for start, sentence in sentences(small_letters(text))
        if NEGATOR.search(sentence)
        for cue in _of_sentence(sentence, conditions)
    ]


def cues(text: str) -> list[str]:
    """The words of the negation cues of a text, in order."""
    return [cue.words for cue in cues_of(text)]


def _of_sentence(text: str, conditions: Conditions) -> list[Cue]:
    if len(text) > LONGEST:
        return [
            Cue("before", match.start(), match.end(), match.group(), False)
            for match in NEGATOR.finditer(text)
        ]
    row = [p for p in pieces(text, mentions(text, conditions), conditions) if p.part != "d"]
    tags = "".join(piece.part for piece in row)
    found: list[Cue] = []
    for k, piece in enumerate(row):
        words = text[piece.start : piece.end]
        denies = NEGATOR.search(words)
        if not denies and piece.part not in "ntzmYD":
            continue
        start, end = piece.start, piece.end
        seen = re.match("[bBj]*s", tags[k + 1 :]) if piece.part == "t" else None
        if seen:
            end = row[k + seen.end()].end
        if denies and piece.part in "FPS":
            start, end = piece.start + denies.start(), piece.start + denies.end()
        kind = _kind(piece.part, words, seen is not None)
        several = bool(_OR.match(tags, k + 1)) if kind in ("before", "gone") else False
        if kind == "behind":
            several = bool(_LISTED.search(tags[:k].replace("j", "")))
        found.append(Cue(kind, start, end, text[start:end], several))
    return found


def _kind(part: str, words: str, seen: bool) -> CueKind:
    if part in "DYE" or (part == "u" and words.endswith("absent")):
        return "double"
    if part in "noFPSx" or (part == "t" and not seen):
        return "before"
    if part in "tz":
        return "behind"
    if part == "m":
        return "gone"
    return "uncertain" if _EXCLUDE.search(words) else "pseudo"
