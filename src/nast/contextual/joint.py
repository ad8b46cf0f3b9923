"""Joint values of one to three conditions: what claim sets choose between (design section 5).

A joint value states each condition of a frame as absent or as present at one resolution ("left",
"small left"). Two different joint values exclude each other, so K of them held by K studies of
K patients form a group in which each claim is true of exactly one study.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations, product
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from nast.contextual.annotations import annotations
from nast.facts.conditions import CONDITIONS, labelled, revision
from nast.facts.entailment import World, truth
from nast.records import Fact

Resolution = Literal["existence", "side", "severity", "side and severity"]
Joint = tuple[Fact, ...]
Denials = Literal["some", "none", "any"]
"""Which joint values serve: those with an absence, those without, or all."""


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


Holders = dict[Joint, np.ndarray]
"""Joint value -> numbers of the studies that hold it."""


def study_facts(facts: pl.DataFrame, studies: pl.DataFrame) -> list[StudyFacts]:
    """Facts by study and condition, with the study's labels for conflicts, in order of ids.

    Facts that both affirm and deny a condition are of no use; its label is then uncertain, unless
    it is present.
    """
    held, known = annotations(facts)
    said = [{f.existence for f in some} for some in known]
    labels_of = [next(iter(s)) if len(s) == 1 else "uncertain" for s in said]
    names = labelled()
    by_study = held.group_by("study_id", maintain_order=True).agg("annotation")
    rows = by_study.join(studies, on="study_id", maintain_order="left")
    # Many studies have equal labels: they share one object.
    shared: dict[tuple[Any, ...], dict[str, str]] = {}
    result = []
    columns = ("subject_id", "study_id", "annotation", *names)
    for subject_id, study_id, codes, *values in rows.select(columns).iter_rows():
        key = (*codes, *values)
        if key not in shared:
            labels = dict(zip(names, values, strict=True))
            for code in codes:
                name = known[code][0].condition
                if len(said[code]) == 1 or labels.get(name) != "present":
                    labels[name] = labels_of[code]
            shared[key] = labels
        grouped = {known[c][0].condition: known[c] for c in codes if len(said[c]) == 1}
        result.append(StudyFacts(subject_id, study_id, grouped, shared[key]))
    return result


def frames(
    conditions: Sequence[str],
    k: int,
    sizes: Sequence[int] = (2, 3),
    denials: Denials = "some",
) -> Iterator[Frame]:
    """All frames of so many conditions whose joint values can fill K claims."""
    for size in sizes:
        for names in combinations(conditions, size):
            for resolutions in product(*(_resolutions(name) for name in names)):
                counts = [_VALUES[r] for r in resolutions]
                every, present = prod(c + 1 for c in counts), prod(counts)
                if {"some": every - present, "none": present, "any": every}[denials] >= k:
                    yield Frame(names, resolutions)


_VALUES = {"existence": 1, "side": 2, "severity": 3, "side and severity": 6}


def _resolutions(name: str) -> list[Resolution]:
    condition = CONDITIONS[name]
    found: list[Resolution] = ["existence"]
    found += ["side"] if condition.sided else []
    found += ["severity"] if condition.grades else []
    found += ["side and severity"] if condition.sided and condition.grades else []
    return found


class Coded(NamedTuple):
    """The values of one condition at one resolution.

    Attributes:
        codes: per study, -1 cannot serve, 0 absent, else one per present value.
        facts: code -> fact.
        rows: the studies that can serve.
    """

    codes: np.ndarray
    facts: list[Fact]
    rows: np.ndarray


def holders(
    studies: Sequence[StudyFacts],
    k: int,
    sizes: Sequence[int] = (2, 3),
    denials: Denials = "some",
) -> dict[Frame, Holders]:
    """Frame -> joint value -> who holds it, for frames that can fill K claims.

    A study cannot serve in a frame when a condition is not annotated or lacks the attribute, when
    it is on both sides where the side is at stake, when a denial or its words would contradict
    another finding of the study, or when its joint value is not of the wanted kind.
    """
    by_name: dict[str, list[int]] = defaultdict(list)
    for row, study in enumerate(studies):
        for name in study.facts:
            by_name[name].append(row)
    known = [n for n, c in CONDITIONS.items() if c.normal and n in by_name]
    present = {
        n: np.fromiter((s.labels.get(n) == "present" for s in studies), bool, len(studies))
        for n in CONDITIONS
    }
    values = {}
    for name in known:
        against = [present[other] for other in contradicting(name)]
        denied_wrongly = np.any(against, axis=0) if against else np.zeros(len(studies), bool)
        for resolution in _resolutions(name):
            coded = _coded(studies, by_name[name], name, resolution)
            usable = (coded.codes > 0) | ((coded.codes == 0) & ~denied_wrongly)
            values[name, resolution] = coded._replace(
                codes=np.where(usable, coded.codes, -1), rows=np.flatnonzero(usable)
            )
    found = {}
    for frame in frames(known, k, sizes, denials):
        keys = list(zip(frame.conditions, frame.resolutions, strict=True))
        held = _holders([values[key] for key in keys], denials, k)
        if held:
            found[frame] = held
    return found


def _holders(columns: Sequence[Coded], denials: Denials, k: int) -> Holders:
    """Who holds each joint value; nothing where fewer than K studies serve or values are held."""
    # The condition that the fewest studies have leaves little to look up in the others.
    rows = min((column.rows for column in columns), key=len)
    joint = np.zeros(len(rows), dtype=np.int64)
    usable = np.ones(len(rows), dtype=bool)
    denied = np.zeros(len(rows), dtype=bool)
    for place, column in enumerate(columns):
        codes = column.codes[rows]
        usable &= codes >= 0
        denied |= codes == 0
        # A code has at most seven values, so that three bits keep joint values apart.
        joint += codes.astype(np.int64) << (3 * place)
    if denials != "any":
        usable &= denied == (denials == "some")
    rows, joint = rows[usable], joint[usable]
    if len(rows) < k:
        return {}
    order = np.argsort(joint, kind="stable")
    rows, joint = rows[order], joint[order]
    edges = np.flatnonzero(np.diff(joint)) + 1
    if len(edges) + 1 < k:
        return {}
    values = joint[[0, *edges]].tolist()
    return {
        tuple(c.facts[(value >> (3 * place)) & 7] for place, c in enumerate(columns)): part
        for value, part in zip(values, np.split(rows, edges), strict=True)
    }


def _coded(
    studies: Sequence[StudyFacts], rows: Sequence[int], name: str, resolution: Resolution
) -> Coded:
    absent = Fact(name, "absent")
    seen: dict[Fact, int] = {absent: 0}
    codes = np.full(len(studies), -1, dtype=np.int8)
    # Studies share annotations: each is looked at once.
    by_annotation: dict[int, int] = {}
    for row in rows:
        annotation = studies[row].facts[name]
        code = by_annotation.get(id(annotation))
        if code is None:
            value = _value(annotation, resolution)
            code = -1 if value is None else seen.setdefault(value, len(seen))
            by_annotation[id(annotation)] = code
        codes[row] = code
    return Coded(codes, list(seen), np.flatnonzero(codes >= 0))


def value_of(study: StudyFacts, name: str, resolution: Resolution) -> Fact | None:
    """What a study shows of a condition at a resolution, or None where that is not known."""
    value = _value(study.facts.get(name, ()), resolution)
    denied = value is not None and value.existence == "absent"
    return None if denied and contradicted(study, name) else value


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


def contradicted(study: StudyFacts, name: str) -> bool:
    """Whether a present finding makes the denial of a condition, or its phrase, false.

    A finding that is a kind of the denied one does (edema: lung opacity), and one of those that
    `conditions.yaml` names.
    """
    return any(study.labels.get(other) == "present" for other in contradicting(name))


def contradicting(name: str) -> list[str]:
    """The conditions whose presence makes the denial of a condition, or its phrase, false."""
    return _contradicting(revision())[name]


@lru_cache(maxsize=2)
def _contradicting(_: int) -> dict[str, list[str]]:
    return {
        name: [
            other
            for other, known in CONDITIONS.items()
            if other != name and (other in condition.conflicts or name in known.parents)
        ]
        for name, condition in CONDITIONS.items()
    }


def holds(joint: Joint, study: StudyFacts, world: World = "described") -> bool | None:
    """Whether a joint value is true of a study: true, false or unknown.

    In `closed` an unmentioned condition is absent, unless the source is uncertain of it, or
    another finding implies it.
    """
    verdicts = []
    for fact in joint:
        facts = study.facts.get(fact.condition, ())
        open_ = not facts and (
            study.labels.get(fact.condition) in ("uncertain", "present")
            or contradicted(study, fact.condition)
        )
        verdicts.append(None if open_ else truth(fact, facts, world))
    return False if False in verdicts else None if None in verdicts else True
