"""What reviewers are asked about: phrases, option sets and a sample of questions, row by row."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from nast.hashes import content_hash
from nast.items.review.phrases import phrases_of
from nast.items.review.sampling import SPLITS, spread
from nast.items.review.wording import Options, base_realiser, labels_in_words, style_of

CHECKS = {
    "faithful": "Faithful to the labels",
    "polarity": "Differs only in polarity",
    "natural": "Natural wording",
    "one right": "Exactly one right option",
}
"""The four checks and their columns."""
VERDICT, COMMENT = "Verdict", "Comment"
ID, VERSION = "Id", "Version"
ACCEPT, EDIT, REJECT = "accept", "edit", "reject"
VERDICTS = (ACCEPT, EDIT, REJECT)
"""From mild to strict."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PHRASES, OPTION_SETS, QUESTIONS = "Phrases", "Option sets", "Questions"
NEW_PHRASE, NEW_CLASS = "Corrected phrase", "Corrected class"


class Row(NamedTuple):
    """One thing to judge.

    Attributes:
        id: stable from version to version.
        fixed: column -> text that reviewers must not change.
        checks: which of the four apply.
        edits: column open to corrections -> the present text.
        groups: the groups of questions that are built on it.
        about: what it is, for whoever applies the decision.
    """

    id: str
    fixed: dict[str, str]
    checks: tuple[str, ...]
    edits: dict[str, str]
    groups: frozenset[str]
    about: Any


class Sheet(NamedTuple):
    """A sheet: its name, columns and rows."""

    name: str
    fixed: tuple[str, ...]
    edits: tuple[str, ...]
    rows: list[Row]

    @property
    def header(self) -> tuple[str, ...]:
        """All columns in order: fixed ones, checks, verdict, corrections, comment."""
        return (*self.fixed, *CHECKS.values(), VERDICT, *self.edits, COMMENT)


class SetKey(NamedTuple):
    """The option set that a question shows, whatever their order: equal for equal words."""

    realiser: str
    options: Options


def build_id(questions: pl.DataFrame) -> str:
    """Which build a sheet belongs to: a hash of all questions in all their words."""
    columns = (
        "question_id",
        "stem",
        "options",
        "negated",
        "affirmative",
        "omitted",
        "answer",
        "realiser",
    )
    return content_hash(questions.select(columns).rows())[:16]


def sheets_of(questions: pl.DataFrame, number: int, seed: int) -> list[Sheet]:
    """The sheets of a question set, with the table of conditions in force.

    Args:
        questions: `QUESTIONS_SCHEMA`.
        number: how many questions are drawn.
        seed: of the draw and of the order of rows.

    Returns:
        Phrases, option sets and questions. Rows come in an order in which the first ones cover
        the most conditions, numbers of denials and surface forms; the test split first.
    """
    return [_phrases(questions), _option_sets(questions, seed), _questions(questions, number, seed)]


def set_key(question: dict[str, Any]) -> SetKey:
    """The option set of a question."""
    texts = (map(tuple, question["options"]), question["negated"], question["affirmative"])
    labels, negated, affirmative = zip(*sorted(zip(*texts, strict=True)), strict=True)
    conditions = tuple(question["conditions"])
    return SetKey(
        base_realiser(question["realiser"]), Options(conditions, labels, negated, affirmative)
    )


def set_id(key: SetKey) -> str:
    """The id of an option set; corrections of its words do not change it."""
    named = [key.realiser, key.options.conditions, key.options.labels]
    return f"set:{content_hash(named)[:12]}"


def correction(form: str, place: int) -> str:
    """The column for the corrected text of an option: "Corrected negated form, B"."""
    return f"Corrected {form} form, {LETTERS[place]}"


def _listed(texts: Sequence[str]) -> str:
    return "\n".join(f"{LETTERS[i]}. {text}" for i, text in enumerate(texts))


def _row(
    id_: str,
    fixed: dict[str, str],
    checks: Sequence[str],
    edits: dict[str, str],
    groups: Sequence[str] | frozenset[str],
    about: Any,
) -> Row:
    fixed = {ID: id_, **fixed}
    fixed |= {VERSION: content_hash(fixed)[:12]}
    return Row(id_, fixed, tuple(checks), edits, frozenset(groups), about)


