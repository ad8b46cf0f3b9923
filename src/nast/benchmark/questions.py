"""MedNega-CXR: paired multiple-choice questions from labels (paper section 3, Appendices A, B)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from nast.benchmark.configurations import balanced_groups, consistent, eligible
from nast.benchmark.construction import DEFAULT, Construction, single_items
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash, seed_of
from nast.items.groups import Group
from nast.items.table import KEYS, items_table, option_texts, rows_of
from nast.language.write.llm.realise import Written, set_key
from nast.language.write.templates import STEM, STYLES, WRITTEN_FORMS
from nast.records import Statement

Writer = Callable[
    [list[Sequence[Statement]]],
    tuple[Mapping[tuple[Statement, ...], Written], dict[str, Any]],
]
"""The options of each group -> words by `set_key`, and counts."""


def make_questions(
    studies: pl.DataFrame,
    construction: Construction = DEFAULT,
    seed: int = 0,
    limit: int | None = None,
    writer: Writer | None = None,
    conditions: Conditions = CONDITIONS,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Questions and the counts of the filter.

    Args:
        studies: `STUDIES_SCHEMA` with a label column per condition.
        construction: which conditions are asked about, and against which wrong options.
        seed: of groups, words and option order.
        limit: at most so many groups per split.
        writer: a language model's words for sets of options; templates where there is none. It
            gets the facts of the options only, never a study.
        conditions: that the labels are of.

    Returns:
        `ITEMS_SCHEMA` rows, and counts of studies, groups and questions, and of the writer.
    """
    found = _find(studies, construction, seed, limit, conditions)
    groups, counts = found.groups, found.counts
    written, told = writer([g.options for g in groups]) if writer else ({}, {})
    serving = pl.col("study_id").is_in({s for g in groups for s in g.studies})
    chosen = found.studies.filter(serving).select(KEYS)
    keys = {row["study_id"]: row for row in chosen.iter_rows(named=True)}
    rows = [
        row
        for group, order in zip(groups, _orders(found, seed), strict=True)
        for row in _rows(group, order, keys, seed, written, conditions)
    ]
    first = [row for row in rows if row["form"] == WRITTEN_FORMS[0]]
    by_split = Counter(row["split"] for row in first)
    by_condition = Counter(name for row in first for name in row["conditions"])
    counts |= {
        "studies that serve": len(keys),
        "groups": len(groups),
        "questions": len(first),
        "questions whose answer contradicts itself in Table 5's words": sum(
            _self_contradicting(row, conditions) for row in first
        ),
        "questions by split": dict(sorted(by_split.items())),
        "questions by condition": dict(sorted(by_condition.items())),
    }
    counts |= {"language model": told} if writer else {}
    return items_table(rows), counts


class _Found(NamedTuple):
    """What questions will be asked.

    Attributes:
        groups: of the questions.
        studies: those that could serve.
        counts: of the studies.
    """

    groups: list[Group]
    studies: pl.DataFrame
    counts: dict[str, Any]


def _find(
    studies: pl.DataFrame,
    construction: Construction,
    seed: int,
    limit: int | None,
    conditions: Conditions,
) -> _Found:
    """The groups of the questions, before they are put into words."""
    passed = eligible(studies, conditions)
    agreeing = consistent(passed, conditions)
    kept = passed if construction.conflicts else agreeing
    if construction.distractors == "balanced":
        groups = balanced_groups(kept, seed, construction.uses, conditions)
    else:
        groups = list(single_items(kept, construction, seed, conditions))
    if limit is not None:
        nth: Counter[str] = Counter()
        groups = [g for g in groups if (nth.update([g.split]) or nth[g.split]) <= limit]
    counts = {
        "studies": len(studies),
        "eligible studies": len(passed),
        "eligible patients": passed["subject_id"].n_unique(),
        "studies that contradict the label hierarchy": len(passed) - len(agreeing),
    }
    return _Found(groups, kept, counts)


def _orders(found: _Found, seed: int) -> list[list[int]]:
    """The order of the options of each group: every position is right equally often.

    A balanced group has one order for all of its questions; each option is right once, so each
    position is, too. Questions of one study take the positions in turn, in shuffled order.
    """
    rows = {study: row for row, study in enumerate(found.studies["study_id"])}
    turns = np.random.default_rng(seed_of(seed, "positions")).permutation(len(found.groups))
    orders = []
    for group, turn in zip(found.groups, turns, strict=True):
        members = [rows[study] for study in group.studies]
        key = content_hash([group.conditions, _configurations(group), members])
        rng = np.random.default_rng(seed_of(seed, "order", key, int(turn)))
        order = [int(i) for i in rng.permutation(len(group.options))]
        if len(group.members) == 1:
            order.remove(0)
            order.insert(int(turn) % len(group.options), 0)
        orders.append(order)
    return orders


def _self_contradicting(row: dict[str, Any], conditions: Conditions) -> bool:
    right = row["facts"][row["answer"]]
    labels = {fact["condition"]: fact["existence"] for fact in right}
    return bool(conditions.phrase_conflicts(labels))


def _configurations(group: Group) -> tuple[tuple[int, ...], ...]:
    """Per option, 1 for present and 0 for absent, condition by condition."""
    return tuple(tuple(int(f.existence == "present") for f in said) for said in group.options)


def _rows(
    group: Group,
    order: Sequence[int],
    keys: Mapping[str, dict[str, Any]],
    seed: int,
    written: Mapping[tuple[Statement, ...], Written],
    conditions: Conditions,
) -> Iterator[dict[str, Any]]:
    """The questions of one group; all show the same four options in the same words."""
    configurations = _configurations(group)
    said = ["question", group.conditions, configurations, group.studies]
    group_id = content_hash(said)[:16]
    rng = np.random.default_rng(seed_of(seed, group_id))
    style = str(rng.choice(list(STYLES)))
    words = written[set_key(group.options, conditions)] if written else None
    if words:
        texts, stem, realiser = words.forms(group.options), words.stem, words.realiser
    else:
        texts = option_texts(group.options, style, group.forms, conditions)
        stem, realiser = STEM, f"template:{style}"
    yield from rows_of(group, group_id, order, texts, keys, stem=stem, realiser=realiser)
