"""Label tables as people have them: read strictly, as text, and checked cell by cell."""

import csv
import difflib
import io
import re
from pathlib import Path

import polars as pl

from nast.errors import InputError, shown
from nast.sources.io.dialect import header_cells, without_sep_line
from nast.sources.io.packed import DAMAGE, GZIP, Unpacked

LABEL_OF = {
    **dict.fromkeys(("1", "1.0", "1,0"), "present"),
    **dict.fromkeys(("0", "0.0", "0,0"), "absent"),
    **dict.fromkeys(("-1", "-1.0", "-1,0"), "uncertain"),
    "": "not_mentioned",
}
MOST = 2**30
"""Bytes. MIMIC's largest table has 60 million; a larger file is no table."""
MOST_CELLS = 100_000_000
"""A table of a million rows may have a hundred columns."""
LONGEST_LINE = 16 * 2**20
"""Bytes. A table with a longer line is none; it is refused before it fills the memory."""


def read_text(
    path: Path, expected: str, encoding: str = "", remedy: str = "save the file as UTF-8"
) -> str:
    """A text file, plain or gzip, in UTF-8 with or without a byte order mark, or another encoding.

    `expected` and `remedy` say in messages what the file should be, and what mends its bytes.

    Raises:
        InputError: the file is missing, cut, not in the encoding, one endless line or too large.
    """
    data = read_bytes(path, expected)
    try:
        return data.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        # Count in pieces: the offending bytes themselves may be a name.
        row = error.object[: error.start].count(b"\n")
        name = encoding or "UTF-8"
        found = f"bytes that are not {name} ({error.reason}) in line {row + 1}"
        raise InputError(path, found=found, expected=f"{name} text; {remedy}") from None


def read_bytes(path: Path, expected: str) -> bytes:
    """The bytes of a file of lines, unpacked where it is gzip.

    Raises:
        InputError: the file is missing or cut, one endless line or too large.
    """
    try:
        data, line = bytearray(), 0
        with Unpacked(path, (GZIP,)) as file:
            while chunk := file.read(2**20):
                data += chunk
                line = len(chunk) - chunk.rfind(b"\n") if b"\n" in chunk else line + len(chunk)
                for size, most, what in ((line, LONGEST_LINE, "a line"), (len(data), MOST, "text")):
                    if size > most:
                        found = f"{what} of more than {most >> 20} MiB"
                        raise InputError(path, found=found, expected=expected)
        return bytes(data)
    except DAMAGE:
        found, whole = "a gzip file that ends early or is damaged", "a whole file; fetch it again"
        raise InputError(path, found=found, expected=whole) from None
    except OSError as error:
        found = (error.strerror or "no such file").lower()
        raise InputError(path, found=found, expected=expected) from None


def read_csv(path: Path, required: list[str], separator: str = ",") -> pl.DataFrame:
    """A CSV file, plain or gzip, as strings; empty cells are "".

    A file that a spreadsheet saved with semicolons or tabs is known by the required columns.

    Raises:
        InputError: the file cannot be read as text, is no table, or lacks a column.
    """
    text, named = without_sep_line(read_text(path, "a table"))
    if named:
        separator = named
    elif separator == "," and not set(required) <= set(header_cells(text, ",")):
        others = (other for other in ";\t" if set(required) <= set(header_cells(text, other)))
        separator = next(others, separator)
    rows = parse_csv(text, path, separator)
    require_columns(rows, path, required)
    refuse_ragged(text, path, separator)
    return rows


def parse_csv(text: str, path: Path, separator: str) -> pl.DataFrame:
    """The text of a table as strings; empty cells are "". Rows that are too short are filled up.

    Raises:
        InputError: it is no table, or would have more than `MOST_CELLS` cells.
    """
    columns, lines = len(header_cells(text, separator)), text.count("\n")
    if columns * lines > MOST_CELLS:
        # The library fills up short rows: a small file could fill the memory.
        found = f"{columns:,} columns and {lines:,} lines"
        raise InputError(path, found=found, expected=f"at most {MOST_CELLS:,} cells")
    try:
        rows = pl.read_csv(text.encode(), infer_schema=False, separator=separator)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        # The library's own message quotes the row.
        expected = f"rows of equal length, cells parted by {separator!r}"
        found = "no table, or a row with too many cells"
        raise InputError(path, found=found, expected=expected) from None
    return rows.with_columns(pl.all().fill_null("").str.strip_chars())


def require_columns(rows: pl.DataFrame, path: Path, required: list[str]) -> None:
    """Refuse a table without one of the required columns.

    Raises:
        InputError: names the column, and one that is written much like it. Other headings are
            not shown: without a heading the first patient would stand there.
    """
    for name in required:
        if f"{name}_duplicated_0" in rows.columns:
            raise InputError(path, found="a column twice", expected="each once", column=name)
        if name not in rows.columns:
            words = [c.lower() for c in rows.columns if not re.search(r"[^a-z _/-]", c.lower())]
            near = difflib.get_close_matches(name.lower(), words, 1)
            found = f"{len(rows.columns)} others" + (f", such as {near[0]!r}" if near else "")
            raise InputError(path, found=found, expected="the column", column=name)


