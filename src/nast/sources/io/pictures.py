"""Which files are pictures, and how they are opened: by the decoders of a few formats alone.

Pillow looks at a file's first bytes and not at its name: PostScript that is called `.jpg` would be
given to Ghostscript, a program that runs it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FORMATS = ("JPEG", "PNG", "TIFF", "BMP")
"""Pillow's names of what is opened. Of several frames the first is taken; none is counted."""
LARGEST = 89_478_485
"""Pixels of an image, as in Pillow's own warning; a radiograph has up to 30 million."""
DICOM_MARK = b"DICM"
"""Stands at byte 128 of a DICOM file (PS3.10)."""
_FIRST = re.compile(
    # A data set without the preamble begins with group 2 or 8 in little-endian order, or group 8
    # in big-endian order, followed by a length of two letters and number, or of four bytes.
    rb"[\x02\x08]\x00.\x00(?:[A-Z][A-Z]|..\x00\x00)|\x00\x08\x00.[A-Z][A-Z]",
    re.DOTALL,
)


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins with these 132 bytes is DICOM, with or without its preamble."""
    return head[128:132] == DICOM_MARK or bool(_FIRST.match(head))


@contextmanager
def picture(path: Path) -> Iterator[Any]:
    """An image of Pillow, not yet decoded, of one of `FORMATS`.

    Raises:
        ValueError: it has more than `LARGEST` pixels.
        OSError: and what else Pillow raises of files that are no picture.
    """
    from PIL import Image

    # Of a path, Pillow maps a turned TIFF into memory by the wrong width.
    with open(path, "rb") as file, Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > LARGEST:
            raise ValueError(f"more than {LARGEST} pixels")
        yield image
