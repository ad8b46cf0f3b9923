"""Scores that another program made, as a model: `scores:FILE` (chat and cross-attention models)."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from nast.errors import InputError, UsageError
from nast.hashes import file_hash
from nast.records import FORMS
from nast.scoring.choice import option_rows, score_table
from nast.scoring.data import Data

_ENDING = rf"-({'|'.join(FORMS)})$"


@dataclass(frozen=True)
class ScoreFile:
    """Scores by item and option, in the place of a model.

    Attributes:
        name: how results call it.
        key: hash of the file.
        table: `item` (with its form at the end), `option`, `score`.
        made_from: the file.
        seed: none: it is not one of several runs.
    """

    name: str
    key: str
    table: pl.DataFrame
    made_from: list[Path] = field(default_factory=list)
    seed: int | None = None


def read_score_file(spec: str, name: str | None = None) -> ScoreFile:
    """Read `scores:FILE` or FILE.

    Args:
        spec: CSV, JSON Lines or Parquet with `item, option, score` and, where `item` is a
            `pair_id` and does not end in one of `records.FORMS` ("ID-negated"), `form`. `option`
            counts from 0 in the order of the stored options; the highest score is the choice. Any
            finite numbers serve: log-probabilities, or 1 and 0.
        name: how results call it; the file's name if not given.

    Raises:
        InputError: a column is missing, a score is no finite number (the item is named), or an
            option of an item stands twice.
        UsageError: no such file, or another ending.
    """
    file = Path(spec.removeprefix("scores:"))
    readers: dict[str, Callable[[io.BytesIO], pl.DataFrame]] = {
        ".csv": pl.read_csv,
        ".jsonl": pl.read_ndjson,
        ".parquet": pl.read_parquet,
    }
    if file.suffix not in readers or not file.is_file():
        raise UsageError(f"{spec}: scores are a .csv, .jsonl or .parquet file that exists")
    try:
        # Its bytes, for to these readers a path is a pattern.
        rows = readers[file.suffix](io.BytesIO(file.read_bytes()))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        # Its message may quote a cell.
        raise InputError(
            file, found="no table that can be read", expected="item, option, score"
        ) from None
    for column in ("item", "option", "score"):
        if column not in rows.columns:
            raise InputError(
                file, found="no such column", expected="item, option, score", column=column
            )
    item = pl.col("item").cast(pl.String)
    if "form" in rows.columns:
        item = item.str.replace(_ENDING, "") + "-" + pl.col("form").cast(pl.String)
    try:
        rows = rows.select(
            item.alias("item"),
            pl.col("option").cast(pl.Int64, strict=False),
            pl.col("score").cast(pl.Float64, strict=False),
        )
    except pl.exceptions.PolarsError:
        raise InputError(
            file, found="lists or objects in the cells", expected="a text and two numbers a row"
        ) from None
    _check(rows, file)
    return ScoreFile(name or file.stem, file_hash(file), rows, [file])


def _check(rows: pl.DataFrame, file: Path) -> None:
    bad = rows.filter(pl.any_horizontal(pl.all().is_null()) | ~pl.col("score").is_finite())
    if len(bad):
        raise InputError(
            file,
            found=f"{len(bad)} rows without a number, the first of item {bad['item'][0]}",
            expected="finite scores; leave failed items out",
            column="score",
        )
    twice = rows.filter(pl.struct("item", "option").is_duplicated())
    if len(twice):
        raise InputError(
            file,
            found=f"item {twice['item'][0]}, option {twice['option'][0]} twice",
            expected="each option of an item once",
        )


def score_from_file(model: ScoreFile, data: Data) -> tuple[pl.DataFrame, list[str]]:
    """The rows of `scores.parquet` for one table of items.

    A form of which the file has no item is left out. An item of the other forms that the file
    lacks, or of which it lacks an option, has no scores and counts as wrong.

    Args:
        model: the file.
        data: items.

    Returns:
        `SCORES_SCHEMA` rows, and the ids of the items that count as wrong.

    Raises:
        InputError: a score of an option that the item does not have.
    """
    rows = option_rows(data.table)
    given = model.table.rename({"item": "item_id"})
    _refuse_options(model, given, rows)
    found = rows.join(given, on=["item_id", "option"], how="left", maintain_order="left")
    whole = pl.col("score").is_not_null().all().over("item_id")
    found = found.with_columns(pl.when(whole).then("score").alias("score"))
    found = found.filter(pl.col("score").is_not_null().any().over("set", "form"))
    missing = found.filter(pl.col("score").is_null())["item_id"].unique(maintain_order=True)
    scored = found.with_columns(truncated=pl.lit(False))
    return score_table(scored, model.name, None, data.name), list(missing)


def _refuse_options(model: ScoreFile, given: pl.DataFrame, rows: pl.DataFrame) -> None:
    here = given.join(rows.select("item_id").unique(), on="item_id", how="semi")
    extra = here.join(rows.select("item_id", "option"), on=["item_id", "option"], how="anti")
    if len(extra):
        raise InputError(
            model.made_from[0],
            found=f"option {extra['option'][0]} of item {extra['item_id'][0]}",
            expected="options of the data, counted from 0",
            column="option",
        )
