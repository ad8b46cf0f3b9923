"""Balanced groups of claim sets: frames take turns, and each claim is right exactly once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nast.contextual.joint import Frame, StudyFacts, frame_holders, holds, value_of
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import seed_of
from nast.items.groups import Draw, Group, Holders
from nast.records import Statement

PAIRED = ("negated", "affirmative")


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


def framed_groups(
    studies: Sequence[StudyFacts],
    split: str,
    k: int,
    limit: int,
    uses: int,
    seed: int,
    construction: str,
    conditions: Conditions = CONDITIONS,
) -> Iterator[Group]:
    """Groups of joint values of two or three conditions (`balanced`) or of one (`single`).

    Args:
        studies: of one split.
        split: its name.
        k: claims per set.
        limit: at most so many groups.
        uses: how many of them one study may serve in.
        seed: of every choice.
        construction: `balanced`: every claim denies something; `single`: one of them does.
        conditions: that the facts are named by.
    """
    single = construction == "single"
    sizes = (1,) if single else (2, 3)
    held = frame_holders(studies, k, sizes, "any" if single else "some", conditions)
    draw = Draw([s.subject_id for s in studies], k, uses)
    for members in _taking_turns(held, draw, limit, Counter(), seed, must_deny=single):
        yield _group(construction, split, PAIRED, members, studies)


def plain_groups(
    studies: Sequence[StudyFacts],
    split: str,
    like: Sequence[Group],
    k: int,
    uses: int,
    seed: int,
    conditions: Conditions = CONDITIONS,
) -> Iterator[Group]:
    """Groups whose claims deny nothing, about the conditions of other groups (design row 18).

    Args:
        studies: of one split.
        split: its name.
        like: as many groups are made, from frames that bring their conditions' shares closest.
        k: claims per set.
        uses: how many of them one study may serve in.
        seed: of every choice.
        conditions: that the facts are named by.
    """
    sizes = {len(claim) for group in like for claim in group.options} | {1}
    held = frame_holders(studies, k, sorted(sizes), "none", conditions) if like else {}
    # What the others ask about most is served least at the start.
    asked = Counter(f.condition for g in like for claim in g.options for f in claim)
    served = Counter({name: -count for name, count in asked.items()})
    draw = Draw([s.subject_id for s in studies], k, uses)
    for members in _taking_turns(held, draw, len(like), served, seed, few=len(held)):
        yield _group(like[0].construction, split, ("plain",), members, studies)


def side_groups(
    studies: Sequence[StudyFacts],
    split: str,
    uses: int,
    seed: int,
    conditions: Conditions = CONDITIONS,
) -> Iterator[Group]:
    """Left against right: two studies with a finding whose side is annotated (`sides`).

    For sources without annotated absences, such as boxed NIH radiographs. Nothing is denied.
    """
    for name, condition in conditions.items():
        places: dict[Statement, list[int]] = {}
        for row, study in enumerate(studies) if condition.sided else ():
            value = value_of(study, name, "side")
            if value is not None and value.existence == "present":
                places.setdefault((value,), []).append(row)
        held = {said: np.array(rows) for said, rows in places.items()}
        draw = Draw([s.subject_id for s in studies], 2, uses)
        rng = np.random.default_rng(seed_of(seed, name))
        while len(held) == 2 and (members := draw.members(held, rng)):
            yield _group("sides", split, ("affirmative",), members, studies)


def _taking_turns(
    held: dict[Frame, Holders],
    draw: Draw,
    limit: int,
    served: Counter[str],
    seed: int,
    few: int = 8,
    *,
    must_deny: bool = False,
) -> Iterator[dict[Statement, int]]:
    """Members of groups from frames taking turns; conditions that served least come first."""
    rng = np.random.default_rng(seed)
    live = list(held)
    made = 0
    while live and made < limit:
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


def _group(
    construction: str,
    split: str,
    forms: tuple[str, ...],
    members: dict[Statement, int],
    studies: Sequence[StudyFacts],
) -> Group:
    chosen = tuple((studies[row].study_id, place) for place, row in enumerate(members.values()))
    return Group("claims", construction, split, tuple(members), chosen, forms, "described")
