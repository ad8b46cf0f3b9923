"""A first mapping for a site's own table, guessed from its columns and written beside it."""

from pathlib import Path

import polars as pl
import yaml

from nast.errors import InputError, UsageError
from nast.facts.conditions import CONDITIONS, labelled
from nast.sources.image_paths import refuse_outside, slashes
from nast.sources.own_table.cells import guess_encoding, is_plain, scan_table, text_of
from nast.sources.own_table.guess_names import COLUMNS, FACTS, column_for, condition_for
from nast.sources.own_table.guess_words import (
    FILL,
    fact_lines,
    quoted,
    split_lines,
    value_lines,
    vocabulary,
)
from nast.sources.own_table.mapping import mapping_file

_NEEDED = {
    "subject_id": "the column of the patient's id",
    "study_id": "the column of the study's or report's id, one id for each study",
}
_FOLDER = "the folder that image paths start from"


def write_mapping(file: Path) -> Path:
    """Write a first mapping beside a table (`nast facts --init-mapping FILE`).

    Columns are guessed by their names, conditions also by their terms and synonyms, and what
    values mean by common words. What cannot be guessed is a comment that says what to fill in.

    Args:
        file: the table.

    Returns:
        The mapping's path.

    Raises:
        InputError: the table cannot be read.
        UsageError: there is a mapping already, or the folder cannot be written to.
    """
    file = Path(file)
    encoding = guess_encoding(file)
    table = scan_table(file, encoding)
    path = mapping_file(file)
    schema = table.collect_schema()
    cells = text_of(table, file, [name for name, kind in schema.items() if is_plain(kind)])
    text = "\n".join(_mapping(file, cells, encoding)) + "\n"
    unused = [quoted(name) for name in schema if name not in _used(text)]
    text += f"# Columns that are not used: {', '.join(unused)}\n" if unused else ""
    try:
        with open(path, "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already; edit it, or move it away first") from None
    except OSError as error:
        reason = (error.strerror or "an error").lower()
        raise UsageError(f"{path} cannot be written ({reason})") from None
    return path


def _used(text: str) -> set[str]:
    """The columns that a mapping names."""
    mapping = yaml.load(text, Loader=yaml.BaseLoader)
    parts = (mapping.get(name) or {} for name in ("columns", "labels", "facts"))
    return {column for part in parts for column in part.values()}


def _mapping(file: Path, cells: pl.DataFrame, encoding: str) -> list[str]:
    labels, facts = _label_columns(cells), _fact_columns(cells)
    if len(labels) < 2 and {"condition", "existence"} <= facts.keys():
        layout = "layout: long   # one row per fact"
        lines = ["facts:", *_pairs(facts), *value_lines([cells.get_column(facts["existence"])])]
        lines += fact_lines(cells, facts)
    elif labels:
        layout = "layout: wide   # one column per condition"
        values = value_lines([cells.get_column(column) for column in labels.values()])
        lines = ["labels:   # condition: column", *_pairs(labels), *values]
    else:
        layout = f"# layout: wide (one column per condition) or long (one row per fact) {FILL}"
        lines = [
            f"# labels: in a wide table; under it, condition: column {FILL}",
            f"# facts: in a long table; under it, condition: column, existence: column {FILL}",
            *value_lines([]),
        ]
    return [
        f"# A first guess of nast at {quoted(file.name)}: check every line.",
        layout,
        "access class: private   # open, private or credentialed",
        "# terms: the licence of the data, in one line",
        "# site: whose ids these are, in one word; tables of one site are joined",
        *(
            [f"encoding: {encoding}   # look whether letters such as ä and é are right"]
            if encoding
            else []
        ),
        *_columns(file, cells),
        *lines,
    ]


def _pairs(columns: dict[str, str]) -> list[str]:
    return [f"  {quoted(name)}: {quoted(column)}" for name, column in columns.items()]


def _columns(file: Path, cells: pl.DataFrame) -> list[str]:
    before: list[str] = []
    lines, after = ["columns:"], []
    for key, likely in COLUMNS.items():
        column = column_for(likely, cells.columns)
        if column is None:
            if key in _NEEDED:
                lines.append(f"  # {key}: {_NEEDED[key]} {FILL}")
            continue
        line, note = f"{key}: {quoted(column)}", ""
        if key == "image_path":
            before, note = _images(file, cells.get_column(column))
        elif key == "split":
            known = split_lines(cells.get_column(column))
            after = known or []
            note = "list its words under splits, word: train" if known is None else ""
        lines.append(f"  # {line}   {note}" if note else f"  {line}")
    return [*before, *lines, *after]


def _images(file: Path, paths: pl.Series) -> tuple[list[str], str]:
    """The line of the images' folder; why the column cannot be used."""
    try:
        refuse_outside(paths, file)
    except InputError:
        return [], "has full paths, or '..': write them as paths below one folder"
    if any((file.parent / slashes(path)).is_file() for path in paths.head(1000) if path):
        return [f"images: .   # {_FOLDER}"], ""
    return [f"# images: {_FOLDER} {FILL}"], ""


def _label_columns(cells: pl.DataFrame) -> dict[str, str]:
    """Condition -> the column that most surely is its own, if that holds a vocabulary."""
    named = [(*match, column) for column in cells.columns if (match := condition_for(column))]
    found: dict[str, str] = {}
    for _, condition, column in sorted(named, key=lambda match: match[0]):
        if condition in labelled() and vocabulary([cells.get_column(column)]):
            found.setdefault(condition, column)
    return {name: found[name] for name in CONDITIONS if name in found}


def _fact_columns(cells: pl.DataFrame) -> dict[str, str]:
    """Name in `facts.parquet` -> the column that is likely to be it; no column twice."""
    found: dict[str, str] = {}
    for key, likely in FACTS.items():
        rest = [name for name in cells.columns if name not in found.values()]
        column = column_for(likely, rest)
        if column is not None:
            found[key] = column
    return found
