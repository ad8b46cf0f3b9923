"""The tables that are scored: read, cut to a split, checked, and what is left out named."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.errors import InputError, UsageError
from nast.facts.conditions import Conditions, conditions_of
from nast.files import manifest_of, read_table
from nast.folders import identity
from nast.ids import hashed_ids
from nast.items.table import read_items
from nast.records import CANDIDATES_SCHEMA, CAPTIONS_SCHEMA, ITEMS_SCHEMA, STUDIES_SCHEMA

SCHEMAS = {
    "items": ITEMS_SCHEMA,
    "captions": CAPTIONS_SCHEMA,
    "candidates": CANDIDATES_SCHEMA,
    "studies": STUDIES_SCHEMA,
}
_IDS = {"captions": "caption_id", "candidates": "list_id", "studies": "study_id"}
IMPORTED = "imported"
UNREADABLE = "an image that cannot be read"
NAMED = 5
"""Ids that a message shows; the manifest has all of them."""
LeftOut = dict[str, list[str]]
"""Reason -> ids of the items that it concerns."""


class Data(NamedTuple):
    """One table of one folder.

    Attributes:
        name: of the data set: that of its folder.
        kind: a key of `SCHEMAS`.
        folder: where it lies.
        table: its rows, cut to a split.
        conditions: the table of conditions that it is named by.
    """

    name: str
    kind: str
    folder: Path
    table: pl.DataFrame
    conditions: Conditions

    @property
    def sets(self) -> list[str]:
        """What is scored in it: sets of items, or the kind of the table."""
        if self.kind != "items":
            return [self.kind]
        return self.table["set"].unique(maintain_order=True).to_list()


def data_of(folders: Iterable[Path], split: str, limit: int | None) -> list[Data]:
    """The tables of finished folders, cut to a split.

    Args:
        folders: with items, captions or studies.
        split: which patients; `all` for every split.
        limit: at most about so many items of each table, in whole groups.

    Raises:
        UsageError: two folders have one name, or silence means two things in one set.
    """
    found = [d for folder in folders for d in _tables(Path(folder), split, limit)]
    places: dict[str, Path] = {}
    for data in found:
        other = places.setdefault(data.name, data.folder)
        if other != data.folder:
            raise UsageError(
                f"two data sets are called {data.name!r} ({other} and {data.folder}): results tell "
                "them apart by the name of the folder; rename one of them"
            )
        if data.kind == "items":
            _refuse_two_worlds(data)
    return found


def _refuse_two_worlds(data: Data) -> None:
    """Accuracies where silence means different things are no accuracy of one thing."""
    worlds = data.table.group_by("set", maintain_order=True).agg(pl.col("world").unique())
    for name, found in worlds.iter_rows():
        if len(found) > 1:
            raise UsageError(
                f"{data.folder}: silence means another thing in some {name} than in others "
                f"({', '.join(sorted(map(str, found)))}), as in the training split of matched "
                "claims; score one --split"
            )


def _tables(folder: Path, split: str, limit: int | None) -> Iterator[Data]:
    manifest_of(folder)
    name = Path(os.path.abspath(folder)).name
    for kind, schema in SCHEMAS.items():
        path = folder / f"{kind}.parquet"
        if not path.is_file():
            continue
        table = read_items(folder) if kind == "items" else read_table(path, schema)
        table = table if split == "all" else table.filter(split=split)
        table = table if limit is None else first_items(table, limit)
        if len(table):
            yield Data(name, kind, folder, table, conditions_of(folder))


def identities(tables: Iterable[Data]) -> dict[str, dict[str, str]]:
    """Data set -> what is scored in it -> identity of the folder, for the manifest."""
    found: dict[str, dict[str, str]] = {}
    for data in tables:
        found.setdefault(data.name, {}).update(dict.fromkeys(data.sets, identity(data.folder)))
    return found


def as_rows(
    rows: pl.DataFrame, schema: Mapping[str, Any], model: str | None, seed: int | None, data: str
) -> pl.DataFrame:
    """Rows of one model on one data set, in the columns of a schema with `MODEL_KEYS`."""
    named = rows.with_columns(model=pl.lit(model), seed=pl.lit(seed), data=pl.lit(data))
    return named.select(pl.col(n).cast(t) for n, t in schema.items())


def first_items(table: pl.DataFrame, limit: int) -> pl.DataFrame:
    """About `limit` items: whole groups in all forms, or the first rows of a table without, of
    each polarity as many.
    """
    if "list_id" in table.columns:
        return table.filter(pl.int_range(pl.len()).over("polarity") < -(-limit // 2))
    if "group_id" not in table.columns:
        return table.head(limit)
    groups = table.group_by("set", "group_id", maintain_order=True).agg(
        pl.col("pair_id").n_unique().alias("size")
    )
    before = (pl.col("size").cum_sum() - pl.col("size")).over("set")
    kept = groups.filter(before < limit).select("set", "group_id")
    return table.join(kept, on=["set", "group_id"], how="semi", maintain_order="left")


def whole_groups(table: pl.DataFrame, fine: pl.Expr) -> pl.DataFrame:
    """Rows that are fine; a group that loses a member is left out whole.

    A balanced group is only blind-proof when all its members are scored.
    """
    if "group_id" not in table.columns:
        return table.filter(fine)
    marked = table.with_columns(fine.alias("fine"))
    return marked.filter(pl.col("fine").all().over("group_id")).drop("fine")


def usable(data: Data, good: set[str], equal_options: bool) -> tuple[Data, LeftOut]:
    """A table without the items that cannot be scored, and the ids of these by reason.

    Args:
        data: as read.
        good: images that can be read.
        equal_options: whether two options of imported items may be equal, as a peer's rule for
            ties allows; in our own items they are a fault under any rule.

    Returns:
        The rest, whole groups only, and the reasons: an image that cannot be read, and those of
        `faults`. Members that only share a group with such an item are not named.
    """
    reasons = faults(data, equal_options)
    unseen = data.table.with_row_index("row").filter(~pl.col("image_path").is_in(list(good)))
    reasons = {UNREADABLE: unseen["row"].to_list(), **reasons}
    bad = {row for rows in reasons.values() for row in rows}
    fine = pl.Series([row not in bad for row in range(len(data.table))], dtype=pl.Boolean)
    named = shown_ids(data)
    left_out = {
        why: list(dict.fromkeys(named[r] for r in rows)) for why, rows in reasons.items() if rows
    }
    return data._replace(table=whole_groups(data.table, pl.lit(fine))), left_out


def shown_ids(data: Data) -> list[str]:
    """Ids that may be shown: those of our items, keyed hashes of what may hold a patient's."""
    if data.kind != "items":
        return hashed_ids(data.table[_IDS[data.kind]])
    return shown_items(data.table)


