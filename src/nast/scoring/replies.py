"""Which option a chat model's reply chooses: verdicts first, then labels, then words.

Whatever can be read in two ways chooses nothing, and so does what nobody foresaw.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from nast.items.table import LETTERS
from nast.scoring.reply_text import is_refusal, without_marks
from nast.scoring.reply_words import (
    ANEW,
    ASIDE,
    CHANGED,
    DENIED,
    STRONG,
    UNSAID,
    Grammar,
    grammar,
)

__all__ = ["choice_of", "is_refusal"]

REACH = 80
"""Characters before a verdict in which words that take it back are looked for."""
_SENTENCE = re.compile(r"[^.!?。]+[.!?。]*|[.!?。]+")
_LED = re.compile(
    r"^(?:(?:the|my|this) )?(?:(?:final|correct|right|best|true|most accurate) )*"
    r"(?:answer|choice|option|statement|description|response)(?: (?:is|would be))?(?: that)? "
    r"|^(?:the|this) (?:image|film|x ray|(?:chest )?(?:radiograph|x ray)) (?:shows|demonstrates) "
)
_TRAILED = re.compile(
    r" is (?:the )?(?:(?:most )?(?:correct|right|best|true|accurate) ?)?"
    r"(?:answer|option|statement|description|choice)?$"
)
_LABEL = re.compile(r"^\s*[-•]?\s*(?:option\s*)?[(\[]?(?:[A-Za-z]|\d\d?)[)\].:]+\s+", re.IGNORECASE)


def choice_of(reply: str, options: Sequence[str], mode: str = "letters") -> int | None:
    """The place of the option that a reply chooses, or None.

    Args:
        reply: any text; what a model thinks aloud does not count (`thoughts.spoken`).
        options: in the order in which the model saw them. Of equal ones the first is meant.
        mode: `letters`: a verdict ("Answer: C", "\\boxed{C}"), of several the one in the last
            line; else one label ("C", "(c) No edema"); else "C is correct" and its like; else the
            words of an option. `text`: the words only.
    """
    said = without_marks(reply)
    whole = _by_words([said], options)
    if mode == "text":
        return whole if whole is not None else _by_passage(said, options)
    # What is asked is not chosen.
    lines = [line.strip() for line in _stated(said).split("\n")]
    main, aside = _apart(lines)
    named, after = _named(main, len(options))
    if not named and aside:
        named, after = _named(aside, len(options))
    if not named:
        return whole if whole is not None else _by_passage(said, options)
    place = _place(named.pop(), len(options)) if len(named) == 1 else None
    # "B) No edema" where that is what A says, and words of another option behind a verdict.
    others = (whole, _by_words(after, options))
    if any(other is not None and _differ(options, other, place) for other in others):
        return None
    return place


def _stated(said: str) -> str:
    """What is said and not asked; a sentence that takes back those before it begins a line."""
    sentences = (s for line in said.split("\n") for s in [*_SENTENCE.findall(line), "\n"])
    kept = (s for s in sentences if "?" not in s)
    return "".join(f"\n{s}" if ANEW.match(s.lstrip()) else s for s in kept)


def _apart(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lines that count: all since the last one that takes back those before; and reasons."""
    anew = [number for number, line in enumerate(lines) if ANEW.match(line)]
    main: list[str] = []
    aside: list[str] = []
    into = main
    for line in lines[anew[-1] if anew else 0 :]:
        if ASIDE.match(line):
            into = aside
        elif into is aside and any(re.match(head, line) for head in STRONG):
            into = main
        into.append(line)
    return main, aside


