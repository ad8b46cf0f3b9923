"""Decisions of a review -> the questions that stay, in the phrases that reviewers want."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import yaml

from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.files import write_text
from nast.items.review.decisions import Decision
from nast.items.review.sheets import (
    MARK,
    NEW_CLASS,
    NEW_PHRASE,
    REJECT,
    in_words,
    pairs_of,
)
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of, survey
from nast.language.write.templates import finish
from nast.records import Fact


class Revision(NamedTuple):
    """What a review changes.

    Attributes:
        conditions: the table with the new phrases and classes; a rejected phrase is gone.
        phrases: Table 5 phrase -> the new one.
        dropped: groups of questions of which something that they are built on was rejected.
    """

    conditions: Conditions
    phrases: dict[str, str]
    dropped: frozenset[str]


def revision_of(decisions: Sequence[Decision], conditions: Conditions = CONDITIONS) -> Revision:
    """What the decisions of a review change; rows without one stay as they are."""
    dropped: set[str] = set()
    table = dict(conditions)
    phrases: dict[str, str] = {}
    for decision in decisions:
        row = decision.row
        if decision.verdict == REJECT:
            dropped |= row.groups
        if row.edits:
            name = row.fixed["Condition"]
            table[name] = _reviewed(table[name], decision)
            if NEW_PHRASE in decision.edits:
                phrases[row.edits[NEW_PHRASE]] = decision.edits[NEW_PHRASE]
    return Revision(Conditions(table), phrases, frozenset(dropped))


def _reviewed(condition: Condition, decision: Decision) -> Condition:
    """A condition after a decision on its phrase; without one it takes no part in later builds."""
    if decision.verdict == REJECT:
        return replace(condition, normal=None, phrase_class=None, reviewed=True)
    named = {"normal": NEW_PHRASE, "phrase_class": NEW_CLASS}
    edits: Any = {f: decision.edits[c] for f, c in named.items() if c in decision.edits}
    return replace(condition, **edits, reviewed=True)


def faults_of(
    items: pl.DataFrame, decisions: Sequence[Decision], conditions: Conditions = CONDITIONS
) -> list[str]:
    """What is wrong with corrected phrases: each must read as the absence of its condition, alone
    and in every option of the items that holds it.
    """
    new = [d for d in decisions if NEW_PHRASE in d.edits]
    times = Counter(d.edits[NEW_PHRASE].lower() for d in new)
    found = []
    for decision in new:
        phrase = decision.edits[NEW_PHRASE]
        fault = phrase_fault(decision.row.fixed["Condition"], phrase, conditions)
        if times[phrase.lower()] > 1:
            fault = "found the new phrase of another condition, expected one of its own"
        if fault:
            found.append(f"{decision.place}, column {NEW_PHRASE!r}: {fault}")
    return found or list(_misread(items, revision_of(decisions, conditions)))


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


def reworded(text: str, phrases: Mapping[str, str]) -> str:
    """A text with Table 5 phrases replaced, old -> new; a capital stays a capital."""
    if not phrases:
        return text
    lowered = {old.lower(): new for old, new in phrases.items()}
    longest = sorted(lowered, key=len, reverse=True)

    def new(match: re.Match[str]) -> str:
        word = lowered[match.group().lower()]
        return word[0].upper() + word[1:] if match.group()[0].isupper() else word

    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)"
    return re.sub(pattern, new, text, flags=re.IGNORECASE)


def phrase_fault(name: str, phrase: str, conditions: Conditions = CONDITIONS) -> str | None:
    """What is wrong with a new phrase for the absence of a condition of a table; else None."""
    others = {c.normal.lower() for c in conditions.values() if c.normal and c.name != name}
    if phrase.lower() in others:
        return "found the phrase of another condition, expected one of its own"
    if not any(letter.isalpha() for letter in phrase):
        return "found no words, expected a phrase"
    if phrase.endswith(".") or (phrase[0].isupper() and phrase[1:2].islower()) or "\n" in phrase:
        return "found a sentence, expected a phrase in small letters without a full stop"
    if cues(phrase):
        return f"found the negation {cues(phrase)[0]!r}, expected affirmative words only"
    if facts_of(finish(phrase), _with_phrase(name, phrase, conditions)) != {Fact(name, "absent")}:
        return "found words that are not read as one phrase, expected plain words without doubt"
    # A phrase of the table is read whole; what it holds shows while it is none. It may say the same
    # in other words: "heart size within normal limits".
    readings, unread = survey(finish(phrase), _with_phrase(name, None, conditions))
    held = {reading.fact for reading in readings} - {Fact(name, "absent")}
    found = f"read as ({in_words(sorted(held, key=repr))})" if held else ""
    found = found or ", ".join(f"name {one}" for one in sorted({u.condition for u in unread}))
    if found:
        return (
            f"found words that {found}, expected words that name no condition and hold no other "
            "phrase"
        )
    return None


def _with_phrase(name: str, normal: str | None, conditions: Conditions) -> Conditions:
    """The table in which a condition has some phrase, or none."""
    return Conditions({**conditions, name: replace(conditions[name], normal=normal)})


def revised(items: pl.DataFrame, revision: Revision, round_: int) -> pl.DataFrame:
    """The items that stay, in their new words, with the review in `realiser`.

    A group goes whole: only whole groups keep the words alone at chance. Rounds count from 1.
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
    rows = {
        name: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(condition).items()
            if key != "name" and value != plain[key]
        }
        for name, condition in conditions.items()
    }
    text = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=100)
    write_text(path, "# The table after review; nast facts --conditions takes it.\n\n" + text)
