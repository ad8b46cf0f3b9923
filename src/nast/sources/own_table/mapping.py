"""The mapping beside a site's own table: which column is what, and which word means what."""

import codecs
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nast.access import ACCESS_CLASSES
from nast.errors import InputError, shown
from nast.facts.conditions import CONDITIONS, labelled
from nast.records import LABELS, SEVERITIES, SIDES, SPLITS, ZONES
from nast.sources.image_paths import is_inside, slashes
from nast.sources.own_table.cells import whole_number
from nast.sources.own_table.yaml_text import (
    load,
    near,
    one_of,
    part,
    refuse,
    text,
    texts,
    vocabulary,
)
from nast.sources.source import DATA_SETS

TABLE_KEYS = ("site", "encoding", "separator", "images")
KEYS = ("layout", "access", "terms", *TABLE_KEYS, "columns", "splits", "values")
LAYOUTS = {"wide": ("labels",), "long": ("facts", "conditions", "words")}
"""Layout -> the keys that it has besides those of both."""
COLUMNS = ("subject_id", "study_id", "image_path", "split", "view")
SEPARATORS = (",", ";", "|", "\t")
_ENCODINGS = "utf|cp|windows|iso|latin|mac|koi8|gb|big5|euc|shift"
"""How names of encodings of text begin; Python has codecs of other kinds too."""
ATTRIBUTES = ("side", "zone", "severity")
FACTS = ("condition", "existence", *ATTRIBUTES, "words")
TERMS = "the site's own terms"


@dataclass(frozen=True, slots=True)
class Mapping:
    """What a mapping says, checked.

    Attributes:
        file: the mapping.
        layout: `wide` (one column per condition) or `long` (one row per fact).
        access: of the data.
        terms: of the data, in one line.
        encoding: of the table's text; "" for UTF-8 and what its first bytes show.
        separator: what parts the cells of the table; "" where it is to be found.
        site: whose ids the table has; "" where the mapping does not say.
        root: folder that image paths start from, or None.
        columns: name in `studies.parquet` -> column of the table.
        splits: word of the table, in small letters -> split.
        labels: condition -> column, of a wide table.
        facts: name in `facts.parquet` -> column, of a long table.
        values: cell -> label.
        conditions: word, in small letters -> condition.
        words: `side`, `zone` and `severity`, each word in small letters -> value.
    """

    file: Path
    layout: str
    access: str
    terms: str
    site: str
    encoding: str
    separator: str
    root: Path | None
    columns: dict[str, str]
    splits: dict[str, str]
    labels: dict[str, str]
    facts: dict[str, str]
    values: dict[str, str]
    conditions: dict[str, str]
    words: dict[str, dict[str, str]]

    def used(self, table: Path, names: Sequence[str]) -> list[str]:
        """The columns that the mapping speaks of.

        Args:
            table: the table's file, for messages.
            names: the columns that it has.

        Raises:
            InputError: the table lacks one of them.
        """
        parts = {"columns": self.columns, "labels": self.labels, "facts": self.facts}
        asked = [(f"{key}: {name}", part[name]) for key, part in parts.items() for name in part]
        lower = {name.lower(): name for name in names}
        for key, column in asked:
            if column not in names:
                # Only a name much like it: without a heading the first patient would stand there.
                like = difflib.get_close_matches(column.lower(), lower, 1, 0.8)
                found = f"no column {column!r} in {table.name}"
                found += f", but {lower[like[0]]!r}" if like else ""
                refuse(self.file, key, found, "a column of the table")
        return [column for _, column in asked]


def mapping_file(table: Path) -> Path:
    """Where the mapping of a table lies: `site.csv.gz` -> `site.mapping.yaml`."""
    stem = table
    while stem.suffix:
        stem = stem.with_suffix("")
    return stem.with_name(f"{stem.name}.mapping.yaml")


def read_mapping(table: Path) -> Mapping:
    """Read the mapping of a table.

    Raises:
        InputError: there is none, it is no YAML, or it breaks the form; names the key.
    """
    file = mapping_file(table)
    if not file.is_file():
        raise InputError(
            file,
            found="no such file",
            expected="the mapping of the table; write a "
            f"first one with: nast facts --init-mapping {table}",
        )
    whole = load(file)
    layout = one_of(file, "layout", whole.get("layout", ""), LAYOUTS)
    allowed = (*KEYS, *LAYOUTS[layout])
    for key in whole:
        if key not in allowed:
            refuse(file, key, "an unknown key", f"one of {', '.join(allowed)} in a {layout} table")
    columns = texts(file, "columns", whole, COLUMNS, required=COLUMNS[:2])
    terms = text(file, "terms", whole.get("terms", "")).strip() or TERMS
    if len(terms.splitlines()) > 1:
        refuse(file, "terms", "several lines", "one line")
    wide = layout == "wide"
    return Mapping(
        file=file,
        layout=layout,
        access=one_of(file, "access", whole.get("access", "private"), ACCESS_CLASSES),
        terms=terms,
        site=_site(file, text(file, "site", whole.get("site", "")).strip()),
        encoding=_encoding(file, text(file, "encoding", whole.get("encoding", "")).strip()),
        separator=_separator(file, text(file, "separator", whole.get("separator", ""))),
        root=_root(file, text(file, "images", whole.get("images", "")), columns),
        columns=columns,
        splits=vocabulary(file, "splits", whole, {s: s for s in SPLITS}),
        labels=_labels(file, whole) if wide else {},
        facts={} if wide else texts(file, "facts", whole, FACTS, required=FACTS[:2]),
        values=_values(file, whole),
        conditions={} if wide else vocabulary(file, "conditions", whole, condition_words()),
        words={} if wide else _words(file, whole),
    )


