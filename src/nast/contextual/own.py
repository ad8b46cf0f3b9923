"""Claim sets around a claim of a study's own: the paper's, and those for small training sources."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from nast.contextual.claim_groups import PAIRED, GroupRequest
from nast.contextual.joint import Resolution, StudyFacts, holds, value_of
from nast.facts.conditions import CONDITIONS, Conditions
from nast.facts.negation import contextual_negations
from nast.hashes import seed_of
from nast.items.groups import Group
from nast.records import Fact, Statement

_RESOLUTIONS: tuple[Resolution, ...] = ("side and severity", "side", "severity", "existence")
MIXED = range(5, 8)
"""How many claims the paper's sets have, where no number is asked for."""
_OPEN = 40
"""Unfinished matched groups that a study may join; more find more groups and take longer."""


def own_claim(
    study: StudyFacts,
    rng: np.random.Generator,
    *,
    deny: bool = True,
    most: int = 3,
    conditions: Conditions = CONDITIONS,
) -> Statement | None:
    """A claim about two or three of a study's annotated conditions, each as fully as it is known.

    Args:
        study: what is known.
        rng: which conditions, and in which order they compete.
        deny: whether one of them must be absent; if not, none may be.
        most: conditions at most.
        conditions: that the facts are named by.

    Returns:
        Facts in the order of the table of conditions, or None where there are too few.
    """
    names = [n for n in conditions if n in study.facts and conditions[n].normal]
    known = {n: fact for n in names if (fact := fullest(study, n)) is not None}
    absent = [n for n, f in known.items() if f.existence == "absent"]
    pool = [n for n in known if deny or n not in absent]
    if len(pool) < 2 or (deny and not absent):
        return None
    chosen = {str(rng.choice(absent))} if deny else set()
    rest = [n for n in pool if n not in chosen]
    size = min(len(pool), int(rng.integers(2, most + 1))) - len(chosen)
    chosen |= {rest[i] for i in rng.permutation(len(rest))[:size]}
    return tuple(known[n] for n in known if n in chosen)


def fullest(study: StudyFacts, name: str) -> Fact | None:
    """What a study shows of a condition, with side and grade where they are known."""
    values = (value_of(study, name, resolution) for resolution in _RESOLUTIONS)
    return next((value for value in values if value is not None), None)


def flip_sets(asked: GroupRequest, *, deny: bool = True) -> Iterator[Group]:
    """The paper's sets: a study's claim, and K-1 that each alter one of its attributes.

    Such a set gives itself away: the true claim is the one closest to all others (the medoid),
    image unseen. They serve comparison with the paper; the audit names the leak.

    Args:
        asked: of one split, whose studies are taken in random order.
        deny: whether the true claim denies something; if not, no claim of the set does (`plain`).
    """
    rng = np.random.default_rng(seed_of(asked.seed, "studies"))
    order = rng.permutation(len(asked.studies))
    forms = PAIRED if deny else ("plain",)
    made = 0
    for row in order:
        if made == asked.limit:
            return
        study = asked.studies[row]
        rng = np.random.default_rng(seed_of(asked.seed, study.study_id))
        own = MIXED[seed_of(asked.seed, "K", study.study_id) % len(MIXED)]
        k = own if asked.mixed else asked.k
        claims = _flipped(study, k, rng, deny, asked.conditions)
        if claims:
            # The right claim takes every place equally often.
            place = made % k
            shown = (*claims[1 : place + 1], claims[0], *claims[place + 1 :])
            members = ((study.study_id, place),)
            yield Group("claims", "single_flip", asked.split, shown, members, forms, "described")
            made += 1


def _flipped(
    study: StudyFacts, k: int, rng: np.random.Generator, deny: bool, conditions: Conditions
) -> tuple[Statement, ...] | None:
    """The true claim and K-1 false ones; kinds of alterations take turns as far as they go."""
    true = own_claim(study, rng, deny=deny, conditions=conditions)
    if true is None:
        return None
    altered: dict[str, list[Statement]] = defaultdict(list)
    for place, fact in enumerate(true):
        facts = study.facts[fact.condition]
        for kind, other in contextual_negations(fact, facts, "described", conditions):
            if kind != "existence":
                altered[kind].append((*true[:place], other, *true[place + 1 :]))
            elif deny:
                # "No small left effusion" has no affirmative form; "no effusion" is as false.
                bare = Fact(fact.condition, other.existence)
                altered[kind].append((*true[:place], bare, *true[place + 1 :]))
    pools = [[some[i] for i in rng.permutation(len(some))] for some in altered.values()]
    wrong: list[Statement] = []
    while len(wrong) < k - 1 and any(pools):
        wrong += [pool.pop() for pool in pools if pool]
    return (true, *wrong[: k - 1]) if len(wrong) >= k - 1 else None


def matched_groups(asked: GroupRequest) -> Iterator[Group]:
    """Groups for training whose claims speak of different conditions, as they fill up.

    For sources that are too small, or too sparse, for balanced groups. K studies share K claims,
    each right for one study and false of the others, where silence counts as absence (`closed`):
    every text is right as often as it is shown divided by K. Evaluation asks for annotated absences
    and does not use them.
    """
    waiting: list[list[tuple[StudyFacts, Statement]]] = []
    made = 0
    for turn in range(asked.uses):
        rng = np.random.default_rng(seed_of(asked.seed, "studies", turn))
        for row in rng.permutation(len(asked.studies)):
            study = asked.studies[row]
            rng = np.random.default_rng(seed_of(asked.seed, study.study_id, turn))
            claim = own_claim(study, rng, conditions=asked.conditions)
            if claim is None:
                continue
            group = next((g for g in waiting if _fits(study, claim, g)), None)
            if group is None:
                waiting = [*waiting[-_OPEN + 1 :], [(study, claim)]]
                continue
            group.append((study, claim))
            if len(group) == asked.k:
                waiting.remove(group)
                claims = tuple(c for _, c in group)
                members = tuple((s.study_id, place) for place, (s, _) in enumerate(group))
                yield Group("claims", "matched", asked.split, claims, members, PAIRED, "closed")
                made += 1
                if made == asked.limit:
                    return


def _fits(
    study: StudyFacts, claim: Statement, group: Sequence[tuple[StudyFacts, Statement]]
) -> bool:
    return all(
        study.subject_id != other.subject_id
        and claim != theirs
        and holds(theirs, study, "closed") is False
        and holds(claim, other, "closed") is False
        for other, theirs in group
    )
