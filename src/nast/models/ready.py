"""Image vectors that somebody else has made, in place of an image encoder.

A file or a folder holds one vector for each image, known by a key. Nothing of the images is read
unless the key is the file's hash, so that they need not be on this machine.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch

from nast.errors import ImageError, ModelError
from nast.hashes import file_hash
from nast.models.weights.vector_files import read_vectors

KEYS = {
    "image_path": "the path of the image, or its last parts, with or without its ending",
    "dicom_id": "the name of the image's file without its ending",
    "study_id": "the folder that holds the image; an s before digits may be left out",
    "hash": "the SHA-256 of the image's file, in hexadecimal digits",
}
"""What a vector is known by."""
SUFFIX = re.compile(r"\.(?:png|jpe?g|tiff?|bmp|dcm|dicom|npy|npz|safetensors)$", re.IGNORECASE)


class ReadyVectors(NamedTuple):
    """Vectors and what they are known by.

    Attributes:
        place: the file or folder.
        key: a name of `KEYS`.
        rows: known key -> row.
        values: (n, d), as stored.
    """

    place: Path
    key: str
    rows: Mapping[str, int]
    values: np.ndarray

    def of(self, image: Path) -> torch.Tensor:
        """The vector of an image, (1, d) in float32.

        Raises:
            ImageError: there is none.
        """
        row = next((self.rows[n] for n in names_of(image, self.key) if n in self.rows), None)
        if row is None:
            raise ImageError(image, f"no vector in {self.place} by the key {self.key!r}")
        return torch.from_numpy(self.values[row : row + 1].astype(np.float32))


def names_of(image: Path, key: str) -> Iterator[str]:
    """The keys that an image may be known by, the most telling first.

    Args:
        image: its file, which is read for a `hash` only.
        key: a name of `KEYS`.

    Raises:
        ImageError: the file whose hash is the key cannot be read.
    """
    if key == "hash":
        try:
            yield file_hash(image)
        except OSError:
            raise ImageError(image, "no such file") from None
    elif key == "study_id":
        yield image.parent.name.removeprefix("s")
    else:
        parts = [*image.parts[:-1], SUFFIX.sub("", image.name)]
        starts = range(len(parts)) if key == "image_path" else [len(parts) - 1]
        yield from (_plain("/".join(parts[start:])) for start in starts)


def _plain(name: str) -> str:
    return PurePosixPath(name).as_posix().lstrip("/")


def read_ready(place: Path, key: str) -> ReadyVectors:
    """Read ready vectors.

    Args:
        place: a file or folder for `read_vectors`.
        key: a name of `KEYS`; of tables the column.

    Raises:
        ModelError: `read_vectors`'s, or a key stands twice; with the row.
    """
    keys, values = read_vectors(place, key)
    rows: dict[str, int] = {}
    for number, name in enumerate(keys):
        if rows.setdefault(_known_as(name, key), number) != number:
            raise ModelError(
                f"{place}, row {number + 1}: found the {key} of row "
                f"{rows[_known_as(name, key)] + 1} again, expected one vector for each"
            )
    return ReadyVectors(place, key, rows, values)


def _known_as(name: str, key: str) -> str:
    """How a key that stands in a file is looked up."""
    if key == "study_id":
        return name.removeprefix("s")
    if key == "hash":
        return name.lower()
    return _plain(SUFFIX.sub("", name.replace("\\", "/")))