def condition_words() -> dict[str, str]:
    """The conditions by their names and terms in small letters."""
    terms = {c.term.lower(): name for name, c in CONDITIONS.items()}
    return terms | {name.lower(): name for name in CONDITIONS}


def attribute_values() -> dict[str, list[str]]:
    """`side`, `zone` and `severity` with all that they can be."""
    zones = [*ZONES, *(zone for c in CONDITIONS.values() for zone in c.zones)]
    return dict(zip(ATTRIBUTES, map(list, (SIDES, dict.fromkeys(zones), SEVERITIES)), strict=True))


def _labels(file: Path, whole: dict[str, Any]) -> dict[str, str]:
    """Condition -> column."""
    labels = texts(file, "labels", whole)
    if not labels:
        refuse(file, "labels", "nothing", "condition: column, one a line; fill it in")
    for name, column in labels.items():
        if name not in labelled():
            found = "no condition" if name not in CONDITIONS else "one for long tables only"
            expected = f"one of {', '.join(labelled())}{near(name, labelled())}"
            refuse(file, f"labels: {name}", found, expected)
        if list(labels.values()).count(column) > 1:
            found = "the column of another condition"
            refuse(file, f"labels: {name}", found, "a column for each condition")
    return labels


def _values(file: Path, whole: dict[str, Any]) -> dict[str, str]:
    """Cell -> label."""
    found: dict[str, str] = {}
    for label, words in part(file, "values", whole).items():
        key = f"values: {label}"
        one_of(file, key, label, LABELS)
        if not isinstance(words, list):
            refuse(file, key, "no list", 'a list, for example ["1", "yes"]')
        for word in (text(file, key, word).strip() for word in words):
            if found.setdefault(whole_number(word), label) != label:
                refuse(file, key, shown(word), "each value in one list only")
    if not {"present", "absent"} & set(found.values()):
        expected = 'what the table writes for them, for example present: ["1"]; fill it in'
        refuse(file, "values", "nothing present and nothing absent", expected)
    return found


def _words(file: Path, whole: dict[str, Any]) -> dict[str, dict[str, str]]:
    """`side`, `zone` and `severity`, each word -> value."""
    words = part(file, "words", whole)
    for name in words:
        one_of(file, f"words: {name}", name, ATTRIBUTES)
    return {
        name: vocabulary(file, name, words, {v: v for v in values})
        for name, values in attribute_values().items()
    }


def _site(file: Path, site: str) -> str:
    """The name of the site. It stands before ids, so it is short and plain."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,32}", site):
        refuse(file, "site", shown(site), "a short name of letters, digits, - and _")
    return site.lower() if site.lower() in DATA_SETS else site


def _encoding(file: Path, name: str) -> str:
    try:
        codecs.lookup(name or "utf-8")
    except LookupError:
        known = False
    else:
        known = not name or bool(re.match(_ENCODINGS, name, re.IGNORECASE))
    if not known:
        refuse(file, "encoding", "an unknown one", "a name such as utf-8, cp1252 or latin-1")
    return name


def _separator(file: Path, separator: str) -> str:
    if separator and separator not in (*SEPARATORS, "tab"):
        refuse(file, "separator", shown(separator), 'one of "," ";" "|" and tab')
    return "\t" if separator == "tab" else separator


def _root(file: Path, images: str, columns: dict[str, str]) -> Path | None:
    """The folder of the images. An absolute one is the user's own word, and taken."""
    if not images:
        return None
    if "image_path" not in columns:
        refuse(file, "images", "a folder", "columns: image_path with it, or neither")
    images = slashes(images)
    if not Path(images).is_absolute() and not is_inside(images):
        refuse(file, "images", "a folder outside the mapping's", "one below it, or a full path")
    if not (file.parent / images).is_dir():
        refuse(file, "images", "no such folder", "the folder that image paths start from")
    return file.parent / images
