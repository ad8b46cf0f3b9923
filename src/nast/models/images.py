"""Image files as an encoder sees them: eight-bit RGB, whatever they were stored as.

A radiograph comes as JPEG, as PNG of 8 or 16 bits, or as DICOM. Pillow cuts 16-bit values at 255,
which leaves a white square; stored DICOM values mean nothing before their rescale and window.
"""

import base64
import io
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from nast.errors import ImageError
from nast.models.dicom import dicom_image
from nast.sources.io.pictures import is_dicom, picture

WORKERS = max(1, min(8, getattr(os, "process_cpu_count", os.cpu_count)() or 1))
"""Threads that read images; each holds a decoded one."""
AHEAD = 64
"""Images that may wait for the encoder."""
Made = TypeVar("Made")


def open_image(path: Path, least: int = 0) -> Image.Image:
    """An image file as eight-bit RGB, upright.

    Grey values deeper than eight bits are spread linearly from the image's own smallest to its
    largest value: a 12-bit image in a 16-bit file would be almost black otherwise. What is
    transparent lies on black. An image that a camera or a scanner marked as turned (EXIF) is
    turned back. DICOM is shown as `nast.models.dicom` says.

    Args:
        path: JPEG, PNG, TIFF, BMP, or DICOM of a single frame.
        least: pixels of a side that suffice: a JPEG is then decoded at a half, a quarter or an
            eighth of its size, as long as both sides keep so many. 0 decodes every image whole.

    Raises:
        ImageError: no such file, a broken one, one of another format, one with values that are no
            numbers, or a DICOM file that holds no single image or is compressed in a way that
            needs a decoder which is not installed.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(132)
        if is_dicom(head):
            return dicom_image(path).convert("RGB")
        with picture(path) as image:
            if least and image.format == "JPEG":
                image.draft(image.mode, (least, least))
            return _eight_bits(_upright(image), path)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(path, "no such file") from None
    # Decoders of pictures raise whatever a cut or foreign file leads them to.
    except Exception:
        raise ImageError(path, "a broken image") from None


def film(path: Path, side: int, quality: int) -> str:
    """An image as a page shows it: grey, no larger than asked, JPEG as base64.

    Args:
        path: as for `open_image`.
        side: pixels of the longer side at most.
        quality: of JPEG, 1 to 95.

    Returns:
        The text; empty where the file cannot be read.
    """
    try:
        small = open_image(path).convert("L")
    except ImageError:
        return ""
    small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return base64.b64encode(out.getvalue()).decode("ascii")


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF says; one whose EXIF is broken stays as it is."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _eight_bits(image: Image.Image, path: Path) -> Image.Image:
    # Pillow's names of grey modes beyond eight bits: "I", "I;16", "I;16B", "F".
    if image.mode[0] in "IF":
        return _grey(np.asarray(image, dtype=np.float64), path).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        shown = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", shown.size, "black"), shown).convert("RGB")
    return image.convert("RGB")


def _grey(values: np.ndarray, path: Path) -> Image.Image:
    """Values (height, width) spread over 0..255; an even image stays black."""
    if not np.isfinite(values).all():
        raise ImageError(path, "an image with values that are no numbers")
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def read_ahead(
    read: Callable[[Path], Made], paths: Sequence[Path], workers: int | None = None
) -> Generator[Made, None, None]:
    """What `read` makes of each file, in order, made by threads ahead of who asks for it.

    Pillow and numpy let other threads run while they decode and resize. At most `AHEAD` results
    wait, whatever the number of files. Close the iterator to end the threads early.

    Args:
        read: file -> result; several threads call it at once.
        paths: files.
        workers: threads; 1 for none beside the caller's. One a core, up to 8, if not given.

    Raises:
        Exception: what `read` raises, in place of its result.
    """
    number = WORKERS if workers is None else workers
    if number == 1:
        yield from map(read, paths)
        return
    pool = ThreadPoolExecutor(number, "image")
    waiting: deque[Future[Made]] = deque()
    try:
        for path in paths:
            waiting.append(pool.submit(read, path))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
