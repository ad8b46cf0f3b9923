"""Facts to sentences, without a language model (paper sections 3 and 4.1, Appendices B and C).

A sentence is a row of pieces. A piece that denies something knows its words in both polarities:
"no pneumothorax" (negated) and Table 5's "fully expanded lungs" (affirmative). The two forms of a
sentence are read off the same row, so they differ in the denying pieces and nowhere else.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.records import Fact

WrittenForm = Literal["negated", "affirmative", "omitted"]
WRITTEN_FORMS: tuple[WrittenForm, ...] = ("negated", "affirmative", "omitted")
STEM = "Which of the following best describes this chest radiograph?"
"""The question of an item, where nobody wrote another one."""
IMAGE_STEM = "Which of the following best describes this image?"
"""The question of an imported item, whose source has none."""
NOTHING_STATED = "chest radiograph"
"""The omitted form of a sentence that only denies."""


class Piece(NamedTuple):
    """A part of a sentence in its two polarities; `denies` marks the pieces that differ."""

    negated: str
    affirmative: str
    denies: bool


def noun_phrase(fact: Fact, conditions: Conditions = CONDITIONS) -> str:
    """The fact's condition with its attributes, without article: "small left pleural effusion".

    Grades use the condition's own adjectives; a zone follows as "in the left lower zone".

    Raises:
        ValueError: the fact has a severity and its condition is not graded.
    """
    condition = conditions[fact.condition]
    if fact.severity is not None and fact.severity not in condition.grades:
        raise ValueError(f"{fact.condition} is not graded: {fact.severity!r} cannot be said of it")
    words = [condition.grades[fact.severity]] if fact.severity else []
    if fact.zone is None:
        words += [fact.side] if fact.side else []
        return " ".join([*words, condition.term])
    place = [fact.side] if fact.side else []
    return " ".join([*words, condition.term, "in the", *place, fact.zone, "zone"])


def normal_phrase(name: str, conditions: Conditions = CONDITIONS) -> str:
    """Table 5's phrase for the absence of a condition.

    Raises:
        ValueError: the table of conditions has none.
    """
    phrase = conditions[name].normal
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


def _deny(
    conditions: Conditions, before: str, facts: Sequence[Fact], after: str = "", instead: str = ""
) -> Piece:
    """A piece that denies `facts`: cue words around the nouns, or Table 5's phrases for them."""
    nouns = _nouns(facts, conditions, "and" if after else "or")
    phrases = joined([normal_phrase(f.condition, conditions) for f in facts])
    return Piece(f"{before}{nouns}{after}", f"{instead}{phrases}", True)


def _nouns(facts: Sequence[Fact], conditions: Conditions, word: str = "and") -> str:
    return joined([noun_phrase(f, conditions) for f in facts], word)


Style = Callable[[list[Fact], list[Fact], Conditions], list[Piece]]
"""Present facts, absent facts and the table of conditions -> the pieces of a sentence."""


def _present_first(tail: str, link: str, cue: str, instead: str, there: bool = False) -> Style:
    """The present facts with a tail, a link, then the denial: "P noted, no A".

    `instead` stands in the cue's place in the affirmative form; with `there`, the sentence begins
    with "there is".
    """

    def pieces(present: list[Fact], absent: list[Fact], conditions: Conditions) -> list[Piece]:
        if not present:
            alone = cue.removeprefix("but ").removeprefix("and ").replace("with no", "no")
            return [_deny(conditions, alone, absent)]
        head = _there_is(present, conditions) if there else _nouns(present, conditions)
        if not absent:
            return [_same(f"{head}{tail}")]
        denial = _deny(conditions, cue, absent, instead=instead)
        return [_same(f"{head}{tail}{link}"), denial]

    return pieces


def _there_is(present: Sequence[Fact], conditions: Conditions) -> str:
    verb = "are" if conditions[present[0].condition].plural else "is"
    nouns = [f"{article(f, conditions)}{noun_phrase(f, conditions)}" for f in present]
    return f"there {verb} {joined(nouns)}"


def article(fact: Fact, conditions: Conditions = CONDITIONS) -> str:
    """The article of a fact's noun phrase with a blank behind, or nothing."""
    if not conditions[fact.condition].counted:
        return ""
    return "an " if noun_phrase(fact, conditions)[0] in "aeiou" else "a "