def refuse_ragged(text: str, path: Path, separator: str) -> None:
    """Refuse rows with fewer cells than named columns; the table reader would fill in blanks."""
    # NIH's table of boxes ends its header with three commas more than its rows.
    header = header_cells(text, separator)
    width = max((n for n, name in enumerate(header, 1) if name.strip()), default=0)
    if '"' in text:
        # Cells in quotes may hold separators and line breaks; the standard reader knows them.
        limit = csv.field_size_limit(LONGEST_LINE)
        try:
            lengths = enumerate(map(len, csv.reader(io.StringIO(text), delimiter=separator)))
            short = next(((n, c) for n, c in lengths if n and 0 < c < width), None)
        except csv.Error:
            raise InputError(path, found="quotes that do not end", expected="a table") from None
        finally:
            csv.field_size_limit(limit)
    else:
        lines = enumerate(text.split("\n"))
        cells = ((n, line.count(separator) + 1) for n, line in lines if n and line.strip("\r"))
        short = next(((n, c) for n, c in cells if c < width), None)
    if short:
        row, found = short
        expected = f"{width}, rows of equal length"
        raise InputError(path, found=f"{found} cells", expected=expected, row=row)


def refuse_where(wrong: pl.Series, cells: pl.Series, path: Path, expected: str) -> None:
    """Refuse a column in which a cell is wrong (true in `wrong`), and name what is expected.

    Raises:
        InputError: at the first wrong cell.
    """
    row = wrong.arg_max()
    if row is not None and wrong[row]:
        raise InputError(
            path, found=shown(cells[row]), expected=expected, row=row + 1, column=cells.name
        )


def whole_ids(rows: pl.DataFrame, path: Path, columns: list[str]) -> pl.DataFrame:
    """Ids as whole numbers in text; those that a spreadsheet saved as floats are mended.

    Raises:
        InputError: an id is no whole number.
    """
    rows = rows.with_columns(pl.col(columns).str.replace(r"[.,]0*$", ""))
    for name in columns:
        cells = rows.get_column(name)
        refuse_where(~cells.str.contains(r"^[0-9]+$"), cells, path, "a whole number")
    return rows


def one_of(rows: pl.DataFrame, path: Path, column: str, allowed: list[str], expected: str) -> None:
    """Refuse a table in which a cell of a column is not one of the allowed words.

    Raises:
        InputError: at the first other cell.
    """
    cells = rows.get_column(column)
    refuse_where(~cells.is_in(allowed), cells, path, expected)


def labels_from(rows: pl.DataFrame, path: Path, columns: list[str]) -> list[pl.Expr]:
    """Expressions that turn label columns (1, 0, -1, blank) into the four label names.

    Raises:
        InputError: a cell is none of 1, 0, -1 and blank.
    """
    for column in columns:
        one_of(rows, path, column, list(LABEL_OF), "1, 0, -1 or blank")
    return [pl.col(name).replace_strict(LABEL_OF, return_dtype=pl.String) for name in columns]


def cells_of(labels: pl.DataFrame, *values: str) -> int:
    """How many cells of label columns hold one of some labels."""
    return int(labels.select(pl.sum_horizontal(pl.all().is_in(values).sum())).item())


def refuse_duplicates(rows: pl.DataFrame, path: Path, key: list[str]) -> None:
    """Refuse a table in which a key stands twice.

    Raises:
        InputError: names the first repeated row.
    """
    numbered = rows.with_row_index("row", 1)
    again = numbered.filter(~pl.struct(key).is_first_distinct())
    if len(again):
        row = again["row"][0]
        keys = dict(zip(key, again.select(key).row(0), strict=True))
        first = numbered.filter(**keys)["row"][0]
        raise InputError(
            path,
            found=f"the same {' and '.join(key)} as row {first}",
            expected="each once",
            row=row,
        )


def refuse_split_patients(studies: pl.DataFrame, path: Path | str, hint: str = "") -> None:
    """Refuse studies in which one patient is in two splits; `hint` ends the message.

    Raises:
        InputError: counts the patients; their ids are not printed.
    """
    splits = studies.group_by("subject_id").agg(pl.col("split").unique().sort())
    torn = splits.filter(pl.col("split").list.len() > 1)
    if len(torn):
        names = torn["split"].list.explode().unique().sort()
        found = f"{len(torn)} patients in two splits ({' and '.join(names)})"
        expected = f"each patient in one split{hint}"
        raise InputError(path, found=found, expected=expected, column="split")
