"""JSON lines (one object a line) as a table."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.sources.io.json_list import BrokenError, keys_once
from nast.sources.io.label_tables import MOST_CELLS

EXPECTED = "one object a line"
MOST_COLUMNS = 2_000
"""A file of objects with more names has keys that are no column names."""


def table_of_lines(file: Path, text: str) -> pl.DataFrame:
    """Objects, one a line, as columns of text; a column with a list or an object in it is of lists.

    A row that lacks a name has null there, as for `null` and `NaN`. Numbers stay as they are
    written. Lines without anything are passed over.

    Args:
        file: for messages.
        text: what it holds.

    Raises:
        InputError: a line is no object, or has a name twice.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    columns: dict[str, list[Any]] = {}
    decoder = json.JSONDecoder(
        object_pairs_hook=keys_once,
        parse_int=str,
        parse_float=str,
        parse_constant=lambda word: None,
    )
    for row, line in enumerate(lines, 1):
        record = _record(file, row, line, decoder)
        for name in record:
            if name not in columns:
                columns[name] = [None] * (row - 1)
        if len(columns) > MOST_COLUMNS or len(columns) * len(lines) > MOST_CELLS:
            found = f"{len(columns):,} names in {len(lines):,} lines"
            expected = f"at most {MOST_COLUMNS:,} names and {MOST_CELLS:,} cells"
            raise InputError(file, found=found, row=row, expected=expected)
        for name, cells in columns.items():
            cells.append(record.get(name))
    if not lines:
        raise InputError(file, found="no rows", expected=EXPECTED)
    return pl.DataFrame([_column(name, cells) for name, cells in columns.items()])


def _column(name: str, cells: list[Any]) -> pl.Series:
    kinds = set(map(type, cells))
    if kinds & {dict, list}:
        return pl.Series(name, [None] * len(cells), pl.List(pl.String))
    if bool in kinds:
        cells = [str(cell).lower() if isinstance(cell, bool) else cell for cell in cells]
    return pl.Series(name, cells, pl.String)


def _record(file: Path, row: int, line: str, decoder: json.JSONDecoder) -> dict[str, Any]:
    try:
        record = decoder.decode(line.strip())
        if "\\u" in line:
            # Half of a character that takes two: no text, and no file could hold it.
            json.dumps(record, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        found = str(error) if isinstance(error, BrokenError) else "no JSON"
        raise InputError(file, found=found, expected=EXPECTED, row=row) from None
    if not isinstance(record, dict):
        raise InputError(file, found="JSON that is no object", expected=EXPECTED, row=row)
    return record
