"""Balanced groups of claim sets: frames take turns, and each claim is right exactly once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nast.contextual.joint import Denials, Frame, StudyFacts, frame_holders, holds, value_of
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import seed_of
from nast.items.groups import Draw, Group, Holders
from nast.records import Statement

PAIRED = ("negated", "affirmative")


class GroupRequest(NamedTuple):
    """What groups of one split are asked for.

    Attributes:
        studies: what is known of each.
        split: its name.
        k: claims per set.
        limit: at most so many groups.
        uses: how many of them one study may serve in.
        seed: of every choice.
        conditions: that the facts are named by.
        mixed: whether each study has a number of claims of its own (`own.MIXED`) instead of k.
    """

    studies: Sequence[StudyFacts]
    split: str
    k: int
    limit: int
    uses: int
    seed: int
    conditions: Conditions = CONDITIONS
    mixed: bool = False

    def draw(self) -> Draw:
        """Draws the members of groups, who have not served yet."""
        return Draw([study.subject_id for study in self.studies], self.k, self.uses)

    def group(
        self, construction: str, forms: tuple[str, ...], members: dict[Statement, int]
    ) -> Group:
        """A group of what was drawn."""
        chosen = (self.studies[row].study_id for row in members.values())
        places = tuple((study, place) for place, study in enumerate(chosen))
        options = tuple(members)
        return Group("claims", construction, self.split, options, places, forms, "described")


def check_group(group: Group, studies: Mapping[str, StudyFacts]) -> None:
    """Refuse a group in which a claim's truth is not what its place says.

    Raises:
        AssertionError: a claim is true, or not known to be false, of a study that it is shown with
            as a wrong one, or a right one does not hold.
    """
    for study_id, answer in group.members:
        study = studies[study_id]
        # A study's own claim holds by its annotations alone, whatever silence means.
        own = holds(group.options[answer], study)
        others = [holds(c, study, group.world) for i, c in enumerate(group.options) if i != answer]
        if own is not True or any(v is not False for v in others):
            raise AssertionError(f"{group.construction}: a claim set is not one right claim")


def framed_groups(asked: GroupRequest, construction: str) -> Iterator[Group]:
    """Groups of joint values of two or three conditions (`balanced`) or of one (`single`).

    Args:
        asked: of one split.
        construction: `balanced`: every claim denies something; `single`: one of them does.
    """
    single = construction == "single"
    denials: Denials = "any" if single else "some"
    sizes = (1,) if single else (2, 3)
    held = frame_holders(asked.studies, asked.k, sizes, denials, asked.conditions)
    for members in _taking_turns(held, asked, Counter(), must_deny=single):
        yield asked.group(construction, PAIRED, members)


def plain_groups(asked: GroupRequest, like: Sequence[Group]) -> Iterator[Group]:
    """Groups whose claims deny nothing, about the conditions of other groups (decision 18).

    Args:
        asked: of one split.
        like: as many groups are made, from frames that bring their conditions' shares closest.
    """
    sizes = {len(claim) for group in like for claim in group.options} | {1}
    held: dict[Frame, Holders] = {}
    if like:
        held = frame_holders(asked.studies, asked.k, sorted(sizes), "none", asked.conditions)
    # What the others ask about most is served least at the start.
    spoken = Counter(f.condition for g in like for claim in g.options for f in claim)
    served = Counter({name: -count for name, count in spoken.items()})
    asked = asked._replace(limit=len(like))
    for members in _taking_turns(held, asked, served, few=len(held)):
        yield asked.group(like[0].construction, ("plain",), members)


def side_groups(asked: GroupRequest) -> Iterator[Group]:
    """Left against right: two studies with a finding whose side is annotated (`sides`).

    For sources without annotated absences, such as boxed NIH radiographs. Nothing is denied.
    """
    for name, condition in asked.conditions.items():
        places: dict[Statement, list[int]] = {}
        for row, study in enumerate(asked.studies) if condition.sided else ():
            value = value_of(study, name, "side")
            if value is not None and value.existence == "present":
                places.setdefault((value,), []).append(row)
        held = {said: np.array(rows) for said, rows in places.items()}
        draw = asked.draw()
        rng = np.random.default_rng(seed_of(asked.seed, name))
        while len(held) == 2 and (members := draw.members(held, rng)):
            yield asked.group("sides", ("affirmative",), members)


def _taking_turns(
    held: dict[Frame, Holders],
    asked: GroupRequest,
    served: Counter[str],
    few: int = 8,
    *,
    must_deny: bool = False,
) -> Iterator[dict[Statement, int]]:
    """Members of groups from frames taking turns; conditions that served least come first."""
    rng = np.random.default_rng(asked.seed)
    draw = asked.draw()
    live = list(held)
    made = 0
    while live and made < asked.limit:
        # A random few are compared, so that the balance costs no full sort per group.
        drawn = [live[i] for i in rng.choice(len(live), min(few, len(live)), replace=False)]
        frame = min(drawn, key=lambda f: sum(served[c] for c in f.conditions) / len(f.conditions))
        absences = (said for said in held[frame] if said[0].existence == "absent")
        required = next(absences, None) if must_deny else None
        members = draw.members(held[frame], rng, required=required)
        if members is None:
            live.remove(frame)
            continue
        served.update({c: len(members) for c in frame.conditions})
        made += 1
        yield members
