"""Packed files, unpacked no further than data would go: a bomb of zeros is refused early."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from nast.errors import InputError

GZIP = b"\x1f\x8b"
OPENERS: dict[bytes, Callable[..., Any]] = {
    GZIP: gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
"""First bytes of a packed file -> what opens it."""
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
"""What the libraries raise for packed files that are cut or changed."""
HARMLESS = 64 * 2**20
"""Bytes that any file may unpack to."""
MOST_PACKED = 200
"""How often a larger one may hold its own size; tables and reports hold theirs 5 to 50 times."""
AT_ONCE = 16 * 2**20
"""Bytes of one read; headers of archives that ask for more are forged."""


class Unpacked(io.BufferedIOBase):
    """The content of a plain or packed file.

    Args:
        path: the file.
        kinds: first bytes of the packed files that are unpacked.

    Raises:
        InputError: while reading: it holds far more than a file of its size does.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, kinds: tuple[bytes, ...] = tuple(OPENERS)) -> None:
        # Closed with the object, even if there is no file.
        self._file: IO[bytes] = io.BytesIO()
        self._path = path
        with open(path, "rb") as plain:
            head = plain.read(6)
            self._most = max(HARMLESS, MOST_PACKED * plain.seek(0, io.SEEK_END))
        opener = next((OPENERS[kind] for kind in kinds if head.startswith(kind)), open)
        self._file = opener(path, "rb")

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes; more than `AT_ONCE` are refused."""
        if size is None or size < 0 or size > AT_ONCE:
            raise self._refused(f"a part of more than {AT_ONCE >> 20} MiB")
        data = self._file.read(size)
        self._check(self._file.tell())
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place from the start."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("seek from the start only")
        self._check(offset)
        return self._file.seek(offset)

    def tell(self) -> int:
        """The place in what was unpacked."""
        return self._file.tell()

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it has places."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _check(self, place: int) -> None:
        if place > self._most:
            raise self._refused(f"a packed file that holds more than {self._most >> 20} MiB")

    def _refused(self, found: str) -> InputError:
        expected = f"data; a file of its size holds less than {self._most >> 20} MiB"
        return InputError(self._path, found=found, expected=expected)
