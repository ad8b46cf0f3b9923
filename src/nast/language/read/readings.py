"""What a text states, and what it names without a reading."""

from typing import NamedTuple

from nast.records import Fact

UNREAD = {
    "doubt": "suspected, asked for, or impossible to tell",
    "not about this film": "history, indication, advice, limits of the study",
    "change": "only a change is denied or stated",
    "one of two": "one of several that are parted by 'or'",
    "limited denial": "less is denied than the finding: a new one, or a place or size that its "
    "condition does not have",
    "denied and stated": "the text has the same finding as present",
    "question": "in a question",
    "unknown word": "a word in its clause is not known",
    "construction": "the words fit no known construction",
    "two readings": "the words can be read in two ways",
    "too long": "too many words without a full stop",
}
"""Why a finding that a text names is not read, by code."""


class Reading(NamedTuple):
    """A fact that a text states.

    Attributes:
        fact: what it says.
        start, end: the place of its words.
        wording: "name", "phrase" (Table 5's own words) or "statement" ("heart size is normal", of
            which the place holds only "normal"). Only a phrase is the affirmative form of an
            absence.
        unsaid: words that place or grade the finding and have no room in the fact, because the
            condition has no side, zone or grade, or two are named ("mild to moderate").
    """

    fact: Fact
    start: int
    end: int
    wording: str = "name"
    unsaid: tuple[str, ...] = ()


class Unread(NamedTuple):
    """A finding that a text names and of which nothing is read.

    Attributes:
        condition: its name.
        start, end: the place of its words.
        why: a code of `UNREAD`.
    """

    condition: str
    start: int
    end: int
    why: str
