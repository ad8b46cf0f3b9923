"""Claim sets for training from sources that are too small, or too sparse, for balanced groups.

The claims of a group speak of different conditions. K studies share them, each claim is right for
one study and false of the others, where silence counts as absence (`closed`): every text is right
as often as it is shown divided by K. Evaluation asks for annotated absences and does not use them.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from nast.contextual.groups import PAIRED, Group
from nast.contextual.joint import Joint, StudyFacts, holds
from nast.contextual.own import own_claim
from nast.hashes import seed_of

_OPEN = 40
"""Unfinished groups that a study may join; more find more groups and take longer."""


def matched_groups(
    studies: Sequence[StudyFacts], k: int, limit: int, uses: int, seed: int
) -> Iterator[Group]:
    """Groups in the order in which they fill up.

    Args:
        studies: of the training split.
        k: claims per set.
        limit: at most so many groups.
        uses: how many groups one study may serve in.
        seed: of studies and claims.
    """
    waiting: list[list[tuple[StudyFacts, Joint]]] = []
    made = 0
    for turn in range(uses):
        order = np.random.default_rng(seed_of(seed, "studies", turn)).permutation(len(studies))
        for row in order:
            study = studies[row]
            claim = own_claim(study, np.random.default_rng(seed_of(seed, study.study_id, turn)))
            if claim is None:
                continue
            group = next((g for g in waiting if _fits(study, claim, g)), None)
            if group is None:
                waiting = [*waiting[-_OPEN + 1 :], [(study, claim)]]
                continue
            group.append((study, claim))
            if len(group) == k:
                waiting.remove(group)
                claims = tuple(c for _, c in group)
                members = tuple((s, place) for place, (s, _) in enumerate(group))
                yield Group("matched", PAIRED, claims, members, world="closed")
                made += 1
                if made == limit:
                    return


def _fits(study: StudyFacts, claim: Joint, group: Sequence[tuple[StudyFacts, Joint]]) -> bool:
    return all(
        study.subject_id != other.subject_id
        and claim != theirs
        and holds(theirs, study, "closed") is False
        and holds(claim, other, "closed") is False
        for other, theirs in group
    )
