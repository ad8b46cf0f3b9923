"""How questions are made: in balanced groups, or one study at a time as the paper describes them.

Questions of one study can be solved from the words alone more often than one time in four:
`uniform` options give the truth away through label priors, `single_flip` options through the one
that is closest to all others. They serve comparison with the paper; the audit names the leak.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from nast.benchmark.configurations import OPTIONS
from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import seed_of
from nast.items.groups import Group
from nast.language.write.templates import WRITTEN_FORMS
from nast.records import Fact, Statement

PAPER_COUNT = {"mimic-cxr-jpg": 6965}
"""Studies that the paper reports for its set (section 3.2), by source."""
Values = tuple[int, ...]
EVERY: tuple[Values, ...] = tuple(product((0, 1), repeat=3))
"""All eight label configurations of three conditions."""


def _two_plus_one(
    present: Sequence[str], absent: Sequence[str], rng: np.random.Generator
) -> set[str]:
    return {*rng.choice(present, 2, replace=False), rng.choice(absent)}


def _any_three(present: Sequence[str], absent: Sequence[str], rng: np.random.Generator) -> set[str]:
    return set(rng.choice([*present, *absent], 3, replace=False))


SAMPLERS: dict[str, Callable[..., set[str]]] = {
    "two_plus_one": _two_plus_one,
    "appendix_b": _any_three,
}
"""Which three conditions a question asks about: two present and one absent (section 3.2), or any
three with a definite label (Appendix B)."""


def _uniform(right: Values, rng: np.random.Generator) -> list[Values]:
    others = [values for values in EVERY if values != right]
    return [others[i] for i in rng.choice(len(others), OPTIONS - 1, replace=False)]


def _single_flip(right: Values, rng: np.random.Generator) -> list[Values]:
    return [(*right[:i], 1 - right[i], *right[i + 1 :]) for i in range(3)]


DISTRACTORS: dict[str, Callable[..., list[Values]]] = {
    "uniform": _uniform,
    "single_flip": _single_flip,
}
"""The wrong options: three of the seven other configurations, or the three that differ in one
label."""


@dataclass(frozen=True, slots=True)
class Construction:
    """How questions are made (decisions 9 and 10).

    Attributes:
        sampler: `all_triples`, `two_plus_one` (section 3.2 to the letter) or `appendix_b`.
        distractors: `balanced` (with `all_triples` only), `uniform` or `single_flip`.
        uses: how many groups one study may serve in; balanced groups only.
        per_study: how many questions a study gives; the other distractors only.
        conflicts: whether labels that contradict CheXpert's hierarchy are kept.

    Raises:
        UsageError: an unknown name, or a sampler and distractors that do not go together.

    Examples:
        >>> nast.Construction("two_plus_one", "uniform").distractors
        'uniform'
    """

    sampler: str = "all_triples"
    distractors: str = "balanced"
    uses: int = 4
    per_study: int = 1
    conflicts: bool = False

    def __post_init__(self) -> None:
        samplers, distractors = ("all_triples", *SAMPLERS), ("balanced", *DISTRACTORS)
        if self.sampler not in samplers:
            raise UsageError(f"sampler {self.sampler!r}; choose one of {', '.join(samplers)}")
        if self.distractors not in distractors:
            raise UsageError(
                f"distractors {self.distractors!r}; choose one of {', '.join(distractors)}"
            )
        if (self.sampler == "all_triples") != (self.distractors == "balanced"):
            raise UsageError(
                "balanced groups are made of all triples; the other samplers need --distractors "
                "uniform or single_flip"
            )
        if min(self.uses, self.per_study) < 1:
            raise UsageError("a study serves at least once")


DEFAULT = Construction()
"""Balanced groups over all triples: words alone are at chance."""
PAPER = Construction("two_plus_one", "uniform", conflicts=True)
"""The paper's set: one question a study, uniform permutations, conflicts allowed."""


def construction_of(protocol: str) -> Construction:
    """`DEFAULT`, or `PAPER` for the protocol `paper`.

    Raises:
        UsageError: no such protocol.
    """
    known = {"default": DEFAULT, "paper": PAPER}
    if protocol not in known:
        raise UsageError(f"protocol {protocol!r}; choose one of {', '.join(known)}")
    return known[protocol]


def single_items(
    studies: pl.DataFrame, how: Construction, seed: int, conditions: Conditions = CONDITIONS
) -> Iterator[Group]:
    """Questions of one study each.

    Args:
        studies: eligible studies.
        how: its sampler, distractors, and the most different questions of a study.
        seed: of every choice; a study's questions depend on its id and the seed only.
        conditions: that the labels are of.

    Returns:
        Groups of one study; the first option is the right one.
    """
    names = [name for name in conditions.labelled() if conditions[name].normal]
    rows = studies.select("study_id", "split", *names).iter_rows()
    for study_id, split, *labels in rows:
        known = dict(zip(names, labels, strict=True))
        sides = [[n for n, v in known.items() if v == value] for value in ("present", "absent")]
        rng = np.random.default_rng(seed_of(seed, how.sampler, how.distractors, study_id))
        asked: set[tuple[str, ...]] = set()
        # Several draws may meet; a study with few labels has few different questions.
        for _ in range(4 * how.per_study):
            chosen = SAMPLERS[how.sampler](*sides, rng)
            three = tuple(name for name in names if name in chosen)
            if three in asked:
                continue
            asked.add(three)
            right = tuple(int(known[name] == "present") for name in three)
            wrong = DISTRACTORS[how.distractors](right, rng)
            options = tuple(_statement(three, values) for values in (right, *wrong))
            members = ((study_id, 0),)
            yield Group(
                "questions", how.distractors, split, options, members, WRITTEN_FORMS, "annotated"
            )
            if len(asked) == how.per_study:
                break


def _statement(conditions: Sequence[str], values: Values) -> Statement:
    return tuple(
        Fact(name, "present" if value else "absent")
        for name, value in zip(conditions, values, strict=True)
    )
