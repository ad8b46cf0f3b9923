"""Five folds as one: every film's items and scores, by the models that had not seen its patient.

A row "LoRA uniform" of the pooled tables then stands for five models of one recipe, each scored
on the patients that it was not trained on (cross-fitting).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

import nast
from nast.files import manifest_of, read_table, write_json, write_table
from nast.items.audit import audit_table
from nast.items.table import read_items
from nast.measuring.read import scored_of
from nast.records import (
    CANDIDATES_SCHEMA,
    ITEMS_SCHEMA,
    LISTS,
    METRICS_SCHEMA,
    SCORE_TABLES,
    STUDIES_SCHEMA,
)
from nast.scoring.data import data_of, identities
from nast.stages import stage

IDS = ("item_id", "pair_id", "group_id", "list_id", "query_id")
"""Ids that two folds could have in common; the fold goes before them."""
ASKED = {
    "stage": "evaluate",
    "split": "test",
    "seed": 0,
    "limit": None,
    "max_bad": 0,
    "gallery": "unique",
    "ties": "default",
    "controls": False,
    "margin": 0.01,
}
"""What `nast evaluate` is asked for if nothing is said."""


class ScoredFold(NamedTuple):
    """A fold: its folder, what its models scored, and what these are."""

    folder: Path
    scored: nast.Scored
    records: list[dict[str, Any]]


def pool_folds(folds: Sequence[ScoredFold], names: Sequence[str], out: Path) -> list[Path]:
    """The data and the scores of all folds together.

    Args:
        folds: with the same models in the same order.
        names: of the data folders that were scored.
        out: gets a folder for each of them, and `scores`.

    Returns:
        What `nast report` takes: the scores first.
    """
    for name in names:
        _pool_data([fold.folder / name for fold in folds], out / name)
    _pool_scores(folds, [out / name for name in names], out / "scores")
    return [out / "scores", *(out / name for name in names)]


def _pool_data(parts: list[Path], out: Path) -> None:
    """The test patients' tables of one kind of folder."""
    schemas = {"items": ITEMS_SCHEMA, "candidates": CANDIDATES_SCHEMA, "studies": STUDIES_SCHEMA}
    first = manifest_of(parts[0])

    def make(folder: Path) -> dict[str, Any]:
        counts = {}
        for kind, schema in schemas.items():
            if not (parts[0] / f"{kind}.parquet").is_file():
                continue
            tables = [
                read_items(p) if kind == "items" else read_table(p / f"{kind}.parquet", schema)
                for p in parts
            ]
            table = pl.concat(_marked(t.filter(split="test"), n) for n, t in enumerate(tables))
            write_table(folder / f"{kind}.parquet", table, dict(table.schema))
            counts |= {kind: len(table), "patients": table["subject_id"].n_unique()}
            if kind == "items":
                write_json(folder / "audit.json", audit_table(table, 0))
        keep = {key: first[key] for key in ("world", "phantom", "terms", "leaks") if key in first}
        return {"counts": counts, **keep}

    stage(out, first["config"] | {"pooled folds": len(parts)}, parts, make, fresh=True)


def _marked(table: pl.DataFrame, fold: int) -> pl.DataFrame:
    """The table with the fold before its ids; empty ids stay empty."""
    known = [name for name in IDS if name in table.columns]
    mark = [
        pl.when(pl.col(n) == "").then(pl.col(n)).otherwise(f"{fold}-" + pl.col(n)).alias(n)
        for n in known
    ]
    return table.with_columns(mark)


def _pool_scores(folds: Sequence[ScoredFold], data: list[Path], out: Path) -> None:
    """The scores of all folds, measured together."""
    records = [_pooled_record(same) for same in zip(*(f.records for f in folds), strict=True)]

    def make(folder: Path) -> dict[str, Any]:
        tables = {}
        for name, schema in SCORE_TABLES.items():
            parts = [getattr(fold.scored, name) for fold in folds]
            parts = list(map(_comparable, parts)) if name == "pairs" else parts
            marked = [_marked(part.select(*schema), n) for n, part in enumerate(parts)]
            tables[name] = pl.concat(marked)
            if name == "hits":
                # A ranking of all captions of a fold cannot be pooled with another's.
                tables[name] = tables[name].filter(reading=LISTS)
            if len(tables[name]) or name == "scores":
                write_table(folder / f"{name}.parquet", tables[name], schema)
        found = data_of(data, "test", None)
        metrics = nast.metrics(scored_of(tables, found, records, ASKED["gallery"]))
        write_table(folder / "metrics.parquet", metrics, METRICS_SCHEMA)
        return {
            "counts": {"rows": sum(map(len, tables.values()))},
            "data": identities(found),
            "models": records,
            "review": {},
            "left_out": {},
            "notes": [],
            "sent": {},
            "bad_images": {},
        }

    keys = [[record["key"] for record in fold.records] for fold in folds]
    stage(out, {**ASKED, "models": records, "keys of the folds": keys}, data, make, fresh=True)


def _pooled_record(same: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """What the pooled tables know of the models of one row: the first one's, with their mean g."""
    if len({record["name"] for record in same}) > 1:
        raise ValueError("the folds scored other models, or in another order")
    record = dict(same[0])
    shares = [r["g"] for r in same if r.get("g") is not None]
    if shares:
        record["g"] = sum(shares) / len(shares)
    return record


def _comparable(pairs: pl.DataFrame) -> pl.DataFrame:
    """Scores of prompts on one scale for all folds, whose heads were fitted apart.

    Within a condition of a fold both prompts are moved and stretched alike, which changes no
    order of films and no sign of a difference.
    """
    of = ["model", "data", "prompts", "condition"]
    score = (pl.col("score") - pl.col("score").mean().over(of)) / pl.col("score").std().over(of)
    return pairs.with_columns(score=score.fill_nan(0.0).fill_null(0.0))
