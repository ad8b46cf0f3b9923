"""Tables as files: CSV, Markdown and LaTeX, in which names of others make nothing happen."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from nast.errors import visible
from nast.files import write_text
from nast.reporting.latex import latex
from nast.reporting.tables import Table

FORMULA = tuple("=+-@")
"""What begins a formula in a spreadsheet program, after blanks (OWASP, CSV injection)."""
_MARKDOWN = re.compile(r"[\\`*_|~&]|\[(?![+-]?\d)|\](?=[(\[])")
_ANGLES = str.maketrans({"<": "&lt;", ">": "&gt;"})
_VALUE = re.compile(r"[+-]?\d[\d.]*( \[[^\]]*\])?( ?[,;±].*)?")
"""A number with its interval, and words behind it: no formula, though it may begin with a sign."""


def write_tables(tables: Sequence[Table], folder: Path) -> None:
    """Each table as `NAME.csv`, `.md` and `.tex`; of several data sets `NAME-DATA`."""
    for table in tables:
        name = f"{table.name}-{table.data}" if table.data else table.name
        lines = [[_spreadsheet(c) for c in row] for row in (table.header, *table.rows)]
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(lines)
        write_text(folder / f"{name}.csv", text.getvalue())
        write_text(folder / f"{name}.md", markdown(table))
        write_text(folder / f"{name}.tex", latex(table))


def _spreadsheet(text: str) -> str:
    """A cell that no spreadsheet program takes for a formula; numbers stay numbers."""
    text = visible(text)
    begins = text.lstrip().startswith(FORMULA)
    return f"'{text}" if begins and text != "-" and not _VALUE.fullmatch(text) else text


def markdown(table: Table) -> str:
    """The table in Markdown, with its caption."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(_plain, cells)) + " |"

    rule = "| " + " | ".join(["---"] * len(table.header)) + " |"
    rows = [line(table.header), rule, *map(line, table.rows)]
    return f"**{_plain(table.title)}**\n\n" + "\n".join(rows) + "\n"


def _plain(text: str) -> str:
    """A text of which Markdown makes nothing."""
    return _MARKDOWN.sub(r"\\\g<0>", visible(text)).translate(_ANGLES)
