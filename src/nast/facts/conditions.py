"""The conditions: their names, words, attributes, Table 5 phrases and conflicts.

The only home of everything that is known about a condition. The table is `conditions.yaml`; a
user's own file of the same form replaces it for the process. Phrases are Table 5 of the paper;
their classes (design row 11) are our lay reading and not reviewed by a radiologist.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from nast.errors import InputError
from nast.files import checked
from nast.records import SEVERITIES

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
    """

    def __init__(self, table: Mapping[str, Condition]) -> None:
        self._table = dict(table)

    def __getitem__(self, name: str) -> Condition:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

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


CONDITIONS = Conditions({})
"""The package's own table."""
_revision = 0


def conditions_of(folder: Path) -> Conditions:
    """The table that a finished folder was made with: its `conditions.yaml`, else the package's.

    Raises:
        InputError: the file breaks the form of `conditions.yaml`, or changed since the folder was
            finished.
    """
    file = Path(folder) / TABLE
    return Conditions(load_conditions(checked(file))) if file.is_file() else CONDITIONS


def labelled() -> list[str]:
    """The conditions that label tables and `studies.parquet` have a column for."""
    return CONDITIONS.labelled()


def revision() -> int:
    """Changes whenever another table is taken into use; for what is computed from the table."""
    return _revision


def use_conditions(file: Path | None = None) -> None:
    """Take a table of conditions into use for this process.

    Args:
        file: a YAML file in the form of `conditions.yaml`; None for the package's own.

    Raises:
        InputError: the file breaks that form.
    """
    use_table(load_conditions(file) if file else _package_table())


@cache
def _package_table() -> dict[str, Condition]:
    return load_conditions(DEFAULT_TABLE)


def use_table(table: Mapping[str, Condition]) -> None:
    """Take a table of conditions into use for this process, as `load_conditions` gives it."""
    global _revision
    if dict(table) != dict(CONDITIONS):
        CONDITIONS._table = dict(table)
        _revision += 1


def load_conditions(file: Path) -> dict[str, Condition]:
    """Read a table of conditions.

    Raises:
        InputError: no YAML mapping, an unknown field, a value of the wrong kind, a name, term or
            phrase twice, or a reference to a condition that the table lacks.
    """
    file = Path(file)
    table = _read(file)
    if not isinstance(table, dict) or not table:
        found = type(table).__name__
        raise InputError(file, found=found, expected="a mapping of conditions")
    conditions = {str(name): _condition(file, str(name), row) for name, row in table.items()}
    for name, condition in conditions.items():
        for other in (*condition.parents, *condition.conflicts):
            if other not in conditions or other == name:
                raise InputError(
                    file,
                    found="a parent or conflict that is not there",
                    column=name,
                    expected="other conditions of the table",
                )
    for field_name in ("term", "normal"):
        words = [getattr(c, field_name) for c in conditions.values()]
        if any(w is not None and words.count(w) > 1 for w in words):
            raise InputError(file, found=f"one {field_name} twice", expected="each once")
    return conditions


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep=deep)
        if len(found) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key twice", node.start_mark)
        return found


def _read(file: Path) -> Any:
    try:
        return yaml.load(file.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except OSError:
        raise InputError(file, found="no such file", expected="a table of conditions") from None
    except (
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        RecursionError,
        yaml.YAMLError,
    ) as e:
        # The library's constructors let several of Python's own errors through.
        place = getattr(e, "problem_mark", None)
        found = f"no YAML (line {place.line + 1})" if place else "no YAML"
        raise InputError(file, found=found, expected="a mapping of conditions") from None


def _word(value: Any) -> bool:
    return isinstance(value, str) and value.strip() == value != "" and value != "*"


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(map(_word, value))


_KINDS: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("term", "normal"), ("a text", _word)),
    "phrase_class": (
        f"one of {', '.join(get_args(PhraseClass))}",
        lambda v: v in get_args(PhraseClass),
    ),
    **dict.fromkeys(
        ("reviewed", "sided", "plural", "counted", "labelled"),
        ("yes or no", lambda v: isinstance(v, bool)),
    ),
    "grades": (
        "words for mild, moderate and severe",
        lambda v: isinstance(v, dict) and set(v) == set(SEVERITIES) and all(map(_word, v.values())),
    ),
    "zones": ("a list in small letters", lambda v: _words(v) and all(z.islower() for z in v)),
    **dict.fromkeys(("parents", "conflicts", "synonyms", "decoys"), ("a list of texts", _words)),
}
"""Field -> what it must hold, in words and as a test."""


def _condition(file: Path, name: str, row: Any) -> Condition:
    if not isinstance(row, dict) or row.get("term") is None or name == NO_FINDING:
        raise InputError(
            file,
            found="no condition with a term",
            column=name,
            expected=f"fields of a condition other than {NO_FINDING}",
        )
    given = {key: value for key, value in row.items() if value is not None}
    for key, value in given.items():
        if key not in _KINDS:
            raise InputError(
                file, found="an unknown field", expected=f"one of {', '.join(_KINDS)}", column=name
            )
        expected, holds = _KINDS[key]
        if not holds(value):
            raise InputError(
                file, found=type(value).__name__, expected=f"{key}: {expected}", column=name
            )
    if ("normal" in given) != ("phrase_class" in given):
        found = "a phrase without its class, or a class without a phrase"
        raise InputError(file, found=found, expected="both or neither", column=name)
    values: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return Condition(name=name, **values)


def contradicts_hierarchy(labels: dict[str, str]) -> bool:
    """See `Conditions.contradicts_hierarchy`."""
    return CONDITIONS.contradicts_hierarchy(labels)


def phrase_conflicts(labels: dict[str, str]) -> list[tuple[str, str]]:
    """See `Conditions.phrase_conflicts`."""
    return CONDITIONS.phrase_conflicts(labels)


use_conditions()
