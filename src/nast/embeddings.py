"""Encode each distinct image and text once, keep the vectors, reuse them.

Vectors lie in one folder per data policy and model key (weights, tokenizer, preprocessing), in
safetensors chunks with a Parquet index of content hashes; a chunk is complete or absent.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import torch
from safetensors.torch import load_file, save_file

from nast.errors import ImageError, ModelError
from nast.models.base import DualEncoder
from nast.store import atomic, file_hash, write_table

BATCH = 256
_INDEX = {"hash": pl.String, "row": pl.Int64}


class EmbeddingStore:
    """Unit vectors of texts and images for one model; on disk when a folder is given."""

    def __init__(
        self, model: DualEncoder, folder: Path | None = None, policy: str = "credentialed"
    ) -> None:
        """Open the store of `model` under `folder`, or keep vectors in memory only.

        Args:
            model: encodes what the store lacks.
            folder: holds the stores of all models.
            policy: the strictest data policy of what will be encoded; vectors of open and of
                credentialed data never share a store.
        """
        self.model = model
        self.folder = Path(folder) / policy / model.key[:16] if folder else None
        self._known: dict[str, dict[str, torch.Tensor]] = {"texts": {}, "images": {}}
        for kind in self._known if self.folder else ():
            self._load(kind)
        self._hashes: dict[Path, str] = {}

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors (n, D), in order; each distinct text is encoded once."""
        keys = [hashlib.sha256(t.encode()).hexdigest() for t in texts]
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in self._known["texts"]}
        # Sorted by length, a batch holds little padding.
        order = sorted(missing, key=lambda k: len(missing[k]))
        self._add("texts", order, lambda part: self.model.encode_texts([missing[k] for k in part]))
        return torch.stack([self._known["texts"][k] for k in keys])

    def images(self, paths: Sequence[str | Path]) -> torch.Tensor:
        """Unit vectors (n, D), in order; equal files are encoded once.

        Raises:
            ImageError: a file is missing or is not a whole image.
        """
        files = [Path(p) for p in paths]
        keys = [self._file_key(p) for p in files]
        missing = {k: p for k, p in zip(keys, files, strict=True) if k not in self._known["images"]}
        self._add(
            "images",
            list(missing),
            lambda part: self.model.encode_images([missing[k] for k in part]),
        )
        return torch.stack([self._known["images"][k] for k in keys])

    def readable(self, paths: Sequence[str | Path]) -> tuple[set[str], dict[str, str]]:
        """Encode what can be read: the good paths, and the reason for each bad one."""
        bad: dict[str, str] = {}
        good = sorted({str(p) for p in paths})
        try:
            self.images(good)
        except ImageError:
            for path in good:
                try:
                    self.images([path])
                except ImageError as error:
                    bad[path] = str(error)
        return set(good) - set(bad), bad

    def _file_key(self, path: Path) -> str:
        if path not in self._hashes:
            try:
                self._hashes[path] = file_hash(path)
            except OSError:
                raise ImageError(path, "no such file") from None
        return self._hashes[path]

    def _add(
        self, kind: str, keys: Sequence[str], encode: Callable[[Sequence[str]], torch.Tensor]
    ) -> None:
        for start in range(0, len(keys), BATCH):
            part = keys[start : start + BATCH]
            vectors = encode(part)
            _check(vectors, self.model.name)
            self._known[kind].update(zip(part, vectors, strict=True))
            if self.folder:
                self._save(kind, part, vectors)

    def _save(self, kind: str, keys: Sequence[str], vectors: torch.Tensor) -> None:
        assert self.folder
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:16]
        with atomic(self.folder / kind / f"{name}.safetensors") as temporary:
            save_file({"vectors": vectors.contiguous()}, temporary)
        # The index is written after the vectors: a chunk without one is ignored.
        index = pl.DataFrame({"hash": list(keys), "row": range(len(keys))}, schema=_INDEX)
        write_table(self.folder / kind / f"{name}.parquet", index, _INDEX)

    def _load(self, kind: str) -> None:
        assert self.folder
        for index in sorted((self.folder / kind).glob("*.parquet")):
            vectors: Any = load_file(index.with_suffix(".safetensors"))["vectors"]
            for key, row in pl.read_parquet(index).iter_rows():
                self._known[kind][key] = vectors[row]


def _check(vectors: torch.Tensor, name: str) -> None:
    """The contract of every encoder: finite vectors of unit length."""
    norms = vectors.norm(dim=-1)
    if not torch.isfinite(vectors).all() or (norms - 1).abs().max() > 1e-3:
        raise ModelError(
            f"{name}: vectors must be finite and of unit length, found norms from "
            f"{norms.min():.4g} to {norms.max():.4g}"
        )
