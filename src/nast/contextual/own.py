"""What one study can claim of itself: the right claim of sets that are not made from frames."""

import numpy as np

from nast.contextual.joint import Joint, StudyFacts, value_of
from nast.facts.conditions import CONDITIONS
from nast.records import Fact


def own_claim(
    study: StudyFacts, rng: np.random.Generator, *, deny: bool = True, most: int = 3
) -> Joint | None:
    """A claim about two or three of a study's annotated conditions, each as fully as it is known.

    Args:
        study: what is known.
        rng: which conditions, and in which order they compete.
        deny: whether one of them must be absent; if not, none may be.
        most: conditions at most.

    Returns:
        Facts in the order of the table of conditions, or None where there are too few.
    """
    names = [n for n in CONDITIONS if n in study.facts and CONDITIONS[n].normal]
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
    for resolution in ("side and severity", "side", "severity", "existence"):
        value = value_of(study, name, resolution)  # type: ignore[arg-type]
        if value is not None:
            return value
    return None
