"""What reviewers are asked about: phrases, option sets and a sample of questions, row by row."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash, seed_of
from nast.items.review.rows import (
    BUILT_ON,
    CHECKS,
    ID,
    NEW_CLASS,
    NEW_PHRASE,
    OPTION_SETS,
    PHRASES,
    QUESTIONS,
    VERSION,
    Row,
    Sheet,
)
from nast.items.review.wording import MARK, in_words
from nast.items.table import LETTERS
from nast.language.read.lexicon import lexicon
from nast.language.read.parse import read
from nast.records import SPLITS, Fact

TEMPLATE = "template:"
"""Begins the writer of words that follow one of the package's sentence forms."""


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
    """The questions of a table of items, in order.

    Args:
        items: `ITEMS_SCHEMA`, with a negated and an affirmative form of each question.
    """
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
        Sheet(PHRASES, (NEW_PHRASE, NEW_CLASS), list(_phrases(asked, conditions))),
        Sheet(OPTION_SETS, (), [_set_row(options, some) for options, some in asked.items()]),
        Sheet(QUESTIONS, (), [_question_row(pair) for pair in pairs[:number]]),
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


def _phrases(asked: Mapping[OptionSet, Sequence[Pair]], conditions: Conditions) -> Iterator[Row]:
    """All Table 5 phrases of the table, and every name and sentence form in use."""
    denied: dict[str, dict[OptionSet, Sequence[Pair]]] = defaultdict(dict)
    named: dict[tuple[str, str], dict[OptionSet, Sequence[Pair]]] = defaultdict(dict)
    written: dict[str, dict[OptionSet, Sequence[Pair]]] = defaultdict(dict)
    for options, pairs in asked.items():
        written[options.writer][options] = pairs
        for condition, words, is_phrase in _readings(options, conditions):
            held = denied[condition] if is_phrase else named[condition, words]
            held[options] = pairs
    for name, known in conditions.items():
        if known.normal:
            says, class_ = in_words([Fact(name, "absent")]), str(known.phrase_class)
            texts = ("Table 5 phrase", name, says, f"no {known.term}", known.normal, class_)
            edits = {NEW_PHRASE: known.normal, NEW_CLASS: class_}
            yield _phrase_row(f"table5:{name}", texts, denied[name], tuple(CHECKS), edits)
    for (name, word), sets in sorted(named.items(), key=itemgetter(0)):
        texts = ("name", name, in_words([Fact(name, "present")]), f"no {word}", word, "")
        yield _phrase_row(f"name:{name}:{word}", texts, sets, ("faithful", "natural"), {})
    for writer in sorted(w for w in written if w.startswith(TEMPLATE)):
        texts = ("sentence form", "", *_example(written[writer]), "")
        id_, checks = f"form:{writer.removeprefix(TEMPLATE)}", ("faithful", "polarity", "natural")
        yield _phrase_row(id_, texts, written[writer], checks, {})


def _phrase_row(
    id_: str,
    texts: tuple[str, str, str, str, str, str],
    asked: Mapping[OptionSet, Sequence[Pair]],
    checks: Iterable[str],
    edits: dict[str, str],
) -> Row:
    columns = ("Kind", "Condition", "Must say", "Negated form", "Affirmative form", "Class")
    pairs = [pair for some in asked.values() for pair in some]
    fixed = {**dict(zip(columns, texts, strict=True)), BUILT_ON: str(len(pairs))}
    return _row(id_, fixed, pairs, checks, edits)


def _readings(options: OptionSet, conditions: Conditions) -> Iterator[tuple[str, str, bool]]:
    """(condition, its words, whether they are a Table 5 phrase) in all texts of a set."""
    known = lexicon(conditions=conditions).phrases
    for facts, *texts in zip(options.facts, options.negated, options.affirmative, strict=True):
        for text in texts:
            readings = read(text, conditions=conditions)
            if {r.fact for r in readings} != set(facts):
                raise InputError(
                    "the questions",
                    found="an option that does not read as its facts",
                    expected="the conditions.yaml that they were made with, in their folder",
                )
            for reading in readings:
                words = text[reading.start : reading.end].lower()
                yield reading.fact.condition, words, words in known


def _example(sets: Iterable[OptionSet]) -> tuple[str, str, str]:
    """What an option says and its two texts; one that denies and affirms, where there is one."""
    options = [
        option for s in sets for option in zip(s.facts, s.negated, s.affirmative, strict=True)
    ]
    facts, negated, affirmative = max(options, key=lambda o: len({f.existence for f in o[0]}))
    return in_words(facts), negated, affirmative


def _set_row(options: OptionSet, pairs: Sequence[Pair]) -> Row:
    texts = {
        "Must say": _lettered(map(in_words, options.facts)),
        "Negated form": _lettered(options.negated),
        "Affirmative form": _lettered(options.affirmative),
        BUILT_ON: str(len(pairs)),
    }
    return _row(options.id, texts, pairs, CHECKS)


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
    return _row(f"question:{row['pair_id']}", texts, [pair], CHECKS)


def _row(
    id_: str,
    texts: dict[str, str],
    pairs: Sequence[Pair],
    checks: Iterable[str],
    edits: dict[str, str] | None = None,
) -> Row:
    fixed = {ID: id_, **texts}
    fixed |= {VERSION: content_hash(fixed)[:12]}
    groups = frozenset(pair.row["group_id"] for pair in pairs)
    return Row(id_, fixed, tuple(checks), edits or {}, groups)


def _lettered(texts: Iterable[str]) -> str:
    return "\n".join(f"{LETTERS[i]}. {text}" for i, text in enumerate(texts))
