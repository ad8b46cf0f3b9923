"""Encode each distinct image and text once, keep the vectors, reuse them.

Vectors lie in one folder per access class and model key (weights, tokenizer, preprocessing,
precision), by the hash of the text or of the image file.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch

from nast.errors import ImageError, ModelError
from nast.files import checked, manifest_of
from nast.hashes import file_hash
from nast.models.contract import DualEncoder
from nast.shelf import KEY, Shelf

BATCH = 256
"""Texts or images in one call of the encoder."""
CHUNK, SECONDS = 4096, 30.0
"""A chunk is written after so many vectors or seconds, whichever comes first: what a killed run
loses at most."""
READER = 2
"""Of `nast.models.images`: vectors of images that were read in another way are not mixed."""
TEXTS = {
    "questions.parquet": ("negated", "affirmative", "omitted"),
    "claims.parquet": ("claims",),
    "captions.parquet": ("caption",),
    "studies.parquet": (),
}
"""The tables of a data folder and their columns of texts."""


class Vectors:
    """Unit vectors of texts and images for one model; on disk when a folder is given."""

    def __init__(
        self, model: DualEncoder, folder: Path | None = None, access: str = "credentialed"
    ) -> None:
        """Open the store of `model` under `folder`, or keep vectors in memory only.

        Args:
            model: encodes what the store lacks.
            folder: holds the stores of all models.
            access: the strictest access class of what will be encoded; vectors of open and of
                credentialed data never share a store.
        """
        self.model = model
        place = Path(folder) / access / model.key[:16] if folder else None
        self._texts = Shelf(place / "texts" if place else None)
        self._images = Shelf(place / f"images-{READER}" if place else None)
        self._hashes: dict[Path, bytes] = {}

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors (n, D), in order; each distinct text is encoded once."""
        self.fill_texts(texts)
        return self._texts.take(_text_keys(texts))

    def fill_texts(self, texts: Sequence[str]) -> int:
        """Encode those texts that the store lacks; the number encoded."""
        keys = _text_keys(texts)
        missing = self._texts.missing(keys)
        # Sorted by length, a batch holds little padding.
        missing = missing[np.argsort([len(texts[i]) for i in missing], kind="stable")]
        self._fill(
            self._texts,
            keys,
            missing,
            lambda part: self.model.encode_texts([texts[i] for i in part]),
        )
        return len(missing)

    def images(self, paths: Sequence[str | Path]) -> torch.Tensor:
        """Unit vectors (n, D), in order; equal files are encoded once.

        Raises:
            ImageError: a file is missing or is not a whole image.
        """
        files = [Path(p) for p in paths]
        keys = np.array([self._file_key(p) for p in files], dtype=KEY)
        self._fill(
            self._images,
            keys,
            self._images.missing(keys),
            lambda part: self.model.encode_images([files[i] for i in part]),
        )
        return self._images.take(keys)

    def readable(self, paths: Sequence[str | Path]) -> tuple[set[str], dict[str, str]]:
        """Encode what can be read: the good paths, and the reason for each bad one."""
        bad: dict[str, str] = {}
        files = sorted({str(p) for p in paths})
        parts = [files[i : i + BATCH] for i in range(0, len(files), BATCH)]
        while parts:
            part = parts.pop()
            try:
                self.images(part)
            except ImageError as error:
                if len(part) == 1:
                    bad[part[0]] = str(error)
                else:
                    parts += [part[: len(part) // 2], part[len(part) // 2 :]]
        return set(files) - set(bad), bad

    def _file_key(self, path: Path) -> bytes:
        if path not in self._hashes:
            try:
                self._hashes[path] = file_hash(path)[:32].encode()
            except OSError:
                raise ImageError(path, "no such file") from None
        return self._hashes[path]

    def _fill(
        self,
        shelf: Shelf,
        keys: np.ndarray,
        missing: np.ndarray,
        encode: Callable[[Sequence[int]], torch.Tensor],
    ) -> None:
        """Encode the items at `missing`, batch by batch, and shelve them chunk by chunk."""
        waiting: list[torch.Tensor] = []
        first, begun = 0, time.monotonic()
        for start in range(0, len(missing), BATCH):
            vectors = encode(missing[start : start + BATCH].tolist())
            _check(vectors, self.model.name)
            waiting.append(vectors)
            end = start + len(vectors)
            late = time.monotonic() - begun > SECONDS
            if end - first >= CHUNK or late or end == len(missing):
                shelf.add(keys[missing[first:end]], torch.cat(waiting))
                waiting, first, begun = [], end, time.monotonic()


def embed_folder(store: Vectors, folder: Path, split: str = "all") -> dict[str, int]:
    """Fill a store with the texts and images of a data folder, ahead of evaluation and training.

    Only distinct texts are held in memory, and no vectors.

    Args:
        store: of the model.
        folder: a finished folder of `nast facts`, `benchmark` or `contextual`.
        split: train, validate, test or all.

    Returns:
        How many distinct texts and image files there are, how many texts were encoded, and how
        many images cannot be read.
    """
    files = manifest_of(folder)["files"]
    texts: set[str] = set()
    paths: set[str] = set()
    for name, columns in TEXTS.items():
        if name not in files:
            continue
        # Neither a pattern nor the home folder: names of folders are taken as they are.
        path = checked(folder / name).absolute()
        table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        table = table if split == "all" else table.filter(split=split)
        paths.update(table.select(pl.col("image_path").unique()).collect()["image_path"])
        for column in columns:
            lists = isinstance(table.collect_schema()[column], pl.List)
            words = table.select(pl.col(column).explode() if lists else column).unique()
            texts.update(words.collect()[column])
    encoded = store.fill_texts(sorted(texts))
    good, bad = store.readable(sorted(paths))
    return {
        "texts": len(texts),
        "texts encoded": encoded,
        "images": len(good),
        "images that cannot be read": len(bad),
    }


def _text_keys(texts: Sequence[str]) -> np.ndarray:
    return np.array([hashlib.sha256(t.encode()).hexdigest()[:32] for t in texts], dtype=KEY)


def _check(vectors: torch.Tensor, name: str) -> None:
    """The contract of every encoder: finite vectors of unit length."""
    norms = vectors.norm(dim=-1)
    if not torch.isfinite(vectors).all() or (norms - 1).abs().max() > 1e-3:
        raise ModelError(
            f"{name}: vectors must be finite and of unit length, found norms from "
            f"{norms.min():.4g} to {norms.max():.4g}"
        )
