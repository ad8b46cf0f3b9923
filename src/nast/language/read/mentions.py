"""Where a text names conditions, and the words before and after each name that belong to it."""

import re
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.lexicon import SOFT, Lexicon, lexicon, name_of
from nast.language.read.normal import statements


class Mention(NamedTuple):
    """A condition named in a text.

    Attributes:
        condition: its name in the table of conditions.
        start, end: the place of its words, attributes included.
        words: the attributes that are said of it, and hard modifiers.
        says: "finding" for a name; "absence" or "presence" for a phrase or statement that says so
            by itself.
        wording: "name", "phrase" (Table 5's own) or "statement" (such as "heart size is normal").
    """

    condition: str
    start: int
    end: int
    words: tuple[str, ...] = ()
    says: str = "finding"
    wording: str = "name"


def mentions(text: str, conditions: Conditions = CONDITIONS) -> list[Mention]:
    """The conditions that a sentence in small letters names, in order."""
    known = lexicon(conditions)
    found = [
        Mention(known.phrases[m.group()], m.start(), m.end(), says="absence", wording="phrase")
        for m in known.phrase.finditer(text)
    ]
    taken = [(m.start, m.end) for m in found]
    for said in statements(text, conditions):
        if not any(start < said.end and said.start < end for start, end in taken):
            says = "presence" if said.present else "absence"
            found.append(
                Mention(said.condition, said.start, said.end, said.grade, says, "statement")
            )
    floor = 0
    for match in known.mention.finditer(text):
        name = name_of(match.group(), conditions)
        if name is not None and not any(a <= match.start() < b for a, b in taken):
            start, before = _before(text, floor, match.start(), known)
            tail = known.tail.match(text, match.end())
            end = tail.end() if tail else match.end()
            after = tuple(known.attribute.findall(text, match.end(), end))
            found.append(Mention(name, start, end, before + after))
            floor = end
        else:
            floor = match.end()
    return sorted(found, key=lambda m: m.start)


_TOKEN = re.compile(r"[\w-]+|[^\w\s]")
_TIES = {"and", "or", "to", ",", "than", "greater", "more", "larger"}
"""Words between two attributes of one finding: "small to moderate", "left and right"."""
_REACH = 80
"""Characters before a name in which its attributes are looked for."""


def _before(text: str, floor: int, start: int, known: Lexicon) -> tuple[int, tuple[str, ...]]:
    """The words right before a name that belong to it, and where they begin."""
    base = max(floor, start - _REACH)
    tokens = list(_TOKEN.finditer(text, base, start))
    words: list[str] = []
    place = last = len(tokens)
    while place:
        place -= 1
        parts = _parts(tokens[place].group(), known)
        if parts is None:
            if not (tokens[place].group() in _TIES and words and place < len(tokens) - 1):
                break
            continue
        tied = place + 1 < last
        if tied and not all(p in known.attributes for p in (*parts, words[0])):
            break
        words[:0] = parts
        last = place
    # What does not limit the finding is no part of it.
    while last < len(tokens) and words and words[0] in SOFT:
        words.pop(0)
        last += 1
    begin = tokens[last].start() if last < len(tokens) else start
    return begin, tuple(w for w in words if w not in SOFT)


def _parts(word: str, known: Lexicon) -> list[str] | None:
    """The modifiers in a word, or None where it is none: "right-lower-lobe" has three."""
    if word in known.modifiers:
        return [word]
    parts = word.split("-")
    return parts if len(parts) > 1 and all(p in known.modifiers for p in parts) else None
