"""Sets of options and claims in a language model's words, each sentence checked (Appendices B, C).

A set goes through two stages: the model writes the negated form, then rewrites its denials with
Table 5's phrases. What fails a check is asked for again, with what is wrong; a set that is not
right after that is written by a template, whole, so that a group speaks with one voice. Only
conditions and their values go into prompts: equal sets of any number of studies are written once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash, seed_of
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.cache import AnswerCache, ask
from nast.language.write.llm.denials import without_denials
from nast.language.write.llm.dialogue import STEM as STEM_LABEL
from nast.language.write.llm.dialogue import Task, converse
from nast.language.write.llm.prompts import (
    Kind,
    fields_of,
    labels_of,
    load_prompt,
    rewriting,
    version_of,
)
from nast.language.write.llm.validate import (
    check_affirmative,
    check_negated,
    check_omitted,
    check_stem,
    tidy,
)
from nast.language.write.templates import STEM, STYLES, WRITTEN_FORMS, WrittenForm, sentence
from nast.records import ZONES, Fact, Statement

_FORMS: dict[Kind, tuple[WrittenForm, ...]] = {
    "options": WRITTEN_FORMS,
    "claims": ("negated", "affirmative"),
}
MOST = 26
"""Texts of a set: each has a letter for its label."""


def set_key(
    statements: Iterable[Iterable[Fact]], conditions: Conditions = CONDITIONS
) -> tuple[Statement, ...]:
    """The key of a set of options or claims: equal for equal sets, whatever their order.

    Args:
        statements: each a tuple of facts.
        conditions: the table of conditions.

    Raises:
        UsageError: a condition is unknown or has no phrase, an absent fact has attributes (Table 5
            has no phrase for "no large effusion"), a grade or zone is not of the table, or there
            are no statements, an empty one, two equal ones or more than 26.
    """
    rows = tuple(sorted((tuple(facts) for facts in statements), key=repr))
    for fact in (f for row in rows for f in row):
        condition = conditions.get(fact.condition)
        if condition is None or condition.normal is None:
            raise UsageError("a condition is not in the table or has no affirmative phrase")
        if fact.existence == "absent" and (fact.side or fact.zone or fact.severity):
            raise UsageError("an absent fact with attributes has no affirmative form")
        if fact.severity and fact.severity not in condition.grades:
            raise UsageError(f"{fact.condition} is not graded")
        if fact.zone and fact.zone not in (*ZONES, *condition.zones):
            raise UsageError(f"{fact.condition} is said to be in a zone that the table lacks")
    if not all(rows) or not rows or len(set(rows)) != len(rows) or len(rows) > MOST:
        raise UsageError(f"a set has 1 to {MOST} different options or claims, each with a fact")
    return rows


class Written(NamedTuple):
    """The words of one set.

    Attributes:
        stem: of its questions; blank for claims.
        texts: statement -> form -> text.
        realiser: `llm:MODEL:PROMPTS`, PROMPTS being the hash of the prompts, or `template:STYLE`.
    """

    stem: str
    texts: dict[Statement, dict[WrittenForm, str]]
    realiser: str

    def forms(self, statements: Iterable[Statement]) -> dict[str, list[str]]:
        """Form -> one text per statement, in the order given (as `option_texts` has them)."""
        order = [self.texts[statement] for statement in statements]
        return {form: [texts[form] for texts in order] for form in order[0]}


def realise(
    sets: Iterable[Iterable[Statement]],
    kind: Kind,
    model: LanguageModel,
    *,
    seed: int = 0,
    retries: int = 2,
    cache: Path | None = None,
    conditions: Conditions = CONDITIONS,
) -> tuple[dict[tuple[Statement, ...], Written], dict[str, Any]]:
    """The words of sets of options or claims.

    Options of questions (paper section 3.2, Appendix B) get a stem and three forms, claims
    (section 4.1, Appendix C) two. All facts of a set are in one prompt; one sentence is written
    for each of its statements.

    Args:
        sets: the options of each question, or the claims of each claim set: tuples of facts,
            absent ones without attributes; options of one set are about the same conditions.
        kind: `options` or `claims`.
        model: writes; what it wrote before is taken from the cache.
        seed: decides the template of a set that the model fails.
        retries: how often a text may be asked for again.
        cache: file of answers, see `AnswerCache`; None keeps them for this call only.
        conditions: the table of conditions.

    Returns:
        `set_key(statements)` -> words, whose `forms(statements)` are the texts; and counts for the
        manifest. Equal answers and seeds give equal words.

    Raises:
        UsageError: see `set_key`.
        ModelError: the model cannot be reached; what it answered is kept in the cache.
    """
    keys = list(dict.fromkeys(set_key(one, conditions) for one in sets))
    for key in keys:
        if kind == "options" and len({tuple(f.condition for f in said) for said in key}) > 1:
            raise UsageError("the options of one question are about the same conditions")
    answers = AnswerCache(cache)
    requests = Counter({"answers from the cache": 0, "requests to the model": 0})
    asking = partial(ask, model, cache=answers, counts=requests)
    first = {key: _writing(key, kind, conditions, model.prompts) for key in keys}
    negated = converse(list(first.values()), asking, retries)
    second = {
        key: _rewriting(key, task.found, conditions, model.prompts)
        for key, task in first.items()
        if not task.missing()
    }
    affirmative = converse(list(second.values()), asking, retries)
    realiser = f"llm:{model.name}:{version_of([kind, 'rewrite', 'again'], model.prompts)}"
    written: dict[tuple[Statement, ...], Written] = {}
    failed, made = Counter[str](), Counter[str]()
    for key, task in first.items():
        rng = np.random.default_rng(seed_of(seed, kind, content_hash(key)))
        style = str(rng.choice(list(STYLES)))
        stem = STEM if kind == "options" else ""
        last = second.get(key, task)
        if last.missing():
            failed[last.faults[last.missing()[0]].code] += 1
            texts = {s: {f: sentence(s, style, f, conditions) for f in _FORMS[kind]} for s in key}
            written[key] = Written(stem, texts, f"template:{style}")
        else:
            made["stems"] += bool(stem) and STEM_LABEL not in task.found
            texts = _by_model(key, kind, task.found, last.found, style, made, conditions)
            written[key] = Written(task.found.get(STEM_LABEL, stem), texts, realiser)
    return written, {
        "realiser": realiser,
        "model": {**model.decoding, **model.allowed},
        "sets": len(keys),
        "sets replaced by templates": failed.total(),
        "replaced by reason": dict(sorted(failed.items())),
        "negated": negated,
        "affirmative": affirmative,
        "stems replaced": made["stems"],
        "omitted forms by template": made["omitted"],
        "damaged cache lines": answers.dropped,
        **requests,
    }


def _writing(
    statements: Sequence[Statement], kind: Kind, conditions: Conditions, prompts: Path | None
) -> Task:
    """The negated form of all statements, and a stem for options."""
    checks = {
        label: partial(check_negated, facts=facts, conditions=conditions)
        for label, facts in zip(labels_of(len(statements)), statements, strict=True)
    }
    messages = load_prompt(kind, prompts).messages(**fields_of(kind, statements, conditions))
    stem = partial(check_stem, conditions=conditions) if kind == "options" else None
    return Task(messages, dict(checks), stem, prompts)


def _rewriting(
    statements: Sequence[Statement],
    found: Mapping[str, str],
    conditions: Conditions,
    prompts: Path | None,
) -> Task:
    """The affirmative form of those texts that deny something."""
    denying = {
        label: facts
        for label, facts in zip(labels_of(len(statements)), statements, strict=True)
        if any(f.existence == "absent" for f in facts)
    }
    checks = {
        label: partial(check_affirmative, negated=found[label], facts=facts, conditions=conditions)
        for label, facts in denying.items()
    }
    said = rewriting(denying, found, conditions)
    messages = load_prompt("rewrite", prompts).messages(statements=said)
    return Task(messages, dict(checks), prompts=prompts)


def _by_model(
    statements: Sequence[Statement],
    kind: Kind,
    negated: Mapping[str, str],
    rewritten: Mapping[str, str],
    style: str,
    made: Counter[str],
    conditions: Conditions,
) -> dict[Statement, dict[WrittenForm, str]]:
    """The model's texts by statement; the omitted form is cut from the negated one where it can be.

    Where nothing is affirmed, or the cut leaves no good sentence, a template says it.
    """
    texts: dict[Statement, dict[WrittenForm, str]] = {}
    for label, facts in zip(labels_of(len(statements)), statements, strict=True):
        text = negated[label]
        texts[facts] = {"negated": text, "affirmative": rewritten.get(label, text)}
        if kind == "options":
            cut = tidy(without_denials(text, conditions))
            good = bool(cut) and check_omitted(cut, facts, conditions) is None
            made["omitted"] += not good
            texts[facts]["omitted"] = cut if good else sentence(facts, style, "omitted", conditions)
    return texts
