"""Pixels as open_clip and CheXzero make them, without torchvision."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate
from transformers import CLIPImageProcessorPil
from transformers.image_utils import SizeDict

from nast.errors import ModelError
from nast.models.preprocess import INTERPOLATION


class OpenClipProcessor(CLIPImageProcessorPil):
    """CLIP's preprocessing with the centre crop of torchvision.

    Half a pixel is rounded to the even side there and down in transformers, so that every fourth
    shape of image would be cut one pixel beside it. A size with `max_height` and `max_width` is
    open_clip's `longest`: the longest side is resized, the rest is filled.

    Attributes:
        fill_color: what fills the rest, 0 to 255.
    """

    fill_color = 0

    def resize(self, image: np.ndarray, size: Any, *given: Any, **more: Any) -> np.ndarray:
        """An image (channels, height, width) at its new size."""
        if size.max_height:
            ratio = max(image.shape[-2] / size.max_height, image.shape[-1] / size.max_width)
            height, width = (round(side / ratio) for side in image.shape[-2:])
            size = SizeDict(height=height, width=width)
        return super().resize(image, size, *given, **more)

    def center_crop(self, image: np.ndarray, size: Any, *_: Any, **__: Any) -> np.ndarray:
        """The middle of an image (channels, height, width), filled where it is smaller."""
        short = [
            max(wanted - found, 0)
            for wanted, found in zip((size.height, size.width), image.shape[-2:], strict=True)
        ]
        image = np.pad(
            image,
            [(0, 0), *((n // 2, n - n // 2) for n in short)],
            constant_values=self.fill_color,
        )
        top = round((image.shape[-2] - size.height) / 2)
        left = round((image.shape[-1] - size.width) / 2)
        return image[..., top : top + size.height, left : left + size.width]


def image_processor(side: int, preprocessing: Mapping[str, Any]) -> OpenClipProcessor:
    """The processor of open_clip's `preprocess_cfg`.

    Args:
        side: height and width that the image tower takes.
        preprocessing: `mean`, `std`, `interpolation` (bicubic, bilinear), `resize_mode` (shortest:
            resize and crop the middle; squash: resize to the square; longest: resize the longest
            side and fill the rest), `fill_color` where it is not black.

    Raises:
        ModelError: another way of resizing.
    """
    mode, filter_name = preprocessing["resize_mode"], preprocessing["interpolation"]
    square = {"height": side, "width": side}
    sizes = {
        "shortest": {"shortest_edge": side},
        "squash": square,
        "longest": {"max_height": side, "max_width": side},
    }
    if mode not in sizes or filter_name not in INTERPOLATION:
        raise ModelError(
            f"preprocess_cfg: found resize_mode {mode!r} with {filter_name!r}, "
            f"expected {', '.join(sizes)} with bicubic or bilinear"
        )
    processor = OpenClipProcessor(
        size=sizes[mode],
        do_center_crop=mode != "squash",
        crop_size=square,
        resample=INTERPOLATION[filter_name],
        image_mean=list(preprocessing["mean"]),
        image_std=list(preprocessing["std"]),
    )
    if preprocessing.get("fill_color"):
        processor.fill_color = int(preprocessing["fill_color"])
    return processor


def chexzero_pixels(images: Sequence[Image.Image]) -> dict[str, torch.Tensor]:
    """Pixels as CheXzero's scripts make them (run_preprocess.py, zero_shot.py).

    The longest side becomes 320 by Lanczos, the rest is black; mean and deviation are on the scale
    of 0 to 255; then the tensor goes to 224 by bicubic interpolation without antialiasing.
    """
    squares = np.stack([_padded(image.convert("L"), 320) for image in images])
    pixels = (torch.from_numpy(squares).float() - 101.48761) / 83.43944
    small = interpolate(pixels[:, None], size=224, mode="bicubic", align_corners=False)
    return {"pixel_values": small.expand(-1, 3, -1, -1)}


def _padded(image: Image.Image, side: int) -> np.ndarray:
    ratio = side / max(image.size)
    width, height = (int(x * ratio) for x in image.size)
    square = Image.new("L", (side, side))
    square.paste(
        image.resize((width, height), Image.Resampling.LANCZOS),
        ((side - width) // 2, (side - height) // 2),
    )
    return np.asarray(square)
