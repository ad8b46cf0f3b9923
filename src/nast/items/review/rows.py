"""What a review file is made of: sheets of rows, with fixed texts, checks and a verdict."""

from typing import NamedTuple

CHECKS = {
    "faithful": "Faithful to the labels",
    "polarity": "Differs only in polarity",
    "natural": "Natural wording",
    "one right": "Exactly one right option",
}
"""The four checks and their columns."""
ID, VERSION, VERDICT, COMMENT = "Id", "Version", "Verdict", "Comment"
BUILT_ON = "Questions built on it"
NEW_PHRASE, NEW_CLASS = "Corrected phrase", "Corrected class"
ACCEPT, EDIT, REJECT = "accept", "edit", "reject"
VERDICTS = (ACCEPT, EDIT, REJECT)
"""From mild to strict."""
FIRST = "Read me first"
PHRASES, OPTION_SETS, QUESTIONS = SHEETS = ("Phrases", "Option sets", "Questions")


class Row(NamedTuple):
    """One thing to judge.

    Attributes:
        id: stable from version to version.
        fixed: column -> text that reviewers must not change; the last is a hash of the others.
        checks: which of the four apply.
        edits: column open to corrections -> the present text; of a Table 5 phrase alone.
        groups: the groups of questions that are built on it.
    """

    id: str
    fixed: dict[str, str]
    checks: tuple[str, ...]
    edits: dict[str, str]
    groups: frozenset[str]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The verdicts that the row can get."""
        return VERDICTS if self.edits else (ACCEPT, REJECT)

    def is_open(self, column: str) -> bool:
        """Whether a reviewer fills in the row's cell of a column."""
        asked = {CHECKS[name] for name in self.checks}
        return column in (VERDICT, COMMENT) or column in asked or column in self.edits


class Sheet(NamedTuple):
    """A sheet: its name, the columns for corrections, and at least one row."""

    name: str
    edits: tuple[str, ...]
    rows: list[Row]

    @property
    def header(self) -> tuple[str, ...]:
        """All columns in order: fixed ones, checks, verdict, corrections, comment."""
        return (*self.rows[0].fixed, *CHECKS.values(), VERDICT, *self.edits, COMMENT)
