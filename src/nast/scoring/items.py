"""The tables that are scored: read, cut to a split, checked, and what is left out named."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from nast.errors import InputError
from nast.files import manifest_of, read_table
from nast.folders import identity
from nast.ids import hashed_ids
from nast.language.write.templates import FORMS
from nast.records import CAPTIONS_SCHEMA, CLAIMS_SCHEMA, QUESTIONS_SCHEMA, STUDIES_SCHEMA
from nast.scoring.datasets import labels_of

SCHEMAS = {
    "questions": QUESTIONS_SCHEMA,
    "claims": CLAIMS_SCHEMA,
    "captions": CAPTIONS_SCHEMA,
    "studies": STUDIES_SCHEMA,
}
IMPORTED = "imported:"
UNREADABLE = "an image that cannot be read"
NAMED = 5
"""Ids that a message shows; the manifest has all of them."""
LeftOut = dict[str, list[str]]
"""Reason -> ids of the items that it concerns."""


class Data(NamedTuple):
    """One table of one folder, of a kind of `SCHEMAS`; `label` begins the names of its figures
    (`datasets`).
    """

    name: str
    kind: str
    folder: Path
    table: pl.DataFrame
    label: str = ""


def data_of(folders: Iterable[Path], split: str, limit: int | None) -> list[Data]:
    """The tables of finished folders, cut to a split, with the labels of their figures.

    Raises:
        UsageError: two folders of one name have tables of one kind.
    """
    found = [d for folder in folders for d in _tables(Path(folder), split, limit)]
    labels = labels_of((d.name, d.kind, str(d.folder)) for d in found)
    return [d._replace(label=labels[d.name]) for d in found]


def _tables(folder: Path, split: str, limit: int | None) -> Iterator[Data]:
    manifest_of(folder)
    name = Path(os.path.abspath(folder)).name
    for kind, schema in SCHEMAS.items():
        path = folder / f"{kind}.parquet"
        if not path.is_file():
            continue
        table = read_table(path, schema)
        table = table if split == "all" else table.filter(split=split)
        table = table if limit is None else first_items(table, limit)
        if len(table):
            yield Data(name, kind, folder, table)


def identities(tables: Iterable[Data]) -> dict[str, dict[str, str]]:
    """Data set -> kind of its tables -> hash of the folder, for the manifest."""
    found: dict[str, dict[str, str]] = {}
    for data in tables:
        found.setdefault(data.name, {})[data.kind] = identity(data.folder)
    return found


def first_items(table: pl.DataFrame, limit: int) -> pl.DataFrame:
    """About `limit` rows: whole groups, or the first rows of a table without groups."""
    if "group_id" not in table.columns:
        return table.head(limit)
    groups = table.group_by("group_id", maintain_order=True).agg(pl.len().alias("size"))
    kept = groups.filter((pl.col("size").cum_sum() - pl.col("size")) < limit)["group_id"]
    return table.filter(pl.col("group_id").is_in(kept.to_list()))


def whole_groups(table: pl.DataFrame, good: set[str]) -> pl.DataFrame:
    """Rows whose image can be read; a group that loses a member is left out whole.

    A balanced group is only blind-proof when all its members are scored.
    """
    return _whole(table, pl.col("image_path").is_in(list(good)))


def _whole(table: pl.DataFrame, fine: pl.Expr) -> pl.DataFrame:
    if "group_id" not in table.columns:
        return table.filter(fine)
    marked = table.with_columns(fine.alias("fine"))
    return marked.filter(pl.col("fine").all().over("group_id")).drop("fine")


def usable(data: Data, good: set[str], equal_options: bool = False) -> tuple[Data, LeftOut]:
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
    foreign = data.kind == "claims" and data.table["construction"].str.starts_with(IMPORTED).all()
    reasons = faults(data.kind, data.table, equal_options and foreign)
    seen = pl.col("image_path").is_in(list(good))
    unseen = data.table.with_row_index("row").filter(~seen)["row"].to_list()
    reasons = {UNREADABLE: unseen, **reasons}
    bad = {row for rows in reasons.values() for row in rows}
    fine = pl.Series([row not in bad for row in range(len(data.table))], dtype=pl.Boolean)
    named = shown_ids(data.kind, data.table)
    left_out = {why: [named[r] for r in rows] for why, rows in reasons.items() if rows}
    return data._replace(table=_whole(data.table, pl.lit(fine))), left_out


def shown_ids(kind: str, table: pl.DataFrame) -> list[str]:
    """Ids that may be shown: those of our items, keyed hashes of what may hold a patient's."""
    if kind in ("captions", "studies"):
        return hashed_ids(table[{"captions": "caption_id", "studies": "study_id"}[kind]])
    ids = table["question_id" if kind == "questions" else "set_id"]
    foreign = table["construction"].str.starts_with(IMPORTED)
    hashed = hashed_ids(ids)
    return [h if f else i for i, h, f in zip(ids, hashed, foreign, strict=True)]


def faults(kind: str, table: pl.DataFrame, equal_options: bool = False) -> dict[str, list[int]]:
    """Reason -> rows of a table whose items have no single right answer.

    Two options may read alike in the omitted form only: it leaves out what tells them apart.
    """
    found: dict[str, list[int]] = {}
    if kind == "captions":
        blank = table["caption"].fill_null("").str.strip_chars() == ""
        return {"an empty text": blank.arg_true().to_list()}
    if kind == "studies":
        return {}
    forms = FORMS if kind == "questions" else ("claims",)
    for row, (answer, own, *texts) in enumerate(
        table.select("answer", "construction" if kind == "questions" else "form", *forms).rows()
    ):
        for form, options in zip(forms, texts, strict=True):
            reason = _fault(options, answer, equal_options or "omitted" in (form, own))
            if reason:
                found.setdefault(reason, []).append(row)
                break
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
    parts = [f"{images} images that cannot be read ({_first(unseen)})"] if images else []
    parts += [f"{len(ids)} items with {why} ({_first(ids)})" for why, ids in reasons.items()]
    raise InputError(folder, found="; ".join(parts), expected=f"at most {allowed} (--max-bad)")


def _first(ids: Sequence[str]) -> str:
    return ", ".join(ids[:NAMED]) + ", ..." * (len(ids) > NAMED)
