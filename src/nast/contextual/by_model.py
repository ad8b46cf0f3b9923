"""Claims and captions in a language model's words (paper section 4.1, Appendix C).

The model sees facts, never studies: a set of facts is written once per paraphrase, for however
many studies hold it. Each text is read back; what fails is asked for again and in the end written
by a template.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nast.contextual.captions import Wordings, wordings_of
from nast.contextual.claims import Words
from nast.contextual.statements import TrueStatement
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash
from nast.items.groups import Group
from nast.language.write.caption_forms import caption, caption_forms
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.cache import AnswerCache, ask
from nast.language.write.llm.dialogue import Task, converse
from nast.language.write.llm.prompts import (
    Messages,
    fields_of,
    labels_of,
    load_prompt,
    version_of,
)
from nast.language.write.llm.realise import realise, set_key
from nast.language.write.llm.validate import check_negated

BATCH = 12
"""Statements of single captions in one prompt."""
_AGAIN = (
    "\n\nThis is wording number {number} of the same facts: use other plain words and another "
    "order than the examples, and keep all rules."
)


def paraphrasing(model: LanguageModel, number: int) -> LanguageModel:
    """The model asked for another wording of the same facts; number 0 is the model itself."""
    if number == 0:
        return model

    def backend(batch: Sequence[Messages]) -> Sequence[str | None]:
        return model.backend([_varied(messages, number) for messages in batch])

    # The number stands among the settings, so that the answers of each are kept apart.
    return replace(model, backend=backend, decoding={**model.decoding, "paraphrase": number})


def _varied(messages: Messages, number: int) -> Messages:
    first, *rest = messages
    return ({**first, "content": first["content"] + _AGAIN.format(number=number + 1)}, *rest)


def write_claims(
    groups: Sequence[Group],
    model: LanguageModel,
    *,
    paraphrases: int = 1,
    seed: int = 0,
    retries: int = 2,
    cache: Path | None = None,
    conditions: Conditions = CONDITIONS,
) -> tuple[list[Words | None], dict[str, Any]]:
    """The words of each group, and counts for the manifest.

    Args:
        groups: of `find_groups`.
        model: writes.
        paraphrases: wordings of each set of facts; a group gets one of them.
        seed: decides the template of a set that the model fails.
        retries: how often a text may be asked for again.
        cache: file of answers.
        conditions: that the claims are named by.

    Returns:
        For each group its words, or None where a condition has no affirmative phrase (a template
        writes it).

    Raises:
        ModelError: the model cannot be reached; what it answered is kept in the cache.
    """
    turns = [_paraphrase_of(group, paraphrases, conditions) for group in groups]
    words: dict[Any, Any] = {}
    counts: dict[str, Any] = {}
    for number in range(paraphrases):
        sets = [g.options for g, turn in zip(groups, turns, strict=True) if turn == number]
        speaker = paraphrasing(model, number)
        found, told = realise(
            sets, "claims", speaker, seed=seed, retries=retries, cache=cache, conditions=conditions
        )
        words |= {(key, number): one for key, one in found.items()}
        counts[f"wording {number + 1}"] = told
    written: list[Words | None] = []
    for group, turn in zip(groups, turns, strict=True):
        one = words[set_key(group.options, conditions), turn] if turn is not None else None
        written.append((one.realiser, one.forms(group.options)) if one else None)
    return written, counts


def _paraphrase_of(group: Group, paraphrases: int, conditions: Conditions) -> int | None:
    if any(conditions[name].normal is None for name in group.conditions):
        return None
    key = [*group.studies, repr(group.options)]
    return int(content_hash(key)[:8], 16) % paraphrases


def write_captions(
    statements: Sequence[TrueStatement],
    model: LanguageModel,
    *,
    paraphrases: int = 1,
    retries: int = 2,
    cache: Path | None = None,
    conditions: Conditions = CONDITIONS,
) -> tuple[Wordings, dict[str, Any]]:
    """Each statement in so many different wordings, and counts for the manifest.

    Args:
        statements: what captions say; denials of a side, zone or grade among them.
        model: writes; see `write_claims` for the other arguments.
        paraphrases: wordings of each statement.
        retries: how often a text may be asked for again.
        cache: file of answers.
        conditions: that the statements are named by.
    """
    answers = AnswerCache(cache)
    asked: Counter[str] = Counter()
    texts: list[list[str]] = [[] for _ in statements]
    counts: dict[str, Any] = {}
    for number in range(paraphrases):
        tasks = [_task(batch, conditions, model.prompts) for batch in _batches(statements)]
        speaker = paraphrasing(model, number)
        told = converse(tasks, partial(ask, speaker, cache=answers, counts=asked), retries)
        found = [task.found.get(label) for task in tasks for label in task.checks]
        for ways, text in zip(texts, found, strict=True):
            if text and text not in ways:
                ways.append(text)
        counts[f"wording {number + 1}"] = told
    by_model = [len(ways) for ways in texts]
    for statement, ways in zip(statements, texts, strict=True):
        fact = statement.fact
        forms = (caption(fact, form, conditions) for form in caption_forms(fact.existence))
        ways += [text for text in forms if text not in ways][: paraphrases - len(ways)]
    realiser = f"llm:{model.name}:{version_of(['claims', 'again'], model.prompts)}"
    counts |= {
        "realiser": realiser,
        "statements": len(statements),
        "wordings replaced by templates": len(statements) * paraphrases - sum(by_model),
        **asked,
    }
    writers = [
        [realiser] * number + ["template"] * (len(ways) - number)
        for ways, number in zip(texts, by_model, strict=True)
    ]
    return wordings_of(texts, writers), counts


def _batches(statements: Sequence[TrueStatement]) -> list[Sequence[TrueStatement]]:
    return [statements[i : i + BATCH] for i in range(0, len(statements), BATCH)]


def _task(
    statements: Sequence[TrueStatement], conditions: Conditions, prompts: Path | None
) -> Task:
    labels = labels_of(len(statements))
    checks: dict[str, Callable[[str], Any]] = {
        label: partial(check_negated, facts=[s.fact], conditions=conditions)
        for label, s in zip(labels, statements, strict=True)
    }
    fields = fields_of("claims", [(s.fact,) for s in statements], conditions)
    messages = load_prompt("claims", prompts).messages(**fields)
    return Task(messages, checks, prompts=prompts)
