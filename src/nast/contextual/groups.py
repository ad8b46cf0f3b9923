"""Groups of claim sets that words alone cannot solve: each claim is right exactly once.

A group holds K claims and K studies of K patients; every study makes one of the claims true and
the others false, and all of them show the same claims.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nast.contextual.joint import (
    Frame,
    Holders,
    Joint,
    StudyFacts,
    holders,
    holds,
    value_of,
)
from nast.facts.conditions import CONDITIONS
from nast.facts.entailment import World
from nast.hashes import seed_of
from nast.language.write.templates import Form

PAIRED: tuple[Form, ...] = ("negated", "affirmative")


class Group(NamedTuple):
    """Claims that some studies choose between.

    Attributes:
        construction: how they were found.
        forms: in which the claims are said; `plain` ones deny nothing (design row 18).
        claims: what each says.
        members: study and the place of its claim.
        world: what silence means where the false claims are checked.
    """

    construction: str
    forms: tuple[str, ...]
    claims: tuple[Joint, ...]
    members: tuple[tuple[StudyFacts, int], ...]
    world: World = "described"

    @property
    def conditions(self) -> list[str]:
        """What the claims speak of, in order of first mention."""
        return list(dict.fromkeys(f.condition for joint in self.claims for f in joint))


def check(group: Group) -> None:
    """Refuse a group in which a claim's truth is not what its place says.

    Raises:
        AssertionError: a claim is true, or not known to be false, of a study that it is shown with
            as a wrong one, or a right one does not hold.
    """
    for study, answer in group.members:
        # A study's own claim holds by its annotations alone, whatever silence means.
        own = holds(group.claims[answer], study)
        others = [holds(c, study, group.world) for i, c in enumerate(group.claims) if i != answer]
        if own is not True or any(v is not False for v in others):
            raise AssertionError(f"{group.construction}: a claim set is not one right claim")


def framed_groups(
    studies: Sequence[StudyFacts], k: int, limit: int, uses: int, seed: int, construction: str
) -> Iterator[Group]:
    """Groups of joint values of two or three conditions (`balanced`) or of one (`single`).

    Args:
        studies: of one split.
        k: claims per set.
        limit: at most so many groups.
        uses: how many of them one study may serve in.
        seed: of every choice.
        construction: `balanced`: every claim denies something; `single`: one of them does.
    """
    single = construction == "single"
    held = holders(studies, k, (1,) if single else (2, 3), "any" if single else "some")
    draw = _Draw(studies, k, uses, must_deny=single)
    for members in _taking_turns(held, draw, limit, Counter(), seed):
        yield _group(construction, PAIRED, members, studies)


def filter_groups(
    studies: Sequence[StudyFacts], like: Sequence[Group], k: int, uses: int, seed: int
) -> Iterator[Group]:
    """Groups whose claims deny nothing, about the conditions of other groups (design row 18).

    Args:
        studies: of one split.
        like: as many groups are made, from frames that bring their conditions' shares closest.
        k: claims per set.
        uses: how many of them one study may serve in.
        seed: of every choice.
    """
    sizes = {len(claim) for group in like for claim in group.claims} | {1}
    held = holders(studies, k, sorted(sizes), "none") if like else {}
    # What the others ask about most is served least at the start.
    served = Counter({n: -c for n, c in _asked(like).items()})
    draw = _Draw(studies, k, uses)
    for members in _taking_turns(held, draw, len(like), served, seed, few=len(held)):
        yield _group(like[0].construction, ("plain",), members, studies)


def side_groups(studies: Sequence[StudyFacts], uses: int, seed: int) -> Iterator[Group]:
    """Left against right: two studies with a finding whose side is annotated (`sides`).

    For sources without annotated absences, such as boxed NIH radiographs. Nothing is denied.
    """
    for name, condition in CONDITIONS.items():
        places: dict[Joint, list[int]] = defaultdict(list)
        for row, study in enumerate(studies) if condition.sided else ():
            value = value_of(study, name, "side")
            if value is not None and value.existence == "present":
                places[(value,)].append(row)
        held = {joint: np.array(rows) for joint, rows in places.items()}
        draw = _Draw(studies, 2, uses)
        rng = np.random.default_rng(seed_of(seed, name))
        while len(held) == 2 and (members := draw.members(held, rng)):
            yield _group("sides", ("affirmative",), members, studies)


def _asked(groups: Sequence[Group]) -> Counter[str]:
    return Counter(f.condition for g in groups for joint in g.claims for f in joint)


_Members = dict[Joint, int]


class _Draw:
    """Draws the members of groups; remembers how often each study has served."""

    def __init__(
        self, studies: Sequence[StudyFacts], k: int, uses: int, *, must_deny: bool = False
    ) -> None:
        places = {s: i for i, s in enumerate(dict.fromkeys(s.subject_id for s in studies))}
        self.patients = np.array([places[s.subject_id] for s in studies], dtype=np.int64)
        self.used = np.zeros(len(studies), dtype=np.int64)
        self.k, self.uses, self.must_deny = k, uses, must_deny

    def members(self, held: Holders, rng: np.random.Generator) -> _Members | None:
        """K joint values and a study of another patient for each, least used first."""
        chosen: _Members = {}
        order = list(held)
        places = [order[i] for i in rng.permutation(len(order))]
        if self.must_deny:
            # Without the absence of the condition a group would deny nothing.
            places.sort(key=lambda joint: joint[0].existence != "absent")
        for joint in places:
            rows = held[joint]
            taken = self.patients[list(chosen.values())]
            free = rows[(self.used[rows] < self.uses) & ~np.isin(self.patients[rows], taken)]
            if not len(free):
                if self.must_deny and not chosen:
                    return None
                continue
            free = free[self.used[free] == self.used[free].min()]
            chosen[joint] = int(free[int(rng.integers(len(free)))])
            if len(chosen) == self.k:
                self.used[list(chosen.values())] += 1
                return chosen
        return None


def _taking_turns(
    held: dict[Frame, Holders],
    draw: _Draw,
    limit: int,
    served: Counter[str],
    seed: int,
    few: int = 8,
) -> Iterator[_Members]:
    """Members of groups from frames taking turns; conditions that served least come first."""
    rng = np.random.default_rng(seed)
    live = list(held)
    made = 0
    while live and made < limit:
        # A random few are compared, so that the balance costs no full sort per group.
        drawn = [live[i] for i in rng.choice(len(live), min(few, len(live)), replace=False)]
        frame = min(drawn, key=lambda f: sum(served[c] for c in f.conditions) / len(f.conditions))
        members = draw.members(held[frame], rng)
        if members is None:
            live.remove(frame)
            continue
        served.update({c: len(members) for c in frame.conditions})
        made += 1
        yield members


def _group(
    construction: str, forms: tuple[str, ...], members: _Members, studies: Sequence[StudyFacts]
) -> Group:
    pairs = tuple((studies[row], place) for place, row in enumerate(members.values()))
    return Group(construction, forms, tuple(members), pairs)
