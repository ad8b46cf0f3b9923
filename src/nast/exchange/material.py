"""What of a finished folder can be exported: whole groups with readable images, up to a limit."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from nast.errors import InputError, UsageError
from nast.exchange.image_files import peer_problem
from nast.exchange.peer_items import Caption, Item, captions_of, items_of
from nast.facts.conditions import conditions_of
from nast.files import manifest_of, read_table
from nast.ids import hashed_ids
from nast.items.card import review_status
from nast.items.table import FILE, read_items
from nast.records import CAPTIONS_SCHEMA, SPLITS

SETS = ("questions", "claims", "imported")
"""Sets of items, in the order in which they are written."""
EVALUATED = ("test", "validate", "train")
"""The split that a benchmark is run on: the first of these that has anything."""


class Material(NamedTuple):
    """The sets to export, by name, and what is known about them.

    Attributes:
        items: set name such as `questions-test` -> multiple-choice items.
        captions: set name such as `captions-test` -> per image its captions.
        missing: image path -> why it cannot be used.
        left_out: how many items and captioned images were left out for that.
        access: the access class.
        terms: the terms of all sources.
        review: whether experts have reviewed the words and items.
    """

    items: dict[str, list[Item]]
    captions: dict[str, list[list[Caption]]]
    missing: dict[str, str]
    left_out: int
    access: str
    terms: list[str]
    review: str


def gather(folder: Path, limit: int | None = None, *, images: bool = True) -> Material:
    """The sets of a finished folder, one per table and split.

    A group that loses a member to a missing image is left out whole: only whole groups keep the
    words alone at chance.

    Args:
        folder: a finished folder with `items.parquet`, `captions.parquet` or both.
        limit: at most about so many items or images per set, in whole groups.
        images: whether the format's reader opens images; if not, nothing is left out.

    Raises:
        InputError: the folder is unfinished, none of its images can be read, or the forms of an
            item have different answers.
        UsageError: the limit is not positive, or the folder has nothing to export.
    """
    folder = Path(folder)
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}; it must be 1 or more")
    manifest = manifest_of(folder)
    tables = _tables(folder)
    if not tables:
        raise UsageError(f"{folder} has no questions, claims or captions to export")
    paths = sorted({path for rows in tables.values() for path in rows["image_path"].unique()})
    missing = {path: reason for path in paths if (reason := peer_problem(path))}
    if images and len(missing) == len(paths):
        times = sorted(Counter(missing.values()).items())
        raise InputError(
            folder,
            found="no image that can be used: " + ", ".join(f"{n} {why}" for why, n in times),
            expected="8-bit JPEG or PNG files; --to csv, jsonl and hf-datasets need none",
        )
    whole = {name: _whole(rows, missing if images else ()) for name, rows in tables.items()}
    sets = {
        f"{name}-{split}": _under_hashes(_first(part, limit))
        for name, rows in whole.items()
        for split in SPLITS
        if len(part := rows.filter(split=split))
    }
    if not sets:
        raise InputError(
            folder,
            found="no group whose images can all be used",
            expected="whole groups; --to csv, jsonl and hf-datasets need no images",
        )
    conditions = conditions_of(folder)
    shown = {name: rows for name, rows in sets.items() if name.startswith("captions-")}
    asked = {name: rows for name, rows in sets.items() if name not in shown}
    return Material(
        {name: list(items_of(rows, folder / FILE, conditions)) for name, rows in asked.items()},
        {name: captions_of(rows) for name, rows in shown.items()},
        missing,
        sum(
            tables[name]["pair_id"].n_unique() - rows["pair_id"].n_unique()
            for name, rows in whole.items()
        ),
        manifest["access"],
        manifest["terms"],
        review_status(manifest),
    )


def evaluated(names: Iterable[str]) -> list[str]:
    """The sets of the split that a benchmark is run on."""
    names = list(names)
    for split in EVALUATED:
        found = [name for name in names if name.endswith(f"-{split}")]
        if found:
            return found
    return []


def _tables(folder: Path) -> dict[str, pl.DataFrame]:
    """The rows of each set, image paths absolute. What captions are of is a group of its own."""
    tables = {}
    if (folder / FILE).is_file():
        items = read_items(folder)
        tables = {name: items.filter(set=name) for name in SETS}
    if (path := folder / "captions.parquet").is_file():
        image = pl.concat_str("subject_id", "study_id", "split", "image_path", separator=" ")
        captions = read_table(path, CAPTIONS_SCHEMA)
        tables["captions"] = captions.with_columns(pair_id=image, group_id=image)
    return {
        name: rows.with_columns(image_path=_absolute(rows["image_path"].fill_null("")))
        for name, rows in tables.items()
        if len(rows)
    }


def _absolute(paths: pl.Series) -> pl.Series:
    known = {path: str(Path(path).absolute()) if path else path for path in paths.unique()}
    return paths.replace_strict(known, return_dtype=pl.String)


def _whole(rows: pl.DataFrame, bad: Iterable[str]) -> pl.DataFrame:
    lost = rows.filter(pl.col("image_path").is_in(list(bad)))["group_id"].unique()
    return rows.filter(~pl.col("group_id").is_in(lost.to_list()))


def _first(rows: pl.DataFrame, limit: int | None) -> pl.DataFrame:
    """The first groups until there are at least `limit` items or images."""
    if limit is None:
        return rows
    size = pl.col("pair_id").n_unique()
    sizes = rows.group_by("group_id", maintain_order=True).agg(size)
    before = pl.col("pair_id").cum_sum() - pl.col("pair_id")
    return rows.filter(pl.col("group_id").is_in(sizes.filter(before < limit)["group_id"].to_list()))


def _under_hashes(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose ids are keyed hashes: raw ids stay on the machine, and make seeds there."""
    ids = ["caption_id"] if "caption_id" in rows.columns else ["pair_id", "group_id"]
    columns = []
    for name in (*ids, "subject_id", "study_id"):
        known = rows[name].unique()
        hashes = hashed_ids(known.to_list())
        columns.append(rows[name].replace_strict(known, hashes, return_dtype=pl.String))
    return rows.with_columns(columns, own_id="pair_id", own_group="group_id")
