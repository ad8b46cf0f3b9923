"""Finished evaluations read back: their scores, and the items that these name."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.files import manifest_of, read_table
from nast.folders import identity, input_folders
from nast.measuring.measure import Scored
from nast.records import ITEMS_SCHEMA, SCORE_TABLES
from nast.scoring.data import Data, data_of


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
        for name, schema in SCORE_TABLES.items()
    }
    # One ranking for all images is the same in every evaluation of a data set.
    tables["hits"] = tables["hits"].unique(maintain_order=True)
    records = [record for manifest in made for record in manifest["models"]]
    places = [*map(Path, data), *(p for folder in folders for p in input_folders(folder))]
    gallery = made[0]["config"]["gallery"]
    return scored_of(tables, _data_behind(folders, places), records, gallery)


def _data_behind(evaluations: Sequence[Path], places: Sequence[Path]) -> list[Data]:
    """The tables that were scored, under the names that they were scored under.

    They are known by what they hold, and not by where they are: a folder may have moved, or be
    reached by another path.

    Args:
        evaluations: whose data they are.
        places: folders among which they are.
    """
    made = [manifest_of(folder) for folder in evaluations]
    names: dict[str, dict[str, None]] = {}
    for manifest in made:
        for name, kinds in manifest["data"].items():
            for key in kinds.values():
                names.setdefault(key, {})[name] = None
    folders: dict[str, Path] = {}
    for place in {os.path.realpath(p): p for p in places}.values():
        if _has_tables(place) and identity(place) in names:
            folders.setdefault(identity(place), place)
    missing = sorted({n for key, some in names.items() if key not in folders for n in some})
    if missing:
        raise InputError(
            evaluations[0],
            found=f"no data set {', '.join(missing)} where it was, as it was",
            expected="the folders that were scored, given beside the evaluation",
        )
    asked = made[0]["config"]
    return [
        data._replace(name=name)
        for key, place in folders.items()
        for data in data_of([place], asked["split"], asked["limit"])
        for name in names[key]
    ]


def scored_of(
    tables: Mapping[str, pl.DataFrame],
    data: Sequence[Data],
    records: Sequence[Mapping[str, Any]],
    gallery: str,
) -> Scored:
    """What is measured, from the tables of scores and the data behind them.

    Args:
        tables: a key of `records.SCORE_TABLES` -> its rows.
        data: the tables that were scored.
        records: of each model its `name`, `seed` and, of an encoder, `g`.
        gallery: of the retrieval among captions.
    """
    none = pl.DataFrame(schema={**ITEMS_SCHEMA, "data": pl.String})
    items = [d.table.select(*ITEMS_SCHEMA, data=pl.lit(d.name)) for d in data if d.kind == "items"]
    # Read again, the data hold the items too that could not be scored.
    one = ["data", "item_id"]
    named = pl.concat([none, *items]).join(
        tables["scores"].select(one).unique(), on=one, how="semi", maintain_order="left"
    )
    factors: dict[str, list[float]] = {}
    for record in records:
        if record.get("g") is not None:
            factors.setdefault(record["name"], []).append(record["g"])
    return Scored(
        **tables,
        items=named,
        models=list(dict.fromkeys(record["name"] for record in records)),
        g={name: sum(some) / len(some) for name, some in factors.items()},
        protocols={
            d.name: manifest_of(d.folder)["config"].get("protocol", "default") for d in data
        },
        conditions={d.name: d.conditions for d in data},
        worlds={d.name: w for d in data if (w := manifest_of(d.folder).get("world"))},
        reading=gallery,
    )


def _has_tables(folder: Path) -> bool:
    """Whether a folder holds something that is scored, and is no run or trace."""
    names = ("items", "captions", "candidates", "studies")
    return any((folder / f"{name}.parquet").is_file() for name in names)


def _table(path: Path, schema: dict[str, Any]) -> pl.DataFrame:
    rows = read_table(path, schema) if path.is_file() else pl.DataFrame(schema=schema)
    return rows.select(*schema)
