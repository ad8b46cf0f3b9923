"""Sets of options and claims in a language model's words, each sentence checked (Appendices B, C).

A set goes through two stages: the model writes the negated form, then rewrites its denials with
Table 5's phrases. What fails a check is asked for again, with what is wrong; a set that is not
right after that is written by a template, whole, so that a group speaks with one voice. Only
conditions and their values go into prompts: equal sets of any number of studies are written once.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash, seed_of
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.cache import AnswerCache, ask
from nast.language.write.llm.sets import (
    ClaimSetKey,
    Kind,
    OptionSetKey,
    claim_key,
    option_key,
    statements_of,
)
from nast.language.write.llm.writing import Wording, omitted_of, prompts_version, write_sets
from nast.language.write.templates import FORMS, STEM, STYLES, Form, sentence
from nast.records import Statement

_FORMS: dict[Kind, tuple[Form, ...]] = {"options": FORMS, "claims": ("negated", "affirmative")}


class Written(NamedTuple):
    """The words of one set.

    Attributes:
        stem: of its questions; blank for claims.
        texts: value -> form -> text. A value is a configuration (options) or a tuple of facts.
        realiser: `llm:MODEL:PROMPTS`, PROMPTS being the hash of the prompts, or `template:STYLE`.
    """

    stem: str
    texts: dict[Any, dict[Form, str]]
    realiser: str

    def forms(self, values: Iterable[Hashable]) -> dict[str, list[str]]:
        """Form -> one text per value, in the order given (as `option_texts` has them)."""
        order = [self.texts[value] for value in values]
        return {form: [texts[form] for texts in order] for form in order[0]}


def realise_options(
    sets: Iterable[tuple[Sequence[str], Sequence[Sequence[int]]]],
    model: LanguageModel,
    *,
    seed: int = 0,
    retries: int = 2,
    cache: Path | None = None,
    stem: str = STEM,
    conditions: Conditions = CONDITIONS,
) -> tuple[dict[OptionSetKey, Written], dict[str, Any]]:
    """Options of questions in three forms (paper section 3.2, Appendix B).

    Args:
        sets: (conditions, configurations) of each group; a configuration has 1 for present and 0
            for absent. Equal sets are written once, in whatever order their configurations are.
        model: writes; what it wrote before is taken from the cache.
        seed: decides the template of a set that the model fails.
        retries: how often a text may be asked for again.
        cache: file of answers, see `AnswerCache`; None keeps them for this call only.
        stem: of sets whose stem the model fails.
        conditions: the table of conditions.

    Returns:
        `option_key(conditions, configurations)` -> words, whose `forms(configurations)` are the
        texts; and counts for the manifest. Equal answers and seeds give equal words.

    Raises:
        UsageError: see `sets.option_key`.
        ModelError: the model cannot be reached; what it answered is kept in the cache.
    """
    keys = list(dict.fromkeys(option_key(*one, conditions) for one in sets))
    words, counts = _realise(
        [statements_of(k) for k in keys], "options", model, seed, retries, cache, stem, conditions
    )
    named = (
        one._replace(texts=dict(zip(key[1], one.texts.values(), strict=True)))
        for key, one in zip(keys, words, strict=True)
    )
    return dict(zip(keys, named, strict=True)), counts


def realise_claims(
    sets: Iterable[Iterable[Statement]],
    model: LanguageModel,
    *,
    seed: int = 0,
    retries: int = 2,
    cache: Path | None = None,
    conditions: Conditions = CONDITIONS,
) -> tuple[dict[ClaimSetKey, Written], dict[str, Any]]:
    """Claims of claim sets in two forms (paper section 4.1, Appendix C).

    All facts of a set are in one prompt; one sentence is written for each claim.

    Args:
        sets: the claims of each set, each a tuple of facts; absent ones without attributes.
        model: see `realise_options`, as for the other arguments.
        seed: decides templates.
        retries: how often a text may be asked for again.
        cache: file of answers.
        conditions: the table of conditions.

    Returns:
        `claim_key(claims)` -> words, whose `forms(claims)` are the negated and affirmative texts;
        and counts for the manifest.

    Raises:
        UsageError: see `sets.claim_key`.
        ModelError: the model cannot be reached; what it answered is kept in the cache.
    """
    keys = list(dict.fromkeys(claim_key(claims, conditions) for claims in sets))
    words, counts = _realise(keys, "claims", model, seed, retries, cache, "", conditions)
    return dict(zip(keys, words, strict=True)), counts


def _realise(
    sets: Sequence[Sequence[Statement]],
    kind: Kind,
    model: LanguageModel,
    seed: int,
    retries: int,
    cache: Path | None,
    stem: str,
    conditions: Conditions,
) -> tuple[list[Written], dict[str, Any]]:
    answers = AnswerCache(cache)
    requests = Counter({"answers from the cache": 0, "requests to the model": 0})
    asking = partial(ask, model, cache=answers, counts=requests)
    wordings, stages = write_sets(sets, kind, asking, retries, conditions)
    realiser = f"llm:{model.name}:{prompts_version(kind)}"
    made: Counter[str] = Counter()
    written = []
    for statements, wording in zip(sets, wordings, strict=True):
        rng = np.random.default_rng(seed_of(seed, kind, content_hash(statements)))
        style = str(rng.choice(list(STYLES)))
        if wording.fault:
            written.append(_by_template(statements, kind, style, stem, conditions))
        else:
            made["stems"] += bool(stem) and not wording.stem
            texts = _by_model(statements, kind, wording, style, made, conditions)
            written.append(Written(stem and (wording.stem or stem), texts, realiser))
    failed = Counter(w.fault for w in wordings if w.fault)
    return written, {
        "realiser": realiser,
        "model": {**model.decoding, **model.allowed},
        "sets": len(sets),
        "sets replaced by templates": failed.total(),
        "replaced by reason": dict(sorted(failed.items())),
        **{stage: tally.as_dict() for stage, tally in stages.items()},
        "stems replaced": made["stems"],
        "omitted forms by template": made["omitted"],
        "damaged cache lines": answers.dropped,
        **requests,
    }


def _by_template(
    statements: Sequence[Statement], kind: Kind, style: str, stem: str, conditions: Conditions
) -> Written:
    texts = {s: {f: sentence(s, style, f, conditions) for f in _FORMS[kind]} for s in statements}
    return Written(stem, texts, f"template:{style}")


def _by_model(
    statements: Sequence[Statement],
    kind: Kind,
    wording: Wording,
    style: str,
    made: Counter[str],
    conditions: Conditions,
) -> dict[Any, dict[Form, str]]:
    """The model's texts by statement; the omitted form is cut from the negated one where it can be.

    Where nothing is affirmed, or the cut leaves no good sentence, a template says it.
    """
    texts: dict[Any, dict[Form, str]] = {}
    for statement, negated, affirmative in zip(
        statements, wording.negated, wording.affirmative, strict=True
    ):
        texts[statement] = {"negated": negated, "affirmative": affirmative}
        if kind == "options":
            omitted = omitted_of(statement, negated, conditions)
            made["omitted"] += omitted is None
            texts[statement]["omitted"] = omitted or sentence(
                statement, style, "omitted", conditions
            )
    return texts
