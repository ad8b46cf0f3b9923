"""Images -> pixels as a specification says, with Pillow and numpy alone; black bars by option."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image

from nast.errors import UsageError
from nast.hashes import content_hash
from nast.models.contract import DualEncoder

GEOMETRY = {
    "crop": "shortest side to `resize`, then the centre `size` x `size`",
    "pad": "black bars to a square, then resized",
    "square": "resized to a square, the aspect is not kept",
}
INTERPOLATION = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
OVERSAMPLED = 1.4
"""A film that is decoded at a part of its size keeps so many times the pixels that are seen."""
FILTERS = {int(number): name for name, number in INTERPOLATION.items()}
"""Pillow's number of a filter -> its name."""


def pad_images(model: DualEncoder) -> DualEncoder:
    """The same model, which sees each image with black bars to a square, and so all of it.

    Its own preprocessing follows; on squares, a centre crop of the shortest side cuts nothing. Its
    key differs from the model's own, and so do the vectors that are stored for it.
    """
    if model.ready:
        raise UsageError(f"{model.name}: ready vectors have no images to pad; leave out pad:")
    if padded_from(model.pixels) is not None:
        return model
    model.pixels = partial(on_squares, pixels=model.pixels)
    model.spec["preprocessing"] = {
        "padded": "black bars to a square",
        **model.spec["preprocessing"],
    }
    model.key = content_hash([model.key, "black bars to a square"])
    return model


def draft_images(model: DualEncoder) -> DualEncoder:
    """The same model, which decodes a JPEG at a part of its size where that is enough for it.

    Both sides keep at least 1.4 times the pixels that the model sees. Reading is most of the time
    of films of many million pixels; the vectors change a little, and so does the key.
    """
    if model.ready:
        raise UsageError(f"{model.name}: ready vectors have no images to decode; leave out draft:")
    if not model.least:
        seen = next(iter(model.pixels([Image.new("RGB", (512, 512))]).values()))
        model.least = int(OVERSAMPLED * max(seen.shape[-2:]))
        model.spec["preprocessing"] = {
            "decoded": f"JPEG at a part of its size, {model.least} pixels a side or more",
            **model.spec["preprocessing"],
        }
        model.key = content_hash([model.key, "draft", model.least])
    return model


def padded_from(pixels: Any) -> Any:
    """The preprocessing that follows `pad_images`, or None where images are not padded."""
    if isinstance(pixels, partial) and pixels.func is on_squares:
        return pixels.keywords["pixels"]
    return None


def on_squares(
    images: Sequence[Image.Image], *, pixels: Callable[..., Mapping[str, torch.Tensor]]
) -> Mapping[str, torch.Tensor]:
    """What `pixels` makes of the images once they are squares, the image in the middle."""
    return pixels([_padded(image, 1) for image in images])


def to_pixels(
    images: Sequence[Image.Image], *, settings: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """Pixels of some RGB images.

    Args:
        images: RGB.
        settings: `preprocessing` of a specification: `size`, `resize`, `geometry`,
            `interpolation`, `grey`, `stretch`, `range`, `mean`, `std`.

    Returns:
        `pixel_values` (n, 3, size, size): (value * range / 255 - mean) / std.
    """
    arrays = [np.asarray(_fit(image, settings), dtype=np.float32) for image in images]
    pixels = np.stack([a if a.ndim == 3 else np.repeat(a[:, :, None], 3, axis=2) for a in arrays])
    mean, std = (np.float32(settings[k]) for k in ("mean", "std"))
    scaled = (pixels * np.float32(settings["range"] / 255) - mean) / std
    return {"pixel_values": torch.from_numpy(scaled.transpose(0, 3, 1, 2).copy())}


def _fit(image: Image.Image, settings: Mapping[str, Any]) -> Image.Image:
    size, how = settings["size"], INTERPOLATION[settings["interpolation"]]
    if settings["grey"]:
        image = image.convert("L")
    if settings["stretch"]:
        image = _stretched(image)
    if settings["geometry"] == "square":
        return image.resize((size, size), how)
    if settings["geometry"] == "pad":
        return _padded(image, size).resize((size, size), how)
    return _cropped(image, settings["resize"] or size, size, how)


def _stretched(image: Image.Image) -> Image.Image:
    """The darkest value becomes 0 and the brightest 255; an even image stays as it is."""
    low, high = np.asarray(image).min(), np.asarray(image).max()
    if low == high:
        return image
    values = (np.asarray(image).astype(float) - low) / (float(high) - float(low)) * 255
    return Image.fromarray(values.astype(np.uint8))


def _padded(image: Image.Image, least: int) -> Image.Image:
    side = max(least, *image.size)
    square = Image.new(image.mode, (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def _cropped(image: Image.Image, resize: int, size: int, how: Any) -> Image.Image:
    short, long = sorted(image.size)
    other = int(resize * long / short)
    width, height = (resize, other) if image.width == short else (other, resize)
    image = image.resize((width, height), how)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.crop((left, top, left + size, top + size))
