"""What every caption says about every image: for the reading `fact` of retrieval (row 8)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.contextual.joint import study_facts
from nast.facts.entailment import truth
from nast.files import manifest_of, read_table
from nast.folders import identity, input_folders
from nast.records import FACTS_SCHEMA, STUDIES_SCHEMA, Fact
from nast.scoring.items import Data
from nast.scoring.ranking import Queries

State = tuple[Fact, ...]


class Truths(NamedTuple):
    """Verdicts of the facts on the distinct texts of some captions.

    Attributes:
        states: per condition, which state (set of annotations) each image is in, (images,).
        verdicts: per text, 1, -1 or 0 for each state of its condition: entailed, contradicted or
            unknown in the `described` world.
        conditions: of each text.
        polarity: of each text.
    """

    states: dict[str, np.ndarray]
    verdicts: list[np.ndarray]
    conditions: list[str]
    polarity: np.ndarray

    def row(self, images: np.ndarray) -> np.ndarray:
        """Verdicts on all texts for some images, int8 (n, texts)."""
        columns = [
            v[self.states[c][images]] for c, v in zip(self.conditions, self.verdicts, strict=True)
        ]
        return np.stack(columns, axis=1)

    def column(self, texts: np.ndarray) -> np.ndarray:
        """Verdicts for all images on some texts, int8 (n, images)."""
        return np.stack([self.verdicts[t][self.states[self.conditions[t]]] for t in texts])

    def queries(self, way: str, polarity: str) -> Queries:
        """Queries of one polarity with what the facts make right for each.

        Args:
            way: `image` (one query per image, texts of the polarity are right or wrong) or `text`
                (one query per text of the polarity).
            polarity: `negated` or `affirmative`.
        """
        said = self.polarity == polarity
        if way == "image":
            numbers = np.arange(len(next(iter(self.states.values()))))
            right = [np.flatnonzero((self.row(numbers[i : i + 1])[0] == 1) & said) for i in numbers]

            def left_out(asked: np.ndarray) -> np.ndarray:
                verdicts = self.row(asked)
                return (verdicts == 0) | ((verdicts == 1) & ~said)
        else:
            numbers = np.flatnonzero(said)
            right = [
                np.flatnonzero(self.column(numbers[i : i + 1])[0] == 1) for i in range(len(numbers))
            ]

            def left_out(asked: np.ndarray) -> np.ndarray:
                return self.column(asked) == 0

        kept = [i for i, found in enumerate(right) if len(found)]
        counts = [len(right[i]) for i in kept]
        index = np.concatenate([right[i] for i in kept]) if kept else np.empty(0, dtype=np.int64)
        return Queries(
            numbers[kept],
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
            index,
            np.ones(len(index), dtype=np.int64),
            left_out,
        )


def truths_of(captions: pl.DataFrame, facts: pl.DataFrame, studies: pl.DataFrame) -> Truths | None:
    """Verdicts for some captions, or None where a text has no fact or a study no annotation.

    Args:
        captions: `CAPTIONS_SCHEMA` rows.
        facts: `FACTS_SCHEMA` rows of their studies.
        studies: `STUDIES_SCHEMA` with labels.
    """
    texts = captions.unique("caption", keep="first", maintain_order=True)
    firsts = captions.unique("image_path", keep="first", maintain_order=True)
    known = {s.study_id: s.facts for s in study_facts(facts, studies)}
    if texts["fact"].null_count() or not set(firsts["study_id"]) <= set(known):
        return None
    stated = [Fact(**f) for f in texts["fact"]]
    if any(not f.condition for f in stated):
        return None
    annotations = [known[s] for s in firsts["study_id"]]
    states, lists = {}, {}
    for name in {f.condition for f in stated}:
        states[name], lists[name] = _states([a.get(name, ()) for a in annotations])
    codes = {True: 1, False: -1, None: 0}
    verdicts = [
        np.array([codes[truth(f, s, "described")] for s in lists[f.condition]], dtype=np.int8)
        for f in stated
    ]
    return Truths(states, verdicts, [f.condition for f in stated], texts["polarity"].to_numpy())


def _states(annotations: Sequence[State]) -> tuple[np.ndarray, list[State]]:
    """The distinct annotations of one condition, and which of them each image has."""
    numbers: dict[State, int] = {}
    places = [numbers.setdefault(a, len(numbers)) for a in annotations]
    return np.array(places), list(numbers)


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
    facts = read_table(path / "facts.parquet", FACTS_SCHEMA).filter(here)
    studies = read_table(path / "studies.parquet", STUDIES_SCHEMA).filter(here)
    return truths_of(data.table, facts, studies)


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
