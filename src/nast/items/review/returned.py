"""Reads a review file that came back: a workbook, or a folder with its CSV files."""

import csv
import io
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from openpyxl import load_workbook

from nast.errors import InputError
from nast.items.review.first_page import FIRST
from nast.items.review.workbook import csv_name, unguarded

FORMULA = "\0formula"
"""Stands for a cell that holds a formula: no text can be equal to it."""


class Line(NamedTuple):
    """One row as it came back: its number in the spreadsheet, and column -> text."""

    number: int
    cells: dict[str, str]


class Returned(NamedTuple):
    """A file that came back.

    Attributes:
        path: the workbook or folder.
        first: label -> text of the first page.
        headers: sheet -> its columns.
        lines: sheet -> its rows; rows without any text are left out.
    """

    path: Path
    first: dict[str, str]
    headers: dict[str, list[str]]
    lines: dict[str, list[Line]]


def files_of(path: Path) -> list[Path]:
    """The files that a review consists of: the workbook, or the CSV files of the folder."""
    return sorted(path.glob("*.csv")) if path.is_dir() else [path]


def read_returned(path: Path, names: Sequence[str]) -> Returned:
    """Read a review file.

    Args:
        path: a workbook, or a folder of CSV files.
        names: of the sheets.

    Raises:
        InputError: the file cannot be read, or a sheet is missing.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(path, found="no such file", expected="a filled review file (.xlsx)")
    tables = _csv_tables(path, [FIRST, *names]) if path.is_dir() else _workbook_tables(path)
    for name in (FIRST, *names):
        if not tables.get(name):
            raise InputError(
                path,
                found=f"no sheet {name!r}",
                expected="all sheets of the file "
                "of nast benchmark review export, under their names",
            )
    first = {row[0]: row[1] if len(row) > 1 else "" for row in reversed(tables[FIRST]) if row}
    headers = {name: _trimmed(tables[name][0]) for name in names}
    lines = {name: list(_lines(headers[name], tables[name][1:])) for name in names}
    return Returned(path, first, headers, lines)


def _lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[Line]:
    for number, row in enumerate(rows, 2):
        if any(text.strip() for text in row):
            cells = dict(zip(header, [*row, *[""] * len(header)], strict=False))
            yield Line(number, cells)


def _trimmed(header: Sequence[str]) -> list[str]:
    """A header without the blank columns that programs leave at its end."""
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    return names


def _workbook_tables(path: Path) -> dict[str, list[list[str]]]:
    try:
        # Programs save parts that openpyxl does not know and warns of; no text is among them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # From memory: the library leaves the file of a damaged archive open.
            book = load_workbook(io.BytesIO(path.read_bytes()), keep_links=False)
            return {
                page.title: [[_text(cell) for cell in row] for row in page.iter_rows()]
                for page in book.worksheets
            }
    except Exception:
        # A damaged file can break the archive, the XML or what it says: the library has no error
        # of its own for that.
        raise InputError(
            path,
            found="no workbook that can be read",
            expected="a file saved as .xlsx, or a folder with its CSV files",
        ) from None


def _text(cell) -> str:  # type: ignore[no-untyped-def]
    if cell.data_type == "f":
        return FORMULA
    return "" if cell.value is None else _lines_fed(str(cell.value))


def _csv_tables(folder: Path, names: Iterable[str]) -> dict[str, list[list[str]]]:
    tables = {}
    for name in names:
        path = folder / csv_name(name)
        if path.is_file():
            tables[name] = _read_csv(path)
    return tables


def _read_csv(path: Path) -> list[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(path, found="no UTF-8", expected="a file saved as CSV UTF-8") from None
    # A program set to a language with decimal commas separates cells by semicolons.
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(path, found=f"no CSV ({error})", expected="a CSV file") from None
    return [[_lines_fed(unguarded(cell)) for cell in row] for row in rows]


def _lines_fed(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
