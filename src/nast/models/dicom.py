"""DICOM images as a viewer shows them (PS3.3): modality, then window or table, then presentation.

pydicom decodes the pixels. Its windows are not used: they raise on the widths that files in the
field hold, and they let padding through.
"""

import logging
import math
import re
import warnings
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from nast.errors import ImageError
from nast.sources.io.pictures import DICOM_MARK, LARGEST

PERCENTILES = (0.5, 99.5)
"""The window of an image that brings none of its own."""
_DEFLATED = "1.2.840.10008.1.2.1.99"
_SYNTAX = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}
"""Implicit and little-endian, as found -> the transfer syntax of a file that does not name it."""
_NEEDED = ("SOPClassUID", "PhotometricInterpretation", "BitsAllocated", "Rows", "Columns")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "PALETTE COLOR")
_FILTERS = Lock()
_QUIET = ("ignore", None, Warning, re.compile("pydicom"), 0)


def dicom_image(path: Path) -> Image.Image:
    """A DICOM file of one frame as eight-bit grey or RGB.

    Padding (`PixelPaddingValue`, `PixelPaddingRangeLimit`) has no part in the window and is black.
    Stored values go through the modality table or rescale (a slope of 0 is none), then through the
    VOI table or the first window that is one (C.11.2.1: LINEAR from width 1, LINEAR_EXACT and
    SIGMOID above 0), else through the 0.5-99.5 percentiles. MONOCHROME1 and `PresentationLUTShape`
    INVERSE each say that the smallest value is bright; together they say it once.

    Args:
        path: the file, also one without the preamble of part 10.

    Raises:
        ImageError: it holds no single readable image; the message holds nothing of its header.
    """
    _quiet_pydicom()
    data, pixels = _decoded(path)
    try:
        if data.PhotometricInterpretation in _COLOURS:
            return _colour(pixels, data)
        if pixels.ndim != 2:
            raise ImageError(path, f"a DICOM image of shape {pixels.shape}, not one grey frame")
        padding = _padding(pixels, data)
        with np.errstate(all="ignore"):
            values = _modality(pixels, data)
        if not np.isfinite(values).all():
            raise ImageError(path, "a DICOM image with values that are no numbers")
        shades = _shades(values, data, ~padding)
        if _inverse(data):
            shades = 1 - shades
        return Image.fromarray(np.rint(np.where(padding, 0, shades) * 255).astype(np.uint8))
    except ImageError:
        raise
    # Elements of any type and length can stand in a header.
    except Exception:
        raise ImageError(path, "a DICOM file whose header does not fit its image") from None


def _decoded(path: Path) -> tuple[Any, np.ndarray]:
    from pydicom import dcmread
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import read_file_meta_info

    with open(path, "rb") as file:
        whole = file.read(132)[128:] == DICOM_MARK
    try:
        # Inflated, a small file may fill the memory.
        if whole and read_file_meta_info(path).get("TransferSyntaxUID") == _DEFLATED:
            raise ImageError(path, "a deflated DICOM file; write it in another transfer syntax")
        data: Any = dcmread(path, force=not whole)
        if not all(name in data for name in _NEEDED):
            raise KeyError
        if not getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None):
            data.file_meta = FileMetaDataset()
            data.file_meta.TransferSyntaxUID = _SYNTAX[data.original_encoding]
        frames = int(data.get("NumberOfFrames") or 1) * int(data.get("SamplesPerPixel") or 1)
        if int(data.Rows) * int(data.Columns) * frames > LARGEST:
            raise ImageError(path, f"an image of more than {LARGEST // 10**6} million pixels")
        pixels = _pixels(data)
    except ImageError:
        raise
    except (RuntimeError, NotImplementedError) as error:
        if isinstance(error, RecursionError):
            raise ImageError(path, "a DICOM file without a readable image") from None
        found = "a compressed DICOM image whose decoder is not installed (try pylibjpeg[all])"
        raise ImageError(path, found) from None
    # A cut or foreign file ends in any error of Python's, with parts of the header in its words.
    except Exception:
        raise ImageError(path, "a DICOM file without a readable image") from None
    grey = data.PhotometricInterpretation not in _COLOURS
    return data, pixels[0] if grey and pixels.ndim == 3 and len(pixels) == 1 else pixels


def _pixels(data: Any) -> np.ndarray:
    """Stored values; pydicom takes the lowest bits, and some files keep them in the upper ones."""
    stored, above = int(data.get("BitsStored") or 0), int(data.get("HighBit") or 0) + 1
    unused = above - stored
    if "PixelData" not in data or not 0 < stored < above <= int(data.BitsAllocated):
        return np.asarray(data.pixel_array)
    data.BitsStored = above
    pixels = np.asarray(data.pixel_array) >> unused
    data.BitsStored = stored
    return pixels


