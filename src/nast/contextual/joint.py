"""Joint values of two or three conditions: what claim sets choose between (design section 5).

A joint value states each condition of a frame as absent or as present at one resolution ("left",
"small left"). Two different joint values exclude each other, so K of them held by K studies of
K patients form a group in which each claim is true of exactly one study.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from nast.facts.conditions import CONDITIONS, contradicts_hierarchy, labelled, phrase_conflicts
from nast.facts.entailment import truth
from nast.records import Fact

Resolution = Literal["existence", "side", "severity", "side and severity"]
Joint = tuple[Fact, ...]


class Frame(NamedTuple):
    """Conditions and the resolution at which a claim states each of them when present."""

    conditions: tuple[str, ...]
    resolutions: tuple[Resolution, ...]


class StudyFacts(NamedTuple):
    """What the source says of one study; only definite facts."""

    subject_id: str
    study_id: str
    facts: dict[str, tuple[Fact, ...]]
    labels: dict[str, str]


def study_facts(facts: pl.DataFrame, studies: pl.DataFrame) -> list[StudyFacts]:
    """Facts by study and condition, with the study's labels for conflicts, in order of ids."""
    found: dict[str, dict[str, list[Fact]]] = defaultdict(lambda: defaultdict(list))
    columns = ("study_id", "condition", "existence", "side", "zone", "severity")
    for study_id, *values in facts.select(columns).iter_rows():
        found[study_id][values[0]].append(Fact(*values))
    labels = {r["study_id"]: r for r in studies.iter_rows(named=True)}
    result = []
    for study_id in sorted(found):
        grouped = {name: tuple(f) for name, f in found[study_id].items() if _agree(f)}
        row = labels[study_id]
        known = {name: row[name] for name in labelled()}
        known |= {name: f[0].existence for name, f in grouped.items()}
        result.append(StudyFacts(row["subject_id"], study_id, grouped, known))
    return result


def _agree(facts: Sequence[Fact]) -> bool:
    """Facts of one condition that both affirm and deny it are of no use."""
    return len({f.existence for f in facts}) == 1


def frames(conditions: Sequence[str], k: int) -> Iterator[Frame]:
    """All frames of two or three conditions whose joint values can fill K claims."""
    for size in (2, 3):
        for names in combinations(conditions, size):
            choices = [_resolutions(name) for name in names]
            for resolutions in product(*choices):
                # Joint values with at least one absence: all but the all-present ones.
                counts = [_VALUES[r] for r in resolutions]
                if _product([c + 1 for c in counts]) - _product(counts) >= k:
                    yield Frame(names, resolutions)


_VALUES = {"existence": 1, "side": 2, "severity": 3, "side and severity": 6}


def _product(numbers: Sequence[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


def _resolutions(name: str) -> list[Resolution]:
    condition = CONDITIONS[name]
    found: list[Resolution] = ["existence"]
    found += ["side"] if condition.sided else []
    found += ["severity"] if condition.grades else []
    found += ["side and severity"] if condition.sided and condition.grades else []
    return found


def holders(studies: Sequence[StudyFacts], k: int) -> dict[Frame, dict[Joint, list[StudyFacts]]]:
    """Frame -> joint value -> the studies that hold it, for frames that can fill K claims.

    A study cannot serve in a frame when a condition is not annotated or lacks the attribute, when
    it is on both sides where the side is at stake, when nothing is absent, or when the denial or
    its words would contradict another finding of the study.
    """
    known = [n for n, c in CONDITIONS.items() if c.normal and any(n in s.facts for s in studies)]
    values = {(n, r): _values(studies, n, r) for n in known for r in _resolutions(n)}
    codes = {key: np.array([code for code, _ in column]) for key, column in values.items()}
    denied = {n: np.array([_contradicted(s, n) for s in studies], dtype=bool) for n in known}
    found = {}
    for frame in frames(known, k):
        keys = list(zip(frame.conditions, frame.resolutions, strict=True))
        table = np.stack([codes[key] for key in keys])
        absent = table == 0
        wrong = np.stack([denied[n] for n in frame.conditions]) & absent
        usable = (table >= 0).all(0) & absent.any(0) & ~wrong.any(0)
        rows = np.flatnonzero(usable)
        # A code has at most seven values, so that base eight keeps joint values apart.
        joint = (table[:, rows] * (8 ** np.arange(len(keys)))[:, None]).sum(0)
        distinct, first, member = np.unique(joint, return_index=True, return_inverse=True)
        if len(distinct) < k:
            continue
        found[frame] = {
            tuple(fact_of(values[key][rows[place]]) for key in keys): [
                studies[row] for row in rows[member == number]
            ]
            for number, place in enumerate(first)
        }
    return found


_Coded = tuple[int, Fact | None]
"""A code (0 absent, -1 cannot serve, else one per present value) and the fact it stands for."""


def fact_of(coded: _Coded) -> Fact:
    """The fact of a code that can serve."""
    assert coded[1] is not None
    return coded[1]


def _values(studies: Sequence[StudyFacts], name: str, resolution: Resolution) -> list[_Coded]:
    seen: dict[Fact, int] = {Fact(name, "absent"): 0}
    column: list[_Coded] = []
    for study in studies:
        value = _value(study.facts.get(name, ()), resolution)
        column.append((-1, None) if value is None else (seen.setdefault(value, len(seen)), value))
    return column


def side_value(study: StudyFacts, name: str) -> Joint | None:
    """The side on which a study shows a condition, or None: absent, both sides, not annotated."""
    value = _value(study.facts.get(name, ()), "side")
    return (value,) if value is not None and value.existence == "present" else None


def _value(facts: tuple[Fact, ...], resolution: Resolution) -> Fact | None:
    if not facts:
        return None
    first = facts[0]
    if first.existence == "absent":
        return Fact(first.condition, "absent")
    if resolution == "existence":
        return Fact(first.condition, "present")
    if len(facts) > 1:
        return None
    side = first.side if "side" in resolution else None
    severity = first.severity if "severity" in resolution else None
    if "side" in resolution and side not in ("left", "right"):
        return None
    if "severity" in resolution and severity is None:
        return None
    return Fact(first.condition, "present", side=side, severity=severity)


def _contradicted(study: StudyFacts, name: str) -> bool:
    """Whether a present finding makes the denial of a condition, or its phrase, false."""
    present = {n: v for n, v in study.labels.items() if v == "present" and n != name}
    labels = present | {name: "absent"}
    return contradicts_hierarchy(labels) or bool(phrase_conflicts(labels))


def holds(joint: Joint, study: StudyFacts) -> bool:
    """Whether a joint value is true of a study.

    Side and grade are false where the source gives others and no second instance.
    """
    return all(truth(f, study.facts[f.condition], "described") is True for f in joint)