def _absent_first(cue: str, after: str, link: str, tail: str) -> Style:
    """The denial, then the present facts: "No A, P present"."""

    def pieces(present: list[Fact], absent: list[Fact], conditions: Conditions) -> list[Piece]:
        nouns = _nouns(present, conditions)
        if not absent:
            return [_same(f"{nouns}{tail}")]
        head = _deny(conditions, cue, absent, after)
        return [head, _same(f"{link}{nouns}{tail}")] if present else [head]

    return pieces


_PLAIN = {
    "without": (" ", "without ", "with "),
    "no": (", ", "no ", ""),
    "but no": (", ", "but no ", "with "),
    "with no": (" ", "with no ", "with "),
    "and no": (", ", "and no ", "and "),
    "no evidence": ("; ", "no evidence of ", ""),
    "no sign": (", ", "no sign of ", ""),
    "no signs": ("; ", "no signs of ", ""),
    "lacking": (", ", "lacking ", "with "),
    "free of": (", ", "free of ", "with "),
    "negative for": (", ", "negative for ", "with "),
    "without evidence": (", ", "without evidence of ", "with "),
}
_AFTER_A_VERB = {
    "no": (", ", "no ", ""),
    "but no": (", ", "but no ", "with "),
    "without": (", ", "without ", "with "),
    "no sign": (", ", "no sign of ", ""),
    "no evidence": ("; ", "no evidence of ", ""),
}
STYLES: dict[str, Style] = {
    **{name: _present_first("", *parts) for name, parts in _PLAIN.items()},
    **{
        f"{verb}, {name}": _present_first(f" {verb}", *parts)
        for verb in ("noted", "seen", "present")
        for name, parts in _AFTER_A_VERB.items()
    },
    **{
        f"there is, {name}": _present_first("", *parts, there=True)
        for name, parts in _AFTER_A_VERB.items()
    },
    "no first": _absent_first("no ", "", ", with ", ""),
    "no first, present": _absent_first("no ", "", "; ", " present"),
    "no first, noted": _absent_first("no ", "", "; ", " noted"),
    "no first, but": _absent_first("no ", "", " but ", ""),
    "no evidence first": _absent_first("no evidence of ", "", ", with ", ""),
    "no sign first": _absent_first("no sign of ", "", "; ", " seen"),
    "free of first": _absent_first("free of ", "", ", with ", ""),
    "negative first": _absent_first("negative for ", "", "; ", " present"),
    "lacking first": _absent_first("lacking ", "", ", but with ", ""),
    "absent": _absent_first("", " absent", ", ", " present"),
    "absent, with": _absent_first("", " absent", ", with ", ""),
    "absent while": _absent_first("", " absent", " while ", " present"),
}
"""Ways of saying some present and some absent facts in one sentence, by name."""


def sentence(
    facts: Sequence[Fact], style: str, form: WrittenForm, conditions: Conditions = CONDITIONS
) -> str:
    """One sentence that states several facts (an option, a claim).

    Args:
        facts: at least one; absent ones must carry no attributes (Table 5 has no phrase for
            "no large effusion").
        style: a key of `STYLES`.
        form: `negated` ("cardiomegaly without edema"), `affirmative` ("cardiomegaly with normal
            pulmonary vascularity") or `omitted` ("cardiomegaly").
        conditions: the table of conditions.

    Returns:
        The sentence with a capital and a full stop.

    Raises:
        ValueError: an absent fact has attributes.

    Examples:
        >>> facts = [nast.Fact("Cardiomegaly", "present"), nast.Fact("Edema", "absent")]
        >>> nast.sentence(facts, "without", "negated")
        'Cardiomegaly without pulmonary edema.'
        >>> nast.sentence(facts, "without", "affirmative")
        'Cardiomegaly with normal pulmonary vascularity.'
    """
    present = [f for f in facts if f.existence == "present"]
    absent = [f for f in facts if f.existence == "absent"]
    if any(f.side or f.zone or f.severity for f in absent):
        raise ValueError("a denial with attributes is a caption, not a part of a sentence")
    if form == "omitted":
        present, absent = present or [], []
    if not present and not absent:
        return finish(NOTHING_STATED)
    pieces = STYLES[style](present, absent, conditions)
    return finish("".join(p.affirmative if form == "affirmative" else p.negated for p in pieces))


def finish(text: str) -> str:
    """A capital in front and a full stop behind."""
    return text[0].upper() + text[1:] + "."
