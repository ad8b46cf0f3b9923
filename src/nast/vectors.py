"""Encode each distinct image and text once, keep the vectors, reuse them.

Vectors lie in one folder per access class and model key (weights, tokenizer, preprocessing,
precision), by the hash of the text or of the image file. They are written in chunks: safetensors
with a Parquet index each. A chunk is complete or absent, whatever is killed and however many
write; its vectors are known by their hash. Chunks are mapped, not read, so that memory does not
grow with them.
"""

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nast.errors import ImageError, ModelError, NastError
from nast.files import atomic, read_table, remove_parts, write_table
from nast.hashes import file_hash
from nast.models.contract import DualEncoder
from nast.progress import counted

BATCH = 256
"""Texts or images in one call of the encoder."""
CHUNK, SECONDS = 4096, 30.0
"""A chunk is written after so many vectors or seconds, whichever comes first: what a killed run
loses at most."""
READER = 2
"""Of `nast.models.images`: vectors of images that were read in another way are not mixed."""
KEY = np.dtype("S32")
"""A key: the first 32 hexadecimal digits of a SHA-256."""
_INDEX = {"hash": pl.String, "row": pl.Int64}


class Shelf:
    """Vectors of one kind by key: chunks in order of arrival, keys in sorted order."""

    def __init__(self, folder: Path | None) -> None:
        """Open the shelf of a folder, or one in memory only.

        A chunk that is damaged is taken off the shelf with a warning; its vectors are made again.
        """
        self.folder = folder
        if folder:
            remove_parts(folder)
        self.chunks: list[torch.Tensor] = []
        self.starts = np.zeros(1, dtype=np.int64)
        known = [np.zeros(0, dtype=KEY)]
        for index in sorted(folder.glob("*.parquet")) if folder else ():
            try:
                keys, vectors = self._chunk(index)
            except Exception as error:
                _drop_chunk(index, error)
                continue
            known.append(keys)
            self._append(vectors)
        # Two writers may have shelved the same key: any copy serves.
        self.keys, self.rows = np.unique(np.concatenate(known), return_index=True)

    def _chunk(self, index: Path) -> tuple[np.ndarray, torch.Tensor]:
        """Keys and vectors of a chunk, if both are as they were written."""
        keys = read_table(index, _INDEX)["hash"].to_numpy().astype(KEY)
        file = index.with_suffix(".safetensors")
        with safe_open(file, "pt") as opened:
            said = (opened.metadata() or {}).get("sha256")
        vectors = load_file(file)["vectors"]
        width = self.chunks[0].shape[1:] if self.chunks else vectors.shape[1:]
        if vectors.dim() != 2 or len(vectors) != len(keys) or vectors.shape[1:] != width:
            raise ValueError(f"{list(vectors.shape)} numbers for {len(keys)} keys")
        if said is not None and said != _hash_of(vectors):
            raise ValueError("other numbers than were written")
        return keys, vectors

    def missing(self, keys: np.ndarray) -> np.ndarray:
        """The places of the keys that are not on the shelf, each distinct key once."""
        distinct, first = np.unique(keys, return_index=True)
        return np.sort(first[self._find(distinct) < 0])

    def take(self, keys: np.ndarray) -> torch.Tensor:
        """The vectors (n, D) of some keys that are on the shelf."""
        rows = self._find(keys)
        chunk = np.searchsorted(self.starts, rows, side="right") - 1
        width = self.chunks[0].shape[1] if self.chunks else 0
        out = torch.empty(len(keys), width, dtype=self.chunks[0].dtype if self.chunks else None)
        for number in np.unique(chunk):
            here = np.flatnonzero(chunk == number)
            out[here] = self.chunks[number][rows[here] - self.starts[number]]
        return out

    def add(self, keys: np.ndarray, vectors: torch.Tensor) -> None:
        """Put vectors with new, distinct keys on the shelf, on disk first."""
        rows = self.starts[-1] + np.arange(len(keys))
        self._append(self._save(keys, vectors) if self.folder else vectors)
        order = np.argsort(keys)
        place = np.searchsorted(self.keys, keys[order])
        self.keys = np.insert(self.keys, place, keys[order])
        self.rows = np.insert(self.rows, place, rows[order])

    def _save(self, keys: np.ndarray, vectors: torch.Tensor) -> torch.Tensor:
        assert self.folder
        path = self.folder / f"{hashlib.sha256(keys.tobytes()).hexdigest()[:16]}.safetensors"
        with atomic(path) as temporary:
            vectors = vectors.contiguous()
            save_file({"vectors": vectors}, temporary, {"sha256": _hash_of(vectors)})
        # The index is written after the vectors: a chunk without one is ignored.
        index = {"hash": keys.astype(str), "row": range(len(keys))}
        write_table(path.with_suffix(".parquet"), pl.DataFrame(index, schema=_INDEX), _INDEX)
        return load_file(path)["vectors"]

    def _append(self, vectors: torch.Tensor) -> None:
        self.chunks.append(vectors)
        self.starts = np.append(self.starts, self.starts[-1] + len(vectors))

    def _find(self, keys: np.ndarray) -> np.ndarray:
        """The row of each key, -1 where it is not on the shelf."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        place = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.rows[place], -1)


def _hash_of(vectors: torch.Tensor) -> str:
    return hashlib.sha256(vectors.numpy().tobytes()).hexdigest()


def _drop_chunk(index: Path, error: Exception) -> None:
    """Remove a chunk that cannot be read. It holds nothing that cannot be made again."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    file = index.with_suffix(".safetensors")
    if not all(os.access(path, os.R_OK) for path in (index, file) if path.exists()):
        raise NastError(
            f"{file}: stored vectors that you may not read; ask for the permission, or "
            "name another folder of vectors"
        )
    warnings.warn(f"{file}: damaged stored vectors ({reason}); they are made again", stacklevel=4)
    for path in (index, file):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            message = f"{path}: damaged stored vectors that cannot be removed; delete the file"
            raise NastError(message) from None


