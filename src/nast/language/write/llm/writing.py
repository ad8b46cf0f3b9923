"""The two stages of a set: the negated form, then its denials in Table 5's words."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.write.llm.dialogue import STEM, Ask, Tally, Task, converse
from nast.language.write.llm.prompts import load_prompt, version_of
from nast.language.write.llm.sets import Kind, fields_of, labels_of, rewriting
from nast.language.write.llm.spans import without_denials
from nast.language.write.llm.validate import (
    check_affirmative,
    check_negated,
    check_omitted,
    check_stem,
    tidy,
)
from nast.records import Statement


class Wording(NamedTuple):
    """What the model made of one set.

    Attributes:
        fault: code of `validate.REASONS` for a set that it failed; blank otherwise.
        stem: blank where none was right.
        negated: a text per statement.
        affirmative: a text per statement.
    """

    fault: str
    stem: str = ""
    negated: tuple[str, ...] = ()
    affirmative: tuple[str, ...] = ()


def write_sets(
    sets: Sequence[Sequence[Statement]],
    kind: Kind,
    ask: Ask,
    retries: int,
    conditions: Conditions = CONDITIONS,
) -> tuple[list[Wording], dict[str, Tally]]:
    """Both stages of some sets.

    Args:
        sets: the statements of each.
        kind: decides the prompt.
        ask: answers conversations.
        retries: how often a text may be asked for again.
        conditions: the table of conditions.

    Returns:
        A wording per set, and stage -> counts.
    """
    first = [_first(statements, kind, conditions) for statements in sets]
    negated = converse(first, ask, retries)
    second = {
        n: _second(sets[n], task.found, conditions)
        for n, task in enumerate(first)
        if not task.missing()
    }
    affirmative = converse(list(second.values()), ask, retries)
    wordings = [_wording(task, second.get(n)) for n, task in enumerate(first)]
    return wordings, {"negated": negated, "affirmative": affirmative}


def prompts_version(kind: Kind) -> str:
    """The version of all prompts that take part in a set's texts."""
    return version_of([kind, "rewrite", "again"])


def omitted_of(
    statement: Statement, negated: str, conditions: Conditions = CONDITIONS
) -> str | None:
    """The text without its denials, or None where what is left is no good sentence."""
    text = tidy(without_denials(negated, conditions))
    return text if text and check_omitted(text, statement, conditions) is None else None


def _first(statements: Sequence[Statement], kind: Kind, conditions: Conditions) -> Task:
    labels = labels_of(len(statements))
    checks = {
        label: partial(check_negated, facts=facts, conditions=conditions)
        for label, facts in zip(labels, statements, strict=True)
    }
    messages = load_prompt(kind).messages(**fields_of(kind, statements, conditions))
    stem = partial(check_stem, conditions=conditions) if kind == "options" else None
    return Task(messages, dict(checks), stem)


def _second(
    statements: Sequence[Statement], found: Mapping[str, str], conditions: Conditions
) -> Task:
    """The rewriting of those texts that deny something."""
    labels = labels_of(len(statements))
    denying = {
        label: facts
        for label, facts in zip(labels, statements, strict=True)
        if any(f.existence == "absent" for f in facts)
    }
    checks = {
        label: partial(check_affirmative, negated=found[label], facts=facts, conditions=conditions)
        for label, facts in denying.items()
    }
    messages = load_prompt("rewrite").messages(statements=rewriting(denying, found, conditions))
    return Task(messages, dict(checks))


def _wording(first: Task, second: Task | None) -> Wording:
    last = second or first
    if last.missing():
        return Wording(last.faults[last.missing()[0]].code)
    found = first.found
    rewritten = second.found if second else {}
    return Wording(
        "",
        found.get(STEM, ""),
        tuple(found[label] for label in first.checks),
        tuple(rewritten.get(label, found[label]) for label in first.checks),
    )