def _phrases(questions: pl.DataFrame) -> Sheet:
    sizes = Counter(questions["group_id"])
    rows = [
        _row(
            p.id,
            {
                "Kind": p.kind,
                "Condition": p.condition,
                "Must say": p.must_say,
                "Negated form": p.negated,
                "Affirmative form": p.affirmative,
                "Class": p.class_,
                "Questions built on it": str(sum(sizes[g] for g in p.groups)),
            },
            p.checks,
            {NEW_PHRASE: p.affirmative, NEW_CLASS: p.class_} if p.class_ else {},
            p.groups,
            p,
        )
        for p in phrases_of(questions)
    ]
    fixed = (
        ID,
        "Kind",
        "Condition",
        "Must say",
        "Negated form",
        "Affirmative form",
        "Class",
        "Questions built on it",
        VERSION,
    )
    return Sheet(PHRASES, fixed, (NEW_PHRASE, NEW_CLASS), rows)


def _option_sets(questions: pl.DataFrame, seed: int) -> Sheet:
    found: dict[SetKey, list[dict[str, Any]]] = defaultdict(list)
    for question in questions.iter_rows(named=True):
        found[set_key(question)].append(question)
    keys = list(found)
    kinds = [_kind(k.options.conditions, _denied(k.options.labels), k.realiser) for k in keys]
    splits = [min((q["split"] for q in found[k]), key=SPLITS.index) for k in keys]
    order = spread(kinds, splits, keys, seed)
    rows = [_set_row(keys[i], found[keys[i]]) for i in order]
    fixed = (ID, "Must say", "Negated form", "Affirmative form", "Questions built on it", VERSION)
    most = max(len(k.options.labels) for k in keys)
    edits = tuple(correction(form, i) for form in ("negated", "affirmative") for i in range(most))
    return Sheet(OPTION_SETS, fixed, edits, rows)


def _set_row(key: SetKey, questions: Sequence[dict[str, Any]]) -> Row:
    conditions, labels, negated, affirmative = key.options
    edits = {correction("negated", i): text for i, text in enumerate(negated)}
    edits |= {correction("affirmative", i): text for i, text in enumerate(affirmative)}
    fixed = {
        "Must say": _listed([labels_in_words(conditions, values) for values in labels]),
        "Negated form": _listed(negated),
        "Affirmative form": _listed(affirmative),
        "Questions built on it": str(len(questions)),
    }
    return _row(set_id(key), fixed, list(CHECKS), edits, [q["group_id"] for q in questions], key)


def _questions(questions: pl.DataFrame, number: int, seed: int) -> Sheet:
    rows = questions.rows(named=True)
    kinds = [
        _kind(q["conditions"], str(q["options"][q["answer"]].count(0)), q["realiser"]) for q in rows
    ]
    order = spread(kinds, [q["split"] for q in rows], [q["group_id"] for q in rows], seed, number)
    fixed = (
        ID,
        "Image",
        "View",
        "Labels of the image",
        "Stem",
        "Negated form",
        "Affirmative form",
        "Right option",
        "Option set",
        VERSION,
    )
    return Sheet(QUESTIONS, fixed, (), list(_question_rows([rows[i] for i in order])))


def _question_rows(questions: Sequence[dict[str, Any]]) -> Iterator[Row]:
    for q in questions:
        right = labels_in_words(q["conditions"], q["options"][q["answer"]])
        yield _row(
            f"question:{q['question_id']}",
            {
                "Image": q["image_path"] or "",
                "View": q["view"] or "",
                "Labels of the image": right,
                "Stem": q["stem"],
                "Negated form": _listed(q["negated"]),
                "Affirmative form": _listed(q["affirmative"]),
                "Right option": LETTERS[q["answer"]],
                "Option set": set_id(set_key(q)),
            },
            list(CHECKS),
            {},
            [q["group_id"]],
            q["question_id"],
        )


def _kind(conditions: Sequence[str], denied: str, realiser: str) -> tuple[Sequence[str], ...]:
    return conditions, [denied], [style_of(realiser) or base_realiser(realiser)]


def _denied(labels: Sequence[Sequence[int]]) -> str:
    return str(sum(row.count(0) for row in map(list, labels)))
