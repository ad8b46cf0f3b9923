"""Decisions of a review -> the questions that stay, in the phrases that reviewers want."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import yaml

from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.files import write_text
from nast.items.review.decisions import Decision
from nast.items.review.rows import NEW_CLASS, NEW_PHRASE, REJECT, Row, Sheet
from nast.items.review.sheets import pairs_of
from nast.items.review.wording import MARK, in_words, phrase_fault, reworded
from nast.language.read.parse import cues, facts_of


class Revision(NamedTuple):
    """What a review changes.

    Attributes:
        conditions: the table with the new phrases and classes; a rejected phrase is gone.
        phrases: Table 5 phrase -> the new one.
        dropped: group of questions -> the sheets in which something it is built on was rejected.
    """

    conditions: Conditions
    phrases: dict[str, str]
    dropped: dict[str, set[str]]


def revision_of(
    sheets: Sequence[Sheet],
    decisions: Mapping[str, Decision],
    conditions: Conditions = CONDITIONS,
) -> Revision:
    """What the decisions of a review change.

    Args:
        sheets: as they went out.
        decisions: row id -> decision; rows without one stay as they are.
        conditions: whose words the questions use.
    """
    dropped: dict[str, set[str]] = defaultdict(set)
    table = dict(conditions)
    phrases: dict[str, str] = {}
    for sheet, row, decision in _decided(sheets, decisions):
        if decision.verdict == REJECT:
            for group in row.groups:
                dropped[group].add(sheet.name)
        if row.edits:
            name = row.fixed["Condition"]
            table[name] = _reviewed(table[name], decision)
            if NEW_PHRASE in decision.edits:
                phrases[row.edits[NEW_PHRASE]] = decision.edits[NEW_PHRASE]
    return Revision(Conditions(table), phrases, dict(dropped))


def _decided(
    sheets: Sequence[Sheet], decisions: Mapping[str, Decision]
) -> Iterator[tuple[Sheet, Row, Decision]]:
    rows = ((sheet, row) for sheet in sheets for row in sheet.rows if row.id in decisions)
    return ((sheet, row, decisions[row.id]) for sheet, row in rows)


def _reviewed(condition: Condition, decision: Decision) -> Condition:
    """A condition after a decision on its phrase; without one it takes no part in later builds."""
    if decision.verdict == REJECT:
        return replace(condition, normal=None, phrase_class=None, reviewed=True)
    named = {"normal": NEW_PHRASE, "phrase_class": NEW_CLASS}
    edits: Any = {f: decision.edits[c] for f, c in named.items() if c in decision.edits}
    return replace(condition, **edits, reviewed=True)


def faults_of(
    items: pl.DataFrame,
    sheets: Sequence[Sheet],
    decisions: Mapping[str, Decision],
    conditions: Conditions = CONDITIONS,
) -> list[str]:
    """What is wrong with corrected phrases: each must read as the absence of its condition, alone
    and in every option that holds it.

    Args:
        items: `ITEMS_SCHEMA`, as they are.
        sheets: as they went out.
        decisions: row id -> decision.
        conditions: whose words the questions use.
    """
    new = [
        (row, decision.edits[NEW_PHRASE], f"{decision.place}, column {NEW_PHRASE!r}")
        for _, row, decision in _decided(sheets, decisions)
        if NEW_PHRASE in decision.edits
    ]
    times = Counter(phrase.lower() for _, phrase, _ in new)
    found = []
    for row, phrase, place in new:
        fault = phrase_fault(row.fixed["Condition"], phrase, conditions)
        if times[phrase.lower()] > 1:
            fault = "found the new phrase of another condition, expected one of its own"
        if fault:
            found.append(f"{place}: {fault}")
    return found or list(_misread(items, revision_of(sheets, decisions, conditions)))


def _misread(items: pl.DataFrame, revision: Revision) -> Iterator[str]:
    """Option sets whose affirmative words do not read as their facts any more."""
    sets = {
        pair.options for pair in pairs_of(items) if pair.row["group_id"] not in revision.dropped
    }
    for options in sets if revision.phrases else ():
        for facts, text in zip(options.facts, options.affirmative, strict=True):
            new = reworded(text, revision.phrases)
            read = facts_of(new, conditions=revision.conditions)
            if new != text and (read != set(facts) or cues(new)):
                yield (
                    f"option set {options.id!r}, after the corrected phrases: found words that "
                    f"read as ({in_words(sorted(read, key=repr))}), expected ({in_words(facts)})"
                )


def revised(items: pl.DataFrame, revision: Revision, round_: int) -> pl.DataFrame:
    """The items that stay, in their new words, with the review in `realiser`.

    A group goes whole: only whole groups keep the words alone at chance.

    Args:
        items: `ITEMS_SCHEMA`.
        revision: what the review changes.
        round_: number of this review, from 1.
    """
    left = items.filter(~pl.col("group_id").is_in(list(revision.dropped)))
    words = [
        [reworded(text, revision.phrases) for text in options] if form == "affirmative" else options
        for form, options in left.select("form", "options").iter_rows()
    ]
    new = left.with_columns(options=pl.Series(words, dtype=pl.List(pl.String)))
    changed = new.filter(new["options"] != left["options"])["group_id"].unique()
    mark = pl.col("realiser").str.split(MARK).list.first() + f"{MARK}{round_}"
    touched = pl.col("group_id").is_in(changed.to_list())
    return new.with_columns(realiser=pl.when(touched).then(mark).otherwise("realiser"))


def reviewed_counts(items: pl.DataFrame, conditions: Conditions = CONDITIONS) -> dict[str, Any]:
    """The counts that a review changes, under the names that the build gives them."""
    asked = items.filter(form="negated")
    answers = [
        {fact["condition"]: fact["existence"] for fact in row["facts"][row["answer"]]}
        for row in asked.iter_rows(named=True)
    ]
    return {
        "studies that serve": asked["study_id"].n_unique(),
        "groups": asked["group_id"].n_unique(),
        "questions": len(asked),
        "questions whose answer contradicts itself in Table 5's words": sum(
            bool(conditions.phrase_conflicts(labels)) for labels in answers
        ),
        "questions by split": dict(sorted(Counter(asked["split"]).items())),
        "questions by condition": dict(sorted(Counter(c for a in answers for c in a).items())),
    }


def write_conditions(path: Path, conditions: Mapping[str, Condition]) -> None:
    """Write a table of conditions as YAML, in the form of `facts/conditions.yaml`."""
    plain = asdict(Condition(name="", term=""))
    names = [f.name for f in fields(Condition) if f.name != "name"]
    rows = {
        name: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in ((key, getattr(condition, key)) for key in names)
            if value != plain[key]
        }
        for name, condition in conditions.items()
    }
    text = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=100)
    write_text(path, "# The table after review; nast facts --conditions takes it.\n\n" + text)
