"""How the text of a table is written: its encoding, and what parts its cells."""

import codecs
import csv
import io
import re
from itertools import islice

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order mark -> encoding; the longer of two that begin alike comes first."""
_SEP = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
_SAMPLE = 50


def marked_encoding(data: bytes) -> str:
    """The encoding that the first bytes show: a mark, or the zeros of UTF-16; "" for none."""
    for mark, name in MARKS.items():
        if data.startswith(mark):
            return name
    head = data[:1000]
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if len(head) > 3 and zeros.count(0) > len(zeros) * 0.9:
            return name
    return ""


def without_sep_line(text: str) -> tuple[str, str]:
    """A table without the line `sep=;` that spreadsheets write first, and what it says."""
    found = _SEP.match(text)
    return (text[found.end() :], found[1]) if found else (text, "")


def header_cells(text: str, separator: str) -> list[str]:
    """The names in the first line of a table; none where its quotes do not end."""
    return next(iter(_first_rows(text, separator, 1)), [])


def separator_of(text: str, usual: str) -> str:
    """What parts the cells of a table; `usual`, by its name, where nothing speaks for another.

    Returns:
        Tab, semicolon, comma or bar: the one by which the header has most cells, of those by
        which half of the first rows or more have as many as the header, where there are any. In a
        tie a comma comes last, for it stands in numbers and headings of tables with semicolons.
    """
    cells = {}
    for separator in ("\t", ";", "|", ","):
        header, *rows = _first_rows(text, separator, _SAMPLE) or [[]]
        widths = [len(row) for row in rows if row]
        # In the wrong parts, quotes stand inside of names.
        whole = not any('"' in name for name in header)
        fits = whole and 2 * widths.count(len(header)) >= len(widths)
        cells[separator] = (fits and len(header) > 1, len(header))
    return max(cells, key=lambda s: (cells[s], s == usual and cells[s][1] < 2))


def _first_rows(text: str, separator: str, number: int) -> list[list[str]]:
    try:
        return list(islice(csv.reader(io.StringIO(text), delimiter=separator), number))
    except csv.Error:
        return []
