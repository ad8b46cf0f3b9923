"""Encode a data folder ahead of evaluation and training, in one process or several."""

import hashlib
import os
from pathlib import Path

import polars as pl

from nast.errors import UsageError
from nast.files import checked, manifest_of
from nast.vectors import Vectors

TEXTS = {
    "items.parquet": "options",
    "captions.parquet": "caption",
    "candidates.parquet": "candidates",
    "studies.parquet": None,
}
"""The tables of a data folder and their column of texts, where they have one."""


def launched() -> tuple[int, int]:
    """The number of this process and how many a launcher has started: `RANK` and `WORLD_SIZE`.

    `torchrun` sets both; for another launcher they are set by hand. (0, 1) without them.

    Raises:
        UsageError: they are no numbers that go together.
    """
    said = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not all(number.isdecimal() for number in said) or int(said[0]) >= int(said[1]):
        raise UsageError(
            f"RANK is {said[0]!r} and WORLD_SIZE {said[1]!r}; a launcher sets RANK from 0 to "
            "below WORLD_SIZE"
        )
    return int(said[0]), int(said[1])


def embed_folder(
    vectors: Vectors, folder: Path, split: str = "all", process: tuple[int, int] = (0, 1)
) -> dict[str, int]:
    """Encode the texts and images of a data folder, ahead of evaluation and training.

    Only distinct texts are held in memory, and no vectors. Several processes that are given the
    same folders need not speak to each other: the hash of a text, or of an image's path, says
    whose it is, and each writes chunks of its own.

    Args:
        vectors: of the model.
        folder: a finished folder of `nast facts`, `benchmark` or `contextual`.
        split: train, validate, test or all.
        process: its number, from 0, and how many there are; see `launched`.

    Returns:
        How many distinct texts and image files there are for this process, how many texts were
        encoded, and how many images cannot be read.
    """
    files = manifest_of(folder)["files"]
    texts: set[str] = set()
    paths: set[str] = set()
    for name, column in TEXTS.items():
        if name not in files:
            continue
        # Neither a pattern nor the home folder: names of folders are taken as they are.
        path = checked(folder / name).absolute()
        table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        table = table if split == "all" else table.filter(split=split)
        paths.update(table.select(pl.col("image_path").unique()).collect()["image_path"])
        if column:
            lists = isinstance(table.collect_schema()[column], pl.List)
            words = table.select(pl.col(column).explode() if lists else column).unique()
            texts.update(words.collect()[column])
    texts, paths = _share(texts, process), _share(paths, process)
    encoded = vectors.fill_texts(sorted(texts))
    good, bad = vectors.readable(sorted(paths))
    return {
        "texts": len(texts),
        "texts encoded": encoded,
        "images": len(good),
        "images that cannot be read": len(bad),
    }


def _share(names: set[str], process: tuple[int, int]) -> set[str]:
    """Those that fall to one of several processes."""
    number, of = process
    if of == 1:
        return names
    return {n for n in names if int(hashlib.sha256(n.encode()).hexdigest()[:8], 16) % of == number}