def _named(lines: Sequence[str], n: int) -> tuple[set[str], list[str]]:
    """The names that lines choose, two where that is not clear, and the words behind a verdict."""
    known = grammar(n)
    at, found, rest = _verdicts(lines, known.strong)
    if found:
        # What comes later and names another one takes the verdict back.
        behind = (part.strip() for part in re.split(r"[.!?。)\]}>»*%~]", rest))
        later = [*behind, *lines[at + 1 :]]
        return found | _verdicts(later, known.weak)[1] | _alone(later, known), [rest, *later]
    found = _labels(lines, known)
    if len(found) != 1:
        found = _verdicts(lines, known.weak)[1] or found
    return found, []


def _verdicts(
    lines: Sequence[str], patterns: Iterable[re.Pattern[str]]
) -> tuple[int, set[str], str]:
    """The last line with a verdict: its number, the options that it names, and what follows."""
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        found: set[str] = set()
        rest = ""
        for pattern in patterns:
            for match in pattern.finditer(line):
                before = line[max(0, match.start() - REACH) : match.start()]
                if UNSAID.search(before) or DENIED.match(line, match.end()):
                    continue
                rest = line[match.end() :]
                found |= _letters(match[1]) | ({"?"} if CHANGED.match(rest) else set())
        if found:
            return number, found, rest
    return -1, set(), ""


def _letters(text: str) -> set[str]:
    """Every letter or number in what was caught: "A and C" names two."""
    bare = re.sub(r"(?i)option|choice|statement", " ", text)
    return {name.upper() for name in re.findall(r"(?<![^\W一-鿿])[A-Za-z](?![A-Za-z])|\d+", bare)}


def _alone(lines: Iterable[str], known: Grammar) -> set[str]:
    """Options that lines name and say nothing else."""
    lone = [line for line in lines if known.alone.fullmatch(line)]
    return {n for line in lone for m in known.names.finditer(line) for n in _letters(m[1])}


def _labels(lines: Sequence[str], known: Grammar) -> set[str]:
    """Options that lines name and say nothing else; without any, all labels if it starts with one.

    Several labels with texts are a list of the options: that chooses none of them.
    """
    lone = _alone(lines, known)
    if lone:
        return lone
    said = "\n".join(lines)
    first = known.label.match(said)
    if not first or DENIED.match(said, first.end()):
        return set()
    labels = [m for line in lines for m in [known.label.match(line)] if m]
    labels += known.listed.finditer(said)
    more = known.several.match(said)
    changed = {"?"} if CHANGED.match(said, first.end()) else set()
    return {n for m in labels for n in _letters(m[1])} | (_letters(more[2]) if more else changed)


def _place(name: str, n: int) -> int | None:
    place = int(name) - 1 if name.isdecimal() else LETTERS.find(name)
    return place if 0 <= place < n else None


def _differ(options: Sequence[str], first: int, second: int | None) -> bool:
    return second is not None and _bare(options[first]) != _bare(options[second])


def _bare(text: str) -> str:
    """The words of a text, whatever their case and the marks between them."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def _by_words(passages: Iterable[str], options: Sequence[str]) -> int | None:
    """The one option that passages consist of, behind a label or a lead-in or not."""
    places = {_bare(text): place for place, text in reversed(list(enumerate(options)))}
    places.pop("", None)
    found = set()
    for passage in passages:
        whole, rest = _bare(passage), _bare(_LABEL.sub("", passage))
        forms = {whole, rest, _LED.sub("", rest), _TRAILED.sub("", rest)}
        found |= {places[form] for form in forms if form in places}
    return found.pop() if len(found) == 1 else None


def _by_passage(said: str, options: Sequence[str]) -> int | None:
    """The one option that a line or sentence consists of, if no other one is mentioned."""
    lines = said.split("\n")
    sentences = [s for line in lines for s in re.split(r"(?<=[.!?])\s+", line)]
    place = _by_words([*lines, *sentences], options)
    if place is None:
        return None
    own = _bare(options[place])
    rest = f" {_bare(said)} ".replace(f" {own} ", " | ")
    others = {_bare(text) for text in options} - {own, ""}
    return None if any(f" {other} " in rest for other in others) else place
