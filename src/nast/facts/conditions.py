"""The conditions: their names, words, attributes, Table 5 phrases and conflicts.

The only home of everything that is known about a condition. The package's table is
`conditions.yaml`; a user's own file of the same form travels with the folders made with it, and is
an argument of whatever reads them. Phrases are Table 5 of the paper; their classes (decision 11)
are our lay reading and not reviewed by a radiologist.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from nast.files import checked
from nast.records import Severity
from nast.yaml_files import StrictModel, UnfitError, read_yaml

PhraseClass = Literal["equivalent", "broader", "view-dependent"]
TABLE = "conditions.yaml"
"""In a folder whose conditions are not the package's own."""
DEFAULT_TABLE = Path(__file__).with_name(TABLE)
NO_FINDING = "No Finding"
WITHIN = {"apical": "upper", "retrocardiac": "lower"}
"""Zone -> the zone that it is a part of."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What the package knows about one condition; `conditions.yaml` explains each field."""

    name: str
    term: str
    normal: str | None = None
    phrase_class: PhraseClass | None = None
    reviewed: bool = False
    grades: dict[str, str] = field(default_factory=dict)
    sided: bool = False
    zones: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    plural: bool = False
    counted: bool = False
    synonyms: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()
    labelled: bool = True

    def takes_zone(self, zone: str | None) -> bool:
        """Whether an annotation may place it in a zone, or in a part of one of its zones."""
        return zone in self.zones or WITHIN.get(zone or "") in self.zones


class Conditions(Mapping[str, Condition]):
    """A table of conditions by name; it travels with the folder whose facts it names.

    The order is that of the file: for the package's own the 13 of CheXpert in alphabetical order,
    then those of CAD-Chest.

    Examples:
        >>> nast.CONDITIONS["Pneumothorax"].normal
        'fully expanded lungs'
        >>> nast.CONDITIONS.contradicting("Lung Opacity")[:2]
        ['Atelectasis', 'Consolidation']
    """

    def __init__(self, table: Mapping[str, Condition]) -> None:
        self._table = dict(table)
        self._hash = hash(tuple(self._table))

    def __getitem__(self, name: str) -> Condition:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def __hash__(self) -> int:
        # Equal tables have equal names. What is made of a table is kept under it.
        return self._hash

    def labelled(self) -> list[str]:
        """The conditions that label tables and `studies.parquet` have a column for."""
        return [name for name, condition in self.items() if condition.labelled]

    def contradicts_hierarchy(self, labels: Mapping[str, str]) -> bool:
        """Whether a parent is absent while its child is present (CheXpert's label hierarchy).

        Args:
            labels: condition name -> label; conditions may be missing.
        """
        return any(
            labels.get(name) == "present" and labels.get(parent) == "absent"
            for name, condition in self.items()
            for parent in condition.parents
        )

    def phrase_conflicts(self, labels: Mapping[str, str]) -> list[tuple[str, str]]:
        """Pairs (absent condition, present one) whose Table 5 phrase is false in a plain reading.

        Example: consolidation absent and lung opacity present, "clear lung parenchyma".
        """
        return [
            (name, other)
            for name, condition in self.items()
            if labels.get(name) == "absent"
            for other in condition.conflicts
            if labels.get(other) == "present"
        ]

    def contradicting(self, name: str) -> list[str]:
        """The conditions whose presence makes the denial of a condition, or its phrase, false."""
        return [
            other
            for other, known in self.items()
            if other != name and (other in self[name].conflicts or name in known.parents)
        ]


def conditions_of(folder: Path) -> Conditions:
    """The table that a finished folder was made with: its `conditions.yaml`, else the package's.

    Raises:
        InputError: the file breaks the form of `conditions.yaml`, or changed since the folder was
            finished.

    Examples:
        >>> nast.conditions_of("facts") == nast.CONDITIONS
        True
    """
    file = Path(folder) / TABLE
    return load_conditions(checked(file)) if file.is_file() else CONDITIONS


def copy_conditions(folder: Path, out: Path) -> None:
    """Put a folder's own table of conditions, where it has one, into a folder made from it."""
    file = Path(folder) / TABLE
    if file.is_file():
        shutil.copyfile(file, Path(out) / TABLE)


def _word(value: str) -> str:
    if value.strip() != value or value in ("", "*"):
        raise ValueError("a text without blanks around it")
    return value


def _small(value: str) -> str:
    if not value.islower():
        raise ValueError("small letters")
    return value


_Word = Annotated[str, AfterValidator(_word)]
_Words = Annotated[tuple[_Word, ...], Field(strict=False)]
_Zones = Annotated[tuple[Annotated[_Word, AfterValidator(_small)], ...], Field(strict=False)]


class _Row(StrictModel):
    """The fields of one condition in the file; `conditions.yaml` explains them."""

    term: _Word = Field(description="a text, the name that sentences use")
    normal: _Word | None = Field(None, description="a text, the phrase of its absence")
    phrase_class: PhraseClass | None = Field(
        None, description=f"one of {', '.join(get_args(PhraseClass))}"
    )
    reviewed: bool = Field(False, description="yes or no")
    grades: dict[Severity, _Word] = Field(
        {}, min_length=3, description="words for mild, moderate and severe"
    )
    sided: bool = Field(False, description="yes or no")
    zones: _Zones = Field((), description="a list of texts in small letters")
    parents: _Words = Field((), description="a list of conditions")
    conflicts: _Words = Field((), description="a list of conditions")
    plural: bool = Field(False, description="yes or no")
    counted: bool = Field(False, description="yes or no")
    synonyms: _Words = Field((), description="a list of texts")
    decoys: _Words = Field((), description="a list of texts")
    labelled: bool = Field(True, description="yes or no")

    @model_validator(mode="after")
    def _phrase_and_class(self) -> "_Row":
        if (self.normal is None) != (self.phrase_class is None):
            found = "a phrase without its class, or a class without a phrase"
            raise UnfitError(found, "normal and phrase_class, both or neither")
        return self


def _consistent(rows: dict[str, _Row]) -> dict[str, _Row]:
    """A table in which conditions refer to each other, and no two share their words."""
    if not rows:
        raise UnfitError("nothing", "a mapping of conditions, one or more")
    for name, row in rows.items():
        if name == NO_FINDING:
            raise UnfitError("no condition", f"conditions other than {NO_FINDING}", name)
        for key, others in (("parents", row.parents), ("conflicts", row.conflicts)):
            if any(other not in rows or other == name for other in others):
                found = "a condition that is not there, or this one itself"
                raise UnfitError(found, "other conditions of the table", name, key)
    for key in ("term", "normal"):
        seen: dict[str, str] = {}
        for name, row in rows.items():
            word = getattr(row, key)
            if word is not None and seen.setdefault(word, name) != name:
                raise UnfitError(f"that of {seen[word]}", f"a {key} of its own", name, key)
    return rows


def load_conditions(file: Path) -> Conditions:
    """Read a table of conditions.

    Args:
        file: a YAML file in the form of `conditions.yaml`.

    Raises:
        InputError: no YAML mapping, an unknown field, a value of the wrong kind, a name, term or
            phrase twice, or a reference to a condition that the table lacks.
    """
    table = Annotated[dict[str, _Row], AfterValidator(_consistent)]
    rows: dict[str, _Row] = read_yaml(file, table, "a table of conditions")
    return Conditions({name: Condition(name=name, **dict(row)) for name, row in rows.items()})


CONDITIONS = load_conditions(DEFAULT_TABLE)
"""The package's own table."""
