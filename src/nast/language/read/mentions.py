"""Where a text names conditions, and the words before and after each name that belong to it."""

import re
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.lexicon import SOFT, Lexicon, lexicon, name_of
from nast.language.read.normal import statements
from nast.language.read.plain_words import ADJECTIVES, word_set


class Mention(NamedTuple):
    """A condition named in a text.

    Attributes:
        condition: its name in the table of conditions.
        start, end: the place of its words, attributes included.
        words: the attributes that are said of it, and hard modifiers.
        says: "finding" for a name; "absence" or "presence" for a phrase or statement that says so
            by itself.
        wording: "name", "phrase" (Table 5's own) or "statement" (such as "heart size is normal").
        clause: of a statement, its place with its subject.
        sided: whether the condition is one of a side.
    """

    condition: str
    start: int
    end: int
    words: tuple[str, ...] = ()
    says: str = "finding"
    wording: str = "name"
    clause: tuple[int, int] = (-1, -1)
    sided: bool = False


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
                Mention(
                    said.condition, said.start, said.end, said.grade, says, "statement", said.clause
                )
            )
    floor = 0
    for match in known.mention.finditer(text):
        name = name_of(match.group(), conditions)
        if name is not None and not any(a <= match.start() < b for a, b in taken):
            start, before = _before(text, floor, match.start(), known)
            tail = known.tail.match(text, match.end())
            end = tail.end() if tail else match.end()
            after = tuple(known.attribute.findall(text, match.end(), end))
            if _both(text, start, match.end(), end):
                before = ("bilateral", *before)
            sided = conditions[name].sided
            found.append(Mention(name, start, end, before + after, sided=sided))
            floor = end
        else:
            floor = match.end()
    return sorted(found, key=lambda m: m.start)


_AND = re.compile(r",? and\b")
_CHANGES = word_set("""
    increased decreased improved worsened increasing decreasing improving worsening increase
    decrease improvement enlarging
""")
_BONES = word_set("clavicle clavicular humerus scapula scapular sternum vertebra")
_BETWEEN = (ADJECTIVES | _BONES) - word_set(
    "clear free intact normal previous prior unremarkable xxxx"
)
"""Adjectives that may stand between an attribute and a name."""
_PORTIONS = word_set("area areas amount amounts volume")
_ARTICLES = word_set("of the a an")
_TOKEN = re.compile(r"[\w-]+|[^\w\s]")
_TIES = {"and", "or", "to", ",", "than", "greater", "more", "larger"}
"""Words between two attributes of one finding: "small to moderate", "left and right"."""
_REACH = 80
"""Characters before a name in which its attributes are looked for."""


def _both(text: str, start: int, name_end: int, end: int) -> bool:
    """Whether "both" stands before several of one finding: "both effusions persist"."""
    said = text[max(0, start - 6) : start]
    return text[name_end - 1] == "s" and said.strip() == "both" and not _AND.match(text, end)


def _before(text: str, floor: int, start: int, known: Lexicon) -> tuple[int, tuple[str, ...]]:
    """The words right before a name that belong to it, and where they begin."""
    base = max(floor, start - _REACH)
    tokens = list(_TOKEN.finditer(text, base, start))
    said: list[tuple[str, int]] = []
    place = edge = len(tokens)
    passed = changed = False
    while place:
        place -= 1
        word = tokens[place].group()
        parts = _parts(word, known)
        if parts is None:
            joins = word in ("and", ",") and passed and tokens[place - 1].group() in _BETWEEN
            first = word == "," and place == 1
            if place + 1 == edge and (_stands_between(word) or joins or first):
                # "Right juxtahilar opacity" is on the right.
                edge, passed, changed = place, True, changed or word in _CHANGES
            elif not said or not (word[0].isdigit() or word in _TIES) or place == len(tokens) - 1:
                break
            continue
        portion = word == "of" and place and tokens[place - 1].group() in _PORTIONS
        if passed and word in _ARTICLES and not portion:
            break
        changed = changed or bool(_CHANGES & set(parts))
        if changed:
            # "Markedly improved edema" is not severe.
            parts = [part for part in parts if part not in known.sizes]
        tied = place + 1 < edge
        if tied and not (said and all(p in known.attributes for p in (*parts, said[-1][0]))):
            break
        said += [(part, place) for part in reversed(parts)]
        edge = place
    # What does not limit the finding is no part of it.
    while said and said[-1][0] in SOFT:
        said.pop()
    begin = tokens[said[-1][1]].start() if said else start
    return begin, tuple(word for word, _ in reversed(said) if word not in SOFT)


def _stands_between(word: str) -> bool:
    """Whether an adjective or a size may stand between an attribute and a name."""
    return word in _BETWEEN or word == "." or word[0].isdigit()


def _parts(word: str, known: Lexicon) -> list[str] | None:
    """The modifiers in a word, or None where it is none: "right-lower-lobe" has three."""
    if word in known.modifiers:
        return [word]
    parts = word.split("-")
    return parts if len(parts) > 1 and all(p in known.modifiers for p in parts) else None
