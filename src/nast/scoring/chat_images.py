"""Image files as a chat model gets them: pixels, and nothing that could name a patient."""

from base64 import b64encode
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from PIL import Image

from nast.errors import ImageError
from nast.models.images import open_image

HARMLESS = {
    "jfif",
    "jfif_version",
    "jfif_unit",
    "jfif_density",
    "dpi",
    "progressive",
    "progression",
    "adobe",
    "adobe_transform",
    "gamma",
    "srgb",
    "interlace",
    "chromaticity",
    "aspect",
}
"""What Pillow reports of a file that carries pixels and no words."""
ENDS = (b"\xff\xd9", b"IEND\xaeB`\x82")


def image_url(path: str | Path) -> str:
    """An image file as a data URL.

    The bytes of an eight-bit JPEG or PNG go as they are. DICOM, deeper values, and files that
    carry anything beside pixels (comments, EXIF: they may name a patient) go as a PNG of what
    `open_image` sees.

    Raises:
        ImageError: the file cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except OSError:
        raise ImageError(path, "no such file") from None
    kind = _bare(data)
    if kind is None:
        buffer = BytesIO()
        open_image(Path(path)).save(buffer, "PNG")
        kind, data = "png", buffer.getvalue()
    return f"data:image/{kind};base64,{b64encode(data).decode()}"


def _bare(data: bytes) -> str | None:
    """`jpeg` or `png` for an eight-bit image with nothing beside its pixels, else None."""
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
            # Words may stand behind the pixels of a PNG.
            image.load()
            segments = {name for name, _ in getattr(image, "applist", ())}
            bare = (
                image.mode in ("L", "RGB")
                and set(image.info) <= HARMLESS
                and segments <= {"APP0", "APP14"}
                and not getattr(image, "private_chunks", ())
                and data.endswith(ENDS)
            )
            return str(image.format).lower() if bare else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def readable_images(paths: Iterable[str]) -> tuple[set[str], set[str]]:
    """Those of some images that can be read, and those that cannot."""
    every = set(paths)
    bad = set()
    for path in every:
        try:
            open_image(Path(path))
        except ImageError:
            bad.add(path)
    return every - bad, bad
