"""Fields of imported files, checked one by one; messages never quote them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nast.errors import InputError, shown
from nast.exchange.places import parts_of
from nast.files import read_json


def text_of(value: object, file: Path, row: int, column: str) -> str:
    """A field that holds words.

    Raises:
        InputError: it is no text, blank, or holds half a character.
    """
    if not isinstance(value, str) or not value.strip():
        found = "a blank" if isinstance(value, str) else _kind(value)
        raise InputError(file, found=found, expected="a text", row=row, column=column)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(
            file, found="half a character", expected="a text", row=row, column=column
        ) from None
    return value.strip()


def texts_of(value: object, file: Path, row: int, column: str) -> tuple[str, ...]:
    """A field that holds a list of texts.

    Raises:
        InputError: it is no list, or an entry is no text.
    """
    if not isinstance(value, list):
        raise InputError(
            file, found=_kind(value), expected="a list of texts", row=row, column=column
        )
    return tuple(text_of(v, file, row, column) for v in value)


def path_of(value: object, file: Path, row: int, column: str) -> str:
    """A field that holds the path of an image.

    Raises:
        InputError: it is no text, or names no file.
    """
    path = text_of(value, file, row, column)
    if not parts_of(path):
        raise InputError(
            file,
            found="a path without a name",
            expected="the path of an image",
            row=row,
            column=column,
        )
    return path


def whole_of(value: object, file: Path, row: int, column: str, limit: int | None = None) -> int:
    """A field that holds a whole number, below `limit` (from 0) where that is given.

    Numbers may be written as text, and as `2.0`.

    Raises:
        InputError: anything else.
    """
    text = str(value).strip().removesuffix(".0")
    digits = text.removeprefix("-")
    good = not isinstance(value, bool) and digits.isascii() and digits.isdecimal()
    number = int(text) if good and len(digits) < 10 else None
    if number is None or (limit is not None and not 0 <= number < limit):
        span = "a whole number" if limit is None else f"a whole number from 0 to {limit - 1}"
        raise InputError(file, found=shown(value), expected=span, row=row, column=column)
    return number


def object_of(value: object, file: Path, row: int | None, required: Sequence[str]) -> Any:
    """A JSON object with some keys.

    Raises:
        InputError: it is no object, or lacks a key.
    """
    if not isinstance(value, dict):
        raise InputError(file, found=_kind(value), expected="a JSON object", row=row)
    for name in required:
        if name not in value:
            raise InputError(
                file, found=f"{len(value)} others", expected="the key", row=row, column=name
            )
    return value


def read_object(file: Path, required: Sequence[str] = ()) -> Any:
    """A JSON file that is one object.

    Raises:
        InputError: it is not.
    """
    return object_of(_json(file), file, None, required)


def read_array(file: Path) -> list[Any]:
    """A JSON file that is one list.

    Raises:
        InputError: it is not.
    """
    value = _json(file)
    if not isinstance(value, list):
        raise InputError(file, found=_kind(value), expected="a JSON list")
    return value


def read_lines(file: Path) -> Iterator[tuple[int, Any]]:
    """The lines of a JSON Lines file with their numbers; blank ones are passed over.

    Raises:
        InputError: a line is no JSON, or the file is not UTF-8.
    """
    with open(file, "rb") as stream:
        for row, line in enumerate(stream, 1):
            if line.strip():
                try:
                    yield row, json.loads(line.decode("utf-8-sig"))
                except (ValueError, RecursionError):
                    raise InputError(
                        file, found="no JSON", expected="one JSON object a line", row=row
                    ) from None


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
