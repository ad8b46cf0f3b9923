"""What is said of a finding, and the part and the clause of a sentence in which it is said."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from nast.language.read.chunks import Chunk
from nast.language.read.lists import Thing
from nast.language.read.mentions import Mention
from nast.language.read.plain_words import word_set

Verdict = Literal["present", "absent", "open"]
"""What a text says of a finding that it names."""
Kind = Literal["first", "denial", "bare", "unread", "quiet", "other"]
"""What a clause is to the next one.

first: there is none before it. bare: it states things without a verb, and may share the next one's.
unread: it leaves findings open. quiet: it names none. denial, other: it denies, or states.
"""
PAST = word_set("prior previous")
"""What is of another time."""
WITHOUT = re.compile("without|with no|(?:in the )?absence|lack|free|w/o")
"""Denials that stand behind what is there as well: "effusion without pneumothorax"."""


class Said(NamedTuple):
    """What is said of a mention.

    Attributes:
        verdict: there, not there, or left open.
        place: side and zone of a place that leads, or that a list shares.
        why: for an open one, why it is not read; "removed" for what was taken away.
    """

    verdict: Verdict
    place: tuple[str, ...] = ()
    why: str = ""


class Part(NamedTuple):
    """A part of a sentence without a hard border within.

    Attributes:
        text: the sentence, in small letters.
        found: its mentions.
        row: the chunks of the part.
        tags: their letters.
        denied: whether the part before it denies.
    """

    text: str
    found: Sequence[Mention]
    row: Sequence[Chunk]
    tags: str
    denied: bool


class Clause(NamedTuple):
    """A clause that a construction fits.

    Attributes:
        part: where it stands.
        match: of the construction, with the group `list`.
        start: its first chunk in the part.
        row: its chunks.
        listed: the things of its list.
        place: the place that leads it, or nothing.
        after: the text behind its list.
        before: the kind of the clause before it.
    """

    part: Part
    match: re.Match[str]
    start: int
    row: Sequence[Chunk]
    listed: list[Thing]
    place: tuple[str, ...]
    after: str
    before: Kind


Verdicts = tuple[tuple[int, Said], ...]
"""(number of a mention, what is said of it), in order."""
