"""A review file: a workbook for a spreadsheet program."""

import base64
import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import get_args
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.drawing.image import Image as Picture
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from nast.errors import InputError
from nast.facts.conditions import PhraseClass
from nast.files import atomic
from nast.items.review.sheets import CHECKS, COMMENT, FIRST, NEW_CLASS, VERDICT, Sheet

NAME = "Your name"
"""Label of the cell of the first page that a reviewer fills in."""
CLASSES = get_args(PhraseClass)
FILM = "Film"
"""The column of the pictures."""
LONGEST = 32_767
"""Characters that a cell of a workbook can hold."""
_DANGER = tuple("=+-@\t\r")
"""A spreadsheet program takes what is typed so for a formula (OWASP, CSV injection)."""
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_|x005F_")
"""What a workbook cannot hold, or what its readers take for an escape."""
_TIMES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_YELLOW, _BOLD = PatternFill("solid", fgColor="FFF7D6"), Font(bold=True)
_TOP = Alignment(wrap_text=True, vertical="top")
Lines = Sequence[tuple[str, str]]
"""The first page: a label and a text per line."""


def write_workbook(
    path: Path, first: Lines, sheets: Sequence[Sheet], films: Mapping[str, str] | None = None
) -> None:
    """Write the workbook, whole or not at all. Every cell is text; none is a formula.

    Args:
        path: the workbook.
        first: the lines of its first page.
        sheets: the others.
        films: image path -> JPEG as base64, shown beside the rows that name the image.

    Raises:
        InputError: a text that a workbook cannot hold.
    """
    book = Workbook()
    page = book.worksheets[0]
    page.title = FIRST
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 24, 110
    for number, (label, text) in enumerate(first, 1):
        _put(page.cell(number, 1), label).font = _BOLD
        _put(page.cell(number, 2), text, is_open=label == NAME)
    for sheet in sheets:
        _write_sheet(book.create_sheet(sheet.name), sheet, films or {})
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


def _write_sheet(page: Worksheet, sheet: Sheet, films: Mapping[str, str]) -> None:
    offers = {
        **dict.fromkeys(CHECKS.values(), ("yes", "no")),
        VERDICT: sheet.verdicts,
        NEW_CLASS: CLASSES,
    }
    pictured = [row.fixed.get("Image", "") in films for row in sheet.rows]
    # Beside the image's path; whoever reads the sheet goes by names of columns.
    header = [n for name in sheet.header for n in ([name, FILM] if name == "Image" else [name])]
    for column, name in enumerate(header if any(pictured) else sheet.header, 1):
        letter = get_column_letter(column)
        page.column_dimensions[letter].width = 44 if " form" in name or name == COMMENT else 18
        _put(page.cell(1, column), name).font = _BOLD
        for number, row in enumerate(sheet.rows, 2):
            text = row.fixed.get(name, "")
            is_open = name not in row.fixed and name != FILM
            _put(page.cell(number, column), text, is_open=is_open)
            if name == FILM and pictured[number - 2]:
                _put_film(page, f"{letter}{number}", films[row.fixed["Image"]])
        if name in offers:
            listed = f'"{",".join(offers[name])}"'
            offer = DataValidation(type="list", formula1=listed, showErrorMessage=True)
            offer.add(f"{letter}2:{letter}{len(sheet.rows) + 1}")
            page.add_data_validation(offer)
    page.freeze_panes = "B2"


def _put_film(page: Worksheet, place: str, film: str) -> None:
    picture = Picture(BytesIO(base64.b64decode(film)))
    page.add_image(picture, place)
    # Points are 3/4 of a pixel; a column's width counts letters of about 7 pixels.
    height = page.row_dimensions[int(re.sub("[A-Z]", "", place))]
    height.height = max(height.height or 0, picture.height * 0.75 + 4)
    width = page.column_dimensions[re.sub("[0-9]", "", place)]
    width.width = max(width.width or 0, picture.width / 7 + 1)


def _put(cell: Cell, text: str, is_open: bool = False) -> Cell:
    """Text as text: "=1" stays "=1", here and when a person edits the cell."""
    cell.alignment = _TOP
    if text:
        cell.value = check_text(text)
        cell.data_type = "s"
        cell.quotePrefix = text.startswith(_DANGER)
    if is_open:
        cell.fill = _YELLOW
        # Without it, a program makes a date or a number of what is typed.
        cell.number_format = "@"
    return cell


def check_text(text: str) -> str:
    """Refuse a text that would not come back as it went out.

    Raises:
        InputError: control characters, escapes of the file format, or more than 32,767 characters.
    """
    if _UNFIT.search(text) or len(text) > LONGEST:
        raise InputError(
            "a cell of the review file",
            found="control characters or a text beyond 32,767 characters",
            expected="text that a spreadsheet can hold",
        )
    return text
