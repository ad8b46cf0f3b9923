"""The mapping beside a site's own table: which column is what, and which word means what."""

import codecs
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from nast.access import AccessClass
from nast.errors import InputError, shown
from nast.facts.conditions import CONDITIONS, Conditions
from nast.records import SEVERITIES, SIDES, SPLITS, ZONES, Label
from nast.sources.image_paths import is_inside
from nast.sources.own_table.cells import whole_number
from nast.sources.source import DATA_SETS
from nast.yaml_files import StrictModel, UnfitError, likely, line_of, read_yaml

OF_LAYOUT = {"wide": ("labels",), "long": ("facts", "conditions", "words")}
"""Layout -> the keys that only its mappings have."""
SEPARATORS = (",", ";", "|", "\t")
_ENCODINGS = "utf|cp|windows|iso|latin|mac|koi8|gb|big5|euc|shift"
"""How names of encodings of text begin; Python has codecs of other kinds too."""
TERMS = "the site's own terms"
_COLUMN = "the name of a column; fill it in"
ATTRIBUTES = ("side", "zone", "severity")
SPLIT_WORDS = {
    **{split: split for split in SPLITS},
    "training": "train",
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validate"),
    "testing": "test",
}
"""Words in small letters that mean a split in any table."""


class Around(NamedTuple):
    """What a mapping is read with: the folder it lies in, and the table of conditions."""

    folder: Path
    conditions: Conditions


def _around(info: ValidationInfo) -> Around:
    assert isinstance(info.context, Around)
    return info.context


def condition_words(conditions: Conditions) -> dict[str, str]:
    """The conditions by their names and terms in small letters."""
    terms = {c.term.lower(): name for name, c in conditions.items()}
    return terms | {name.lower(): name for name in conditions}


def _own_words(field: str, conditions: Conditions) -> dict[str, str]:
    """The package's words for a part of a mapping -> what they mean."""
    if field == "splits":
        return SPLIT_WORDS
    if field == "conditions":
        return condition_words(conditions)
    zones = [*ZONES, *(zone for c in conditions.values() for zone in c.zones)]
    values = dict(zip(ATTRIBUTES, (SIDES, zones, SEVERITIES), strict=True))[field]
    return {value: value for value in values}


