"""Where images lie, whose they are, and whether a peer can open them."""

import os
import re
from pathlib import Path

from nast.errors import InputError
from nast.exchange.peer_items import Box
from nast.sources.image_paths import image_problem
from nast.sources.io.pictures import picture

_PATIENT = re.compile(r"^(?:patient\d+|p\d{8})$")
"""A folder that names a patient: CheXpert's `patient00001`, MIMIC-CXR's `p10000032`."""
LARGEST_CROP = 50_000_000
"""Pixels."""
DEEPEST = 32
"""Parts of a recorded path that are looked at, from its end."""
_PNG_BITS = slice(24, 25)
"""Where a PNG says its bit depth: signature 8, length 4, IHDR 4, width 4, height 4 bytes."""


def parts_of(recorded: str) -> list[str]:
    """The parts of a recorded path, written with either slash; without drive, `.` and `..`."""
    parts = re.split(r"[/\\]+", recorded)
    return [p for p in parts if p not in ("", ".", "..") and not re.fullmatch("[A-Za-z]:", p)]


def find_image(recorded: str, root: Path | None) -> Path | None:
    """The file that a recorded path means on this machine.

    Args:
        recorded: the path as its authors had it.
        root: folder of images here; joined with the longest ending of `recorded` that exists
            below it. Without it the path is taken as it is.

    Returns:
        An absolute path, or None where there is no such file.
    """
    if root is None:
        return Path(recorded).absolute() if os.path.isfile(recorded) else None
    parts = parts_of(recorded)[-DEEPEST:]
    places = (root.joinpath(*parts[i:]) for i in range(len(parts)))
    return next((p.absolute() for p in places if os.path.isfile(p)), None)


def by_name(root: Path) -> dict[str, Path]:
    """Every JPEG and PNG below a folder by its name, for files that record names only."""
    found: dict[str, Path] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if name.lower().endswith((".jpg", ".jpeg", ".png")):
                found.setdefault(name, Path(folder, name).absolute())
    return found


def subject_of(recorded: str) -> str:
    """Who an image is of: the folder that names a patient, else the name of the file."""
    parts = parts_of(recorded) or [""]
    return next(
        (p for p in parts[:-1] if _PATIENT.match(p)), parts[-1].rpartition(".")[0] or parts[-1]
    )


def crop(image: Path, box: Box, target: Path) -> bool:
    """Save a part of an image as PNG; false where the image cannot be read.

    Args:
        image: the whole image.
        box: x, y, width, height in pixels, as ARO gives them.
        target: the PNG.

    Raises:
        InputError: the part has no area, or an absurd one.
    """
    x, y, width, height = box
    if width < 1 or height < 1 or width * height > LARGEST_CROP:
        raise InputError(
            target.parent,
            found="a box without area, or of more than 50 million pixels",
            expected="a box inside the image",
        )
    try:
        with picture(image) as whole:
            part = whole.convert("RGB").crop((x, y, x + width, y + height))
    # Decoders of pictures raise whatever a cut or foreign file leads them to.
    except Exception:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part.save(target, format="PNG")
    return True


def peer_problem(path: str) -> str | None:
    """Why a peer cannot open an image, or None.

    Peers open images with Pillow and convert them to RGB, which clips 16-bit PNGs to white.
    """
    if not path:
        return "no path"
    reason = image_problem(Path(path))
    if reason is None:
        with open(path, "rb") as file:
            head = file.read(_PNG_BITS.stop)
        if head.startswith(b"\x89PNG") and head[_PNG_BITS] == b"\x10":
            return "a PNG of 16 bits; save it with 8"
    return reason