class Vectors:
    """Unit vectors of texts and images for one model; on disk when a folder is given.

    Examples:
        >>> import nast
        >>> vectors = nast.Vectors(nast.load_model("phantom"))
        >>> vectors.texts(["There is no edema.", "There is no edema."]).shape[0]
        2
    """

    def __init__(
        self, model: DualEncoder, folder: Path | None = None, access: str = "credentialed"
    ) -> None:
        """Open the vectors of `model` under `folder`, or keep them in memory only.

        Args:
            model: encodes what is not there yet.
            folder: holds the vectors of all models.
            access: the strictest access class of what will be encoded; vectors of open and of
                credentialed data never share a folder.
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
        """Encode those texts that have no vector yet; the number encoded."""
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
        if self.model.ready and files:
            # They are at hand, and their images need not be.
            found = self.model.encode_images(files)
            _check_norms(found, self.model.name)
            return found
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
        what = f"{self.model.name}: {'texts' if shelf is self._texts else 'images'}"
        for start in counted(range(0, len(missing), BATCH), what, BATCH):
            vectors = encode(missing[start : start + BATCH].tolist())
            _check_norms(vectors, self.model.name)
            waiting.append(vectors)
            end = start + len(vectors)
            late = time.monotonic() - begun > SECONDS
            if end - first >= CHUNK or late or end == len(missing):
                shelf.add(keys[missing[first:end]], torch.cat(waiting))
                waiting, first, begun = [], end, time.monotonic()


def _text_keys(texts: Sequence[str]) -> np.ndarray:
    return np.array([hashlib.sha256(t.encode()).hexdigest()[:32] for t in texts], dtype=KEY)


def _check_norms(vectors: torch.Tensor, name: str) -> None:
    """The contract of every encoder: finite vectors of unit length."""
    norms = vectors.norm(dim=-1)
    if not torch.isfinite(vectors).all() or (norms - 1).abs().max() > 1e-3:
        raise ModelError(
            f"{name}: vectors must be finite and of unit length, found norms from "
            f"{norms.min():.4g} to {norms.max():.4g}"
        )
