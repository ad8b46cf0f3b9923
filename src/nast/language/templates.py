"""Facts to sentences, without a language model (paper sections 3 and 4.1, Appendices B and C).

A sentence is a row of pieces. A piece that denies something knows its words in both polarities:
"no pneumothorax" (negated) and Table 5's "fully expanded lungs" (affirmative). The two forms of a
sentence are read off the same row, so they differ in the denying pieces and nowhere else.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from nast.facts.conditions import CONDITIONS
from nast.records import Fact

Form = Literal["negated", "affirmative", "omitted"]
FORMS: tuple[Form, ...] = ("negated", "affirmative", "omitted")
NOTHING_STATED = "chest radiograph"
"""The omitted form of a sentence that only denies."""


class Piece(NamedTuple):
    """A part of a sentence in its two polarities; `denies` marks the pieces that differ."""

    negated: str
    affirmative: str
    denies: bool


def noun_phrase(fact: Fact) -> str:
    """The fact's condition with its attributes, without article: "small left pleural effusion".

    Grades use the condition's own adjectives; a zone follows as "in the left lower zone".

    Raises:
        ValueError: the fact has a severity and its condition is not graded.
    """
    condition = CONDITIONS[fact.condition]
    if fact.severity is not None and fact.severity not in condition.grades:
        raise ValueError(f"{fact.condition} is not graded: {fact.severity!r} cannot be said of it")
    words = [condition.grades[fact.severity]] if fact.severity else []
    if fact.zone is None:
        words += [fact.side] if fact.side else []
        return " ".join([*words, condition.term])
    place = [fact.side] if fact.side else []
    return " ".join([*words, condition.term, "in the", *place, fact.zone, "zone"])


def normal_phrase(name: str) -> str:
    """Table 5's phrase for the absence of a condition.

    Raises:
        ValueError: the table of conditions has none.
    """
    phrase = CONDITIONS[name].normal
    if phrase is None:
        raise ValueError(f"{name} has no affirmative phrase for its absence")
    return phrase


def joined(items: Sequence[str], word: str = "and") -> str:
    """A list in words: "A", "A and B", "A, B, and C"."""
    if len(items) < 3:
        return f" {word} ".join(items)
    return ", ".join(items[:-1]) + f", {word} {items[-1]}"


def _same(text: str) -> Piece:
    return Piece(text, text, False)


def _deny(before: str, facts: Sequence[Fact], after: str = "", instead: str = "") -> Piece:
    """A piece that denies `facts`: cue words around the nouns, or Table 5's phrases for them."""
    nouns = joined([noun_phrase(f) for f in facts], "and" if after else "or")
    phrases = joined([normal_phrase(f.condition) for f in facts])
    return Piece(f"{before}{nouns}{after}", f"{instead}{phrases}", True)


Style = Callable[[list[Fact], list[Fact]], list[Piece]]


def _present_then(link: str, cue: str, instead: str) -> Style:
    def pieces(present: list[Fact], absent: list[Fact]) -> list[Piece]:
        head = [_same(joined([noun_phrase(f) for f in present]))] if present else []
        if not absent:
            return head
        if not present:
            return [_deny(cue.removeprefix("but "), absent)]
        return [*head, _same(link), _deny(cue, absent, instead=instead)]

    return pieces


def _absent_then(cue: str, after: str, link: str, tail: str) -> Style:
    def pieces(present: list[Fact], absent: list[Fact]) -> list[Piece]:
        nouns = joined([noun_phrase(f) for f in present])
        if not absent:
            return [_same(f"{nouns}{tail}")]
        head = _deny(cue, absent, after)
        return [head, _same(f"{link}{nouns}{tail}")] if present else [head]

    return pieces


STYLES: dict[str, Style] = {
    "without": _present_then(" ", "without ", "with "),
    "comma no": _present_then(", ", "no ", ""),
    "but no": _present_then(", ", "but no ", "with "),
    "no sign": _present_then(" noted, ", "no sign of ", ""),
    "no evidence": _present_then("; ", "no evidence of ", ""),
    "lacking": _present_then(", ", "lacking ", "with "),
    "no first": _absent_then("no ", "", ", with ", ""),
    "free of": _absent_then("free of ", "", ", with ", ""),
    "absent": _absent_then("", " absent", ", ", " present"),
}
"""Ways of saying some present and some absent facts in one sentence, by name."""


def sentence(facts: Sequence[Fact], style: str, form: Form) -> str:
    """One sentence that states several facts (an option, a claim).

    Args:
        facts: at least one; absent ones must carry no attributes (Table 5 has no phrase for
            "no large effusion").
        style: a key of `STYLES`.
        form: `negated` ("cardiomegaly without edema"), `affirmative` ("cardiomegaly with normal
            pulmonary vascularity") or `omitted` ("cardiomegaly").

    Returns:
        The sentence with a capital and a full stop.

    Raises:
        ValueError: an absent fact has attributes.
    """
    present = [f for f in facts if f.existence == "present"]
    absent = [f for f in facts if f.existence == "absent"]
    if any(f.side or f.zone or f.severity for f in absent):
        raise ValueError("a denial with attributes is a caption, not a part of a sentence")
    if form == "omitted":
        present, absent = present or [], []
    if not present and not absent:
        return finish(NOTHING_STATED)
    pieces = STYLES[style](present, absent)
    return finish("".join(p.affirmative if form == "affirmative" else p.negated for p in pieces))


def finish(text: str) -> str:
    """A capital in front and a full stop behind."""
    return text[0].upper() + text[1:] + "."


AFFIRMATIVE_CAPTIONS = (
    "{noun}",
    "there is {article}{noun}",
    "{noun} is seen",
    "findings show {article}{noun}",
    "evidence of {noun}",
)
NEGATED_CAPTIONS = (
    "no {noun}",
    "there is no {noun}",
    "no {noun} is seen",
    "no evidence of {noun}",
    "no sign of {noun}",
)


def caption(statement: Fact, template: str) -> str:
    """A single caption (paper section 4.1, format ii) from one of the templates above.

    Args:
        statement: what the caption says; an absent one may have attributes: "no large pleural
            effusion", "no consolidation in the right lower zone".
        template: an entry of `AFFIRMATIVE_CAPTIONS` or `NEGATED_CAPTIONS`, as the statement's
            existence demands.

    Raises:
        ValueError: the template's polarity is not the statement's.
    """
    allowed = AFFIRMATIVE_CAPTIONS if statement.existence == "present" else NEGATED_CAPTIONS
    if template not in allowed:
        raise ValueError(f"template {template!r} does not say {statement.existence!r}")
    condition, noun = CONDITIONS[statement.condition], noun_phrase(statement)
    article = "" if not condition.counted else "an " if noun[0] in "aeiou" else "a "
    text = template.format(noun=noun, article=article)
    if condition.plural:
        text = text.replace(" is seen", " are seen").replace("there is", "there are")
    return finish(text)
