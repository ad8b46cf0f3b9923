"""Every phrase of a question set: Table 5, names of conditions, surface forms of sentences."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.items.review.wording import labels_in_words, said, stated, style_of
from nast.language.read.lexicon import lexicon
from nast.language.read.parse import read
from nast.language.write.templates import STYLES
from nast.records import Fact

TABLE5, NAME, FORM = "Table 5 phrase", "name", "sentence form"


class Phrase(NamedTuple):
    """A phrase and the groups of questions whose words hold it.

    Attributes:
        id: stable from version to version.
        kind: `TABLE5`, `NAME` or `FORM`.
        condition: name; blank for a sentence form.
        must_say: in words.
        negated: as it stands in negated texts.
        affirmative: as it stands in affirmative texts.
        class_: of a Table 5 phrase (design row 11); blank for others.
        checks: which of the four checks apply.
        groups: group ids.
    """

    id: str
    kind: str
    condition: str
    must_say: str
    negated: str
    affirmative: str
    class_: str
    checks: tuple[str, ...]
    groups: frozenset[str]


def phrases_of(questions: pl.DataFrame) -> list[Phrase]:
    """All Table 5 phrases of the table in force, and every name and surface form in use.

    Raises:
        InputError: an option does not read as its labels: another table of conditions made it.
    """
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    denied: dict[str, set[str]] = defaultdict(set)
    # Questions of a group have equal words.
    groups = questions.unique("group_id", maintain_order=True).rows(named=True)
    for group in groups:
        for condition, words, phrase in _readings(group):
            if phrase:
                denied[condition].add(group["group_id"])
            else:
                names[condition, words].add(group["group_id"])
    return [*_table5(denied), *_names(names), *_forms(groups)]


def _readings(group: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """(condition, its words, whether they are a Table 5 phrase) in all texts of a group."""
    known = lexicon().phrases
    for values, *texts in zip(
        group["options"], group["negated"], group["affirmative"], strict=True
    ):
        facts = set(stated(group["conditions"], values))
        for text in texts:
            readings = read(text)
            if {r.fact for r in readings} != facts:
                raise InputError(
                    "the questions",
                    found="an option that does not read as its labels",
                    expected="the table of conditions that they were made with: keep the facts "
                    "folder where it was, and call nast from the same folder as then",
                )
            for reading in readings:
                words = text[reading.start : reading.end].lower()
                yield reading.fact.condition, words, words in known


def _table5(denied: dict[str, set[str]]) -> Iterator[Phrase]:
    for name, condition in CONDITIONS.items():
        if condition.normal:
            yield Phrase(
                f"table5:{name}",
                TABLE5,
                name,
                said([Fact(name, "absent")]),
                f"no {condition.term}",
                condition.normal,
                condition.phrase_class or "",
                ("faithful", "polarity", "natural", "one right"),
                frozenset(denied.get(name, ())),
            )


def _names(names: dict[tuple[str, str], set[str]]) -> Iterator[Phrase]:
    for (name, words), groups in sorted(names.items()):
        yield Phrase(
            f"name:{name}:{words}",
            NAME,
            name,
            said([Fact(name, "present")]),
            f"no {words}",
            words,
            "",
            ("faithful", "natural"),
            frozenset(groups),
        )


def _forms(groups: Iterable[dict[str, Any]]) -> Iterator[Phrase]:
    """Each template in use, with an option that denies and affirms as its example."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for group in groups:
        style = style_of(group["realiser"])
        if style:
            found[style].append(group)
    for style in STYLES:
        if style not in found:
            continue
        options = ((g, i) for g in found[style] for i in range(len(g["options"])))
        group, place = max(options, key=lambda at: len(set(at[0]["options"][at[1]])))
        yield Phrase(
            f"form:{style}",
            FORM,
            "",
            labels_in_words(group["conditions"], group["options"][place]),
            group["negated"][place],
            group["affirmative"][place],
            "",
            ("faithful", "polarity", "natural"),
            frozenset(g["group_id"] for g in found[style]),
        )
