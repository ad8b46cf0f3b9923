"""The table of conditions of a question set, and the one that a review makes of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import yaml

from nast.facts.conditions import CONDITIONS, Condition, use_conditions, use_table
from nast.files import write_text
from nast.folders import input_folders
from nast.sources.collect import TABLE

_HEAD = "# The table of conditions after review; nast facts --conditions takes it.\n\n"
_DEFAULTS = asdict(Condition(name="", term=""))
Changes = Mapping[str, dict[str, Any]]
"""Condition -> its fields that change; for `normal` None, the phrase is gone."""


def use_table_of(folder: Path, manifest: dict[str, Any]) -> None:
    """Take the table of conditions into use that the questions of a folder were made with.

    It lies in the folder after a review, else in the facts folder that the questions came from;
    where neither has one, it is the package's own.
    """
    places = [Path(folder), *input_folders(folder)]
    use_conditions(next((p / TABLE for p in places if (p / TABLE).is_file()), None))


def changed(changes: Changes) -> dict[str, Condition]:
    """The table in force with some fields changed."""
    return {name: replace(c, **changes.get(name, {})) for name, c in CONDITIONS.items()}


def write_conditions(path: Path, table: Mapping[str, Condition]) -> None:
    """Write a table of conditions as YAML, in the form of `facts/conditions.yaml`."""
    names = [f.name for f in fields(Condition) if f.name != "name"]
    rows = {
        name: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in ((key, getattr(condition, key)) for key in names)
            if value != _DEFAULTS[key]
        }
        for name, condition in table.items()
    }
    text = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=100)
    write_text(path, _HEAD + text)


@contextmanager
def conditions_in_use(table: Mapping[str, Condition]) -> Iterator[None]:
    """Another table of conditions for the length of a block."""
    before = dict(CONDITIONS)
    try:
        use_table(table)
        yield
    finally:
        use_table(before)
