"""Single captions, negated and affirmative (paper section 4.1, format ii)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from nast.contextual.joint import StudyFacts, study_facts
from nast.facts.conditions import CONDITIONS
from nast.facts.entailment import truth
from nast.language.templates import AFFIRMATIVE_CAPTIONS, NEGATED_CAPTIONS, caption
from nast.records import CAPTIONS_SCHEMA, Caption, Fact
from nast.store import seed_of

KINDS = ("existence", "location", "severity")


def make_captions(
    studies: pl.DataFrame, facts: pl.DataFrame, per_study: int = 2, seed: int = 0
) -> pl.DataFrame:
    """True captions of every study, up to `per_study` of each polarity.

    A negated caption denies a condition, a side or a grade ("no large pleural effusion"); an
    affirmative one states a present finding with as much detail. Kinds that have been used least
    come first, conditions after them, so both are as balanced as the facts allow.

    Args:
        studies: `STUDIES_SCHEMA` with labels.
        facts: `FACTS_SCHEMA`.
        per_study: captions of each polarity.
        seed: of choices and words.

    Returns:
        `CAPTIONS_SCHEMA` rows.
    """
    keys = {r["study_id"]: r for r in studies.iter_rows(named=True)}
    used: Counter[tuple[str, ...]] = Counter()
    rows = []
    for study in study_facts(facts, studies):
        row = keys[study.study_id]
        rng = np.random.default_rng(seed_of(seed, "captions", study.study_id))
        for item in _captions(study, per_study, used, rng):
            rows.append(
                {
                    **{n: row[n] for n in ("subject_id", "study_id", "split", "image_path")},
                    **{n: getattr(item, n) for n in Caption.__slots__},
                    "fact": item.fact.as_dict(),
                    "condition": item.fact.condition,
                }
            )
    return pl.DataFrame(rows, schema=CAPTIONS_SCHEMA)


def _captions(
    study: StudyFacts, number: int, used: Counter[tuple[str, ...]], rng: np.random.Generator
) -> Iterator[Caption]:
    for polarity, templates in (
        ("negated", NEGATED_CAPTIONS),
        ("affirmative", AFFIRMATIVE_CAPTIONS),
    ):
        pool = list(statements(study, polarity))
        pool = [pool[i] for i in rng.permutation(len(pool))]
        chosen: list[str] = []
        while pool and len(chosen) < number:
            kind, fact = min(
                pool, key=lambda p: (used[polarity, p[0]], used[polarity, p[1].condition])
            )
            used.update([(polarity, kind), (polarity, fact.condition)])
            pool = [p for p in pool if p[1].condition != fact.condition]
            text = caption(fact, str(rng.choice(templates)))
            chosen.append(text)
            yield Caption(
                caption_id=f"{study.study_id}-{polarity}-{len(chosen)}",
                polarity=polarity,  # type: ignore[arg-type]
                kind=kind,  # type: ignore[arg-type]
                caption=text,
                fact=fact,
            )


def statements(study: StudyFacts, polarity: str) -> Iterator[tuple[str, Fact]]:
    """The statements of one polarity that are true of a study, with their kinds.

    Attributes of an annotated finding count as complete; conditions that the source does not
    mention give nothing.
    """
    for name, facts in sorted(study.facts.items()):
        for kind, fact in _candidates(name, polarity):
            if polarity == "negated" and kind != "existence" and facts[0].existence == "absent":
                continue
            if truth(fact, facts, "described") is True:
                yield kind, fact


def _candidates(name: str, polarity: str) -> Iterator[tuple[str, Fact]]:
    condition = CONDITIONS[name]
    existence: Any = "absent" if polarity == "negated" else "present"
    yield "existence", Fact(name, existence)
    sides: tuple[Any, ...] = ("left", "right") if condition.sided else ()
    zones: tuple[Any, ...] = condition.zones
    grades: tuple[Any, ...] = tuple(condition.grades)
    yield from (("location", Fact(name, existence, side=s)) for s in sides)
    yield from (("location", Fact(name, existence, side=s, zone=z)) for s in sides for z in zones)
    yield from (("severity", Fact(name, existence, severity=g)) for g in grades)
    if polarity == "affirmative":
        yield from (
            ("severity", Fact(name, existence, side=s, severity=g)) for s in sides for g in grades
        )
