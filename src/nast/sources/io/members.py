"""The files of an archive or a folder, read without unpacking anything."""

import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from nast.errors import InputError
from nast.sources.image_paths import is_inside
from nast.sources.io.packed import DAMAGE, Unpacked

LARGEST = 2 * 2**20
"""Bytes of one member; a larger one is no report (Open-i's have less than ten thousand)."""


def read_members(path: Path, suffix: str, expected: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file with a suffix such as ".xml", ordered by numbers in names.

    The path is a tar archive (plain, gzip, bzip2, xz) or a folder; links are not followed.

    Raises:
        InputError: no such path, a damaged archive, or a member that would leave its folder or
            is too large.
    """
    found = _from_folder(path, suffix) if path.is_dir() else _from_archive(path, suffix, expected)
    yield from sorted(found, key=lambda member: _numbers(member[0]))


def _numbers(name: str) -> list[tuple[int, str]]:
    """Numbers by size (their length first, for a name may hold one of any length), then letters."""
    parts = re.split(r"(\d+)", name)
    return [(len(p.lstrip("0")), p.lstrip("0")) if p.isdecimal() else (-1, p) for p in parts]


def _from_folder(path: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    for folder, _, names in os.walk(path, followlinks=False):
        for name in names:
            file = Path(folder) / name
            if file.suffix.lower() == suffix and file.is_file() and not file.is_symlink():
                if file.stat().st_size > LARGEST:
                    _refuse_large(path, name)
                yield str(file.relative_to(path)), file.read_bytes()


def _from_archive(path: Path, suffix: str, expected: str) -> Iterator[tuple[str, bytes]]:
    try:
        with Unpacked(path) as content, tarfile.open(fileobj=content, mode="r:") as archive:
            for member in archive:
                if not is_inside(member.name):
                    raise InputError(
                        path,
                        found="a member outside the archive's folder",
                        expected="relative names without '..'",
                    )
                if member.isreg() and member.name.lower().endswith(suffix):
                    if member.size > LARGEST:
                        _refuse_large(path, Path(member.name).name)
                    file = archive.extractfile(member)
                    assert file is not None
                    yield member.name, file.read()
            # The library takes a broken header for the end, which really is a block of zeros.
            assert archive.fileobj is not None
            archive.fileobj.seek(archive.offset)
            if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                raise EOFError
            # The check sum of a packed archive is looked at when its end is read.
            while archive.fileobj.read(2**20):
                pass
    except (tarfile.TarError, *DAMAGE, ValueError):
        raise InputError(
            path, found="an archive that ends early or is damaged", expected=expected
        ) from None
    except OSError as error:
        found = error.strerror or "an archive that ends early or is damaged"
        raise InputError(path, found=found.lower(), expected=expected) from None


def _refuse_large(path: Path, name: str) -> None:
    found = f"{name} of more than {LARGEST >> 20} MiB"
    raise InputError(path, found=found, expected="reports")
