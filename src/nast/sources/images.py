"""Image paths and image files, looked at without being decoded."""

import re
from pathlib import Path

import polars as pl

from nast.errors import InputError

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
        raise InputError(file, found="an absolute path, or one with '..'", row=rows[0] + 1,
                         expected="a path below the data folder", column=paths.name)  # fmt: skip


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
    if head[128:] == b"DICM":
        return None
    return "not a JPEG, PNG or DICOM image"
