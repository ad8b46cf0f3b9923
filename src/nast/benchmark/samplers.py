"""Questions of one study each, as the paper describes them: samplers and distractors by name.

Unlike balanced groups, these can be solved from the words alone more often than one time in four:
`uniform` options give the truth away through label priors, `single_flip` options through the one
that is closest to all others. They serve comparison with the paper; the audit names the leak.
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import polars as pl

from nast.benchmark.configurations import OPTIONS, Group
from nast.facts.conditions import CONDITIONS, labelled
from nast.hashes import seed_of

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


def single_items(
    studies: pl.DataFrame, sampler: str, distractors: str, per_study: int, seed: int
) -> list[Group]:
    """Questions of one study each.

    Args:
        studies: eligible studies; `Group.studies` are row numbers of this table.
        sampler: a key of `SAMPLERS`.
        distractors: a key of `DISTRACTORS`.
        per_study: at most so many different questions per study.
        seed: of every choice; a study's questions depend on its id and the seed only.

    Returns:
        Groups of one study; the first configuration is the right one.
    """
    names = [name for name in labelled() if CONDITIONS[name].normal]
    labels = studies.select(names).rows()
    groups = []
    for row, (study_id, split) in enumerate(studies.select("study_id", "split").rows()):
        known = dict(zip(names, labels[row], strict=True))
        sides = [[n for n, v in known.items() if v == value] for value in ("present", "absent")]
        rng = np.random.default_rng(seed_of(seed, sampler, distractors, study_id))
        asked: set[tuple[str, ...]] = set()
        # Several draws may meet; a study with few labels has few different questions.
        for _ in range(4 * per_study):
            chosen = SAMPLERS[sampler](*sides, rng)
            conditions = tuple(name for name in names if name in chosen)
            if conditions in asked:
                continue
            asked.add(conditions)
            right = tuple(int(known[name] == "present") for name in conditions)
            wrong = DISTRACTORS[distractors](right, rng)
            groups.append(Group(split, conditions, (right, *wrong), (row,)))
            if len(asked) == per_study:
                break
    return groups
