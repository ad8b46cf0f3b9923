"""Images and their texts in tar shards, as webdataset reads them.

A sample is a run of members `KEY.EXTENSION`; the key ends at the first dot of the file name
(webdataset, `tariterators.base_plus_ext`), so keys hold none. Equal input gives equal bytes.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from nast.files import atomic


def write_shards(
    folder: Path, samples: Iterable[tuple[str, str, bytes]], pattern: str, size: int
) -> dict[str, int]:
    """Write samples of an image and a text into numbered shards.

    Args:
        folder: gets the shards.
        samples: path of the image, extension of the text, the text.
        pattern: name of a shard with a field for its number, such as `{:05d}.tar`.
        size: samples per shard.

    Returns:
        Name of shard -> its samples.
    """
    counts: dict[str, int] = {}
    numbered = enumerate(samples)
    while chunk := list(islice(numbered, size)):
        name = pattern.format(len(counts))
        _write_shard(folder / name, chunk)
        counts[name] = len(chunk)
    return counts


def _write_shard(path: Path, chunk: Sequence[tuple[int, tuple[str, str, bytes]]]) -> None:
    kind = tarfile.USTAR_FORMAT
    with atomic(path) as temporary, tarfile.open(temporary, "w", format=kind) as tar:
        for number, (image, extension, text) in chunk:
            for suffix, data in _members(image, extension, text):
                entry = tarfile.TarInfo(f"s{number:07d}.{suffix}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))


def _members(image: str, extension: str, text: bytes) -> Iterator[tuple[str, bytes]]:
    data = Path(image).read_bytes()
    # By content: the readers choose the decoder by the extension, and names may lie.
    yield ("png" if data.startswith(b"\x89PNG") else "jpg"), data
    yield extension, text
