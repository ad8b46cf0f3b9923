"""Image files as an encoder sees them: eight-bit RGB, whatever they were stored as.

A radiograph comes as JPEG, as PNG of 8 or 16 bits, or as DICOM. Pillow cuts 16-bit values at 255,
which leaves a white square; stored DICOM values mean nothing before their rescale and window.
"""

import logging
import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
from PIL import Image

from nast.errors import ImageError

DICOM_MARK = b"DICM"
"""Stands at byte 128 of a DICOM file (PS3.10)."""
PERCENTILES = (0.5, 99.5)
"""The window of a DICOM image that brings none of its own."""
WORKERS = max(1, min(8, getattr(os, "process_cpu_count", os.cpu_count)() or 1))
"""Threads that read images; each holds a decoded one."""
AHEAD = 64
"""Images that may wait for the encoder."""
Made = TypeVar("Made")
_FILTERS = Lock()
_QUIET = ("ignore", None, Warning, re.compile("pydicom"), 0)


def open_image(path: Path) -> Image.Image:
    """An image file as eight-bit RGB.

    Grey values deeper than eight bits are spread linearly from the image's own smallest to its
    largest value: a 12-bit image in a 16-bit file would be almost black otherwise. DICOM values
    go through rescale (or modality LUT), then through the file's window or VOI LUT, or the
    0.5-99.5 percentile window where it has none; MONOCHROME1 is inverted, so that air is dark.

    Args:
        path: JPEG, PNG or DICOM of a single frame.

    Raises:
        ImageError: no such file, a broken one, or a DICOM file that holds no single image or is
            compressed in a way that needs a decoder which is not installed.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(132)
        if head[128:] == DICOM_MARK:
            return _grey(_dicom_values(path)).convert("RGB")
        with Image.open(path) as image:
            # Pillow's names of grey modes beyond eight bits: "I", "I;16", "I;16B", "F".
            if image.mode[0] in "IF":
                return _grey(np.asarray(image, dtype=np.float64)).convert("RGB")
            return image.convert("RGB")
    except FileNotFoundError:
        raise ImageError(path, "no such file") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ImageError(path, "a broken image") from None


def _grey(values: np.ndarray) -> Image.Image:
    """Values (height, width) spread over 0..255; an even image stays black."""
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _dicom_values(path: Path) -> np.ndarray:
    """Values (height, width) of a DICOM file as a viewer would show them, bright for dense."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    _quiet_pydicom()
    try:
        data = dcmread(path)
        pixels = data.pixel_array
    except (InvalidDicomError, AttributeError, KeyError, EOFError):
        raise ImageError(path, "a DICOM file without a readable image") from None
    except (RuntimeError, NotImplementedError):
        found = "a compressed DICOM image whose decoder is not installed (try pylibjpeg[all])"
        raise ImageError(path, found) from None
    if pixels.ndim != 2:
        raise ImageError(path, f"a DICOM image of shape {pixels.shape}, not one grey frame")
    values = np.asarray(apply_modality_lut(pixels, data), dtype=np.float64)
    if "WindowCenter" in data or "VOILUTSequence" in data:
        # A look-up table is indexed by whole numbers.
        whole = values.astype(np.int32) if "VOILUTSequence" in data else values
        values = np.asarray(apply_voi_lut(whole, data), dtype=np.float64)
    else:
        values = values.clip(*np.percentile(values, PERCENTILES))
    return values.max() - values if data.PhotometricInterpretation == "MONOCHROME1" else values


def _quiet_pydicom() -> None:
    """Hide pydicom's notices: they quote elements of the header, which tell about the patient.

    For good and not for one file: the filters of warnings belong to all threads at once.
    """
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with _FILTERS:
        if warnings.filters[:1] != [_QUIET]:
            warnings.filterwarnings("ignore", module="pydicom")


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
