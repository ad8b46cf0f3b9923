"""Claim sets: one true claim about a study and K-1 false ones (paper section 4.1, format i)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from nast.contextual.flips import flip_sets
from nast.contextual.groups import Group, check, filter_groups, framed_groups, side_groups
from nast.contextual.joint import Joint, StudyFacts, study_facts
from nast.contextual.matched import matched_groups
from nast.facts.entailment import changed
from nast.hashes import content_hash, seed_of
from nast.items.table import KEYS, rows_of
from nast.items.table import Group as ItemGroup
from nast.language.write.templates import STEM, STYLES, sentence
from nast.records import ITEMS_SCHEMA

CONSTRUCTIONS = {
    "balanced": (range(5, 8), "joint values of two or three conditions, each with an absence"),
    "single": (range(3, 8), "values of one condition, one of them its absence"),
    "single_flip": (range(3, 8), "one attribute altered in each false claim, as in the paper"),
    "matched": (range(3, 8), "training: claims about different conditions; evaluation: balanced"),
    "sides": (range(2, 3), "left against right"),
}
"""Construction -> how many claims a set may have, and what they are."""
Written = tuple[str, dict[str, list[str]]]
"""The realiser of a group's words, and form -> a text per claim."""


def make_claims(
    studies: pl.DataFrame,
    facts: pl.DataFrame,
    k: int = 5,
    groups: int = 200,
    uses: int = 10,
    seed: int = 0,
    construction: str = "balanced",
) -> pl.DataFrame:
    """Claim sets of every split, in template sentences; see `find_groups` and `claims_table`."""
    found = find_groups(studies, facts, k, groups, uses, seed, construction)
    return claims_table(found, studies, seed)


def find_groups(
    studies: pl.DataFrame,
    facts: pl.DataFrame,
    k: int = 5,
    groups: int = 200,
    uses: int = 10,
    seed: int = 0,
    construction: str = "balanced",
) -> list[Group]:
    """The groups of claim sets of every split, each checked against all facts of its studies.

    Args:
        studies: `STUDIES_SCHEMA` with labels.
        facts: `FACTS_SCHEMA`.
        k: claims per set; `CONSTRUCTIONS` says which numbers each construction takes.
        groups: at most so many groups per split (`single_flip`: sets; `sides`: all there are).
        uses: how many groups one study may serve in.
        seed: of groups.
        construction: a key of `CONSTRUCTIONS`.

    Returns:
        Groups in a negated and an affirmative form; evaluation splits have groups in the form
        `plain` beside them, whose claims deny nothing.

    Raises:
        ValueError: an unknown construction, or a number of claims that it does not take.
    """
    allowed, _ = CONSTRUCTIONS.get(construction, (range(0), ""))
    if k not in allowed:
        raise ValueError(f"k is {k}; {construction} sets have {said_range(construction)} claims")
    found: list[Group] = []
    for split in sorted(set(facts["split"])):
        part = study_facts(facts.filter(split=split), studies)
        found += _groups(part, split, k, groups, uses, seed, construction)
    for group in found:
        check(group)
    return found


def claims_table(
    groups: Sequence[Group],
    studies: pl.DataFrame,
    seed: int = 0,
    written: Sequence[Written | None] | None = None,
) -> pl.DataFrame:
    """Groups as rows, one for each member and form.

    Args:
        groups: of `find_groups`.
        studies: `STUDIES_SCHEMA`.
        seed: of styles and the order of claims.
        written: words for each group; None where a template writes.

    Returns:
        `ITEMS_SCHEMA` rows.
    """
    ids = {study.study_id for group in groups for study, _ in group.members}
    keys = studies.select(KEYS).filter(pl.col("study_id").is_in(list(ids)))
    by_study = {row["study_id"]: row for row in keys.iter_rows(named=True)}
    words = written or [None] * len(groups)
    rows = [
        row
        for group, texts in zip(groups, words, strict=True)
        for row in _rows(group, by_study, seed, texts)
    ]
    return pl.DataFrame(rows, schema=ITEMS_SCHEMA)


def said_range(construction: str) -> str:
    """The numbers of claims that a construction takes, in words: "5 to 7"."""
    allowed, _ = CONSTRUCTIONS.get(construction, (range(0), ""))
    return " to ".join(dict.fromkeys(str(n) for n in (*allowed[:1], *allowed[-1:]))) or "no"


def _groups(
    studies: Sequence[StudyFacts],
    split: str,
    k: int,
    limit: int,
    uses: int,
    seed: int,
    construction: str,
) -> Iterator[Group]:
    """The groups of one split, and the `plain` ones of an evaluation split."""
    training = split == "train"
    own = seed_of(seed, "claims", split)
    if construction == "sides":
        yield from side_groups(studies, 1, seed_of(seed, "sides", split))
    elif construction == "single_flip":
        yield from flip_sets(studies, k, limit, own)
        if not training:
            yield from flip_sets(studies, k, limit, seed_of(own, "filter"), deny=False)
    elif construction == "matched" and training:
        yield from matched_groups(studies, k, limit, uses, own)
    else:
        how = "single" if construction == "single" else "balanced"
        made = list(framed_groups(studies, k, limit, uses, own, how))
        yield from made
        if not training:
            yield from filter_groups(studies, made, k, uses, seed_of(own, "filter"))


def _rows(
    group: Group,
    keys: dict[str, dict[str, Any]],
    seed: int,
    written: Written | None,
) -> Iterator[dict[str, Any]]:
    """The claim sets of one group, in its forms."""
    facts = [[f.as_dict() for f in joint] for joint in group.claims]
    group_id = content_hash(
        ["claims", group.construction, [s.study_id for s, _ in group.members], facts]
    )[:16]
    rng = np.random.default_rng(seed_of(seed, group_id))
    style = str(rng.choice(list(STYLES)))
    # A set of one study has its right claim where its turn put it.
    alone = len(group.members) == 1
    order = [int(i) for i in rng.permutation(len(facts))] if not alone else [*range(len(facts))]
    words = {}
    for form in group.forms:
        said: Any = "negated" if form == "plain" else form
        words[form] = (
            written[1][said] if written else [sentence(c, style, said) for c in group.claims]
        )
    members = tuple((study.study_id, place) for study, place in group.members)
    yield from rows_of(
        ItemGroup("claims", group.construction, group.claims, members, group.forms, group.world),
        group_id,
        order,
        words,
        keys,
        kind_of,
        stem=STEM,
        realiser=written[0] if written else f"template:{style}",
    )


def kind_of(true: Joint, other: Joint) -> str:
    """What choosing `other` gets wrong: existence, location, severity, or several of them.

    A condition that only one of the claims speaks of is one whose existence is at stake.
    """
    theirs = {f.condition: f for f in other}
    mine = {f.condition: f for f in true}
    kinds = {
        changed(mine[n], theirs[n]) if n in mine and n in theirs else "existence"
        for n in mine.keys() | theirs.keys()
    } - {None}
    return "+".join(sorted(k for k in kinds if k)) if true != other else "truth"
