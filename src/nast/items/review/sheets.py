"""What reviewers are asked about: phrases, option sets and a sample of questions, row by row."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash, seed_of
from nast.items.table import LETTERS
from nast.language.read.lexicon import lexicon
from nast.language.read.parse import read
from nast.records import SPLITS, Fact

CHECKS = {
    "faithful": "Faithful to the labels",
    "polarity": "Differs only in polarity",
    "natural": "Natural wording",
    "one right": "Exactly one right option",
}
"""The four checks of every row, and their columns."""
ID, VERSION, VERDICT, COMMENT = "Id", "Version", "Verdict", "Comment"
BUILT_ON = "Questions built on it"
NEW_PHRASE, NEW_CLASS = "Corrected phrase", "Corrected class"
ACCEPT, EDIT, REJECT = "accept", "edit", "reject"
VERDICTS = (ACCEPT, EDIT, REJECT)
"""From mild to strict."""
CANNOT_TELL = "cannot tell"
"""Of a question whose film does not show it: the row counts as not judged, and is listed."""
FIRST = "Read me first"
PHRASES, OPTION_SETS, QUESTIONS = SHEETS = ("Phrases", "Option sets", "Questions")
MARK = "+review"
"""Ends the realiser of words that a review has changed, with the number of the round."""


class Row(NamedTuple):
    """One thing to judge.

    Attributes:
        id: stable from version to version.
        fixed: column -> text that reviewers must not change; the last is a hash of the others.
        edits: column open to corrections -> the present text; of a Table 5 phrase alone.
        groups: the groups of questions that are built on it.
    """

    id: str
    fixed: dict[str, str]
    edits: dict[str, str]
    groups: frozenset[str]


class Sheet(NamedTuple):
    """A sheet: its name, and at least one row; all rows are open to the same corrections."""

    name: str
    rows: list[Row]

    @property
    def header(self) -> tuple[str, ...]:
        """All columns in order: fixed ones, checks, verdict, corrections, comment."""
        first = self.rows[0]
        return (*first.fixed, *CHECKS.values(), VERDICT, *first.edits, COMMENT)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The verdicts that a row can get."""
        if self.rows[0].edits:
            return VERDICTS
        return (ACCEPT, REJECT, CANNOT_TELL) if self.name == QUESTIONS else (ACCEPT, REJECT)


class OptionSet(NamedTuple):
    """The options of a group of questions, whatever their order: equal for equal words.

    Attributes:
        writer: of the words, without the mark of a review: "template:no".
        facts: what each option says.
        negated: a text per option.
        affirmative: a text per option.
    """

    writer: str
    facts: tuple[tuple[Fact, ...], ...]
    negated: tuple[str, ...]
    affirmative: tuple[str, ...]

    @property
    def id(self) -> str:
        """Stays the same when a review changes the words."""
        return f"set:{content_hash([self.writer, *map(in_words, self.facts)])[:12]}"


class Pair(NamedTuple):
    """A question: its row in negated words, its affirmative options, the set of its group."""

    row: dict[str, Any]
    affirmative: list[str]
    options: OptionSet


def build_id(items: pl.DataFrame) -> str:
    """Which build a sheet belongs to: a hash of all items in all their words."""
    columns = ("item_id", "stem", "options", "facts", "answer", "realiser")
    return content_hash(items.select(columns).rows())[:16]


def pairs_of(items: pl.DataFrame) -> list[Pair]:
    """The questions of a table of items that has each in both forms, in order."""
    affirmative = items.filter(form="affirmative")
    others = dict(zip(affirmative["pair_id"], affirmative["options"].to_list(), strict=True))
    sets: dict[str, OptionSet] = {}
    pairs = []
    for row in items.filter(form="negated").iter_rows(named=True):
        texts = others[row["pair_id"]]
        # Questions of a group show the same options.
        if row["group_id"] not in sets:
            sets[row["group_id"]] = _option_set(row, texts)
        pairs.append(Pair(row, texts, sets[row["group_id"]]))
    return pairs


def _option_set(row: Mapping[str, Any], affirmative: Sequence[str]) -> OptionSet:
    facts = [tuple(Fact(**fact) for fact in option) for option in row["facts"]]
    order = sorted(range(len(facts)), key=lambda i: [f.existence for f in facts[i]])
    return OptionSet(
        row["realiser"].partition(MARK)[0],
        tuple(facts[i] for i in order),
        tuple(row["options"][i] for i in order),
        tuple(affirmative[i] for i in order),
    )


