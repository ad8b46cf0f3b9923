"""What every caption says about every image: for the reading `fact` of retrieval (row 8)."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.facts.truths import TruthTable, annotations, truth_table
from nast.files import manifest_of, read_table
from nast.folders import identity, input_folders
from nast.records import FACTS_SCHEMA, Fact
from nast.scoring.data import Data
from nast.scoring.ranking import Queries

_CHUNK = 1024
"""Queries whose verdicts are looked up at once."""


class Truths(NamedTuple):
    """Verdicts of the facts on the distinct texts of some captions, in the `described` world.

    Attributes:
        table: of every (image, text).
        polarity: of each text.
    """

    table: TruthTable
    polarity: np.ndarray

    def row(self, images: np.ndarray) -> np.ndarray:
        """Verdicts on all texts for some images, int8 (n, texts)."""
        return self.table.of(images, np.arange(len(self.polarity)))

    def column(self, texts: np.ndarray) -> np.ndarray:
        """Verdicts for all images on some texts, int8 (n, images)."""
        return self.table.of(np.arange(len(self.table.situations)), texts).T

    def queries(self, way: str, polarity: str) -> Queries:
        """Queries of one polarity with what the facts make right for each.

        Args:
            way: `image` (one query per image, texts of the polarity are right or wrong) or `text`
                (one query per text of the polarity).
            polarity: `negated` or `affirmative`.
        """
        said = self.polarity == polarity
        verdicts_of = self.row if way == "image" else self.column
        numbers = np.flatnonzero(said)
        if way == "image":
            numbers = np.arange(len(self.table.situations))
        fits = said if way == "image" else np.True_

        def left_out(asked: np.ndarray) -> np.ndarray:
            verdicts = verdicts_of(asked)
            return (verdicts == 0) | ((verdicts == 1) & ~fits)

        right = [
            np.flatnonzero(row)
            for first in range(0, len(numbers), _CHUNK)
            for row in (verdicts_of(numbers[first : first + _CHUNK]) == 1) & fits
        ]
        counts = np.array([len(found) for found in right], dtype=np.int64)
        index = np.concatenate([np.empty(0, dtype=np.int64), *right])
        return Queries(
            numbers[counts > 0],
            np.concatenate([[0], np.cumsum(counts[counts > 0])]),
            index,
            np.ones(len(index), dtype=np.int64),
            left_out,
        )


def truths_of(captions: pl.DataFrame, facts: pl.DataFrame) -> Truths | None:
    """Verdicts for some captions, or None where a text has no fact or a study no annotation.

    Args:
        captions: `CAPTIONS_SCHEMA` rows.
        facts: `FACTS_SCHEMA` rows of their studies.
    """
    texts = captions.unique("caption", keep="first", maintain_order=True)
    firsts = captions.unique("image_path", keep="first", maintain_order=True)
    found = annotations(facts)
    if texts["fact"].null_count() or not set(firsts["study_id"]) <= set(found.held["study_id"]):
        return None
    stated = [Fact(**f) for f in texts["fact"]]
    if any(not f.condition for f in stated):
        return None
    table = truth_table(found, firsts["study_id"].to_list(), stated)
    return Truths(table, texts["polarity"].to_numpy())


def truths_behind(data: Data, beside: Iterable[Path] = ()) -> Truths | None:
    """Verdicts for the captions of a folder from the facts that it was built from.

    Args:
        data: the captions.
        beside: folders that are scored with it; the facts may be among them.

    Returns:
        None where `facts_behind` finds no facts.
    """
    path = facts_behind(data.folder, beside)
    if path is None:
        return None
    here = pl.col("study_id").is_in(data.table["study_id"].unique().to_list())
    return truths_of(data.table, read_table(path / "facts.parquet", FACTS_SCHEMA).filter(here))


def facts_behind(folder: Path, beside: Iterable[Path] = ()) -> Path | None:
    """The facts folder that a folder was built from: where it was, or among some others."""
    known = set(manifest_of(folder)["inputs"].values())
    for path in (*input_folders(folder), *beside):
        if (path / "facts.parquet").is_file() and identity(path) in known:
            return path
    return None


def lost_facts(folder: Path, beside: Iterable[Path] = ()) -> bool:
    """Whether captions were built from facts that cannot be found again."""
    built = manifest_of(folder)["config"].get("stage") == "contextual"
    return built and facts_behind(folder, beside) is None
