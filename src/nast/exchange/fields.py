"""Files of others as entries whose fields are checked one by one; messages never quote them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nast.errors import InputError, shown
from nast.exchange.places import parts_of
from nast.files import read_json


@dataclass(frozen=True)
class Entry:
    """One entry of an imported file.

    Attributes:
        values: what it holds, by name.
        file: that it stands in, for messages.
        row: its number, from 1.
    """

    values: Mapping[str, Any]
    file: Path
    row: int

    def wrong(self, found: str, expected: str, name: str | None = None) -> InputError:
        """The error about a field, or about the whole entry."""
        return InputError(self.file, found=found, expected=expected, row=self.row, column=name)

    def holds(self, name: str) -> bool:
        """Whether there is such a field, and something in it."""
        return self.values.get(name) is not None

    def field(self, name: str) -> Any:
        """A field, whatever it holds.

        Raises:
            InputError: there is no such field.
        """
        if name not in self.values:
            raise self.wrong(f"{len(self.values)} others", "the key", name)
        return self.values[name]

    def within(self, name: str) -> "Entry":
        """A field that is an object, as an entry.

        Raises:
            InputError: it is none.
        """
        return entry_of(self.field(name), self.file, self.row)

    def text(self, name: str) -> str:
        """A field that holds words.

        Raises:
            InputError: it is no text, blank, or holds half a character.
        """
        return self._words(self.field(name), name)

    def text_or(self, name: str, other: str) -> str:
        """A field that holds words; `other` where there is nothing in it.

        Raises:
            InputError: it holds something else.
        """
        return self.text(name) if self.holds(name) else other

    def texts(self, name: str) -> tuple[str, ...]:
        """A field that holds a list of texts.

        Raises:
            InputError: it is no list, or an entry is no text.
        """
        value = self.field(name)
        if not isinstance(value, list):
            raise self.wrong(_kind(value), "a list of texts", name)
        return tuple(self._words(v, name) for v in value)

    def path(self, name: str) -> str:
        """A field that holds the path of an image.

        Raises:
            InputError: it is no text, or names no file.
        """
        path = self.text(name)
        if not parts_of(path):
            raise self.wrong("a path without a name", "the path of an image", name)
        return path

    def whole(self, name: str, limit: int | None = None) -> int:
        """A field that holds a whole number, below `limit` (from 0) where that is given.

        Numbers may be written as text, and as `2.0`.

        Raises:
            InputError: anything else.
        """
        value = self.field(name)
        text = str(value).strip().removesuffix(".0")
        digits = text.removeprefix("-")
        good = not isinstance(value, bool) and digits.isascii() and digits.isdecimal()
        number = int(text) if good and len(digits) < 10 else None
        if number is None or (limit is not None and not 0 <= number < limit):
            span = "" if limit is None else f" from 0 to {limit - 1}"
            raise self.wrong(shown(value), f"a whole number{span}", name)
        return number

    def _words(self, value: object, name: str) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.wrong("a blank" if isinstance(value, str) else _kind(value), "a text", name)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.wrong("half a character", "a text", name) from None
        return value.strip()


def entry_of(value: object, file: Path, row: int) -> Entry:
    """A JSON object as an entry.

    Raises:
        InputError: it is no object.
    """
    if not isinstance(value, dict):
        raise InputError(file, found=_kind(value), expected="a JSON object", row=row)
    return Entry(value, file, row)


def read_object(file: Path) -> dict[str, Any]:
    """A JSON file that is one object.

    Raises:
        InputError: it is not.
    """
    value = _json(file)
    if not isinstance(value, dict):
        raise InputError(file, found=_kind(value), expected="a JSON object")
    return value


def read_array(file: Path) -> list[Any]:
    """A JSON file that is one list.

    Raises:
        InputError: it is not.
    """
    value = _json(file)
    if not isinstance(value, list):
        raise InputError(file, found=_kind(value), expected="a JSON list")
    return value


def read_lines(file: Path) -> Iterator[Entry]:
    """The objects of a JSON Lines file, numbered by line; blank lines are passed over.

    Raises:
        InputError: a line is no JSON object, or the file is not UTF-8.
    """
    with open(file, "rb") as stream:
        for row, line in enumerate(stream, 1):
            if line.strip():
                try:
                    value = json.loads(line.decode("utf-8-sig"))
                except (ValueError, RecursionError):
                    raise InputError(
                        file, found="no JSON", expected="one JSON object a line", row=row
                    ) from None
                yield entry_of(value, file, row)


def _json(file: Path) -> Any:
    if not file.is_file():
        raise InputError(file, found="no such file", expected="a JSON file")
    return read_json(file)


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "nothing",
    }
    return names.get(type(value), "a number")
