"""Review sheets as a workbook for a spreadsheet program, and the same columns as CSV files."""

import csv
import re
from collections.abc import Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import get_args
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from nast.errors import InputError
from nast.facts.conditions import PhraseClass
from nast.files import atomic
from nast.items.review.first_page import FIRST, NAME
from nast.items.review.sheets import (
    ACCEPT,
    CHECKS,
    COMMENT,
    EDIT,
    NEW_CLASS,
    REJECT,
    VERDICT,
    Row,
    Sheet,
)

CLASSES = get_args(PhraseClass)
_TIMES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
NOT_ASKED = "n/a"
"""Stands in a check that does not apply to a row."""
LONGEST = 32_767
"""Characters that a cell of a workbook can hold."""
_DANGER = tuple("=+-@\t\r")
"""A spreadsheet program takes a CSV cell that begins so for a formula (OWASP, CSV injection)."""
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_|x005F_")
"""What a workbook cannot hold, or what its readers take for an escape."""
_FILL = PatternFill("solid", fgColor="FFF7D6")
_HEAD = PatternFill("solid", fgColor="DCE6F1")
_GREY = Font(color="808080")
_TOP = Alignment(wrap_text=True, vertical="top")
_OPEN = Protection(locked=False)
_WIDTHS = {
    "Id": 22,
    "Version": 14,
    "Negated form": 52,
    "Affirmative form": 62,
    "Must say": 46,
    "Image": 44,
    "Labels of the image": 34,
    "Stem": 26,
    "Comment": 44,
    "Condition": 20,
    "Option set": 20,
    "Corrected phrase": 30,
}
_HEIGHT = 15
"""Points of one line of text."""


def write_workbook(path: Path, first: Sequence[tuple[str, str]], sheets: Sequence[Sheet]) -> None:
    """Write the workbook, whole or not at all. Every cell is text; none is a formula.

    Args:
        path: the .xlsx file.
        first: lines of the first page.
        sheets: what follows it.

    Raises:
        InputError: a text that a workbook cannot hold.
    """
    book = Workbook()
    page = book.worksheets[0]
    page.title = FIRST
    _write_first(page, first)
    for sheet in sheets:
        _write_sheet(book.create_sheet(sheet.name), sheet)
    written = BytesIO()
    book.save(written)
    with atomic(path) as temporary:
        _without_times(written, temporary)


def _without_times(written: BytesIO, path: Path) -> None:
    """The same workbook without the times of its writing: the same questions, the same bytes."""
    with ZipFile(written) as book, ZipFile(path, "w", ZIP_DEFLATED) as timeless:
        for name in book.namelist():
            data = book.read(name)
            if name == "docProps/core.xml":
                data = _TIMES.sub(rb"\g<1>1980-01-01T00:00:00Z", data)
            # The entry of a name without more has the first time that an archive knows.
            timeless.writestr(ZipInfo(name), data, ZIP_DEFLATED)


