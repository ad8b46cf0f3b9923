"""Vectors on disk, by key: safetensors chunks with a Parquet index each.

A chunk is complete or absent, whatever is killed and however many write. Chunks are mapped, not
read, so that memory does not grow with them.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file, save_file

from nast.store import atomic, write_table

KEY = np.dtype("S32")
"""A key: the first 32 hexadecimal digits of a SHA-256."""
_INDEX = {"hash": pl.String, "row": pl.Int64}


class Shelf:
    """Vectors of one kind by key: chunks in order of arrival, keys in sorted order."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.chunks: list[torch.Tensor] = []
        self.starts = np.zeros(1, dtype=np.int64)
        known = [np.zeros(0, dtype=KEY)]
        for index in sorted(folder.glob("*.parquet")) if folder else ():
            table = pl.read_parquet(index.absolute(), glob=False)
            known.append(table["hash"].to_numpy().astype(KEY))
            self._append(load_file(index.with_suffix(".safetensors"))["vectors"])
        # Two writers may have shelved the same key: any copy serves.
        self.keys, self.rows = np.unique(np.concatenate(known), return_index=True)

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
            save_file({"vectors": vectors.contiguous()}, temporary)
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
