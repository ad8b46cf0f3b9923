"""The paper's claim sets: one true claim, and K-1 that each alter one of its attributes.

Such a set gives itself away: the true claim is the one closest to all others (the medoid), image
unseen. They serve comparison with the paper; the audit names the leak.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from nast.contextual.groups import PAIRED, Group
from nast.contextual.joint import Joint, StudyFacts
from nast.contextual.own import own_claim
from nast.facts.negation import contextual_negations
from nast.hashes import seed_of
from nast.records import Fact


def flip_sets(
    studies: Sequence[StudyFacts], k: int, limit: int, seed: int, *, deny: bool = True
) -> Iterator[Group]:
    """One set per study, studies in random order, until there are `limit` sets.

    Args:
        studies: of one split.
        k: claims per set.
        limit: at most so many sets.
        seed: of studies, claims and their order.
        deny: whether the true claim denies something; if not, no claim of the set does (the
            `plain` subset).
    """
    order = np.random.default_rng(seed_of(seed, "studies")).permutation(len(studies))
    made = 0
    for row in order:
        if made == limit:
            return
        study = studies[row]
        rng = np.random.default_rng(seed_of(seed, study.study_id))
        claims = _claims(study, k, rng, deny)
        if claims:
            # The right claim takes every place equally often.
            place = made % k
            shown = (*claims[1 : place + 1], claims[0], *claims[place + 1 :])
            forms = PAIRED if deny else ("plain",)
            yield Group("single_flip", forms, shown, ((study, place),))
            made += 1


def _claims(
    study: StudyFacts, k: int, rng: np.random.Generator, deny: bool
) -> tuple[Joint, ...] | None:
    """The true claim and K-1 false ones; kinds of alterations take turns as far as they go."""
    true = own_claim(study, rng, deny=deny)
    if true is None:
        return None
    altered: dict[str, list[Joint]] = defaultdict(list)
    for place, fact in enumerate(true):
        for kind, other in contextual_negations(fact, study.facts[fact.condition], "described"):
            if kind != "existence":
                altered[kind].append((*true[:place], other, *true[place + 1 :]))
            elif deny:
                # "No small left effusion" has no affirmative form; "no effusion" is as false.
                bare = Fact(fact.condition, other.existence)
                altered[kind].append((*true[:place], bare, *true[place + 1 :]))
    pools = [[some[i] for i in rng.permutation(len(some))] for some in altered.values()]
    wrong: list[Joint] = []
    while len(wrong) < k - 1 and any(pools):
        wrong += [pool.pop() for pool in pools if pool]
    return (true, *wrong[: k - 1]) if len(wrong) >= k - 1 else None