def _write_first(page: Worksheet, lines: Sequence[tuple[str, str]]) -> None:
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 24, 110
    for number, (label, text) in enumerate(lines, 1):
        _put(page.cell(number, 1), label).font = Font(bold=True, size=14 if number == 1 else 11)
        cell = _put(page.cell(number, 2), text)
        page.row_dimensions[number].height = _HEIGHT * max(1, -(-len(text) // 105)) + 3
        if label == NAME:
            _open(cell)
        if text.isupper() or text.startswith("SHEET"):
            cell.font = Font(bold=True)
    page.protection.enable()


def _write_sheet(page: Worksheet, sheet: Sheet) -> None:
    header = sheet.header
    for column, name in enumerate(header, 1):
        cell = _put(page.cell(1, column), name)
        cell.font, cell.fill = Font(bold=True), _HEAD
        page.column_dimensions[get_column_letter(column)].width = _width(name)
    for number, row in enumerate(sheet.rows, 2):
        for column, name in enumerate(header, 1):
            cell = _put(page.cell(number, column), content(row, name))
            if open_to_reviewers(row, name):
                _open(cell)
            elif name not in sheet.fixed[1:-1]:
                cell.font = _GREY
        page.row_dimensions[number].height = _height(row)
    page.freeze_panes = "B2"
    page.auto_filter.ref = f"A1:{get_column_letter(len(header))}{len(sheet.rows) + 1}"
    _offer(page, sheet)
    page.protection.enable()
    # Locked cells, but columns may be widened, rows heightened and rows filtered.
    page.protection.formatColumns = page.protection.formatRows = False
    page.protection.autoFilter = False


def content(row: Row, column: str) -> str:
    """What a cell holds when it goes out."""
    if column in row.fixed:
        return row.fixed[column]
    asked = open_to_reviewers(row, column)
    return "" if asked or column not in CHECKS.values() else NOT_ASKED


def open_to_reviewers(row: Row, column: str) -> bool:
    """Whether a reviewer fills in the cell."""
    checks = {CHECKS[name] for name in row.checks}
    return column in (VERDICT, COMMENT) or column in checks or column in row.edits


def verdicts_of(row: Row) -> tuple[str, ...]:
    """The verdicts that a row can get."""
    return (ACCEPT, EDIT, REJECT) if row.edits else (ACCEPT, REJECT)


def check_text(text: str, where: str) -> str:
    """Refuse a text that would not come back as it went out.

    Raises:
        InputError: control characters, escapes of the file format, or more than 32,767 characters.
    """
    if _UNFIT.search(text) or len(text) > LONGEST:
        raise InputError(
            where,
            found="control characters or a text beyond 32,767 characters",
            expected="text that a spreadsheet can hold",
        )
    return text


def _put(cell: Cell, text: str) -> Cell:
    """Text as text: "=1" stays "=1", here and when a person edits the cell."""
    cell.alignment = _TOP
    if text:
        cell.value = check_text(text, "a cell of the review file")
        cell.data_type = "s"
        cell.quotePrefix = text.startswith(_DANGER)
    return cell


def _open(cell: Cell) -> None:
    cell.fill, cell.protection = _FILL, _OPEN
    # Without it, a program makes a date or a number of what is typed.
    cell.number_format = "@"


def _width(name: str) -> int:
    return _WIDTHS.get(name, 40 if name.startswith("Corrected ") and "form" in name else 14)


def _height(row: Row) -> float:
    lines = max(
        sum(1 + len(line) // int(_width(name) * 1.05) for line in text.split("\n"))
        for name, text in row.fixed.items()
    )
    return min(400, _HEIGHT * lines + 3)


def _offer(page: Worksheet, sheet: Sheet) -> None:
    """Drop-down lists; a program refuses other words."""
    both = tuple(row for row in sheet.rows if row.edits)
    for name in sheet.header:
        if name in CHECKS.values():
            _list(page, sheet, name, ("yes", "no"), sheet.rows)
        elif name == NEW_CLASS:
            _list(page, sheet, name, CLASSES, both)
        elif name == VERDICT:
            _list(page, sheet, name, (ACCEPT, EDIT, REJECT), both)
            _list(page, sheet, name, (ACCEPT, REJECT), [r for r in sheet.rows if not r.edits])


def _list(
    page: Worksheet, sheet: Sheet, column: str, words: Sequence[str], rows: Sequence[Row]
) -> None:
    chosen = {row.id for row in rows if open_to_reviewers(row, column)}
    letter = get_column_letter(sheet.header.index(column) + 1)
    offer = DataValidation(
        type="list",
        formula1=f'"{",".join(words)}"',
        allow_blank=True,
        showErrorMessage=True,
        errorTitle="Please choose",
        error=f"One of: {', '.join(words)}",
    )
    numbers = [number for number, row in enumerate(sheet.rows, 2) if row.id in chosen]
    # Ranges, not cells: programs limit the length of this list.
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        places = [number for _, number in run]
        offer.add(f"{letter}{places[0]}:{letter}{places[-1]}")
    if numbers:
        page.add_data_validation(offer)


def csv_name(sheet: str) -> str:
    """The CSV file of a sheet: `option_sets.csv`."""
    return sheet.lower().replace(" ", "_") + ".csv"


def write_csv_twins(
    folder: Path, first: Sequence[tuple[str, str]], sheets: Sequence[Sheet]
) -> None:
    """Write the first page and every sheet as CSV (UTF-8 with byte order mark, for Excel).

    A cell that begins as a formula does gets an apostrophe in front; reading takes it off again.
    """
    _write_rows(folder / csv_name(FIRST), first)
    for sheet in sheets:
        lines = [[content(row, name) for name in sheet.header] for row in sheet.rows]
        _write_rows(folder / csv_name(sheet.name), [sheet.header, *lines])


def _write_rows(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([[guarded(check_text(c, path.name)) for c in row] for row in rows])


def guarded(text: str) -> str:
    """A CSV cell that no spreadsheet program takes for a formula."""
    return f"'{text}" if text.startswith((*_DANGER, "'")) else text


def unguarded(text: str) -> str:
    """The reverse of `guarded`; the apostrophe of "'tis" is left alone."""
    return text[1:] if text.startswith("'") and text[1:].startswith((*_DANGER, "'")) else text
