"""Structured lines: "PNEUMOTHORAX: NO", "effusion - none", "Cardiomegaly (+, mild)"."""

import re
from collections.abc import Sequence

from nast.language.read.chunks import Chunk
from nast.language.read.mentions import Mention
from nast.language.read.said import Said

_ABSENT = re.compile("[nz]s?|[bB]?t[bB]*s?")
_PRESENT = re.compile("(?:[uJNLspae]|c)+")
_OTHER = re.compile(
    r"previous|prior|old|resolv|normal|none|determin|equivocal|unknown|unremarkable|clear|intact|limits|\d"
)
_WORD = re.compile(r"[\w-]+")
_OPEN = Said("open", why="construction")


def structured_line(
    text: str, found: Sequence[Mention], row: Sequence[Chunk]
) -> dict[int, Said] | None:
    """What a row of labels with values says of each of its mentions; None where it is none."""
    labels = [k for k, chunk in enumerate(row[:-1]) if _is_label(text, chunk, row[k + 1])]
    if not labels:
        return None
    first = labels[0]
    while first >= 2 and row[first - 1].part in "ca" and row[first - 2].part == "F":
        first -= 2
    if any(chunk.part not in "JN" for chunk in row[:first]):
        return None
    said: dict[int, Said] = {}
    for number, (label, end) in enumerate(zip(labels, [*labels[1:], len(row)], strict=True)):
        value = [chunk for chunk in row[label + 1 : end] if chunk.part not in ":-()"]
        tags = "".join(chunk.part for chunk in row[label + 1 : end])
        if any(chunk.mentions for chunk in value):
            if tags[0] != ":":
                return None
            said |= {i: _OPEN for chunk in (row[label], *value) for i in chunk.mentions}
            continue
        if re.search(r"\)[^)c]", tags):
            if not set("nzt") & set(tags):
                return None
            said |= dict.fromkeys(row[label].mentions, _OPEN)
            continue
        read = _value(text, value)
        (mention,) = row[label].mentions
        if number and found[mention].words and tags[0] == ":":
            # "Effusion: small, left consolidation: no": whose side it is cannot be told.
            read = Said("open", why="two readings")
            said[row[labels[number - 1]].mentions[0]] = read
        said[mention] = read
    for chunk in row[first : labels[0]]:
        said |= dict.fromkeys(chunk.mentions, said[row[labels[0]].mentions[0]])
    return said


def _is_label(text: str, chunk: Chunk, following: Chunk) -> bool:
    """Whether a value of a finding follows it."""
    return chunk.part == "F" and (following.part in ":-(" or text[following.start] == "(")


def _value(text: str, value: list[Chunk]) -> Said:
    """What a value says of its label."""
    tags = "".join(chunk.part for chunk in value).strip("c")
    words = text[value[0].start : value[-1].end] if value else ""
    if _ABSENT.fullmatch(tags) or words in ("0", "no"):
        return Said("absent")
    if not _PRESENT.fullmatch(tags) or _OTHER.search(words):
        return _OPEN
    return Said("present", tuple(_WORD.findall(words)))
