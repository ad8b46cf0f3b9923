"""The words of a site's own table: those that its mapping explains, and the package's own."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, ValidationInfo

from nast.errors import shown
from nast.facts.conditions import Conditions
from nast.records import SEVERITIES, SIDES, SPLITS, ZONES
from nast.yaml_files import StrictModel, UnfitError, likely

ATTRIBUTES = ("side", "zone", "severity")
SPLIT_WORDS = {
    **{split: split for split in SPLITS},
    "training": "train",
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validate"),
    "testing": "test",
}
"""Words in small letters that mean a split in any table."""
OWN: Any = Field(default_factory=dict, validate_default=True)
"""The default of a vocabulary: where a mapping explains no word, there are the package's own."""


class Around(NamedTuple):
    """What a mapping is read with: the folder it lies in, and the table of conditions."""

    folder: Path
    conditions: Conditions


def around(info: ValidationInfo) -> Around:
    """What the mapping is read with that a validator looks at."""
    assert isinstance(info.context, Around)
    return info.context


def condition_words(conditions: Conditions) -> dict[str, str]:
    """The conditions by their names and terms in small letters."""
    terms = {c.term.lower(): name for name, c in conditions.items()}
    return terms | {name.lower(): name for name in conditions}


def attribute_values(conditions: Conditions) -> dict[str, list[str]]:
    """`side`, `zone` and `severity` with all that they can be."""
    zones = [*ZONES, *(zone for c in conditions.values() for zone in c.zones)]
    return dict(zip(ATTRIBUTES, map(list, (SIDES, dict.fromkeys(zones), SEVERITIES)), strict=True))


def _vocabulary(words: dict[str, str], own: dict[str, str]) -> dict[str, str]:
    """Words in small letters -> what they mean: those of a mapping, and the package's own."""
    found, meanings = dict(own), list(dict.fromkeys(own.values()))
    for word, meaning in words.items():
        if meaning not in meanings:
            raise UnfitError(shown(meaning), likely(meaning, meanings), word)
        known = found.setdefault(word.strip().lower(), meaning)
        if known != meaning:
            raise UnfitError(f"{meaning} for it", f"{known}, its one meaning", word)
    return found


def _splits(words: dict[str, str]) -> dict[str, str]:
    return _vocabulary(words, SPLIT_WORDS)


def _conditions(words: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    return _vocabulary(words, condition_words(around(info).conditions))


def _attribute(words: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    values = attribute_values(around(info).conditions)[info.field_name or ""]
    return _vocabulary(words, {value: value for value in values})


SplitWords = Annotated[dict[str, str], AfterValidator(_splits)]
"""Word of the table, in small letters -> split."""
ConditionWords = Annotated[dict[str, str], AfterValidator(_conditions)]
"""Word of the table, in small letters -> condition."""
_Values = Annotated[dict[str, str], AfterValidator(_attribute)]


class AttributeWords(StrictModel):
    """Words of the table, in small letters -> the values of `side`, `zone` and `severity`."""

    side: _Values = OWN
    zone: _Values = OWN
    severity: _Values = OWN
