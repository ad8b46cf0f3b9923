"""Finished evaluations read back: their scores, and the items that these name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.files import manifest_of, read_table
from nast.folders import input_folders
from nast.measuring.measure import Scored
from nast.records import HITS_SCHEMA, ITEMS_SCHEMA, PAIRS_SCHEMA, REPLIES_SCHEMA, SCORES_SCHEMA
from nast.scoring.data import Data, data_of, identities
from nast.scoring.neutral import NEUTRAL_SCHEMA

CONTROLS_SCHEMA: dict[str, Any] = {**SCORES_SCHEMA, "control": pl.String}
TABLES: dict[str, dict[str, Any]] = {
    "scores": SCORES_SCHEMA,
    "hits": HITS_SCHEMA,
    "pairs": PAIRS_SCHEMA,
    "controls": CONTROLS_SCHEMA,
    "neutral": NEUTRAL_SCHEMA,
    "replies": REPLIES_SCHEMA,
}
"""The tables that scoring leaves, each in a Parquet file of that name."""


def read_scored(folders: Sequence[Path], data: Sequence[Path] = ()) -> Scored:
    """The scores of some evaluations, as one evaluation of all their models would have them.

    Args:
        folders: finished folders of `nast evaluate` with the same split, limit and gallery.
        data: data folders, where they are not where they were.

    Raises:
        InputError: a data set that was scored is not there as it was.
    """
    made = [manifest_of(folder) for folder in folders]
    tables = {
        name: pl.concat(_table(folder / f"{name}.parquet", schema) for folder in folders)
        for name, schema in TABLES.items()
    }
    # One ranking for all images is the same in every evaluation of a data set.
    tables["hits"] = tables["hits"].unique(maintain_order=True)
    records = [record for manifest in made for record in manifest["models"]]
    known = {key for m in made for kinds in m["data"].values() for key in kinds.values()}
    places = dict.fromkeys([*map(Path, data), *(p for f in folders for p in input_folders(f))])
    asked = made[0]["config"]
    every = data_of([p for p in places if _has_tables(p)], asked["split"], asked["limit"])
    kept = [d for d in every if set(identities([d])[d.name].values()) <= known]
    missing = sorted({n for m in made for n in m["data"]} - {d.name for d in kept})
    if missing:
        raise InputError(
            folders[0],
            found=f"no data set {', '.join(missing)} where it was, as it was",
            expected="the folders that were scored, given beside this one",
        )
    return as_scored(tables, kept, records, asked["gallery"])


def as_scored(
    tables: Mapping[str, pl.DataFrame],
    data: Sequence[Data],
    records: Sequence[Mapping[str, Any]],
    gallery: str,
) -> Scored:
    """What is measured, from the tables of scores and the data behind them.

    Args:
        tables: a key of `TABLES` -> its rows.
        data: the tables that were scored.
        records: of each model its `name`, `seed` and, of an encoder, `g`.
        gallery: of the headline retrieval.
    """
    items = [d.table.select(*ITEMS_SCHEMA, data=pl.lit(d.name)) for d in data if d.kind == "items"]
    factors: dict[str, list[float]] = {}
    for record in records:
        if record.get("g") is not None:
            factors.setdefault(record["name"], []).append(record["g"])
    return Scored(
        **tables,
        items=pl.concat([pl.DataFrame(schema={**ITEMS_SCHEMA, "data": pl.String}), *items]),
        models=list(dict.fromkeys(record["name"] for record in records)),
        g={name: sum(some) / len(some) for name, some in factors.items()},
        protocols={
            d.name: manifest_of(d.folder)["config"].get("protocol", "default") for d in data
        },
        conditions={d.name: d.conditions for d in data},
        reading=gallery,
    )


def _has_tables(folder: Path) -> bool:
    """Whether a folder holds something that is scored, and is no run or trace."""
    names = ("items", "captions", "studies")
    return any((folder / f"{name}.parquet").is_file() for name in names)


def _table(path: Path, schema: dict[str, Any]) -> pl.DataFrame:
    rows = read_table(path, schema) if path.is_file() else pl.DataFrame(schema=schema)
    return rows.select(*schema)
