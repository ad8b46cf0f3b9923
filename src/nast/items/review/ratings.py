"""A file that came back, checked cell by cell: what one reviewer says, or all that is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from nast.errors import shown
from nast.items.review.first_page import BUILD, FIRST, NAME, Origin
from nast.items.review.returned import FORMULA, Line, Returned
from nast.items.review.sheets import (
    CHECKS,
    COMMENT,
    EDIT,
    ID,
    NEW_CLASS,
    VERDICT,
    Row,
    Sheet,
)
from nast.items.review.workbook import CLASSES, NOT_ASKED, verdicts_of

SHOWN = 40
"""Problems that a message lists; the rest are counted."""


class Rating(NamedTuple):
    """What one reviewer says of one row.

    Attributes:
        checks: check -> whether it holds; of the checks that apply.
        verdict: accept, edit or reject.
        edits: column -> corrected text, of those that differ from the present one.
        comment: as given.
        place: file, sheet and row, for messages.
    """

    checks: dict[str, bool]
    verdict: str
    edits: dict[str, str]
    comment: str
    place: str


class Review(NamedTuple):
    """One reviewer's file.

    Attributes:
        reviewer: the name as given.
        ratings: row id -> rating, of the rows that were filled in.
        comments: row id -> comment, of any row.
    """

    reviewer: str
    ratings: dict[str, Rating]
    comments: dict[str, str]


def problem(place: str, found: str, expected: str) -> str:
    """One line of the report of problems."""
    return f"{place}: found {found}, expected {expected}"


def place_of(file: Path, sheet: str, row: int | None = None, column: str | None = None) -> str:
    """Where something stands, as a spreadsheet program shows it."""
    text = f"{file}, sheet {sheet!r}"
    text += f", row {row}" if row is not None else ""
    return text + (f", column {column!r}" if column is not None else "")


def report_of(problems: Sequence[str]) -> str:
    """All problems in one message."""
    lines = [f"{len(problems)} problems in the review files; nothing was written"]
    lines += [f"  {p}" for p in problems[:SHOWN]]
    lines += [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return "\n".join(lines)


def origin_of(returned: Returned, labels: Sequence[str]) -> Origin | None:
    """What a file says that it was made from; None where a cell does not hold it."""
    build, *numbers = (returned.first.get(label, "").strip() for label in labels)
    if not build or not all(n.isdecimal() and n.isascii() for n in numbers):
        return None
    return Origin(build, *map(int, numbers))


def review_of(returned: Returned, sheets: Sequence[Sheet]) -> tuple[Review, list[str]]:
    """What a reviewer says, and everything that is wrong with the file.

    Args:
        returned: the file.
        sheets: as they went out.
    """
    problems: list[str] = []
    name = returned.first.get(NAME, "").strip()
    if not name or name == FORMULA:
        problems.append(
            problem(
                place_of(returned.path, FIRST),
                "no name beside " + repr(NAME),
                "the name of the reviewer: write it there and save",
            )
        )
    ratings: dict[str, Rating] = {}
    comments: dict[str, str] = {}
    for sheet in sheets:
        missing = [c for c in sheet.header if c not in returned.headers[sheet.name]]
        if missing:
            problems.append(
                problem(
                    place_of(returned.path, sheet.name, 1),
                    f"no column {', '.join(map(repr, missing))}",
                    "the header as it was exported: put it back",
                )
            )
            continue
        for row, line in _matched(returned, sheet, problems):
            rating, found = _rating(row, line, sheet, returned.path)
            problems += found
            if rating:
                ratings[row.id] = rating
            if line.cells[COMMENT].strip():
                comments[row.id] = line.cells[COMMENT].strip()
    if not ratings and not problems:
        problems.append(
            problem(str(returned.path), "no row filled in", "a review; leave an empty file out")
        )
    return Review(name, ratings, comments), problems


def _matched(returned: Returned, sheet: Sheet, problems: list[str]) -> Iterator[tuple[Row, Line]]:
    """Each row that went out with its line; what does not fit is added to the problems."""
    rows = {row.id: row for row in sheet.rows}
    seen: dict[str, int] = {}
    for line in returned.lines[sheet.name]:
        id_ = line.cells[ID]
        place = place_of(returned.path, sheet.name, line.number, ID)
        if id_ not in rows:
            problems.append(
                problem(
                    place,
                    shown(id_),
                    "an id of the exported sheet: ids must not be changed, and rows not be added",
                )
            )
        elif id_ in seen:
            problems.append(
                problem(
                    place,
                    f"the id of row {seen[id_]} again",
                    "each row once: remove one of the two",
                )
            )
        else:
            seen[id_] = line.number
            yield rows[id_], line
    lost = [i for i in rows if i not in seen]
    if lost:
        problems.append(
            problem(
                place_of(returned.path, sheet.name),
                f"{len(lost)} rows missing, the first of them {lost[0]!r}",
                "all rows: a row may stay empty but not be deleted; copy it from the exported file",
            )
        )


def _rating(row: Row, line: Line, sheet: Sheet, file: Path) -> tuple[Rating | None, list[str]]:
    cells, place = line.cells, place_of(file, sheet.name, line.number)
    found = [
        _at(
            place,
            column,
            shown(cells[column]) if cells[column] != FORMULA else "a formula",
            "the text as exported: fixed cells must not be changed; copy it from the exported file",
        )
        for column, text in row.fixed.items()
        if cells[column] != text
    ]
    given = {c: cells[c].strip() for c in sheet.header if c not in row.fixed}
    found += [
        _at(place, c, "a formula", "words; in a spreadsheet begin them with an apostrophe")
        for c, text in given.items()
        if text == FORMULA
    ]
    found += [
        _at(place, column, shown(text), "nothing: the row is not open for it")
        for column, text in given.items()
        if text not in ("", NOT_ASKED, FORMULA) and not _applies(row, column)
    ]
    checks = {name: given[CHECKS[name]].lower() for name in row.checks}
    verdict = given[VERDICT].lower()
    edits = {c: given[c] for c, now in row.edits.items() if given[c] not in ("", now)}
    answers = {**{CHECKS[name]: value for name, value in checks.items()}, VERDICT: verdict}
    if not any(answers.values()) and not edits:
        return None, found
    found += _unfilled(place, answers, row)
    found += _edit_faults(place, verdict, edits)
    held = {name: value == "yes" for name, value in checks.items()}
    return Rating(held, verdict, edits, given[COMMENT], place), found


def _applies(row: Row, column: str) -> bool:
    if column in (VERDICT, COMMENT) or column in row.edits:
        return True
    return column in {CHECKS[name] for name in row.checks}


def _unfilled(place: str, answers: Mapping[str, str], row: Row) -> Iterator[str]:
    """What is missing or unknown in a row that was begun."""
    for column, value in answers.items():
        words = verdicts_of(row) if column == VERDICT else ("yes", "no")
        if value not in (*words, FORMULA):
            expected = f"one of {', '.join(words)}"
            if not value:
                expected += ", for the row is begun: fill it in whole, or empty it"
            yield _at(place, column, shown(value), expected)


def _edit_faults(place: str, verdict: str, edits: Mapping[str, str]) -> Iterator[str]:
    if verdict == EDIT and not edits:
        yield _at(
            place,
            VERDICT,
            "edit and no corrected text that differs from the present one",
            "a correction in this row, or another verdict",
        )
    if verdict != EDIT and edits:
        yield _at(
            place,
            next(iter(edits)),
            "a correction and no verdict 'edit'",
            "the verdict edit, or no correction",
        )
    if edits.get(NEW_CLASS, CLASSES[0]) not in (*CLASSES, FORMULA):
        yield _at(place, NEW_CLASS, shown(edits[NEW_CLASS]), f"one of {', '.join(CLASSES)}")


def _at(place: str, column: str, found: str, expected: str) -> str:
    return problem(f"{place}, column {column!r}", found, expected)


def another_build(returned: Returned, build: str) -> str:
    """The problem of a file that belongs to other questions."""
    return problem(
        f"{place_of(returned.path, FIRST)}, line {BUILD!r}",
        shown(returned.first.get(BUILD, "")),
        f"{build!r}: the file was made from another build of the questions; import it "
        "with the folder it was exported from",
    )
