"""The words of a question set as reviewers see them: option sets, Table 5 phrases, their versions.

What a reviewer corrects is checked by the same reader that checks every other sentence.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nast.language.read.lexicon import lexicon
from nast.language.read.parse import cues, facts_of
from nast.language.write.llm.spans import kept_parts
from nast.language.write.llm.stages import omitted_of
from nast.language.write.llm.vocabulary import readings_of
from nast.language.write.templates import STYLES, finish, sentence
from nast.records import Fact

_MARK = "+review"


class Options(NamedTuple):
    """The options of a set: per option its labels (1 present, 0 absent) and its texts."""

    conditions: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    negated: tuple[str, ...]
    affirmative: tuple[str, ...]


def base_realiser(realiser: str) -> str:
    """What wrote the words first, without the mark of a review."""
    return realiser.partition(_MARK)[0]


def reviewed_realiser(realiser: str, round_: int) -> str:
    """The provenance of words that a review has changed: `template:no+review1`."""
    return f"{base_realiser(realiser)}{_MARK}{round_}"


def style_of(realiser: str) -> str | None:
    """The surface form of a template's words, None for a language model's."""
    name = base_realiser(realiser).removeprefix("template:")
    return name if name in STYLES else None


def stated(conditions: Sequence[str], values: Sequence[int]) -> tuple[Fact, ...]:
    """The facts of one option."""
    return tuple(
        Fact(name, "present" if value else "absent")
        for name, value in zip(conditions, values, strict=True)
    )


def labels_in_words(conditions: Sequence[str], values: Sequence[int]) -> str:
    """What an option must say: "Edema: absent; Fracture: present"."""
    return said(stated(conditions, values))


def said(facts: Sequence[Fact]) -> str:
    """Facts in words, attributes included."""
    return "; ".join(
        f"{f.condition}: " + " ".join(filter(None, (f.existence, f.severity, f.side, f.zone)))
        for f in facts
    )


def reworded(text: str, phrases: Mapping[str, str]) -> str:
    """A text with Table 5 phrases replaced, old -> new; a capital stays a capital."""
    if not phrases:
        return text
    lowered = {old.lower(): new for old, new in phrases.items()}
    longest = sorted(lowered, key=len, reverse=True)

    def new(match: re.Match[str]) -> str:
        word = lowered[match.group().lower()]
        return word[0].upper() + word[1:] if match.group()[0].isupper() else word

    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)"
    return re.sub(pattern, new, text, flags=re.IGNORECASE)


def omitted(facts: Sequence[Fact], negated: str, realiser: str) -> str:
    """The omitted form of a text that a reviewer has written."""
    style = style_of(realiser) or next(iter(STYLES))
    return omitted_of(tuple(facts), negated) or sentence(facts, style, "omitted")


def faults_of_options(options: Options) -> list[tuple[str, int, str]]:
    """What is wrong with the texts of a set, with the table of conditions in force.

    Returns:
        (form, place of the option, what is wrong and what is expected).
    """
    found = []
    for form, texts in (("negated", options.negated), ("affirmative", options.affirmative)):
        for place, (text, values) in enumerate(zip(texts, options.labels, strict=True)):
            fault = _fault(form, text, stated(options.conditions, values))
            if not fault and texts.index(text) != place:
                fault = "found the words of another option, expected four different options"
            if fault:
                found.append((form, place, fault))
    broken = {place for _, place, _ in found}
    for place, (one, other) in enumerate(zip(options.negated, options.affirmative, strict=True)):
        if place not in broken and kept_parts(one) != kept_parts(other):
            found.append(
                (
                    "affirmative",
                    place,
                    "found words that differ from the negated form "
                    "outside its denials, expected the same words there: correct both "
                    "forms",
                )
            )
    return found


def _fault(form: str, text: str, facts: tuple[Fact, ...]) -> str | None:
    readings = readings_of(text)
    stating = [r.fact for r in readings]
    if "\n" in text or not text.endswith(".") or not text[0].isupper():
        return "found other marks, expected one line with a capital and a full stop"
    if set(stating) != set(facts) or len(stating) > len(set(stating)):
        return f"found words that read as ({said(stating) or 'nothing'}), expected ({said(facts)})"
    if form == "affirmative" and cues(text):
        return f"found the negation {cues(text)[0]!r}, expected affirmative words only"
    if form == "negated":
        phrases = [text[r.start : r.end] for r in readings]
        if any(p.lower() in lexicon().phrases for p in phrases):
            return "found an affirmative phrase, expected each absence denied by a negation"
    return None


def fault_of_phrase(name: str, phrase: str) -> str | None:
    """What is wrong with a phrase for the absence of a condition; the table in force has it."""
    if phrase.endswith(".") or (phrase[0].isupper() and phrase[1:2].islower()) or "\n" in phrase:
        return "found a sentence, expected a phrase in small letters without a full stop"
    if cues(phrase):
        return f"found the negation {cues(phrase)[0]!r}, expected affirmative words only"
    if facts_of(finish(phrase)) != {Fact(name, "absent")}:
        return "found words that are not read as one phrase, expected plain words without doubt"
    return None