def _vocabulary(words: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    """Words in small letters -> what they mean: those of a mapping, and the package's own."""
    found = dict(_own_words(info.field_name or "", _around(info).conditions))
    meanings = list(dict.fromkeys(found.values()))
    for word, meaning in words.items():
        if meaning not in meanings:
            raise UnfitError(shown(meaning), likely(meaning, meanings), word)
        known = found.setdefault(word.strip().lower(), meaning)
        if known != meaning:
            raise UnfitError(f"{meaning} for it", f"{known}, its one meaning", word)
    return found


OWN: Any = Field(default_factory=dict, validate_default=True)
"""The default of a vocabulary: where a mapping explains no word, there are the package's own."""
Words = Annotated[dict[str, str], AfterValidator(_vocabulary)]
"""Word of the table, in small letters -> what it means."""
ColumnName = Annotated[str, Field(description=_COLUMN)]


class AttributeWords(StrictModel):
    """Words of the table, in small letters -> the values of `side`, `zone` and `severity`."""

    side: Words = OWN
    zone: Words = OWN
    severity: Words = OWN


def _labels(labels: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    """Condition -> column, each of its own."""
    conditions = _around(info).conditions
    for name, column in labels.items():
        if name not in conditions.labelled():
            found = "no condition" if name not in conditions else "one for long tables only"
            raise UnfitError(found, likely(name, conditions.labelled()), name)
        if not column:
            raise UnfitError("nothing", _COLUMN, name)
        if list(labels.values()).count(column) > 1:
            found = "the column of another condition"
            raise UnfitError(found, "a column for each condition", name)
    return labels


def _values(values: dict[str, list[str]]) -> dict[str, list[str]]:
    """Label -> cells, each cell once and as the table's text has it."""
    found: dict[str, str] = {}
    for label, words in values.items():
        for word in words:
            if found.setdefault(whole_number(word.strip()), label) != label:
                raise UnfitError(shown(word), "each value in one list only", label)
    if not {"present", "absent"} & set(found.values()):
        expected = 'what the table writes for them, for example present: ["1"]; fill it in'
        raise UnfitError("nothing present and nothing absent", expected)
    return values


def _terms(terms: str) -> str:
    if len(terms.strip().splitlines()) > 1:
        raise UnfitError("several lines", "one line")
    return terms.strip() or TERMS


def _site(site: str) -> str:
    """The name of the site. It stands before ids, so it is short and plain."""
    site = site.strip()
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,32}", site):
        raise UnfitError(shown(site), "a short name of letters, digits, - and _")
    return site.lower() if site.lower() in DATA_SETS else site


def _encoding(name: str) -> str:
    name = name.strip()
    try:
        codecs.lookup(name or "utf-8")
        known = not name or bool(re.match(_ENCODINGS, name, re.IGNORECASE))
    except LookupError:
        known = False
    if not known:
        raise UnfitError("an unknown one", "a name such as utf-8, cp1252 or latin-1")
    return name


def _separator(separator: str) -> str:
    if separator not in (*SEPARATORS, "tab"):
        raise UnfitError(shown(separator), 'one of "," ";" "|" and tab')
    return "\t" if separator == "tab" else separator


def _images(images: str, info: ValidationInfo) -> str:
    """The folder of the images. An absolute one is the user's own word, and taken."""
    images = images.replace("\\", "/")
    if not Path(images).is_absolute() and not is_inside(images):
        raise UnfitError("a folder outside the mapping's", "one below it, or a full path")
    if not (_around(info).folder / images).is_dir():
        raise UnfitError("no such folder", "the folder that image paths start from")
    return images


class _Named(StrictModel):
    """Names of the package -> columns of the table."""

    def columns(self) -> dict[str, str]:
        """Those that the mapping gives."""
        return {name: column for name, column in self if column}


class Columns(_Named):
    """Name in `studies.parquet` -> column."""

    subject_id: ColumnName
    study_id: ColumnName
    image_path: ColumnName = ""
    split: ColumnName = ""
    view: ColumnName = ""


class FactColumns(_Named):
    """Name in `facts.parquet` -> column, of a long table."""

    condition: ColumnName
    existence: ColumnName
    side: ColumnName = ""
    zone: ColumnName = ""
    severity: ColumnName = ""
    words: ColumnName = ""


class Mapping(StrictModel):
    """What a mapping says, checked.

    Attributes:
        layout: `wide` (one column per condition) or `long` (one row per fact).
        access: the access class of the data.
        terms: of the data, in one line.
        site: whose ids the table has; "" where the mapping does not say.
        encoding: of the table's text; "" for UTF-8 and what its first bytes show.
        separator: what parts the cells of the table; "" where it is to be found.
        images: folder that image paths start from, seen from the mapping's own; "" for none.
        columns: name in `studies.parquet` -> column of the table.
        splits: word of the table, in small letters -> split.
        values: label -> cells that mean it.
        labels: condition -> column, of a wide table.
        facts: name in `facts.parquet` -> column, of a long table.
        conditions: word, in small letters -> condition.
        words: `side`, `zone` and `severity`, each word in small letters -> value.
    """

    layout: Literal["wide", "long"] = Field(
        description="wide (one column per condition) or long (one row per fact)"
    )
    access: AccessClass = "private"
    terms: Annotated[str, AfterValidator(_terms)] = TERMS
    site: Annotated[str, AfterValidator(_site)] = ""
    encoding: Annotated[str, AfterValidator(_encoding)] = ""
    separator: Annotated[str, AfterValidator(_separator)] = ""
    images: Annotated[str, AfterValidator(_images)] = ""
    columns: Columns
    splits: Words = OWN
    values: Annotated[dict[Label, list[str]], AfterValidator(_values)] = Field(
        {}, validate_default=True, description='a list for each label, for example ["1", "yes"]'
    )
    labels: Annotated[dict[str, str], AfterValidator(_labels)] = Field(
        {}, description="condition: column, one a line; fill it in"
    )
    facts: FactColumns | None = None
    conditions: Words = OWN
    words: AttributeWords = OWN

    @model_validator(mode="before")
    @classmethod
    def _keys_of_layout(cls, given: Any) -> Any:
        layout = given.get("layout") if isinstance(given, dict) else None
        for other, keys in OF_LAYOUT.items():
            for key in keys:
                if layout in ("wide", "long") and layout != other and key in given:
                    raise UnfitError(
                        f"a key of {other} tables", f"none of it in a {layout} one", key
                    )
        return given

    @model_validator(mode="after")
    def _whole(self) -> "Mapping":
        if self.layout == "wide" and not self.labels:
            raise UnfitError("nothing", "condition: column, one a line; fill it in", "labels")
        if self.layout == "long" and self.facts is None:
            raise UnfitError("nothing", "condition: column and existence: column", "facts")
        if self.images and not self.columns.image_path:
            raise UnfitError("a folder", "columns: image_path with it, or neither", "images")
        return self

    def fact_columns(self) -> dict[str, str]:
        """Name in `facts.parquet` -> column; empty for a wide table."""
        return self.facts.columns() if self.facts else {}

    def label_of(self) -> dict[str, str]:
        """Cell of the table -> label."""
        return {whole_number(w.strip()): label for label, ws in self.values.items() for w in ws}

    def used(self, table: Path, names: Sequence[str]) -> list[str]:
        """The columns that the mapping speaks of.

        Args:
            table: the table's file, for messages.
            names: the columns that it has.

        Raises:
            InputError: the table lacks one of them.
        """
        parts = {
            "columns": self.columns.columns(),
            "labels": self.labels,
            "facts": self.fact_columns(),
        }
        asked = [(key, name, part[name]) for key, part in parts.items() for name in part]
        lower = {name.lower(): name for name in names}
        for key, name, column in asked:
            if column not in names:
                # Only a name much like it: without a heading the first patient would stand there.
                like = difflib.get_close_matches(column.lower(), lower, 1, 0.8)
                found = f"no column {column!r} in {table.name}"
                found += f", but {lower[like[0]]!r}" if like else ""
                raise InputError(
                    mapping_file(table),
                    found=found,
                    expected="a column of the table",
                    line=line_of(mapping_file(table), (key, name)),
                    key=f"{key}.{name}",
                )
        return [column for _, _, column in asked]


def mapping_file(table: Path) -> Path:
    """Where the mapping of a table lies: `site.csv.gz` -> `site.mapping.yaml`."""
    stem = table
    while stem.suffix:
        stem = stem.with_suffix("")
    return stem.with_name(f"{stem.name}.mapping.yaml")


def read_mapping(table: Path, conditions: Conditions = CONDITIONS) -> Mapping:
    """Read the mapping of a table.

    Raises:
        InputError: there is none, it is no YAML, or it breaks the form; names line and key.
    """
    file = mapping_file(table)
    if not file.is_file():
        first = f"write a first one with: nast facts --init-mapping {table}"
        raise InputError(file, found="no such file", expected=f"the mapping of the table; {first}")
    around = Around(file.parent, conditions)
    return read_yaml(file, Mapping, "a mapping, key: value", texts=True, context=around)
