"""Vectors on disk, by key: safetensors chunks with a Parquet index each.

A chunk is complete or absent, whatever is killed and however many write; its vectors are known by
their hash. Chunks are mapped, not read, so that memory does not grow with them.
"""

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nast.errors import NastError
from nast.files import atomic, read_table, remove_parts, write_table

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
                _drop(index, error)
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
        if said is not None and said != _hash(vectors):
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
            save_file({"vectors": vectors}, temporary, {"sha256": _hash(vectors)})
        # The index is written after the vectors: a chunk without one is ignored.
        index: dict[str, Any] = {"hash": keys.astype(str), "row": range(len(keys))}
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


def _hash(vectors: torch.Tensor) -> str:
    return hashlib.sha256(vectors.numpy().tobytes()).hexdigest()


def _drop(index: Path, error: Exception) -> None:
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
