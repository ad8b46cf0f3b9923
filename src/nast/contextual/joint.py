"""Joint values of one to three conditions: what claim sets choose between.

A joint value states each condition of a frame as absent or as present at one resolution ("left",
"small left"). Two different joint values exclude each other, so K of them held by K studies of
K patients form a group in which each claim is true of exactly one study.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from nast.facts.conditions import CONDITIONS, Conditions
from nast.facts.entailment import World, truth
from nast.facts.truths import Annotation, agrees, annotations
from nast.items.groups import ConditionValues, Holders, condition_sets, holders_of
from nast.records import Fact, Statement

Resolution = Literal["existence", "side", "severity", "side and severity"]
Denials = Literal["some", "none", "any"]
"""Which joint values serve: those with an absence, those without, or all."""
_VALUES = {"existence": 1, "side": 2, "severity": 3, "side and severity": 6}
"""How many present values a condition has at a resolution."""


class Frame(NamedTuple):
    """Conditions and the resolution at which a claim states each of them when present."""

    conditions: tuple[str, ...]
    resolutions: tuple[Resolution, ...]


class StudyFacts(NamedTuple):
    """What the source says of one study; only definite facts.

    Attributes:
        subject_id: its patient.
        study_id: the study.
        facts: by condition, where they do not disagree.
        labels: by condition; where there are facts, what they say.
        undeniable: the conditions whose denial, or its Table 5 phrase, a present finding makes
            false: one that is a kind of the denied one (edema: lung opacity), or one of those that
            `conditions.yaml` names.
    """

    subject_id: str
    study_id: str
    facts: dict[str, Annotation]
    labels: dict[str, str]
    undeniable: frozenset[str]


def study_facts(
    studies: pl.DataFrame, facts: pl.DataFrame, conditions: Conditions = CONDITIONS
) -> list[StudyFacts]:
    """Facts by study and condition, with the study's labels for conflicts, in order of ids.

    Facts that both affirm and deny a condition are of no use; its label is then uncertain, unless
    it is present.

    Args:
        studies: `STUDIES_SCHEMA` with labels.
        facts: `FACTS_SCHEMA`.
        conditions: that both are named by.
    """
    known, held = annotations(facts)
    names = conditions.labelled()
    by_study = held.group_by("study_id", maintain_order=True).agg("annotation")
    rows = by_study.join(studies, on="study_id", maintain_order="left")
    against = {name: conditions.contradicting(name) for name in conditions}
    # Many studies are annotated alike: they share their dictionaries.
    shared: dict[tuple[Any, ...], Any] = {}
    found = []
    columns = ("subject_id", "study_id", "annotation", *names)
    for subject_id, study_id, codes, *values in rows.select(columns).iter_rows():
        key = (*codes, *values)
        if key not in shared:
            labels = dict(zip(names, values, strict=True))
            shared[key] = _known([known[code] for code in codes], labels, against)
        found.append(StudyFacts(subject_id, study_id, *shared[key]))
    return found


def _known(
    said: Sequence[Annotation], labels: dict[str, str], against: dict[str, list[str]]
) -> tuple[dict[str, Annotation], dict[str, str], frozenset[str]]:
    """The facts and labels of a study, and what it does not allow to be denied."""
    facts = {some[0].condition: some for some in said if agrees(some)}
    for some in said:
        name = some[0].condition
        if name in facts:
            labels[name] = some[0].existence
        elif labels.get(name) != "present":
            labels[name] = "uncertain"
    return facts, labels, undeniable(labels, against)


def undeniable(labels: dict[str, str], against: dict[str, list[str]]) -> frozenset[str]:
    """The conditions whose denial is false because of a present finding.

    Args:
        labels: by condition.
        against: condition -> the conditions whose presence makes its denial false.
    """
    present = {name for name, label in labels.items() if label == "present"}
    return frozenset(name for name, others in against.items() if not present.isdisjoint(others))


def frames(
    sets: Iterable[tuple[str, ...]],
    k: int,
    denials: Denials = "some",
    conditions: Conditions = CONDITIONS,
) -> Iterator[Frame]:
    """All frames of some sets of conditions whose joint values can fill K claims."""
    for names in sets:
        for resolutions in product(*(_resolutions(name, conditions) for name in names)):
            counts = [_VALUES[r] for r in resolutions]
            every, present = prod(c + 1 for c in counts), prod(counts)
            if {"some": every - present, "none": present, "any": every}[denials] >= k:
                yield Frame(names, resolutions)


def _resolutions(name: str, conditions: Conditions) -> list[Resolution]:
    condition = conditions[name]
    found: list[Resolution] = ["existence"]
    found += ["side"] if condition.sided else []
    found += ["severity"] if condition.grades else []
    found += ["side and severity"] if condition.sided and condition.grades else []
    return found


def frame_holders(
    studies: Sequence[StudyFacts],
    k: int,
    sizes: Sequence[int] = (2, 3),
    denials: Denials = "some",
    conditions: Conditions = CONDITIONS,
) -> dict[Frame, Holders]:
    """Frame -> joint value -> who holds it, for frames that can fill K claims.

    A study cannot serve in a frame when a condition is not annotated or lacks the attribute, when
    it is on both sides where the side is at stake, when a denial or its words would contradict
    another finding of the study, or when its joint value is not of the wanted kind.
    """
    known = [n for n, c in conditions.items() if c.normal and any(n in s.facts for s in studies)]
    annotated = np.array([[name in study.facts for name in known] for study in studies], dtype=bool)
    annotated = annotated.reshape(len(studies), len(known))
    values = {
        (name, resolution): _values(studies, np.flatnonzero(annotated[:, place]), name, resolution)
        for place, name in enumerate(known)
        for resolution in _resolutions(name, conditions)
    }
    found: dict[Frame, Holders] = {}
    for size in sizes:
        sets = condition_sets(annotated, size, seed=size)
        named = (tuple(known[place] for place in one) for one in sets)
        for frame in frames(named, k, denials, conditions):
            keys = zip(frame.conditions, frame.resolutions, strict=True)
            held = _wanted(holders_of([values[key] for key in keys]), denials)
            if len(held) >= k:
                found[frame] = held
    return found


def _wanted(held: Holders, denials: Denials) -> Holders:
    """The joint values of the wanted kind."""
    if denials == "any":
        return held
    return {
        said: rows
        for said, rows in held.items()
        if any(f.existence == "absent" for f in said) == (denials == "some")
    }


def _values(
    studies: Sequence[StudyFacts], rows: np.ndarray, name: str, resolution: Resolution
) -> ConditionValues:
    """What the studies that are annotated for a condition hold of it."""
    seen: dict[Fact, int] = {Fact(name, "absent"): 0}
    codes = np.full(len(studies), -1, dtype=np.int8)
    # Studies share annotations: each is looked at once.
    by_annotation: dict[int, int] = {}
    for row in rows.tolist():
        study = studies[row]
        annotation = study.facts[name]
        code = by_annotation.get(id(annotation))
        if code is None:
            value = _value(annotation, resolution)
            code = -1 if value is None else seen.setdefault(value, len(seen))
            by_annotation[id(annotation)] = code
        codes[row] = -1 if code == 0 and name in study.undeniable else code
    return ConditionValues(codes, list(seen), np.flatnonzero(codes >= 0))


def value_of(study: StudyFacts, name: str, resolution: Resolution) -> Fact | None:
    """What a study shows of a condition at a resolution, or None where that is not known."""
    value = _value(study.facts.get(name, ()), resolution)
    denied = value is not None and value.existence == "absent"
    return None if denied and name in study.undeniable else value


def _value(facts: Annotation, resolution: Resolution) -> Fact | None:
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


def holds(claim: Statement, study: StudyFacts, world: World = "described") -> bool | None:
    """Whether a joint value is true of a study: true, false or unknown.

    In `closed` an unmentioned condition is absent, unless the source is uncertain of it, or
    another finding implies it.
    """
    verdicts = []
    for fact in claim:
        facts = study.facts.get(fact.condition, ())
        open_ = not facts and (
            study.labels.get(fact.condition) in ("uncertain", "present")
            or fact.condition in study.undeniable
        )
        verdicts.append(None if open_ else truth(fact, facts, world))
    return False if False in verdicts else None if None in verdicts else True
