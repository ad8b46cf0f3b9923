"""A file that came back, checked cell by cell: what one reviewer says, or all that is wrong."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from nast.errors import shown
from nast.items.review.returned import FORMULA, Returned
from nast.items.review.sheets import (
    CANNOT_TELL,
    CHECKS,
    COMMENT,
    EDIT,
    FIRST,
    ID,
    NEW_CLASS,
    VERDICT,
    VERSION,
    Row,
    Sheet,
)
from nast.items.review.workbook import CLASSES, NAME

ASKED = {**CHECKS, "verdict": VERDICT}
"""What every row is asked, and its columns."""


class Rating(NamedTuple):
    """What one reviewer says of one row.

    Attributes:
        answers: check -> yes or no, and `verdict` -> accept, edit or reject.
        edits: column -> corrected text, of those that differ from the present one.
        place: file, sheet and row, for messages.
    """

    answers: dict[str, str]
    edits: dict[str, str]
    place: str

    @property
    def verdict(self) -> str:
        """Accept, edit or reject."""
        return self.answers["verdict"]


class Review(NamedTuple):
    """One reviewer's file.

    Attributes:
        reviewer: the name as given.
        ratings: row id -> rating.
        comments: row id -> comment.
        untold: ids of rows that the film does not settle.
    """

    reviewer: str
    ratings: dict[str, Rating]
    comments: dict[str, str]
    untold: list[str]


def problem(place: str | Path, found: str, expected: str, column: str | None = None) -> str:
    """One line of the report of problems."""
    at = f", column {column!r}" if column is not None else ""
    return f"{place}{at}: found {found}, expected {expected}"


def review_of(returned: Returned, sheets: list[Sheet]) -> tuple[Review, list[str]]:
    """What a reviewer says of sheets that went out, and everything that is wrong with the file."""
    review, problems = Review(returned.first(NAME).strip(), {}, {}, []), []
    if not review.reviewer or not review.reviewer.isprintable():
        place = f"{returned.path}, sheet {FIRST!r}"
        wanted = "the name of the reviewer: write it there and save"
        problems.append(problem(place, f"no name beside {NAME!r}", wanted))
    for sheet in sheets:
        place = f"{returned.path}, sheet {sheet.name!r}"
        # A page gives back what was asked, and the hash of what was shown.
        left_out = set() if returned.whole else set(sheet.rows[0].fixed) - {ID, VERSION}
        wanted_columns = [c for c in sheet.header if c not in left_out]
        missing = [repr(c) for c in wanted_columns if c not in returned.header(sheet.name)]
        if missing:
            found = f"no column {', '.join(missing)}"
            wanted = "the header as it was exported: put it back"
            problems.append(problem(f"{place}, row 1", found, wanted))
            continue
        for row, number, cells in _matched(returned, sheet, place, problems):
            rating = _rating(row, cells, sheet, f"{place}, row {number}", problems)
            if rating and rating.verdict == CANNOT_TELL:
                review.untold.append(row.id)
            elif rating:
                review.ratings[row.id] = rating
            if cells[COMMENT].strip():
                review.comments[row.id] = cells[COMMENT].strip()
    if not review.ratings and not review.untold and not problems:
        wanted = "a review; leave an empty file out"
        problems.append(problem(returned.path, "no row filled in", wanted))
    return review, problems


def _matched(
    returned: Returned, sheet: Sheet, place: str, problems: list[str]
) -> Iterator[tuple[Row, int, dict[str, str]]]:
    """Each row that went out with its line; what does not fit is added to the problems."""
    rows = {row.id: row for row in sheet.rows}
    seen: dict[str, int] = {}
    for number, cells in returned.lines(sheet.name):
        id_, at = cells[ID], f"{place}, row {number}"
        if id_ not in rows:
            wanted = "an id of the exported sheet: ids must not be changed, and rows not be added"
            problems.append(problem(at, shown(id_), wanted, ID))
        elif id_ in seen:
            wanted = "each row once: remove one of the two"
            problems.append(problem(at, f"the id of row {seen[id_]} again", wanted, ID))
        else:
            seen[id_] = number
            yield rows[id_], number, cells
    lost = [i for i in rows if i not in seen]
    if lost:
        found = f"{len(lost)} rows missing, the first of them {lost[0]!r}"
        wanted = "a row may stay empty but not be deleted; copy it from the exported file"
        problems.append(problem(place, found, f"all rows: {wanted}"))


def _rating(
    row: Row, cells: Mapping[str, str], sheet: Sheet, place: str, problems: list[str]
) -> Rating | None:
    """What a line says of its row, None where it is empty; what is wrong goes to the problems."""
    for column, text in row.fixed.items():
        if cells.get(column, text) != text:
            found = "a formula" if cells[column] == FORMULA else shown(cells[column])
            wanted = "fixed cells must not be changed; copy it from the exported file"
            problems.append(problem(place, found, f"the text as exported: {wanted}", column))
    given = {c: cells[c].strip() for c in sheet.header if c not in row.fixed}
    for column, text in given.items():
        if text == FORMULA:
            wanted = "words; in a spreadsheet begin them with an apostrophe"
            problems.append(problem(place, "a formula", wanted, column))
    edits = {c: given[c] for c, now in row.edits.items() if given[c] not in ("", now)}
    answers = {what: given[column].lower() for what, column in ASKED.items()}
    if not any(answers.values()) and not edits:
        return None
    problems += _faults(answers, edits, sheet.verdicts, place)
    return Rating(answers, edits, place)


def _faults(
    answers: Mapping[str, str], edits: Mapping[str, str], verdicts: tuple[str, ...], place: str
) -> Iterator[str]:
    """What is missing, unknown or contradictory in a row that was begun."""
    for what, value in answers.items():
        words = verdicts if what == "verdict" else ("yes", "no")
        if not value and what != "verdict" and answers["verdict"] == CANNOT_TELL in verdicts:
            continue
        if value not in (*words, FORMULA):
            begun = "" if value else ", for the row is begun: fill it in whole, or empty it"
            wanted = f"one of {', '.join(words)}{begun}"
            yield problem(place, shown(value), wanted, ASKED[what])
    if answers["verdict"] == EDIT and not edits:
        found = "edit and no corrected text that differs from the present one"
        yield problem(place, found, "a correction in this row, or another verdict", VERDICT)
    if answers["verdict"] != EDIT and edits:
        found = "a correction and no verdict 'edit'"
        yield problem(place, found, "the verdict edit, or no correction", next(iter(edits)))
    if edits.get(NEW_CLASS, CLASSES[0]) not in (*CLASSES, FORMULA):
        wanted = f"one of {', '.join(CLASSES)}"
        yield problem(place, shown(edits[NEW_CLASS]), wanted, NEW_CLASS)
