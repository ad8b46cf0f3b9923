"""Decisions of a review -> the questions that stay, in the words that reviewers want."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from nast.facts.conditions import CONDITIONS, phrase_conflicts
from nast.items.review.decisions import Decision
from nast.items.review.sheets import (
    NEW_CLASS,
    NEW_PHRASE,
    OPTION_SETS,
    PHRASES,
    REJECT,
    Row,
    SetKey,
    Sheet,
    correction,
    set_key,
)
from nast.items.review.table import changed, conditions_in_use
from nast.items.review.wording import (
    Options,
    fault_of_phrase,
    faults_of_options,
    omitted,
    reviewed_realiser,
    reworded,
    said,
    stated,
)
from nast.language.read.parse import facts_of
from nast.language.write.templates import finish
from nast.records import QUESTIONS_SCHEMA


class Revision(NamedTuple):
    """What a review changes.

    Attributes:
        changes: condition -> fields of the table of conditions; `normal` None for a phrase that
            was rejected.
        phrases: old Table 5 phrase -> new one.
        options: option set -> its options in the new words; only sets whose words change.
        dropped: group of questions -> the sheets in which something it is built on was rejected.
    """

    changes: dict[str, dict[str, Any]]
    phrases: dict[str, str]
    options: dict[SetKey, Options]
    dropped: dict[str, set[str]]


def revision_of(sheets: Sequence[Sheet], decisions: Mapping[str, Decision]) -> Revision:
    """What the decisions of a review change.

    Args:
        sheets: as they went out.
        decisions: row id -> decision; rows without one stay as they are.
    """
    dropped: dict[str, set[str]] = defaultdict(set)
    changes: dict[str, dict[str, Any]] = {}
    phrases: dict[str, str] = {}
    for sheet, row in _rows(sheets):
        decision = decisions.get(row.id)
        if decision and decision.verdict == REJECT:
            for group in row.groups:
                dropped[group].add(sheet.name)
        if decision and sheet.name == PHRASES and row.edits:
            name = row.about.condition
            changes[name] = _table_fields(decision)
            if NEW_PHRASE in decision.edits:
                phrases[row.about.affirmative] = decision.edits[NEW_PHRASE]
    options = {}
    for sheet, row in _rows(sheets):
        if sheet.name == OPTION_SETS and not row.groups <= dropped.keys():
            edits = decisions[row.id].edits if row.id in decisions else {}
            new = _corrected(row.about.options, phrases, edits)
            if new != row.about.options:
                options[row.about] = new
    return Revision(changes, phrases, options, dict(dropped))


def _rows(sheets: Sequence[Sheet]) -> Iterator[tuple[Sheet, Row]]:
    return ((sheet, row) for sheet in sheets for row in sheet.rows)


def _table_fields(decision: Decision) -> dict[str, Any]:
    """What a decision on a Table 5 phrase changes in the table; without a phrase a condition
    takes no part in later builds.
    """
    if decision.verdict == REJECT:
        return {"normal": None, "phrase_class": None, "reviewed": True}
    named = {"normal": NEW_PHRASE, "phrase_class": NEW_CLASS}
    edits = {f: decision.edits[c] for f, c in named.items() if c in decision.edits}
    return {**edits, "reviewed": True}


def _corrected(options: Options, phrases: Mapping[str, str], edits: Mapping[str, str]) -> Options:
    """A set in its new words: corrected phrases first, then what was written for an option."""
    negated = [edits.get(correction("negated", i), t) for i, t in enumerate(options.negated)]
    affirmative = [
        edits.get(correction("affirmative", i), reworded(t, phrases))
        for i, t in enumerate(options.affirmative)
    ]
    return options._replace(negated=tuple(negated), affirmative=tuple(affirmative))


def faults_of(
    sheets: Sequence[Sheet], decisions: Mapping[str, Decision], places: Mapping[str, str]
) -> list[str]:
    """What is wrong with corrections: their words must read as the labels, in both forms.

    Args:
        sheets: as they went out.
        decisions: row id -> decision, of one reviewer or of all together.
        places: row id -> where it stands, for the messages.
    """
    phrases = {
        row.id: (row.about.condition, decisions[row.id].edits[NEW_PHRASE])
        for sheet, row in _rows(sheets)
        if sheet.name == PHRASES and row.id in decisions and NEW_PHRASE in decisions[row.id].edits
    }
    faults = {id_: _phrase_fault(*given) for id_, given in phrases.items()}
    new = Counter(phrase.lower() for _, phrase in phrases.values())
    for id_, (_, phrase) in phrases.items():
        if new[phrase.lower()] > 1:
            faults[id_] = "found the new phrase of another condition, expected one of its own"
    wrong = {id_: fault for id_, fault in faults.items() if fault}
    found = [f"{places[i]}, column {NEW_PHRASE!r}: {fault}" for i, fault in wrong.items()]
    # Sentences are read with the phrases that are right.
    revision = revision_of(sheets, {i: d for i, d in decisions.items() if i not in wrong})
    return found + list(_sentence_faults(sheets, revision, places))


def _phrase_fault(name: str, phrase: str) -> str | None:
    others = {c.normal.lower() for c in CONDITIONS.values() if c.normal and c.name != name}
    if phrase.lower() in others:
        return "found the phrase of another condition, expected one of its own"
    if not any(letter.isalpha() for letter in phrase):
        return "found no words, expected a phrase"
    with conditions_in_use(changed({name: {"normal": phrase}})):
        fault = fault_of_phrase(name, phrase)
    # A phrase of the table is read whole; what it holds shows while it is none.
    with conditions_in_use(changed({name: {"normal": None}})):
        held = sorted(facts_of(finish(phrase)), key=repr)
    if held and not fault:
        fault = (
            f"found words that read as ({said(held)}), expected words that name no condition "
            "and hold no other phrase"
        )
    return fault


def _sentence_faults(
    sheets: Sequence[Sheet], revision: Revision, places: Mapping[str, str]
) -> Iterator[str]:
    with conditions_in_use(changed(revision.changes)):
        for sheet, row in _rows(sheets):
            if sheet.name == OPTION_SETS and row.about in revision.options:
                place = places.get(row.id, f"option set {row.id!r}, after the corrected phrases")
                for form, option, fault in faults_of_options(revision.options[row.about]):
                    yield f"{place}, column {correction(form, option)!r}: {fault}"


def revised(questions: pl.DataFrame, revision: Revision, round_: int) -> pl.DataFrame:
    """The questions that stay, in their new words, with the review in `realiser`.

    A group goes whole: only whole groups keep the words alone at chance.

    Args:
        questions: `QUESTIONS_SCHEMA`.
        revision: what the review changes.
        round_: number of this review, from 1.
    """
    rows = []
    for question in questions.iter_rows(named=True):
        if question["group_id"] not in revision.dropped:
            new = revision.options.get(set_key(question))
            rows.append(_reworded_question(question, new, round_) if new else question)
    return pl.DataFrame(rows, schema=QUESTIONS_SCHEMA)


def _reworded_question(question: dict[str, Any], new: Options, round_: int) -> dict[str, Any]:
    words = dict(zip(new.labels, zip(new.negated, new.affirmative, strict=True), strict=True))
    labels = [tuple(values) for values in question["options"]]
    negated = [words[values][0] for values in labels]
    left = [
        old_left
        if text == old
        else omitted(stated(question["conditions"], values), text, question["realiser"])
        for values, text, old, old_left in zip(
            labels, negated, question["negated"], question["omitted"], strict=True
        )
    ]
    return question | {
        "negated": negated,
        "affirmative": [words[values][1] for values in labels],
        "omitted": left,
        "realiser": reviewed_realiser(question["realiser"], round_),
    }


def counts_of(questions: pl.DataFrame) -> dict[str, Any]:
    """The counts that a review changes, under the names that `make_questions` gives them."""
    rows = questions.rows(named=True)
    return {
        "studies that serve": questions["study_id"].n_unique(),
        "groups": questions["group_id"].n_unique(),
        "questions": len(rows),
        "questions whose answer contradicts itself in Table 5's words": sum(
            map(_self_contradicting, rows)
        ),
        "questions by split": dict(sorted(Counter(questions["split"]).items())),
        "questions by condition": dict(
            sorted(Counter(c for r in rows for c in r["conditions"]).items())
        ),
    }


def _self_contradicting(row: dict[str, Any]) -> bool:
    facts = stated(row["conditions"], row["options"][row["answer"]])
    return bool(phrase_conflicts({f.condition: f.existence for f in facts}))
