"""Joint values of two or three conditions: what claim sets choose between (design section 5).

A joint value states each condition of a frame as absent or as present at one resolution ("left",
"small left"). Two different joint values exclude each other, so K of them held by K studies of
K patients form a group in which each claim is true of exactly one study.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Literal, NamedTuple

import polars as pl

from nast.facts.conditions import CONDITIONS, contradicts_hierarchy, phrase_conflicts
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
        known = {name: row[name] for name in CONDITIONS}
        known |= {name: f[0].existence for name, f in grouped.items()}
        result.append(StudyFacts(row["subject_id"], study_id, grouped, known))
    return result


def _agree(facts: Sequence[Fact]) -> bool:
    """Facts of one condition that both affirm and deny it are of no use."""
    return len({f.existence for f in facts}) == 1


def frames(k: int) -> Iterator[Frame]:
    """All frames of two or three conditions whose joint values can fill K claims."""
    for size in (2, 3):
        for names in combinations(CONDITIONS, size):
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


def joint_value(study: StudyFacts, frame: Frame) -> Joint | None:
    """The joint value that a study holds in a frame, or None where it cannot serve.

    It cannot serve when a condition is not annotated, lacks the attribute, is on both sides where
    the side is at stake, when nothing is absent, or when the words would contradict another
    finding of the study.
    """
    values = []
    for name, resolution in zip(frame.conditions, frame.resolutions, strict=True):
        value = _value(study.facts.get(name, ()), resolution)
        if value is None:
            return None
        values.append(value)
    absent = [v.condition for v in values if v.existence == "absent"]
    if not absent or _contradicted(study, absent):
        return None
    return tuple(values)


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


def _contradicted(study: StudyFacts, absent: Sequence[str]) -> bool:
    """Whether a present finding makes a denial, or its Table 5 phrase, false of the study."""
    present = {n: v for n, v in study.labels.items() if v == "present"}
    labels = present | dict.fromkeys(absent, "absent")
    return contradicts_hierarchy(labels) or bool(phrase_conflicts(labels))


def holds(joint: Joint, study: StudyFacts) -> bool:
    """Whether a joint value is true of a study.

    Side and grade are false where the source gives others and no second instance.
    """
    return all(truth(f, study.facts[f.condition], "described") is True for f in joint)
