"""Folders as `nast evaluate` leaves them, without any model."""

import polars as pl

from nast.files import write_table
from nast.folders import identity
from nast.measuring.measure import measure
from nast.measuring.read import scored_of
from nast.records import ITEMS_SCHEMA, METRICS_SCHEMA, SCORE_TABLES
from nast.scoring.data import data_of, identities
from nast.stages import stage

ASKED = {
    "stage": "evaluate",
    "split": "test",
    "limit": None,
    "gallery": "unique",
    "ties": "default",
    "seed": 0,
    "margin": 0.01,
}


def data_folder(place, items, stage_name="benchmark", **config):
    """A finished folder of items."""
    rows = items.select(*ITEMS_SCHEMA).with_columns(split=pl.lit("test"))

    def make(out):
        write_table(out / "items.parquet", rows, ITEMS_SCHEMA)
        return {"counts": {}}

    stage(place, {"stage": stage_name, **config}, [], make)
    return place


def record(name, seed=None, run=None, key="key", objective="nast", layers="uniform", **more):
    """What a manifest says of a model: `run` is the folder of a trained one, or its identity."""
    said = {"name": name, "seed": seed, "key": key, **more}
    if run is not None:
        known = run if isinstance(run, str) else identity(run)
        said["run"] = {"objective": objective, "layers": layers, "identity": known}
    return said


def evaluated(folder, data, records, said=None, asked=None, **tables):
    """A folder of an evaluation.

    Args:
        folder: where it goes.
        data: the folders that were scored; the tables are of the first.
        records: of `record`.
        said: more for the manifest.
        asked: other settings than `ASKED`.
        tables: a key of `SCORE_TABLES` -> its rows.
    """
    config = ASKED | (asked or {}) | {"models": records}
    rows = {table: pl.DataFrame(schema=schema) for table, schema in SCORE_TABLES.items()}
    for table, part in tables.items():
        named = part.with_columns(data=pl.lit(data[0].name)) if "data" in part.columns else part
        rows[table] = named.select(*SCORE_TABLES[table])

    def make(out):
        for table, part in rows.items():
            if len(part) or table == "scores":
                write_table(out / f"{table}.parquet", part, SCORE_TABLES[table])
        read = data_of(data, config["split"], config["limit"])
        scored = scored_of(rows, read, records, config["gallery"])
        found = measure(scored, ties=config["ties"], margin=config["margin"])
        write_table(out / "metrics.parquet", found, METRICS_SCHEMA)
        return {"counts": {}, "data": identities(read), "models": records, **(said or {})}

    stage(folder, config, data, make)
    return folder