def _colour(pixels: np.ndarray, data: Any) -> Image.Image:
    """A capture in colour; pydicom has put its planes together and made RGB of it."""
    from pydicom.pixels import apply_color_lut

    if data.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
        depth = 8 * pixels.dtype.itemsize
    else:
        depth = int(data.BitsStored)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError
    return Image.fromarray((pixels.astype(np.float64) * (255 / (2**depth - 1))).astype(np.uint8))


def _padding(pixels: np.ndarray, data: Any) -> np.ndarray:
    """Which stored values are background and no part of the image (C.7.5.1.1.2)."""
    first, bits = data.get("PixelPaddingValue"), int(data.BitsAllocated)
    if not isinstance(first, int):
        return np.zeros(pixels.shape, dtype=bool)
    last = data.get("PixelPaddingRangeLimit")
    least = -(2 ** (bits - 1)) if data.get("PixelRepresentation") else 0
    # Some files write a negative value as the unsigned number of the same bits, or the reverse.
    limits = (first, last if isinstance(last, int) else first)
    ends = [(n - least) % 2**bits + least for n in limits]
    return (pixels >= min(ends)) & (pixels <= max(ends))


def _modality(pixels: np.ndarray, data: Any) -> np.ndarray:
    """Stored values -> values that mean something (C.11.1)."""
    from pydicom.pixels import apply_modality_lut

    if data.get("ModalityLUTSequence"):
        return np.asarray(apply_modality_lut(pixels, data), dtype=np.float64)
    # A blank one is none, and text makes an image whose values nobody knows.
    given: list[Any] = [data.get(name) or 0 for name in ("RescaleSlope", "RescaleIntercept")]
    slope, intercept = (float(v[0] if hasattr(v, "append") else v) for v in given)
    return pixels.astype(np.float64) * (slope or 1.0) + intercept


def _shades(values: np.ndarray, data: Any, seen: np.ndarray) -> np.ndarray:
    """Values -> 0 to 1, by the file's table or window, else by its own percentiles."""
    from pydicom.pixels import apply_voi

    if not seen.any():
        return values * 0
    tables = data.get("VOILUTSequence")
    if tables and tables[0].get("LUTDescriptor") and tables[0].get("LUTData"):
        # A look-up table is indexed by whole numbers. Its outputs often fill a part of its bits.
        found = np.asarray(apply_voi(values.astype(np.int32), data), dtype=np.float64)
        return _spread(found, found[seen].min(), found[seen].max())
    function = str(data.get("VOILUTFunction") or "LINEAR").strip().upper()
    least = 0 if function in ("LINEAR_EXACT", "SIGMOID") else 1
    centres, widths = (_numbers(data, name) for name in ("WindowCenter", "WindowWidth"))
    for centre, width in zip(centres, widths, strict=False):
        if math.isfinite(centre) and width > 0 and width >= least:
            return _windowed(values, centre, width, function)
    return _spread(values, *np.percentile(values[seen], PERCENTILES))


def _windowed(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    if function == "SIGMOID":
        # The exponent is bounded where 0 or 1 is reached, before it overflows.
        return 1 / (1 + np.exp((-4 * (values - centre) / width).clip(-50, 50)))
    if function != "LINEAR_EXACT":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (values > centre).astype(np.float64)
    return ((values - centre) / width + 0.5).clip(0, 1)


def _spread(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values from `low` to `high` as 0 to 1; all black where they are one."""
    return ((values - low) / (high - low)).clip(0, 1) if high > low else values * 0


def _inverse(data: Any) -> bool:
    shape = str(data.get("PresentationLUTShape") or "").strip().upper()
    return data.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE"


def _numbers(data: Any, name: str) -> list[float]:
    """The values of an element, in their places; what is no number is nan, which is no window."""
    found = data.get(name)
    several = found if isinstance(found, (list, tuple)) or hasattr(found, "append") else [found]
    return [_number(value) for value in several]


def _number(value: Any) -> float:
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _quiet_pydicom() -> None:
    """Hide pydicom's notices: they quote elements of the header, which tell about the patient.

    For good and not for one file: the filters of warnings belong to all threads at once.
    """
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with _FILTERS:
        if warnings.filters[:1] != [_QUIET]:
            warnings.filterwarnings("ignore", module="pydicom")
