"""A long JSON list, one item at a time: a gigabyte of records in the memory of a few."""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nast.errors import InputError
from nast.sources.io.packed import DAMAGE, GZIP, Unpacked

LONGEST_ITEM = 64 * 2**20
"""Characters. A longer item is no record; it is refused before it fills the memory."""
_CHUNK = 2**22
_BLANKS = re.compile(r"[ \t\r\n]*")


def read_json_items(file: Path, expected: str) -> Iterator[Any]:
    """The items of a JSON list, in order; the file may be gzip, and should be what is expected.

    Raises:
        InputError: the file is missing, cut, not UTF-8, no JSON list, or an object in it has one
            key twice (the second would silently replace the first).
    """
    decoder = json.JSONDecoder(object_pairs_hook=keys_once)
    text, place, row, after_comma = "", 0, 0, False
    try:
        with Unpacked(file, (GZIP,)) as stream:
            chunks = _chunks(stream)
            text, place = _skip(text, place, chunks)
            if text[place : place + 1] != "[":
                raise InputError(file, found="no JSON list", expected=expected)
            place += 1
            while True:
                text, place = _skip(text, place, chunks)
                if text[place : place + 1] == "]" and not after_comma:
                    break
                row += 1
                item, text, place = _item(decoder, text, place, chunks)
                yield item
                text, place = _skip(text, place, chunks)
                after_comma = text[place : place + 1] == ","
                if not after_comma and text[place : place + 1] != "]":
                    raise BrokenError("a list that ends early, or without a comma")
                place += after_comma
            text, place = _skip(text, place + 1, chunks)
            if text[place:]:
                raise BrokenError("more after the list")
    except UnicodeDecodeError:
        raise InputError(
            file,
            found="bytes that are not UTF-8",
            row=row + 1,
            expected="UTF-8 text; save the file as UTF-8",
        ) from None
    except DAMAGE:
        raise InputError(
            file,
            found="a gzip file that ends early or is damaged",
            expected="a whole file; fetch it again",
        ) from None
    except OSError as error:
        raise InputError(
            file, found=(error.strerror or "no such file").lower(), expected=expected
        ) from None
    except BrokenError as error:
        raise InputError(file, found=str(error), expected="whole JSON", row=row) from None


class BrokenError(ValueError):
    """What is wrong with the JSON, without its text."""


def _chunks(stream: Unpacked) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    while data := stream.read(_CHUNK):
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


def _skip(text: str, place: int, chunks: Iterator[str]) -> tuple[str, int]:
    """The text from the next character that is no space; reads on when there is none."""
    while True:
        place = _BLANKS.match(text, place).end()  # type: ignore[union-attr]
        if place < len(text):
            return text, place
        more = next(chunks, None)
        if more is None:
            return "", 0
        text, place = more, 0


def _item(
    decoder: json.JSONDecoder, text: str, place: int, chunks: Iterator[str]
) -> tuple[Any, str, int]:
    """The next item; reads on until it is whole."""
    while True:
        try:
            item, end = decoder.raw_decode(text, place)
        except RecursionError:
            raise BrokenError("an item that is nested too deeply") from None
        except BrokenError:
            raise
        except ValueError as error:
            _refuse_broken(error, len(text))
            end = len(text)
        # What ends with the text, or before a letter of numbers, may go on: 12 of 123, 1 of 1e9.
        if end < len(text) and not (isinstance(item, int | float) and text[end] in ".eE"):
            return item, text, end
        if len(text) - place > LONGEST_ITEM:
            raise BrokenError(f"an item of more than {LONGEST_ITEM >> 20} MiB")
        more = next(chunks, None)
        if more is None:
            raise BrokenError("broken or cut JSON")
        # Twice the text each time, so that a long item is not decoded again and again.
        pieces, size = [text[place:], more], len(more)
        while size < len(text) - place and (more := next(chunks, None)) is not None:
            pieces.append(more)
            size += len(more)
        text, place = "".join(pieces), 0


def _refuse_broken(error: ValueError, length: int) -> None:
    """An error at the end of the text may only mean that the item goes on; another one is final."""
    place = getattr(error, "pos", 0)
    if place < length - 16 and not str(error).startswith("Unterminated string"):
        raise BrokenError("broken JSON")


def keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; refuses one in which a key stands twice, for the second would win.

    Raises:
        BrokenError: there is one.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BrokenError("an object with one key twice")
    return found
