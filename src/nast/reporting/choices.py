"""What each model chose on the scored items that a page may show, with the items."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from nast.files import manifest_of, read_table
from nast.folders import identity
from nast.items.table import read_items
from nast.records import SCORES_SCHEMA


def shown_choices(
    evaluations: Sequence[Path],
    folders: Iterable[Path],
    models: Sequence[str],
    with_images: bool = False,
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The items of each scored folder that may be shown, and what models chose on them.

    Args:
        evaluations: folders of `nast evaluate`.
        folders: of items; those that were not scored, or may not be shown, are passed over.
        models: whose choices are wanted, each by its first seed.
        with_images: the user's word that data which are not open may be shown on this machine.

    Yields:
        `ITEMS_SCHEMA` rows, and `item_id, model, option, margin`: the option with the highest
        score (null for a tie) and how far the next one is.
    """
    for folder in folders:
        key = identity(folder)
        parts = [
            read_table(e / "scores.parquet", SCORES_SCHEMA).filter(pl.col("data").is_in(names))
            for e in evaluations
            if (names := _names(e, key))
        ]
        if parts and (with_images or manifest_of(folder)["access"] == "open"):
            scores = pl.concat(parts).filter(pl.col("model").is_in(list(models)))
            yield read_items(folder), _chosen(scores)


def _names(evaluation: Path, key: str) -> list[str]:
    """The names under which an evaluation has scored a data set: ids may meet in two of them."""
    known = manifest_of(evaluation)["data"]
    return [name for name, kinds in known.items() if key in kinds.values()]


def _chosen(scores: pl.DataFrame) -> pl.DataFrame:
    seed = pl.col("seed").fill_null(0)
    first = scores.filter(seed == seed.min().over("model"))
    ranked = first.sort("score", descending=True, maintain_order=True)
    option = pl.when(pl.col("tie").first()).then(None).otherwise(pl.col("option").first())
    next_one = pl.col("score").slice(1, 1).first()
    return ranked.group_by("item_id", "model", maintain_order=True).agg(
        option.alias("option"), (pl.col("score").first() - next_one).alias("margin")
    )
