"""What words alone get right in candidate lists, and how often their statements are trained on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.contextual.candidates import halves
from nast.contextual.statements import POLARITIES
from nast.facts.conditions import CONDITIONS, Conditions
from nast.items.audit import Audited, Scorer, audit_items


def audit_lists(
    lists: pl.DataFrame,
    training: Mapping[str, int],
    seed: int = 0,
    conditions: Conditions = CONDITIONS,
) -> dict[str, list[dict[str, Any]]]:
    """What words alone get right in the lists, by polarity: the rows of `audit_items`.

    Beside its baselines, how often a statement is said in training, and how often it is right
    among these very lists (which only an exact balance brings to chance).

    Args:
        lists: `CANDIDATES_SCHEMA`.
        training: of `said_in_training`.
        seed: of the folds, where there are more patients' halves than folds.
        conditions: that the lists are named by.
    """
    found = {}
    for polarity in POLARITIES:
        part = lists.filter(polarity=polarity)
        if not len(part):
            continue
        rights = Counter(texts[at] for texts, at in part.select("candidates", "answer").rows())
        shown = Counter(part["candidates"].explode())
        own = {text: rights[text] / times for text, times in shown.items()}
        more = {"training frequency": _ranking(training), "share of right showings": _ranking(own)}
        found[f"lists, {polarity}"] = audit_items(_audited(part), seed, conditions, more)
    return found


def _ranking(worth: Mapping[str, float]) -> Scorer:
    return lambda item: [worth.get(option, 0) for option in item.options]


def _audited(lists: pl.DataFrame) -> Sequence[Audited]:
    group = halves(lists["subject_id"]).alias("half")
    columns = lists.select("candidates", "answer", group, "facts").iter_rows()
    return [
        Audited(
            tuple(texts),
            answer,
            str(half),
            stated=tuple(frozenset([tuple(f.values())]) for f in facts),
        )
        for texts, answer, half, facts in columns
    ]


def said_in_training(lists: pl.DataFrame, captions: Path) -> dict[str, int]:
    """How often each candidate is said by captions of training patients, in any words.

    Args:
        lists: `CANDIDATES_SCHEMA`.
        captions: `captions.parquet` of the same folder.
    """
    said = (
        pl.scan_parquet(captions.absolute(), glob=False, hive_partitioning=False)
        .filter(split="train")
        .group_by("fact")
        .len()
        .collect()
    )
    counts = {tuple(fact.values()): number for fact, number in said.iter_rows()}
    shown = lists.select("candidates", "facts").explode("candidates", "facts").unique()
    return {text: counts.get(tuple(fact.values()), 0) for text, fact in shown.iter_rows()}
