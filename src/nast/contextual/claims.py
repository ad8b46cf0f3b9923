"""Claim sets: one true claim about a study and K-1 false ones (paper section 4.1, format i)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from nast.contextual.claim_groups import (
    GroupRequest,
    check_group,
    framed_groups,
    plain_groups,
    side_groups,
)
from nast.contextual.joint import study_facts
from nast.contextual.own import flip_sets, matched_groups
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash, seed_of
from nast.items.groups import Group
from nast.items.table import KEYS, items_table, option_texts, rows_of
from nast.language.write.templates import STEM, STYLES

CONSTRUCTIONS = {
    "balanced": (range(5, 8), "joint values of two or three conditions, each with an absence"),
    "single": (range(3, 8), "values of one condition, one of them its absence"),
    "single_flip": (range(3, 8), "one attribute altered in each false claim, as in the paper"),
    "matched": (range(3, 8), "training: claims about different conditions; evaluation: balanced"),
    "sides": (range(2, 3), "left against right"),
}
"""Construction -> how many claims a set may have, and what they are."""
Words = tuple[str, dict[str, list[str]]]
"""The realiser of a group's words, and form -> a text per claim."""


def find_groups(
    studies: pl.DataFrame,
    facts: pl.DataFrame,
    k: int | None = 5,
    groups: int = 200,
    uses: int = 10,
    seed: int = 0,
    construction: str = "balanced",
    conditions: Conditions = CONDITIONS,
) -> list[Group]:
    """The groups of claim sets of every split, each checked against all facts of its studies.

    Args:
        studies: `STUDIES_SCHEMA` with labels.
        facts: `FACTS_SCHEMA`.
        k: claims per set; `CONSTRUCTIONS` says which numbers each construction takes. None gives
            `single_flip` sets of 5 to 7.
        groups: at most so many groups per split (`single_flip`: sets; `sides`: all there are).
        uses: how many groups one study may serve in.
        seed: of groups.
        construction: a key of `CONSTRUCTIONS`.
        conditions: that the facts are named by.

    Returns:
        Groups in a negated and an affirmative form; evaluation splits have groups in the form
        `plain` beside them, whose claims deny nothing.

    Raises:
        ValueError: an unknown construction, or a number of claims that it does not take.
    """
    allowed, _ = CONSTRUCTIONS.get(construction, (range(0), ""))
    mixed = k is None and construction == "single_flip"
    if k not in allowed and not mixed:
        raise ValueError(f"k is {k}; {construction} sets have {said_range(construction)} claims")
    found: list[Group] = []
    for split in sorted(set(facts["split"])):
        part = study_facts(studies, facts.filter(split=split), conditions)
        own = seed_of(seed, "sides" if construction == "sides" else "claims", split)
        asked = GroupRequest(part, split, k or 5, groups, uses, own, conditions, mixed)
        made = list(_groups(asked, construction))
        known = {study.study_id: study for study in part}
        for group in made:
            check_group(group, known)
        found += made
    return found


def claims_table(
    groups: Sequence[Group],
    studies: pl.DataFrame,
    seed: int = 0,
    written: Sequence[Words | None] | None = None,
    conditions: Conditions = CONDITIONS,
) -> pl.DataFrame:
    """Groups as rows, one for each member and form.

    Args:
        groups: of `find_groups`.
        studies: `STUDIES_SCHEMA`.
        seed: of styles and the order of claims.
        written: words for each group; None where a template writes.
        conditions: that the claims are named by.

    Returns:
        `ITEMS_SCHEMA` rows.
    """
    ids = {study for group in groups for study in group.studies}
    keys = studies.select(KEYS).filter(pl.col("study_id").is_in(list(ids)))
    by_study = {row["study_id"]: row for row in keys.iter_rows(named=True)}
    rows = [
        row
        for group, words in zip(groups, written or [None] * len(groups), strict=True)
        for row in _rows(group, by_study, seed, words, conditions)
    ]
    return items_table(rows)


def said_range(construction: str) -> str:
    """The numbers of claims that a construction takes, in words: "5 to 7"."""
    allowed, _ = CONSTRUCTIONS.get(construction, (range(0), ""))
    return " to ".join(dict.fromkeys(str(n) for n in (*allowed[:1], *allowed[-1:]))) or "no"


def _groups(asked: GroupRequest, construction: str) -> Iterator[Group]:
    """The groups of one split, and the `plain` ones of an evaluation split."""
    training = asked.split == "train"
    plain = asked._replace(seed=seed_of(asked.seed, "filter"))
    if construction == "sides":
        yield from side_groups(asked._replace(uses=1))
    elif construction == "single_flip":
        yield from flip_sets(asked)
        yield from () if training else flip_sets(plain, deny=False)
    elif construction == "matched" and training:
        yield from matched_groups(asked)
    else:
        made = list(framed_groups(asked, "single" if construction == "single" else "balanced"))
        yield from made
        yield from () if training else plain_groups(plain, made)


def _rows(
    group: Group,
    keys: dict[str, dict[str, Any]],
    seed: int,
    words: Words | None,
    conditions: Conditions,
) -> Iterator[dict[str, Any]]:
    """The claim sets of one group, in its forms."""
    facts = [[f.as_dict() for f in claim] for claim in group.options]
    said = ["claims", group.construction, group.studies, facts]
    group_id = content_hash(said)[:16]
    rng = np.random.default_rng(seed_of(seed, group_id))
    style = str(rng.choice(list(STYLES)))
    # A set of one study has its right claim where its turn put it.
    alone = len(group.members) == 1
    order = [*range(len(facts))] if alone else [int(i) for i in rng.permutation(len(facts))]
    if words:
        realiser, texts = words
        texts = texts | {"plain": texts["negated"]}
    else:
        realiser = f"template:{style}"
        texts = option_texts(group.options, style, group.forms, conditions)
    yield from rows_of(group, group_id, order, texts, keys, stem=STEM, realiser=realiser)
