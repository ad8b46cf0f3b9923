"""Reads a review file that came back, within bounds."""

import io
import json
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import polars as pl
from openpyxl import load_workbook

from nast.errors import InputError
from nast.items.review.sheets import FIRST, SHEETS

FORMULA = "\0formula"
"""Stands for a cell that holds a formula: no text can be equal to it."""
SLACK, TIMES = 2**22, 8
"""Room for what programs add to every workbook, and for what they make of each byte of a text."""
LAST = 2**20
"""Rows that a sheet can have."""
MEDIA, PICTURES = "xl/media/", 2**27
"""Where a workbook has its films, and how many bytes it may bring back; they are not read."""


class Returned(NamedTuple):
    """A file that came back.

    Attributes:
        path: the workbook, or the decisions that a page has saved.
        sheets: name -> its rows that hold text: their number in the spreadsheet, and the cells.
        whole: everything that was shown is in it; decisions hold its hash in its place.
    """

    path: Path
    sheets: dict[str, list[tuple[int, list[str]]]]
    whole: bool = True

    def first(self, label: str) -> str:
        """What stands beside a label of the first page; blank where nothing does."""
        texts = (row[1] for _, row in self.sheets[FIRST] if row[0] == label and len(row) > 1)
        return next(texts, "")

    def header(self, name: str) -> list[str]:
        """The columns of a sheet; none where its first row is blank."""
        number, row = self.sheets[name][0]
        return [text.strip() for text in row] if number == 1 else []

    def lines(self, name: str) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows of a sheet below its header: number, and column -> text."""
        header = self.header(name)
        for number, row in self.sheets[name][1:]:
            yield number, dict(zip(header, [*row, *[""] * len(header)], strict=False))


def room_for(items: pl.DataFrame) -> int:
    """How many bytes a review file of a table of items may hold when it comes back.

    It is several times what was exported, whatever a spreadsheet program makes of it.
    """
    return SLACK + TIMES * int(items["options"].explode().str.len_bytes().sum())


def read_returned(path: Path, room: int) -> Returned:
    """Read a review file.

    Args:
        path: a workbook, or the decisions of a page (`decisions.json`).
        room: bytes, unpacked, and cells and characters beyond which nothing more is read; see
            `room_for`.

    Raises:
        InputError: the file cannot be read or is too large, or a sheet is missing.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise InputError(path, found=found, expected="a filled review file (.xlsx, .json)")
    whole = path.suffix.lower() != ".json"
    sheets = _sheets(path, room) if whole else _decisions(path, room)
    for name in (FIRST, *SHEETS):
        if not sheets.get(name):
            raise InputError(
                path,
                found=f"no sheet {name!r}",
                expected="all sheets of the exported file, under their names",
            )
    return Returned(path, sheets, whole)


def _decisions(path: Path, room: int) -> dict[str, list[tuple[int, list[str]]]]:
    """The decisions of a page as the rows of a workbook: the first of a sheet is its header."""
    _refuse_beyond(room, path.stat().st_size, path)
    try:
        found = json.loads(path.read_bytes())
        first = [(n, [label, text]) for n, (label, text) in enumerate(found[FIRST].items(), 1)]
        sheets = {FIRST: first}
        for name in SHEETS:
            header = list(found[name][0])
            lines = [[line[column] for column in header] for line in found[name]]
            sheets[name] = list(enumerate([header, *lines], 1))
        if not all(isinstance(c, str) for rows in sheets.values() for _, row in rows for c in row):
            raise TypeError
    # Whatever is not built like the file that a page saves.
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise InputError(
            path,
            found="no decisions of a review page",
            expected="decisions.json as the page saves it",
        ) from None
    return sheets


def _sheets(path: Path, room: int) -> dict[str, list[tuple[int, list[str]]]]:
    _refuse_beyond(room + PICTURES, path.stat().st_size, path)
    try:
        # From memory: the library leaves the file of a damaged archive open.
        data = io.BytesIO(path.read_bytes())
        # Programs save parts that openpyxl does not know and warns of; no text is among them.
        with warnings.catch_warnings(), ZipFile(data) as parts:
            warnings.simplefilter("ignore")
            films = [p.file_size for p in parts.infolist() if p.filename.startswith(MEDIA)]
            whole = sum(part.file_size for part in parts.infolist())
            _refuse_beyond(room, whole - sum(films), path)
            # What is called a film may be read as something else: films hardly pack.
            _refuse_beyond(path.stat().st_size + room, sum(films), path)
            book = load_workbook(data, read_only=True, keep_links=False)
            pages = [page for page in book.worksheets if page.title in (FIRST, *SHEETS)]
            return {page.title: _filled(_cells(page), room, path) for page in pages}
    except InputError:
        raise
    except Exception:
        # A damaged file can break the archive, the XML or what it says: the library has no error
        # of its own for that.
        raise InputError(
            path,
            found="no workbook that can be read",
            expected="a file saved as .xlsx",
        ) from None


def _cells(page: Any) -> Iterator[list[str]]:
    # A sheet states its size, and need not say the truth.
    page.reset_dimensions()
    for row in page.iter_rows():
        texts = ("" if cell.value is None else str(cell.value) for cell in row)
        yield [FORMULA if c.data_type == "f" else t for c, t in zip(row, texts, strict=True)]


def _filled(rows: Iterable[list[str]], room: int, path: Path) -> list[tuple[int, list[str]]]:
    """The rows that hold text, without the blank cells at their end, while there is room."""
    found, read = [], 0
    for number, row in enumerate(rows, 1):
        read += len(row) + sum(map(len, row))
        _refuse_beyond(room, read, path)
        if number > LAST:
            raise InputError(path, found=f"more than {LAST:,} rows", expected="the rows exported")
        while row and not row[-1]:
            row.pop()
        if any(cell.strip() for cell in row):
            row = [cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row]
            found.append((number, row))
    return found


def _refuse_beyond(room: int, size: int, path: Path) -> None:
    if size > room:
        raise InputError(
            path,
            found=f"{size:,} bytes or cells, unpacked",
            expected=f"at most {room:,}, several times what was exported: remove pictures and "
            "whatever else was added, or copy the answers into the exported file",
        )
