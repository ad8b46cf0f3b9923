"""MedNega-CXR: paired multiple-choice questions from labels (paper section 3, Appendices A, B)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from nast.benchmark.configurations import Group, balanced_groups, consistent, eligible
from nast.benchmark.construction import DEFAULT, Construction
from nast.benchmark.samplers import single_items
from nast.facts.conditions import CONDITIONS, phrase_conflicts
from nast.hashes import content_hash, seed_of
from nast.items.table import Group as ItemGroup
from nast.items.table import rows_of
from nast.language.write.llm.realise import Written
from nast.language.write.llm.sets import OptionSetKey, option_key
from nast.language.write.templates import FORMS, STEM, STYLES, sentence
from nast.records import ITEMS_SCHEMA, Existence, Fact

Writer = Callable[
    [list[tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]]],
    tuple[Mapping[OptionSetKey, Written], dict[str, Any]],
]
"""(conditions, configurations) of each group -> words by `option_key`, and counts."""


def make_questions(
    studies: pl.DataFrame,
    construction: Construction = DEFAULT,
    seed: int = 0,
    limit: int | None = None,
    writer: Writer | None = None,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Questions and the counts of the filter.

    Args:
        studies: `STUDIES_SCHEMA` with a label column per condition.
        construction: which conditions are asked about, and against which wrong options.
        seed: of groups, words and option order.
        limit: at most so many groups per split.
        writer: a language model's words for sets of options; templates where there is none. It
            gets conditions and configurations only, never a study.

    Returns:
        `ITEMS_SCHEMA` rows, and counts of studies, groups and questions, and of the writer.
    """
    passed = eligible(studies)
    agreeing = consistent(passed)
    kept = passed if construction.conflicts else agreeing
    groups = _groups(kept, construction, seed)
    if limit is not None:
        nth: Counter[str] = Counter()
        groups = [g for g in groups if (nth.update([g.split]) or nth[g.split]) <= limit]
    orders = _orders(groups, seed)
    written, told = (
        writer([(g.conditions, g.configurations) for g in groups]) if writer else ({}, {})
    )
    rows = [
        row
        for group, order in zip(groups, orders, strict=True)
        for row in _rows(group, order, kept, construction, seed, written)
    ]
    asked = [row for row in rows if row["form"] == FORMS[0]]
    counts = {
        "studies": len(studies),
        "eligible studies": len(passed),
        "eligible patients": passed["subject_id"].n_unique(),
        "studies that contradict the label hierarchy": len(passed) - len(agreeing),
        "studies that serve": len({row["study_id"] for row in rows}),
        "groups": len(groups),
        "questions": len(asked),
        "questions whose answer contradicts itself in Table 5's words": sum(
            _self_contradicting(r) for r in asked
        ),
        "questions by split": dict(sorted(Counter(r["split"] for r in asked).items())),
        "questions by condition": dict(
            sorted(Counter(c for r in asked for c in r["conditions"]).items())
        ),
        **({"language model": told} if writer else {}),
    }
    return pl.DataFrame(rows, schema=ITEMS_SCHEMA), counts


def _groups(studies: pl.DataFrame, construction: Construction, seed: int) -> list[Group]:
    if construction.distractors == "balanced":
        return balanced_groups(studies, seed, construction.uses)
    return single_items(
        studies, construction.sampler, construction.distractors, construction.per_study, seed
    )


def _orders(groups: Sequence[Group], seed: int) -> list[list[int]]:
    """The order of the options of each group: every position is right equally often.

    A balanced group has one order for all of its questions; each option is right once, so each
    position is, too. Questions of one study take the positions in turn, in shuffled order.
    """
    turns = np.random.default_rng(seed_of(seed, "positions")).permutation(len(groups))
    orders = []
    for group, turn in zip(groups, turns, strict=True):
        rng = np.random.default_rng(seed_of(seed, "order", _group_key(group), int(turn)))
        order = [int(i) for i in rng.permutation(len(group.configurations))]
        if len(group.studies) == 1:
            order.remove(0)
            order.insert(int(turn) % len(group.configurations), 0)
        orders.append(order)
    return orders


def _self_contradicting(row: dict[str, Any]) -> bool:
    right = row["facts"][row["answer"]]
    return bool(phrase_conflicts({fact["condition"]: fact["existence"] for fact in right}))


def _group_key(group: Group) -> str:
    return content_hash([group.conditions, group.configurations, group.studies])


def _rows(
    group: Group,
    order: Sequence[int],
    studies: pl.DataFrame,
    how: Construction,
    seed: int,
    written: Mapping[OptionSetKey, Written],
) -> Iterator[dict[str, Any]]:
    """The questions of one group; all show the same four options in the same words."""
    keys = [studies["study_id"][row] for row in group.studies]
    group_id = content_hash(["question", group.conditions, group.configurations, keys])[:16]
    rng = np.random.default_rng(seed_of(seed, group_id))
    style = str(rng.choice(list(STYLES)))
    words = written.get(option_key(group.conditions, group.configurations))
    if words:
        texts, stem, realiser = words.forms(group.configurations), words.stem, words.realiser
    else:
        texts = option_texts(group.conditions, group.configurations, style)
        stem, realiser = STEM, f"template:{style}"
    stated = tuple(_facts(group.conditions, values) for values in group.configurations)
    members = tuple((row, place) for place, row in enumerate(group.studies))
    said = ItemGroup("questions", how.distractors, stated, members, FORMS, "annotated")
    keys = {row: studies.row(row, named=True) for row in group.studies}
    yield from rows_of(said, group_id, order, texts, keys, kind_of, stem=stem, realiser=realiser)


def _facts(conditions: Sequence[str], values: Sequence[int]) -> tuple[Fact, ...]:
    words: tuple[Existence, Existence] = ("absent", "present")
    return tuple(Fact(n, words[v]) for n, v in zip(conditions, values, strict=True))


def kind_of(true: Sequence[Fact], other: Sequence[Fact]) -> str:
    """What choosing `other` gets wrong: it states an absent finding (`missed denial`), denies a
    present one (`missed presence`), or does `both`.
    """
    wrong = {mine.existence for mine, theirs in zip(true, other, strict=True) if mine != theirs}
    names = {
        frozenset[str](): "truth",
        frozenset(["absent"]): "missed denial",
        frozenset(["present"]): "missed presence",
    }
    return names.get(frozenset(wrong), "both")


def option_texts(
    conditions: tuple[str, ...], configurations: tuple[tuple[int, ...], ...], style: str
) -> dict[str, list[str]]:
    """The words of each configuration in the three forms.

    Args:
        conditions: names.
        configurations: per option, 1 for present and 0 for absent.
        style: a key of `STYLES`.

    Returns:
        Form -> one text per configuration.
    """
    for name in conditions:
        if name not in CONDITIONS or CONDITIONS[name].normal is None:
            raise ValueError(f"{name!r} is not a condition with an affirmative phrase")
    stated = [_facts(conditions, values) for values in configurations]
    return {form: [sentence(facts, style, form) for facts in stated] for form in FORMS}
