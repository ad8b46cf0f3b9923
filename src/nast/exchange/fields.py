"""Files of others as entries whose fields are checked one by one; messages never quote them."""

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from nast.errors import InputError, shown
from nast.exchange.image_files import parts_of
from nast.files import read_json

LONGEST = 1_000_000
"""Characters of a list of captions; a longer cell is none."""
_STRING = r"""[uU]?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_LIST = re.compile(rf"\[\s*(?:{_STRING}\s*,\s*)*(?:{_STRING}\s*)?\]", re.DOTALL)
_Whole = TypeVar("_Whole", dict[str, Any], list[Any])


@dataclass(frozen=True)
class Entry:
    """One entry of an imported file. Each method gives what a field holds.

    Attributes:
        values: what the entry holds, by name.
        file: that it stands in.
        row: its number, from 1.

    Raises:
        InputError: from every method: there is no such field, or it holds something else; names
            file, row and field.
    """

    values: Mapping[str, Any]
    file: Path
    row: int | None = None

    def wrong(self, found: str, expected: str, name: str | None = None) -> InputError:
        """The error about a field, or about the whole entry."""
        return InputError(self.file, found=found, expected=expected, row=self.row, column=name)

    def field(self, name: str) -> Any:
        """Whatever it holds."""
        if name not in self.values:
            raise self.wrong(f"{len(self.values)} others", "the key", name)
        return self.values[name]

    def within(self, name: str) -> "Entry":
        """An object, as an entry."""
        return entry_of(self.field(name), self.file, self.row)

    def text(self, name: str) -> str:
        """Words."""
        return self._words(self.field(name), name)

    def text_or(self, name: str, other: str) -> str:
        """Words; `other` where there is nothing."""
        return other if self.values.get(name) is None else self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of words."""
        value = self.field(name)
        if not isinstance(value, list):
            raise self.wrong(_kind(value), "a list of texts", name)
        return tuple(self._words(v, name) for v in value)

    def path(self, name: str) -> str:
        """The path of an image."""
        path = self.text(name)
        if not parts_of(path):
            raise self.wrong("a path without a name", "the path of an image", name)
        return path

    def whole(self, name: str, limit: int | None = None) -> int:
        """A whole number, below `limit` (from 0) where that is given.

        Numbers may be written as text, and as `2.0`.
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


def entry_of(value: object, file: Path, row: int | None) -> Entry:
    """A JSON object as an entry.

    Raises:
        InputError: it is no object.
    """
    if not isinstance(value, dict):
        raise InputError(file, found=_kind(value), expected="a JSON object", row=row)
    return Entry(value, file, row)


def numbered_entries(values: Iterable[object], file: Path) -> list[Entry]:
    """JSON objects as entries, numbered from 1.

    Raises:
        InputError: one of them is no object.
    """
    return [entry_of(value, file, row) for row, value in enumerate(values, 1)]


def read_whole(file: Path, kind: type[_Whole]) -> _Whole:
    """A JSON file that is one object (`dict`) or one list (`list`).

    Raises:
        InputError: it is not.
    """
    value = read_json(file)
    if not isinstance(value, kind):
        what = "object" if kind is dict else "list"
        raise InputError(file, found=_kind(value), expected=f"a JSON {what}")
    return value


def read_json_lines(file: Path) -> Iterator[Entry]:
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


def parse_list(text: str) -> list[str]:
    """The strings of a list literal, as `repr` or `json.dumps` writes a list of strings.

    Args:
        text: `['a', "b's"]`; a comma may follow the last string.

    Returns:
        The strings; surrogate pairs of JSON are joined.

    Raises:
        ValueError: anything but a list of string literals with commas between them (two strings
            without one would be joined), or one of more than a million characters; the message
            does not quote it.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise ValueError(f"a list of more than {LONGEST:,} characters")
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError("no list in brackets")
    if not _LIST.fullmatch(text):
        raise ValueError("something else than a string in the list, or no comma between two")
    try:
        # Of an escape that it does not know, Python warns.
        with warnings.catch_warnings(action="ignore"):
            found = ast.literal_eval(text)
        # JSON writes characters beyond the first plane as two halves.
        return [t.encode("utf-16", "surrogatepass").decode("utf-16") for t in found]
    except UnicodeDecodeError:
        raise ValueError("half a character") from None
    except (ValueError, SyntaxError):
        raise ValueError("a string that Python cannot read") from None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "nothing" if value is None else names.get(type(value), "a number")
