"""Claim sets in balanced groups (paper section 4.1, format i; design section 5)."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from nast.contextual.joint import (
    Frame,
    Joint,
    StudyFacts,
    holders,
    holds,
    side_value,
    study_facts,
)
from nast.facts.conditions import CONDITIONS
from nast.facts.entailment import changed
from nast.language.templates import STYLES, Form, sentence
from nast.records import CLAIMS_SCHEMA, ClaimSet
from nast.store import content_hash, seed_of

FORMS: tuple[Form, ...] = ("negated", "affirmative")


def make_claims(
    studies: pl.DataFrame,
    facts: pl.DataFrame,
    k: int = 5,
    groups: int = 200,
    uses: int = 10,
    seed: int = 0,
) -> pl.DataFrame:
    """Claim sets of every split, each group in a negated and an affirmative form.

    Args:
        studies: `STUDIES_SCHEMA` with labels.
        facts: `FACTS_SCHEMA`.
        k: claims per set, 5 to 7.
        groups: at most so many groups per split; each gives `k` sets in two forms.
        uses: how many groups one study may serve in.
        seed: of groups, words and order.

    Returns:
        `CLAIMS_SCHEMA` rows. In each group every claim is true of exactly one of its studies.

    Raises:
        ValueError: k is outside 5..7.
    """
    if not 5 <= k <= 7:
        raise ValueError(f"k is {k}; claim sets have 5 to 7 claims")
    rows: list[dict[str, Any]] = []
    for split in sorted(set(facts["split"])):
        part = study_facts(facts.filter(split=split), studies)
        keys = {r["study_id"]: r for r in studies.filter(split=split).iter_rows(named=True)}
        for frame, members in _groups(part, k, groups, uses, seed_of(seed, "claims", split)):
            rows += _rows(frame, members, keys, seed)
    return pl.DataFrame(rows, schema=CLAIMS_SCHEMA)


def make_side_pairs(
    studies: pl.DataFrame, facts: pl.DataFrame, uses: int = 1, seed: int = 0
) -> pl.DataFrame:
    """Claim sets of two, left against right, for findings whose side is annotated.

    For sources without annotated absences, such as boxed NIH radiographs: one study with the
    finding on the left and one of another patient with it on the right share the two claims, so
    words alone are right in half of the cases. Nothing is denied: there is one form.

    Returns:
        `CLAIMS_SCHEMA` rows with construction `sides`.
    """
    rows: list[dict[str, Any]] = []
    for split in sorted(set(facts["split"])):
        part = study_facts(facts.filter(split=split), studies)
        keys = {r["study_id"]: r for r in studies.filter(split=split).iter_rows(named=True)}
        for name, condition in CONDITIONS.items():
            frame = Frame((name,), ("side",))
            values: dict[Joint, list[StudyFacts]] = defaultdict(list)
            for study in part if condition.sided else ():
                value = side_value(study, name)
                if value is not None:
                    values[value].append(study)
            used: Counter[str] = Counter()
            rng = np.random.default_rng(seed_of(seed, "sides", split, name))
            while len(values) == 2 and (members := _members(values, 2, used, uses, rng)):
                used.update(s.study_id for s in members.values())
                for row in _rows(frame, members, keys, seed, ("affirmative",)):
                    rows.append(row | {"construction": "sides"})
    return pl.DataFrame(rows, schema=CLAIMS_SCHEMA)


_Members = dict[Joint, StudyFacts]


def _groups(
    studies: Sequence[StudyFacts], k: int, limit: int, uses: int, seed: int
) -> Iterator[tuple[Frame, _Members]]:
    """Groups from frames taking turns; conditions that served least come first."""
    rng = np.random.default_rng(seed)
    held = holders(studies, k)
    used: Counter[str] = Counter()
    served: Counter[str] = Counter()
    live = list(held)
    made = 0
    while live and made < limit:
        # A random few are compared, so that the balance costs no full sort per group.
        few = [live[i] for i in rng.choice(len(live), min(8, len(live)), replace=False)]
        frame = min(few, key=lambda f: sum(served[c] for c in f.conditions) / len(f.conditions))
        members = _members(held[frame], k, used, uses, rng)
        if members is None:
            live.remove(frame)
            continue
        used.update(s.study_id for s in members.values())
        served.update(frame.conditions)
        made += 1
        yield frame, members


def _members(
    values: dict[Joint, list[StudyFacts]],
    k: int,
    used: Counter[str],
    uses: int,
    rng: np.random.Generator,
) -> _Members | None:
    """K joint values and a study of another patient for each, least used first."""
    members: _Members = {}
    taken: set[str] = set()
    order = list(values)
    for place in rng.permutation(len(order)):
        free = [s for s in values[order[place]]
                if s.subject_id not in taken and used[s.study_id] < uses]  # fmt: skip
        if not free:
            continue
        least = min(used[s.study_id] for s in free)
        free = [s for s in free if used[s.study_id] == least]
        study = free[int(rng.integers(len(free)))]
        members[order[place]] = study
        taken.add(study.subject_id)
        if len(members) == k:
            return members
    return None


def _rows(
    frame: Frame,
    members: _Members,
    keys: dict[str, dict[str, Any]],
    seed: int,
    forms: tuple[Form, ...] = FORMS,
) -> Iterator[dict[str, Any]]:
    """The claim sets of one group, in its forms; refuses a truth matrix that is not identity."""
    joints = list(members)
    truths = [[holds(j, s) for j in joints] for s in members.values()]
    if truths != [[a == b for b in range(len(joints))] for a in range(len(joints))]:
        raise AssertionError(f"truth matrix of {frame} is not the identity: {truths}")
    group_id = content_hash(["claims", frame, [s.study_id for s in members.values()],
                             [[f.as_dict() for f in j] for j in joints]])[:16]  # fmt: skip
    rng = np.random.default_rng(seed_of(seed, group_id))
    style = str(rng.choice(list(STYLES)))
    order = [int(i) for i in rng.permutation(len(joints))]
    joints = [joints[i] for i in order]
    for form in forms:
        texts = tuple(sentence(j, style, form) for j in joints)
        for place, (joint, study) in enumerate(members.items()):
            claim_set = ClaimSet(
                set_id=f"{group_id}-{place}-{form}",
                group_id=group_id,
                form=form,  # type: ignore[arg-type]
                claims=texts,
                kinds=tuple(_kind(joint, other) for other in joints),
                facts=tuple(joints),
                answer=joints.index(joint),
            )
            row = keys[study.study_id]
            yield {
                **{n: row[n] for n in ("subject_id", "study_id", "split", "image_path")},
                **{n: getattr(claim_set, n) for n in ClaimSet.__slots__},
                "facts": [[f.as_dict() for f in j] for j in joints],
                "conditions": list(frame.conditions),
                "construction": "balanced",
                "realiser": f"template:{style}",
            }


def _kind(true: Joint, other: Joint) -> str:
    """What choosing `other` gets wrong: existence, location, severity, or several of them."""
    kinds = {changed(a, b) for a, b in zip(true, other, strict=True)} - {None}
    return "+".join(sorted(k for k in kinds if k)) or "truth"
