"""Image paths and image files, looked at without being decoded."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.sources.io.pictures import is_dicom

SUFFIXES = (".png", ".jpg", ".jpeg")
_OUTSIDE = r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|\x00"
"""Absolute (also on Windows), or going up with ".."."""


def refuse_outside(paths: pl.Series, file: Path) -> None:
    """Refuse image paths that could lead out of the data folder.

    Args:
        paths: relative paths, one a row.
        file: the table they stand in, for the message.

    Raises:
        InputError: a path is absolute, or goes up with "..".
    """
    rows = paths.str.contains(_OUTSIDE).arg_true()
    if len(rows):
        raise InputError(
            file,
            found="an absolute path, or one with '..'",
            row=rows[0] + 1,
            expected="a path below the data folder",
            column=paths.name,
        )


def slashes(path: str) -> str:
    """A path as every machine reads it: Windows writes `images\\a.png`."""
    return path.replace("\\", "/")


def is_inside(path: str) -> bool:
    """Whether a path stays below the folder that it is relative to."""
    return not re.search(_OUTSIDE, path)


def image_problem(path: Path) -> str | None:
    """Why a file cannot serve as an image, or None: missing, not an image, cut short.

    Only the first and last bytes are read, so that a whole MIMIC tree can be looked over; whether
    a DICOM file is whole shows only when it is decoded.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(132)
            size = file.seek(0, 2)
            file.seek(max(0, size - 64))
            tail = file.read()
    except (OSError, ValueError):
        return "missing"
    if head[:3] == b"\xff\xd8\xff":
        return None if b"\xff\xd9" in tail else "cut short"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return None if b"IEND" in tail else "cut short"
    if is_dicom(head):
        return None
    return "not a JPEG, PNG or DICOM image"


def images_below(folder: Path, stems: Collection[str], depth: int = 3) -> dict[str, str]:
    """Where images lie, whatever their folders are called.

    Args:
        folder: where to look, with its subfolders; those called `images...` come first.
        stems: names of the images without suffix.
        depth: how many folders deep.

    Returns:
        Name -> path below the folder, of those that are there.
    """
    found: dict[str, str] = {}
    for place in _folders(folder, depth):
        here: dict[str, str] = {}
        # The order of names puts a PNG behind, and so before, a JPEG of the same image.
        for name in sorted(entry.name for entry in entries_of(place)):
            stem, suffix = os.path.splitext(name)
            if stem in stems and suffix.lower() in SUFFIXES:
                here[stem] = (place / name).relative_to(folder).as_posix()
        found = here | found
        if len(found) == len(stems):
            break
    return found


def holders(folder: Path, pattern: str, depth: int) -> dict[str, list[Path]]:
    """In which folders the parts of a tree lie, for example the patients of CheXpert.

    Args:
        folder: where to look, with its subfolders.
        pattern: of the parts' names; they are not looked into.
        depth: how many folders deep.

    Returns:
        Name of a part -> the folders that hold one, the nearest first.
    """
    found: dict[str, list[Path]] = {}
    for place in _folders(folder, depth, pattern):
        for entry in entries_of(place):
            if re.fullmatch(pattern, entry.name) and entry.is_dir():
                found.setdefault(entry.name, []).append(place)
    return found


def _folders(folder: Path, depth: int, leave_out: str = r"$.") -> Iterator[Path]:
    """The folder and those below it, the nearest first; links are followed, for they may lead to
    another disk, and the depth ends circles.
    """
    level = [folder]
    yield folder
    for _ in range(depth):
        below = [
            Path(entry.path)
            for place in level
            for entry in entries_of(place)
            if not entry.name.startswith(".")
            and not re.fullmatch(leave_out, entry.name)
            and entry.is_dir()
        ]
        level = sorted(below, key=lambda p: (not p.name.startswith("images"), p))
        yield from level


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
