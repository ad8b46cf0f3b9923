"""MedNega-CXR: paired multiple-choice questions from labels (paper section 3, Appendices A, B)."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nast.benchmark.audit import audit_questions, raise_on_leak
from nast.benchmark.configurations import Group, balanced_groups, consistent, eligible
from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, phrase_conflicts
from nast.language.templates import FORMS, STYLES, sentence
from nast.records import QUESTIONS_SCHEMA, Fact, Question
from nast.sources.collect import read_facts
from nast.store import content_hash, manifest_of, seed_of, stage, write_json, write_table

STEM = "Which of the following best describes this chest radiograph?"


def build_benchmark(
    facts: Path,
    folder: Path,
    *,
    seed: int = 0,
    uses: int = 4,
    limit: int | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Questions of a facts folder, with their audit, in an output folder.

    Args:
        facts: a folder of `nast facts`.
        folder: gets `questions.parquet` and `audit.json`.
        seed: of the groups, the words and the order of options.
        uses: how many groups one study may serve in.
        limit: at most so many groups per split.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest, with counts and what the audit found.

    Raises:
        InputError: the labels do not allow a single balanced group.
    """
    config = {"stage": "benchmark", "seed": seed, "uses": uses, "limit": limit}

    def make(out: Path) -> dict[str, Any]:
        studies, _ = read_facts(facts)
        questions, counts = make_questions(studies, seed, uses, limit)
        if not len(questions):
            raise InputError(facts, found=f"{counts['eligible studies']} studies that pass the "
                             "filter and no balanced group", expected="four studies of four "
                             "patients with different labels for three conditions")  # fmt: skip
        audit = audit_questions(questions, seed)
        write_table(out / "questions.parquet", questions, QUESTIONS_SCHEMA)
        write_json(out / "audit.json", audit)
        raise_on_leak(audit, out)
        return {"counts": counts, "phantom": manifest_of(facts)["phantom"]}

    return stage(folder, config, [facts], make, fresh=fresh)


def make_questions(
    studies: pl.DataFrame, seed: int = 0, uses: int = 4, limit: int | None = None
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Questions in balanced groups, and the counts of the filter.

    Args:
        studies: `STUDIES_SCHEMA` with a label column per condition.
        seed: of groups, words and option order.
        uses: how many groups one study may serve in.
        limit: at most so many groups per split.

    Returns:
        `QUESTIONS_SCHEMA` rows, and counts of studies, groups and questions.
    """
    passed = eligible(studies)
    kept = consistent(passed)
    groups = balanced_groups(kept, seed, uses)
    if limit is not None:
        nth: Counter[str] = Counter()
        groups = [g for g in groups if (nth.update([g.split]) or nth[g.split]) <= limit]
    rows = [row for group in groups for row in _rows(group, kept, seed)]
    served = {row["study_id"] for row in rows}
    counts = {
        "studies": len(studies),
        "eligible studies": len(passed),
        "eligible patients": passed["subject_id"].n_unique(),
        "studies that contradict the label hierarchy": len(passed) - len(kept),
        "studies that serve": len(served),
        "groups": len(groups),
        "questions": len(rows),
        "questions whose answer contradicts itself in Table 5's words": sum(
            _self_contradicting(r) for r in rows
        ),
        "questions by split": dict(sorted(Counter(r["split"] for r in rows).items())),
        "questions by condition": dict(
            sorted(Counter(c for r in rows for c in r["conditions"]).items())
        ),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=QUESTIONS_SCHEMA), counts


def _self_contradicting(row: dict[str, Any]) -> bool:
    words = ("absent", "present")
    right = row["options"][row["answer"]]
    labels = {n: words[v] for n, v in zip(row["conditions"], right, strict=True)}
    return bool(phrase_conflicts(labels))


def _rows(group: Group, studies: pl.DataFrame, seed: int) -> Iterator[dict[str, Any]]:
    """The questions of one group; all show the same four options in the same words."""
    keys = [studies["study_id"][row] for row in group.studies]
    group_id = content_hash(["question", group.conditions, group.configurations, keys])[:16]
    rng = np.random.default_rng(seed_of(seed, group_id))
    style = str(rng.choice(list(STYLES)))
    texts = option_texts(group.conditions, group.configurations, style)
    # One order for the whole group: each option is right once, so each position is, too.
    order = [int(i) for i in rng.permutation(len(group.studies))]
    for place, row in enumerate(group.studies):
        question = Question(
            question_id=f"{group_id}-{place}",
            group_id=group_id,
            conditions=group.conditions,
            options=tuple(group.configurations[i] for i in order),
            negated=tuple(texts["negated"][i] for i in order),
            affirmative=tuple(texts["affirmative"][i] for i in order),
            omitted=tuple(texts["omitted"][i] for i in order),
            answer=order.index(place),
        )
        study = studies.row(row, named=True)
        yield {
            **{name: study[name] for name in QUESTIONS_SCHEMA if name in study},
            **{name: getattr(question, name) for name in Question.__slots__},
            "stem": STEM,
            "sampler": "all-triples",
            "construction": "balanced",
            "realiser": f"template:{style}",
        }


def option_texts(
    conditions: tuple[str, ...], configurations: tuple[tuple[int, ...], ...], style: str
) -> dict[str, list[str]]:
    """The words of each configuration in the three forms.

    Args:
        conditions: names.
        configurations: per option, 1 for present and 0 for absent.
        style: a key of `STYLES`.

    Returns:
        Form -> one text per configuration.
    """
    for name in conditions:
        if name not in CONDITIONS or CONDITIONS[name].normal is None:
            raise ValueError(f"{name!r} is not a condition with an affirmative phrase")
    stated = [
        [Fact(n, "present" if v else "absent") for n, v in zip(conditions, values, strict=True)]
        for values in configurations
    ]
    return {form: [sentence(facts, style, form) for facts in stated] for form in FORMS}
