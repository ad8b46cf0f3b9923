"""Tables in four formats (CSV, TSV, Parquet, JSONL) as columns of stripped text."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import polars.selectors as cs

from nast.errors import InputError
from nast.sources.io.dialect import marked_encoding, separator_of, without_sep_line
from nast.sources.io.json_list import BrokenError, keys_once
from nast.sources.io.label_tables import (
    MOST_CELLS,
    parse_csv,
    read_bytes,
    read_text,
    refuse_ragged,
    refuse_where,
)

T = TypeVar("T")
CELL = "cell"
"""A safe name for a column while it is worked on: the library reads "^...$" as a pattern."""
SEPARATORS = {".csv": ",", ".tsv": "\t"}
LINES = (".jsonl", ".ndjson")
WINDOWS = "cp1252"
"""The encoding of most tables of western Europe that are not UTF-8."""
EXPECTED = "a table: .csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet"
RENAME = "; give a text table one of these names, its separator and encoding are found"
MOST_COLUMNS = 2_000
"""A file of objects with more names has keys that are no column names."""
_OBJECTS = "one object a line"
_THOUSANDS = r"^[1-9][0-9]{0,2}\.(?:[0-9]{3}\.)*(?:[1-9][0-9]{2}|0[1-9][0-9]|00[1-9])$"
_PARTS = r"\.[0-9]{1,2}$|\.[0-9]{4,}$"
_FORMULA = r'^="(.*)"$'
"""How spreadsheets keep the zeros of "007"."""
_DECIMALS = r"^(-?[0-9]+)(?:\.0+|,00?)$"
"""A whole number that was saved with decimals; a comma and three zeros are thousands."""


def kind_of(file: Path) -> str:
    """The format of a table, as the suffix of its name without `.gz`.

    Raises:
        InputError: there is no such file, or its name has another suffix.
    """
    if not file.is_file():
        raise InputError(file, found="no such file", expected=EXPECTED)
    suffix = Path(file.name.lower().removesuffix(".gz")).suffix
    packed = file.name.lower().endswith(".gz")
    if suffix not in (*SEPARATORS, *LINES, ".parquet") or (packed and suffix == ".parquet"):
        raise InputError(file, found=f"the suffix {file.suffix!r}", expected=EXPECTED + RENAME)
    return suffix


def scan_table(file: Path, encoding: str = "", separator: str = "") -> pl.LazyFrame:
    """A table as it is; `text_columns` takes columns out of it.

    Args:
        file: CSV or TSV with a header, JSONL with one object a line, or Parquet.
        encoding: of the text; else UTF-8, or UTF-16 where its first bytes show it.
        separator: what parts the cells of CSV and TSV; else it is found (`separator_of`).

    Raises:
        InputError: the file is missing, damaged, not of its format, or has a column twice.
    """
    kind = kind_of(file)
    if kind == ".parquet":
        return _quiet(file, lambda: _scan_parquet(file))
    text = table_text(file, encoding)
    if kind in LINES:
        return _table_of_lines(file, text).lazy()
    text, named = without_sep_line(text.lstrip("\r\n"))
    separator = separator or named or separator_of(text, SEPARATORS[kind])
    rows = _quiet(file, lambda: parse_csv(text, file, separator))
    refuse_ragged(text, file, separator)
    # Spreadsheets leave empty columns beside a table and empty rows at its end.
    nameless = [name for name in rows.columns if re.fullmatch(r"(?:_duplicated_\d+)?", name)]
    rows = rows.drop(name for name in nameless if not (rows.get_column(name) != "").any())
    for number, name in enumerate(rows.columns, 1):
        # The library renames the second of two columns of one name.
        stem, mark, _ = name.rpartition("_duplicated_")
        if mark and stem in rows.columns:
            # Without a heading the first patient would stand there, so the name is not shown.
            found = f"the name of column {rows.columns.index(stem) + 1} again in column {number}"
            raise InputError(file, found=found, expected="each name once")
    filled = rows.select(pl.any_horizontal(pl.all() != "")).to_series()
    return rows.head(len(rows) - int(filled.reverse().arg_max() or 0)).lazy()


def table_text(file: Path, encoding: str = "") -> str:
    """The text of a table.

    Raises:
        InputError: the file cannot be read, or is in another encoding.
    """
    marked = marked_encoding(read_bytes(file, EXPECTED))
    encoding = marked or encoding
    remedy = "save the file as UTF-8, or name its encoding in the mapping (encoding: cp1252)"
    text = read_text(file, EXPECTED, encoding, remedy)
    if marked.startswith("utf-16") and not text.strip():
        raise InputError(file, found="no text", expected="a table in UTF-8 or UTF-16")
    # Old Macs ended their lines like this.
    return text if "\n" in text else text.replace("\r", "\n")


def guess_encoding(file: Path) -> str:
    """The encoding to name in a mapping; "" where none is needed, as for UTF-8.

    Raises:
        InputError: the file cannot be read, or no encoding fits that could be guessed.
    """
    if kind_of(file) == ".parquet":
        return ""
    data = read_bytes(file, EXPECTED)
    try:
        data.decode(marked_encoding(data) or "utf-8")
    except UnicodeDecodeError:
        table_text(file, WINDOWS)
        return WINDOWS
    return ""


def text_columns(table: pl.LazyFrame, file: Path, columns: Iterable[str]) -> pl.DataFrame:
    """Some columns of `scan_table` as stripped text; what is null, or not a number, is "".

    Whole numbers have no decimals: a column that was saved as floats reads like the others.

    Raises:
        InputError: there are no rows, or a column is nested, binary or of dates.
    """
    names = list(dict.fromkeys(columns))
    schema = table.collect_schema()
    for name in names:
        if not is_plain(schema[name]):
            raise InputError(
                file,
                found=f"values of the type {schema[name].base_type()}",
                expected="text, numbers or true and false",
                column=name,
            )
    height = _quiet(file, lambda: table.select(pl.len()).collect().item())
    if height * len(names) > MOST_CELLS:
        # Equal values take no place in a Parquet file, and all of it in the memory.
        found = f"{height:,} rows of {len(names):,} columns"
        raise InputError(file, found=found, expected=f"at most {MOST_CELLS:,} cells")
    # Selectors take names as they are; `pl.col` would read "*" and "^...$" as patterns.
    rows = _quiet(file, lambda: table.select(cs.by_name(*names)).collect())
    if not len(rows):
        raise InputError(file, found="no rows", expected="one row or more")
    return pl.DataFrame({name: _text(rows.get_column(name).alias(CELL)) for name in names})


def is_plain(kind: pl.DataType) -> bool:
    """Whether a column of this type can be read as text: strings, numbers, true and false."""
    words = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null)
    return kind.is_numeric() or isinstance(kind, words)


def meanings(cells: pl.Series, words: Mapping[str, str]) -> pl.Series:
    """What the words of a column mean, by the words in small letters; null for unknown ones."""
    cells = cells.alias(CELL)
    known = {cell: words.get(cell.lower()) for cell in cells.unique()}
    return cells.replace_strict(known, return_dtype=pl.String)


def coded(cells: pl.Series, values: Mapping[str, str], file: Path, listed: str) -> pl.Series:
    """What the values of a column mean, by those that the file `listed` lists.

    A word in other letters (small or capital) means the same, unless two words that differ in their
    letters only are listed with two meanings.

    Raises:
        InputError: at the first cell with another value.
    """
    folded: dict[str, set[str]] = {}
    for word, meaning in values.items():
        folded.setdefault(word.casefold(), set()).add(meaning)
    cells_ = cells.alias(CELL)
    known = dict(values)
    for cell in cells_.unique():
        means = folded.get(cell.casefold(), set())
        if cell not in known and len(means) == 1:
            known[cell] = next(iter(means))
    found = cells_.replace_strict(known, default=None, return_dtype=pl.String)
    refuse_where(found.is_null(), cells, file, f"a value listed in {listed} under values:")
    return found


def _text(cells: pl.Series) -> pl.Series:
    if cells.dtype.is_float():
        cells = _float_text(cells.fill_nan(None))
    text = cells.cast(pl.String).fill_null("").str.strip_chars()
    text = text.str.replace(_FORMULA, "${1}")
    # Beside 1.234 the id 1.000 has thousands, too: it is not the id 1.
    thousands = text.str.contains(_THOUSANDS).any() and not text.str.contains(_PARTS).any()
    return text if thousands else text.str.replace(_DECIMALS, "${1}")


def _float_text(cells: pl.Series) -> pl.Series:
    """Floats as text; whole numbers so large that digits are lost stay recognisable as floats."""
    large = cells.abs() >= (2**53 if cells.dtype == pl.Float64 else 2**24)
    text = cells.cast(pl.String)
    if not large.any():
        return text
    return text.zip_with(~large, pl.Series([f"{x or 0:.16e}" for x in cells]))


def whole_number(word: str) -> str:
    """A word as `text_columns` gives it: "1.0" is "1"."""
    return re.sub(_DECIMALS, r"\1", word)


def _quiet(file: Path, read: Callable[[], T]) -> T:
    """What a library reads; what it cannot read is said in our words, for its own quote rows."""
    try:
        return read()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
        raise InputError(
            file, found="a damaged file, or another format than its name says", expected=EXPECTED
        ) from None


def _scan_parquet(file: Path) -> pl.LazyFrame:
    table = pl.scan_parquet(file, glob=False, hive_partitioning=False)
    table.collect_schema()
    return table


def _table_of_lines(file: Path, text: str) -> pl.DataFrame:
    """Objects, one a line, as columns of text; a column with a list or an object in it is of lists.

    A row that lacks a name has null there, as for `null` and `NaN`. Numbers stay as they are
    written. Lines without anything are passed over.
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
        raise InputError(file, found="no rows", expected=_OBJECTS)
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
        raise InputError(file, found=found, expected=_OBJECTS, row=row) from None
    if not isinstance(record, dict):
        raise InputError(file, found="JSON that is no object", expected=_OBJECTS, row=row)
    return record
