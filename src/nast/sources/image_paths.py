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
    """Refuse image paths, one a row of a table, that could lead out of the data folder.

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
    """Name without suffix -> path below the folder, of those images that are there.

    Subfolders are looked into, so many deep, whatever they are called; `images...` come first.
    """
    found: dict[str, str] = {}
    for place in _folders(folder, depth):
        here: dict[str, str] = {}
        # The order of names puts a PNG behind, and so before, a JPEG of the same image.
        for name in sorted(entry.name for entry in folder_entries(place)):
            stem, suffix = os.path.splitext(name)
            if stem in stems and suffix.lower() in SUFFIXES:
                here[stem] = (place / name).relative_to(folder).as_posix()
        found = here | found
        if len(found) == len(stems):
            break
    return found


def holders(folder: Path, pattern: str, depth: int) -> dict[str, list[Path]]:
    """Part of a tree, such as a patient of CheXpert -> the folders that hold it, the nearest first.

    Subfolders are looked into, so many deep, but not parts, which are known by their names.
    """
    found: dict[str, list[Path]] = {}
    for place in _folders(folder, depth, pattern):
        for entry in folder_entries(place):
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
            for entry in folder_entries(place)
            if not entry.name.startswith(".")
            and not re.fullmatch(leave_out, entry.name)
            and entry.is_dir()
        ]
        level = sorted(below, key=lambda p: (not p.name.startswith("images"), p))
        yield from level


def folder_entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