def shown_items(items: pl.DataFrame) -> list[str]:
    """The pair ids of some items as they may be shown."""
    ids, foreign = items["pair_id"], items["set"] == IMPORTED
    hashed = hashed_ids(ids) if foreign.any() else ids
    return [h if f else i for i, h, f in zip(ids, hashed, foreign, strict=True)]


def faults(data: Data, equal_options: bool = False) -> dict[str, list[int]]:
    """Reason -> rows of a table whose items have no single right answer.

    Two options may read alike in the omitted form only: it leaves out what tells them apart.
    """
    if data.kind == "captions":
        blank = data.table["caption"].fill_null("").str.strip_chars() == ""
        return {"an empty text": blank.arg_true().to_list()}
    if data.kind == "studies":
        return {}
    found: dict[str, list[int]] = {}
    if data.kind == "candidates":
        for row, (answer, texts) in enumerate(data.table.select("answer", "candidates").rows()):
            if reason := _fault(texts, answer, may_repeat=False):
                found.setdefault(reason, []).append(row)
        return found
    columns = data.table.select("answer", "set", "form", "options")
    for row, (answer, name, form, options) in enumerate(columns.iter_rows()):
        may_repeat = form == "omitted" or (equal_options and name == IMPORTED)
        reason = _fault(options, answer, may_repeat)
        if reason:
            found.setdefault(reason, []).append(row)
    return found


def _fault(
    options: Sequence[str | None] | None, answer: int | None, may_repeat: bool
) -> str | None:
    if not options or len(options) < 2:
        return "fewer than two options"
    if answer is None or not 0 <= answer < len(options):
        return "an answer outside the options"
    if any(o is None or not o.strip() for o in options):
        return "an empty option"
    if not may_repeat and len(set(options)) < len(options):
        return "two equal options"
    return None


def refuse_more_than(allowed: int, images: int, left_out: dict[str, LeftOut], folder: Path) -> None:
    """Refuse data of which too much cannot be scored.

    Args:
        allowed: how many images and faulty items are passed over.
        images: how many images cannot be read.
        left_out: table -> reason -> items.
        folder: for the message.

    Raises:
        InputError: says how many and why, and names the first items.
    """
    reasons: LeftOut = {}
    for some in left_out.values():
        for why, ids in some.items():
            reasons.setdefault(why, []).extend(ids)
    unseen = reasons.pop(UNREADABLE, [])
    if images + sum(map(len, reasons.values())) <= allowed:
        return
    parts = [f"{images} images that cannot be read ({first_of(unseen)})"] if images else []
    parts += [f"{len(ids)} items with {why} ({first_of(ids)})" for why, ids in reasons.items()]
    raise InputError(folder, found="; ".join(parts), expected=f"at most {allowed} (--max-bad)")


def first_of(ids: Sequence[str]) -> str:
    """The first ids as a message names them."""
    return ", ".join(ids[:NAMED]) + ", ..." * (len(ids) > NAMED)