def sheets_of(
    items: pl.DataFrame, number: int, seed: int, conditions: Conditions = CONDITIONS
) -> list[Sheet]:
    """The sheets of a question set: phrases, option sets and questions.

    Args:
        items: `ITEMS_SCHEMA`.
        number: how many questions are drawn.
        seed: of the draw and of the order of rows.
        conditions: whose words the questions use.

    Raises:
        InputError: an option does not read as its facts: another table of conditions made it.
    """
    pairs = in_turn(pairs_of(items), seed)
    asked: dict[OptionSet, list[Pair]] = defaultdict(list)
    for pair in pairs:
        asked[pair.options].append(pair)
    return [
        Sheet(PHRASES, list(_phrases(asked, conditions))),
        Sheet(OPTION_SETS, [_set_row(options, some) for options, some in asked.items()]),
        Sheet(QUESTIONS, [_question_row(pair) for pair in pairs[:number]]),
    ]


def in_turn(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """Questions in a random order in which the groups take turns, the test split first."""
    order = np.random.default_rng(seed_of(seed, "review")).permutation(len(pairs))
    shuffled = [pairs[i] for i in order.tolist()]
    served: Counter[str] = Counter()
    turns = {}
    for pair in shuffled:
        group = pair.row["group_id"]
        turns[pair.row["pair_id"]] = (-SPLITS.index(pair.row["split"]), served[group])
        served[group] += 1
    return sorted(shuffled, key=lambda pair: turns[pair.row["pair_id"]])


def in_words(facts: Iterable[Fact]) -> str:
    """What a text must say, attributes included: "Edema: absent; Fracture: present"."""
    return "; ".join(
        f"{f.condition}: " + " ".join(filter(None, (f.existence, f.severity, f.side, f.zone)))
        for f in facts
    )


def _phrases(asked: Mapping[OptionSet, Sequence[Pair]], conditions: Conditions) -> Iterator[Row]:
    holding: dict[str, list[Pair]] = defaultdict(list)
    for options, pairs in asked.items():
        for name in _phrases_in(options, conditions):
            holding[name] += pairs
    for name, known in conditions.items():
        if known.normal:
            texts = {
                "Condition": name,
                "Must say": in_words([Fact(name, "absent")]),
                "Negated form": f"no {known.term}",
                "Affirmative form": known.normal,
                "Class": str(known.phrase_class),
                BUILT_ON: str(len(holding[name])),
            }
            edits = {NEW_PHRASE: known.normal, NEW_CLASS: texts["Class"]}
            yield _row(f"table5:{name}", texts, holding[name], edits)


def _phrases_in(options: OptionSet, conditions: Conditions) -> set[str]:
    """The conditions whose Table 5 phrases stand in the options of a set."""
    phrases = lexicon(conditions=conditions).phrases
    found = set()
    for facts, *texts in zip(options.facts, options.negated, options.affirmative, strict=True):
        for text in texts:
            readings = read(text, conditions=conditions)
            if {r.fact for r in readings} != set(facts):
                raise InputError(
                    "the questions",
                    found="an option that does not read as its facts",
                    expected="the conditions.yaml that they were made with, in their folder",
                )
            held = (r for r in readings if text[r.start : r.end].lower() in phrases)
            found |= {r.fact.condition for r in held}
    return found


def _set_row(options: OptionSet, pairs: Sequence[Pair]) -> Row:
    texts = {
        "Must say": _lettered(map(in_words, options.facts)),
        "Negated form": _lettered(options.negated),
        "Affirmative form": _lettered(options.affirmative),
        BUILT_ON: str(len(pairs)),
    }
    return _row(options.id, texts, pairs)


def _question_row(pair: Pair) -> Row:
    row = pair.row
    texts = {
        "Image": row["image_path"] or "",
        "View": row["view"] or "",
        "Labels of the image": in_words(Fact(**f) for f in row["facts"][row["answer"]]),
        "Stem": row["stem"],
        "Negated form": _lettered(row["options"]),
        "Affirmative form": _lettered(pair.affirmative),
        "Right option": LETTERS[row["answer"]],
        "Option set": pair.options.id,
    }
    return _row(f"question:{row['pair_id']}", texts, [pair])


def _row(
    id_: str, texts: dict[str, str], pairs: Sequence[Pair], edits: dict[str, str] | None = None
) -> Row:
    fixed = {ID: id_, **texts}
    fixed |= {VERSION: content_hash(fixed)[:12]}
    return Row(id_, fixed, edits or {}, frozenset(pair.row["group_id"] for pair in pairs))


def _lettered(texts: Iterable[str]) -> str:
    return "\n".join(f"{LETTERS[i]}. {text}" for i, text in enumerate(texts))
