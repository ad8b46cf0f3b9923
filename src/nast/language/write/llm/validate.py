"""What a generated text must hold: it reads back as its facts, in each form.

The paper's three checks (Appendices B and C) by rules, so that no text enters a data set on a
model's word alone.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.chunks import pieces
from nast.language.read.cues import cues, cues_of
from nast.language.read.lexicon import lexicon
from nast.language.read.mentions import mentions
from nast.language.read.readings import UNREAD
from nast.language.write.llm.denials import kept_parts, unclear_denial
from nast.language.write.llm.vocabulary import readings_of, stray_words, unread_of
from nast.records import Fact

REASONS = {
    "no answer": "the model or the server gave none",
    "form": "no line with its label, not one sentence, or too long",
    "hedge": "a finding is suspected, not stated",
    "polarity": "a present finding is denied, or an absent one stated",
    "unread": "a finding is named in words that cannot be read with certainty",
    "missing": "a finding is left out",
    "added": "another finding is stated",
    "repeated": "a finding is said twice",
    "attribute": "another side, zone or severity, or one is missing",
    "words": "words that may say more than the facts",
    "scope": "it is not plain how far a negation reaches",
    "phrase": "the negated form has an affirmative phrase for an absence",
    "cue": "the affirmative form has a negation",
    "elsewhere": "the two forms differ outside their denials",
}
"""Why texts are rejected, by code."""
_HEDGES = frozenset("hyiq")
"""Parts of a sentence (see `constructions`) that no plain statement has."""
LONGEST = 400
"""Characters of a sentence at most."""
_MARKS = re.compile(r"[^\w\s,;.'-]|\s-|-\s|\d|\n")
"""What no plain sentence has: brackets, dashes, colons, numbers."""


class Fault(NamedTuple):
    """Why a text is rejected: a code of `REASONS`, and words for the model that wrote it."""

    code: str
    detail: str


def tidy(text: str) -> str:
    """A sentence without the quotes and marks that models put around it, ended with a full stop."""
    text = re.sub(r"\s+", " ", text).strip(" *`\"'“”,")
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else text + "."


def check_negated(
    text: str, facts: Collection[Fact], conditions: Conditions = CONDITIONS
) -> Fault | None:
    """The first fault of a sentence that must state some facts, absences by negation."""
    fault = _check_form(text) or _check_hedges(text, conditions)
    fault = fault or _check_facts(text, facts, conditions)
    if fault:
        return fault
    readings = readings_of(text, conditions)
    for said in (text[r.start : r.end] for r in readings):
        if said.lower() in lexicon(conditions).phrases:
            return Fault("phrase", f'must deny with a negation, not say "{said}"')
    denies = any(f.existence == "absent" for f in facts)
    stray = stray_words(text, readings, conditions) + ([] if denies else cues(text))
    if stray:
        return Fault("words", f"uses words that say more than the facts: {', '.join(stray[:5])}")
    unclear = unclear_denial(text, conditions)
    if unclear:
        return Fault("scope", f'leaves open how far "{unclear}" reaches; deny each finding apart')
    return None


def check_affirmative(
    text: str, negated: str, facts: Collection[Fact], conditions: Conditions = CONDITIONS
) -> Fault | None:
    """The first fault of the affirmative form of a negated text (paper section 3, Appendix B).

    No negation is left, Table 5's phrases stand for the absences, and outside the denials the two
    are equal byte for byte. The negated form has passed `check_negated`; both say the same facts.
    """
    left = cues(text)
    if left:
        return Fault("cue", f'still has the negation "{left[0]}"')
    fault = _check_form(text) or _check_facts(text, facts, conditions)
    if fault:
        return fault
    if kept_parts(text, conditions) != kept_parts(negated, conditions):
        return Fault("elsewhere", "changes words that are not part of a denial")
    return None


def check_omitted(
    text: str, facts: Collection[Fact], conditions: Conditions = CONDITIONS
) -> Fault | None:
    """The first fault of a sentence that must state the present facts alone, without negation."""
    return check_negated(text, [f for f in facts if f.existence == "present"], conditions)


def check_stem(text: str, conditions: Conditions = CONDITIONS) -> Fault | None:
    """The first fault of a stem, which must be one short question that names no finding."""
    if not text.endswith("?") or len(text) > LONGEST or re.search(r"[.!?]\s", text):
        return Fault("form", "must be one question")
    known, lowered = lexicon(conditions), text.lower()
    if known.mention.search(lowered) or known.phrase.search(lowered):
        return Fault("added", "must name no finding")
    if cues(text):
        return Fault("cue", "must have no negation")
    return None


def _check_form(text: str) -> Fault | None:
    one = len(text) <= LONGEST and text.endswith(".") and "." not in text[:-1]
    # The reader's places fit the small letters of a text only where none of them is longer.
    if not one or _MARKS.search(text) or len(text.lower()) != len(text):
        return Fault("form", "must be one short sentence")
    return None


def _check_hedges(text: str, conditions: Conditions) -> Fault | None:
    lowered = text.lower()
    hedges = [
        lowered[piece.start : piece.end]
        for piece in pieces(lowered, mentions(lowered, conditions), conditions)
        if piece.part in _HEDGES
    ]
    unsure = ("double", "uncertain", "pseudo")
    hedges += [cue.words for cue in cues_of(text, conditions) if cue.kind in unsure]
    return Fault("hedge", f'must state facts, not "{hedges[0]}"') if hedges else None


def _check_facts(text: str, facts: Collection[Fact], conditions: Conditions) -> Fault | None:
    """The first difference between what a text says and what it must say."""
    unread = unread_of(text, conditions)
    if unread:
        term = conditions[unread[0].condition].term
        return Fault("unread", f"names {term} in words that are not plain: {UNREAD[unread[0].why]}")
    readings = readings_of(text, conditions)
    said, wanted = {r.fact for r in readings}, set(facts)
    for fact in sorted(wanted - said, key=repr):
        same = [f for f in said if f.condition == fact.condition]
        words = f"{conditions[fact.condition].term} is {fact.existence}"
        if not same:
            return Fault("missing", f"does not state that {words}")
        if all(f.existence != fact.existence for f in same):
            return Fault("polarity", f"says the opposite of: {words}")
        return Fault("attribute", f"has another side, place or severity than given, where {words}")
    for fact in sorted(said - wanted, key=repr):
        return Fault("added", f"says of {conditions[fact.condition].term} what was not given")
    return Fault("repeated", "says a finding twice") if len(readings) > len(said) else None
