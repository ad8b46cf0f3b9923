"""Numbers that a paper printed, beside one's own in Tables 1-3."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from nast.errors import InputError
from nast.reporting.shown import LAST, MINUS
from nast.reporting.tables import Table
from nast.yaml_files import StrictModel, fitted, line_of, load_yaml

BEGINS = "printed "
"""How the words of a printed number begin; the page's switch knows them by it."""
TABLES = ("table1", "table2", "table3")
Rows = dict[str, dict[str, float | int]]


class Printed(StrictModel):
    """The numbers of a paper, in per cent: for each table the rows, for each row its columns.

    Attributes:
        source: the paper, as its readers would name it.
        note: what sets its numbers apart, such as its data and its gallery.
    """

    source: str = Field(description="the paper that printed the numbers")
    note: str = Field(default="", description="what sets its numbers apart, such as its data")
    table1: Rows = Field(default_factory=dict, description="ROW: {COLUMN: per cent} for each row")
    table2: Rows = Field(default_factory=dict, description="ROW: {COLUMN: per cent} for each row")
    table3: Rows = Field(default_factory=dict, description="ROW: {COLUMN: per cent} for each row")


def read_printed(path: Path) -> Printed:
    """Read printed numbers from a YAML file.

    Raises:
        InputError: no YAML, an unknown table, or a number that is no per cent; with the line.

    Examples:
        >>> file = tmp / "printed.yaml"
        >>> _ = file.write_text("{source: a paper, table1: {CLIP: {R@1: 12.5}}}")
        >>> read_printed(file).table1
        {'CLIP': {'R@1': 12.5}}
    """
    expected = "printed numbers: source, and table1 to table3 with ROW: {COLUMN: per cent}"
    found = fitted(load_yaml(path, expected), Printed, path, expected=expected)
    for name in TABLES:
        for row, columns in getattr(found, name).items():
            for column, number in columns.items():
                if not -100 <= number <= 100:
                    keys = (name, row, column)
                    raise InputError(
                        path,
                        found=f"{number:g}",
                        expected="per cent, from -100 to 100",
                        line=line_of(path, keys),
                        key=".".join(keys),
                    )
    return found


def beside_printed(tables: Sequence[Table], path: Path) -> list[Table]:
    """The tables with the printed number behind each own one that has one.

    Args:
        tables: of a report.
        path: of a file for `read_printed`.

    Raises:
        InputError: `read_printed`'s; or a column that a table lacks, or a file of which no row
            has the name of a row here.
    """
    printed = read_printed(path)
    given: dict[str, Rows] = {name: getattr(printed, name) for name in TABLES}
    known = dict.fromkeys(r[0] for t in tables if t.name in given for r in t.rows)
    made, used = [], 0
    for table in tables:
        rows = given.get(table.name)
        if not rows:
            made.append(table)
            continue
        # Of several data sets each has the columns of which something is known.
        columns = dict.fromkeys(c for t in tables if t.name == table.name for c in t.header[1:])
        for row, cells in rows.items():
            for column in cells:
                if column not in columns:
                    keys = (table.name, row, column)
                    raise InputError(
                        path,
                        found=f"the column {column!r}",
                        expected=f"one of this report: {', '.join(columns)}",
                        line=line_of(path, keys),
                        key=".".join(keys),
                    )
        used += sum(row[0] in rows for row in table.rows)
        made.append(_beside(table, rows, printed))
    if not used:
        raise InputError(
            path,
            found="no row that this report has",
            expected=f"names of its rows: {', '.join(n for n in known if n not in LAST)}",
        )
    return made


def _beside(table: Table, rows: Rows, printed: Printed) -> Table:
    """A table with the numbers of one paper in it."""
    lines = [
        (
            line[0],
            *(
                f"{text}, {BEGINS}{_as_given(rows[line[0]][title])}"
                if title in rows.get(line[0], {}) and text != "-"
                else text
                for title, text in zip(table.header[1:], line[1:], strict=True)
            ),
        )
        for line in table.rows
    ]
    note = f": {printed.note}" if printed.note else ""
    caption = f"{table.caption}; printed: {printed.source}{note}"
    return table._replace(caption=caption, rows=lines)


def _as_given(number: float) -> str:
    """A number with the decimals that it has in the file, one at least."""
    text = f"{number:.1f}" if number == round(number, 1) else f"{number:g}"
    return text.replace("-", MINUS)
