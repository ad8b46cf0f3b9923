"""The words of a question set as reviewers see them: what they must say, Table 5's phrases."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.parse import cues, facts_of
from nast.language.write.templates import finish
from nast.records import Fact

MARK = "+review"
"""Ends the realiser of words that a review has changed, with the number of the round."""


def in_words(facts: Iterable[Fact]) -> str:
    """What a text must say, attributes included: "Edema: absent; Fracture: present"."""
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


def phrase_fault(name: str, phrase: str, conditions: Conditions = CONDITIONS) -> str | None:
    """What is wrong with a new phrase for the absence of a condition.

    Args:
        name: of the condition.
        phrase: its new phrase.
        conditions: as they are before the change.
    """
    others = {c.normal.lower() for c in conditions.values() if c.normal and c.name != name}
    if phrase.lower() in others:
        return "found the phrase of another condition, expected one of its own"
    if not any(letter.isalpha() for letter in phrase):
        return "found no words, expected a phrase"
    if phrase.endswith(".") or (phrase[0].isupper() and phrase[1:2].islower()) or "\n" in phrase:
        return "found a sentence, expected a phrase in small letters without a full stop"
    if cues(phrase):
        return f"found the negation {cues(phrase)[0]!r}, expected affirmative words only"
    if _said(name, phrase, phrase, conditions) != {Fact(name, "absent")}:
        return "found words that are not read as one phrase, expected plain words without doubt"
    # A phrase of the table is read whole; what it holds shows while it is none.
    held = _said(name, None, phrase, conditions)
    if held:
        return (
            f"found words that read as ({in_words(sorted(held, key=repr))}), expected words that "
            "name no condition and hold no other phrase"
        )
    return None


def _said(name: str, normal: str | None, phrase: str, conditions: Conditions) -> frozenset[Fact]:
    """What a phrase says while a condition has some phrase, or none."""
    table = Conditions({**conditions, name: replace(conditions[name], normal=normal)})
    return facts_of(finish(phrase), conditions=table)
