"""Models on data folders: per-item scores first, figures second (paper sections 3.3, 5.2-5.5)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.embeddings import EmbeddingStore
from nast.errors import InputError, UsageError
from nast.evaluation.choice import score_claims, score_questions
from nast.evaluation.metrics import by_label, metrics_of
from nast.evaluation.prompt_pairs import score_prompt_pairs
from nast.evaluation.retrieval import blind_retrieval, score_retrieval
from nast.models.base import DualEncoder
from nast.records import (
    CAPTIONS_SCHEMA,
    CLAIMS_SCHEMA,
    QUESTIONS_SCHEMA,
    SCORES_SCHEMA,
    STUDIES_SCHEMA,
)
from nast.store import manifest_of, policy_of, read_table, stage, write_json, write_table


def evaluate(
    models: Sequence[DualEncoder],
    data: Sequence[Path],
    folder: Path,
    *,
    split: str = "test",
    seed: int = 0,
    limit: int | None = None,
    max_bad: int = 0,
    store: Path | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Score models on the questions, claim sets, captions and labels of some folders.

    Args:
        models: loaded dual encoders.
        data: folders of `nast benchmark build`, `nast contextual build` or `nast facts` (prompt
            pairs on its labels).
        folder: gets `scores.parquet` and `metrics.json`.
        split: which patients; `all` for every split.
        seed: of the bootstrap.
        limit: at most so many items per table, for a look.
        max_bad: how many unreadable images are passed over.
        store: folder for vectors, shared between runs; memory only if not given.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `metrics.json` has the figures of each model by name.

    Raises:
        InputError: more than `max_bad` images cannot be read, or a folder has nothing to score.
        UsageError: two folders have tables of one kind.
    """
    config = {
        "stage": "evaluate", "models": {m.name: m.key for m in models}, "split": split,
        "seed": seed, "limit": limit, "max_bad": max_bad,
    }  # fmt: skip

    # Weights are made from data too: what a run was trained on binds its figures.
    inputs = [*map(Path, data), *(folder for m in models for folder in m.made_from)]

    def make(out: Path) -> dict[str, Any]:
        tables = [t for d in data for t in _tables(Path(d), split, limit)]
        if not tables:
            raise InputError(data[0], found=f"no items of the {split} split", expected="some items")
        refuse_pooling([table_kind(table) for _, table in tables])
        frames: list[pl.DataFrame] = []
        bad: dict[str, str] = {}
        for model in models:
            vectors = EmbeddingStore(model, store, policy_of(inputs))
            paths = [p for _, table in tables for p in table["image_path"]]
            good, bad = vectors.readable(paths)
            if len(bad) > max_bad:
                # No path: those of MIMIC hold patient ids. `nast facts` lists them in its folder.
                raise InputError(
                    data[0], found=f"{len(bad)} images that cannot be read",
                    expected=f"at most {max_bad} (--max-bad)",
                )  # fmt: skip
            for name, table in tables:
                kept = whole_groups(table, good)
                if not len(kept):
                    continue
                frames.append(SCORERS[table_kind(kept)](vectors, kept, name))
        if not frames:
            raise InputError(data[0], found="no item whose images can all be read",
                             expected="whole groups with readable images")  # fmt: skip
        scores = pl.concat(frames)
        write_table(out / "scores.parquet", scores, SCORES_SCHEMA)
        figures = {name: metrics_of(part, seed) for name, part in by_label(scores)}
        figures |= blind_metrics(data, split, seed)
        write_json(out / "metrics.json", figures)
        return {"counts": {"rows": len(scores)}, "bad_images": len(bad)}

    return stage(folder, config, inputs, make, fresh=fresh)


SCORERS = {
    "questions": score_questions,
    "claims": score_claims,
    "captions": score_retrieval,
    "studies": score_prompt_pairs,
}
_SCHEMAS = {
    "questions": QUESTIONS_SCHEMA,
    "claims": CLAIMS_SCHEMA,
    "captions": CAPTIONS_SCHEMA,
    "studies": STUDIES_SCHEMA,
}


def refuse_pooling(kinds: Sequence[str]) -> None:
    """Refuse two tables of one kind: their figures would be pooled into one number.

    Raises:
        UsageError: names the kind.
    """
    for kind in sorted(set(kinds)):
        if kinds.count(kind) > 1:
            raise UsageError(
                f"{kinds.count(kind)} data folders have {kind}: their figures would be pooled; "
                "evaluate them in runs of their own"
            )


def table_kind(table: pl.DataFrame) -> str:
    """Which kind of table this is, by its columns."""
    return next(kind for kind, schema in _SCHEMAS.items() if set(schema) <= set(table.columns))


def _tables(folder: Path, split: str, limit: int | None) -> Iterable[tuple[str, pl.DataFrame]]:
    """The tables of a finished folder, cut to a split."""
    manifest_of(folder)
    for kind, schema in _SCHEMAS.items():
        path = folder / f"{kind}.parquet"
        if not path.is_file():
            continue
        table = read_table(path, schema)
        table = table if split == "all" else table.filter(split=split)
        table = table if limit is None else first_items(table, limit)
        if len(table):
            yield folder.name, table


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
    readable = pl.col("image_path").is_in(list(good))
    return table.filter(
        readable.all().over("group_id") if "group_id" in table.columns else readable
    )


def blind_metrics(data: Sequence[Path], split: str, seed: int) -> dict[str, Any]:
    """Retrieval by one ranking for all images, for folders that have captions."""
    figures: dict[str, Any] = {}
    for folder in data:
        path = Path(folder) / "captions.parquet"
        if not path.is_file():
            continue
        captions = read_table(path, CAPTIONS_SCHEMA)
        part = captions if split == "all" else captions.filter(split=split)
        if len(part):
            blind = blind_retrieval(part, captions.filter(split="train"), Path(folder).name)
            figures["blind"] = metrics_of(blind, seed)
    return figures
