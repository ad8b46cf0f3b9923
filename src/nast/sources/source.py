"""What every reader returns, and the checks that all of them share."""

import csv
import gzip
import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.phantom.write import MARKER
from nast.records import STUDIES_SCHEMA

LABEL_OF = {"1": "present", "1.0": "present", "0": "absent", "0.0": "absent", "-1": "uncertain",
            "-1.0": "uncertain", "": "not_mentioned"}  # fmt: skip
FRONTAL = ("PA", "AP")


@dataclass(slots=True)
class Source:
    """A data set as read: studies with labels, facts where it has them, and its terms.

    Attributes:
        name: the reader, for example `mimic-cxr-jpg`.
        root: folder that image paths are relative to, or None where there are no images.
        studies: `STUDIES_SCHEMA` and one label column per condition.
        facts: condition, existence, side, zone, severity, source and words per study, or None
            where the source only has labels.
        policy: `open`, `private` or `credentialed`.
        phantom: whether the source is synthetic.
        counts: what was read and what was set aside, by reason.
        files: the files that were read, for hashes.
    """

    name: str
    root: Path | None
    studies: pl.DataFrame
    facts: pl.DataFrame | None
    policy: str
    phantom: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


def is_phantom(folder: Path) -> bool:
    """Whether a data folder carries the phantom's marker file."""
    return (folder / MARKER).is_file()


def read_csv(path: Path, required: list[str]) -> pl.DataFrame:
    """A CSV file (plain or gzip) as strings, empty cells as "".

    Raises:
        InputError: the file is missing, cut, not UTF-8, or lacks a column.
    """
    if not path.is_file():
        raise InputError(path, found="no such file", expected="a CSV file")
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        text = data.decode("utf-8-sig")
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(path, found=f"a broken gzip ({error})", expected="a whole file") from None
    except UnicodeDecodeError as error:
        raise InputError(path, found=f"bytes that are not UTF-8 ({error.reason})",
                         expected="UTF-8 text") from None  # fmt: skip
    try:
        rows = pl.read_csv(text.encode(), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(path, found=f"a broken table ({str(error).splitlines()[0]})",
                         expected="comma-separated rows of equal length") from None  # fmt: skip
    for name in required:
        if name not in rows.columns:
            raise InputError(path, found=f"columns {', '.join(rows.columns[:20])}",
                             expected="the column", column=name)  # fmt: skip
    _refuse_ragged(text, path, len(rows.columns))
    return rows.with_columns(pl.all().fill_null("").str.strip_chars())


def _refuse_ragged(text: str, path: Path, width: int) -> None:
    """Refuse rows with too few cells; the table reader would fill them with blanks."""
    for number, line in enumerate(text.splitlines()[1:], 1):
        # Rows with quotes may hold commas or line breaks in a cell; they have their own reader.
        if '"' in line:
            lines = list(csv.reader(io.StringIO(text)))[1:]
            short = [i for i, row in enumerate(lines, 1) if row and len(row) < width]
            if short:
                _ragged(path, short[0], len(lines[short[0] - 1]), width)
            return
        if line and line.count(",") < width - 1:
            _ragged(path, number, line.count(",") + 1, width)


def _ragged(path: Path, row: int, found: int, width: int) -> NoReturn:
    raise InputError(
        path, found=f"{found} cells", expected=f"{width}, rows of equal length", row=row
    )


def labels_from(rows: pl.DataFrame, path: Path, columns: dict[str, str]) -> list[pl.Expr]:
    """Expressions that turn label columns (1, 0, -1, blank) into the four label names.

    Args:
        rows: the table, as strings.
        path: the file, for messages.
        columns: condition -> column name.

    Raises:
        InputError: a cell is none of 1, 0, -1 and blank.
    """
    for name, column in columns.items():
        wrong = rows.with_row_index("row", 1).filter(~pl.col(column).is_in(list(LABEL_OF)))
        if len(wrong):
            raise InputError(
                path,
                found=repr(wrong[column][0]),
                expected="1, 0, -1 or blank",
                row=wrong["row"][0],
                column=name,
            )
    return [
        pl.col(column).replace_strict(LABEL_OF, return_dtype=pl.String).alias(name)
        for name, column in columns.items()
    ]


def refuse_duplicates(rows: pl.DataFrame, path: Path, key: list[str]) -> None:
    """Refuse a table in which a key stands twice.

    Raises:
        InputError: names the first repeated row.
    """
    again = rows.with_row_index("row", 1).filter(pl.struct(key).is_duplicated())
    if len(again):
        raise InputError(
            path,
            found=f"the same {' and '.join(key)} as row {again['row'][0]}",
            expected="each study once",
            row=again["row"][1],
        )


def refuse_split_patients(studies: pl.DataFrame, path: Path) -> None:
    """Refuse a table in which one patient is in two splits.

    Raises:
        InputError: counts the patients; their ids are not printed.
    """
    splits = studies.group_by("subject_id").agg(pl.col("split").unique().sort())
    torn = splits.filter(pl.col("split").list.len() > 1)
    if len(torn):
        found = f"{len(torn)} patients in two splits ({' and '.join(torn['split'][0])})"
        raise InputError(path, found=found, expected="each patient in one split", column="split")


def study_columns() -> list[str]:
    """The columns of a studies table, in order."""
    return [*STUDIES_SCHEMA, *CONDITIONS]


def image_problem(path: Path) -> str | None:
    """Why a file cannot serve as an image, or None: missing, not an image, cut short.

    Only the first and last bytes are read, so that a whole MIMIC tree can be looked over.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(8)
            size = file.seek(0, 2)
            file.seek(max(0, size - 64))
            tail = file.read()
    except OSError:
        return "missing"
    if head[:3] == b"\xff\xd8\xff":
        return None if b"\xff\xd9" in tail else "cut short"
    if head == b"\x89PNG\r\n\x1a\n":
        return None if b"IEND" in tail else "cut short"
    return "not a JPEG or PNG image"


def summary(counts: dict[str, Any]) -> str:
    """Counts as one line of text."""
    return ", ".join(f"{number:,} {what}" for what, number in counts.items())
