"""Groups of multiple-choice items in words, as rows of `items.parquet`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.facts.entailment import changed
from nast.files import read_table
from nast.items.groups import Group
from nast.language.write.templates import WRITTEN_FORMS, sentence
from nast.records import ITEMS_SCHEMA, Statement

FILE = "items.parquet"
KEYS = ("subject_id", "study_id", "split", "image_path", "view")
"""What an item takes over from its study."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""How options are called, in order."""


def option_texts(
    options: Sequence[Statement],
    style: str,
    forms: Sequence[str] = WRITTEN_FORMS,
    conditions: Conditions = CONDITIONS,
) -> dict[str, list[str]]:
    """The words of options in some forms (Appendices B and C): a text per option.

    Args:
        options: what each says; denials without attributes.
        style: a key of `STYLES`.
        forms: `plain` is worded as `negated` is, for it has nothing to deny.
        conditions: the table that they are named by.

    Raises:
        ValueError: a condition that is denied has no affirmative phrase.
    """
    texts = {}
    for form in forms:
        said: Any = "negated" if form == "plain" else form
        texts[form] = [sentence(facts, style, said, conditions) for facts in options]
    return texts


def rows_of(
    group: Group,
    group_id: str,
    order: Sequence[int],
    words: Mapping[str, Sequence[str]],
    studies: Mapping[str, Mapping[str, Any]],
    *,
    stem: str,
    realiser: str,
) -> Iterator[dict[str, Any]]:
    """The rows of a group, one for each form and member.

    Args:
        group: what is said, and who chooses.
        group_id: of the group; an item's id adds the member's place and the form.
        order: places of the options in the order in which they are shown.
        words: form -> a text per option, in the order of `group.options`.
        studies: study id -> at least the columns `KEYS`.
        stem: the question in words.
        realiser: who wrote the words.

    Raises:
        ValueError: two options say the same, or read alike in a form that does not leave words out;
            an answer is outside the options, or there is not one text for each.
    """
    if len(set(group.options)) < len(group.options):
        raise ValueError(f"group {group_id}: two options say the same")
    for _, answer in group.members:
        if not 0 <= answer < len(group.options):
            raise ValueError(f"group {group_id}: answer {answer} of {len(group.options)} options")
    mistake = missed if group.set == "questions" else confused
    shared = {
        "set": group.set,
        "group_id": group_id,
        "world": group.world,
        "stem": stem,
        "conditions": group.conditions,
        "facts": [[f.as_dict() for f in group.options[i]] for i in order],
        "construction": group.construction,
        "realiser": realiser,
    }
    members = [
        {
            **{name: studies[study].get(name) for name in KEYS},
            **shared,
            "pair_id": f"{group_id}-{place}",
            "kinds": [mistake(group.options[answer], group.options[i]) for i in order],
            "answer": order.index(answer),
        }
        for place, (study, answer) in enumerate(group.members)
    ]
    for form in group.forms:
        if len(words[form]) != len(group.options):
            number, wanted = len(words[form]), len(group.options)
            raise ValueError(f"group {group_id}: {number} texts for {wanted} options ({form})")
        texts = [words[form][i] for i in order]
        if form != "omitted" and len(set(texts)) < len(texts):
            raise ValueError(f"group {group_id}: two options have the same words ({form})")
        for member in members:
            item_id = f"{member['pair_id']}-{form}"
            yield {**member, "item_id": item_id, "form": form, "options": texts}


def items_table(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of `rows_of` as a table, `ITEMS_SCHEMA`."""
    lists = {name: kind for name, kind in ITEMS_SCHEMA.items() if isinstance(kind, pl.List)}
    texts = {name: kind for name, kind in ITEMS_SCHEMA.items() if name not in lists}
    table = pl.DataFrame([{name: row[name] for name in texts} for row in rows], schema=texts)
    columns = [_shared(name, kind, [row[name] for row in rows]) for name, kind in lists.items()]
    return table.with_columns(columns).select(*ITEMS_SCHEMA)


def in_world(items: pl.DataFrame, world: str) -> pl.DataFrame:
    """Items made of facts in which silence is absence say so; others say what they were checked in.

    Args:
        items: `ITEMS_SCHEMA`.
        world: of the facts.
    """
    return items.with_columns(world=pl.lit(world)) if world == "closed" else items


def _shared(name: str, kind: pl.List, values: Sequence[Any]) -> pl.Series:
    """A column of lists that many rows of a group share: each is converted once."""
    distinct = {id(value): value for value in values}
    place = {key: number for number, key in enumerate(distinct)}
    column = pl.Series(name, list(distinct.values()), dtype=kind)
    return column[[place[id(value)] for value in values]]


def missed(true: Statement, other: Statement) -> str:
    """What choosing another option of a question gets wrong.

    Returns:
        `missed denial` where it states an absent finding, `missed presence` where it denies a
        present one, `both`, or `truth`.
    """
    wrong = {mine.existence for mine, theirs in zip(true, other, strict=True) if mine != theirs}
    if len(wrong) == 2:
        return "both"
    names = {"absent": "missed denial", "present": "missed presence"}
    return names[wrong.pop()] if wrong else "truth"


def confused(true: Statement, other: Statement) -> str:
    """What choosing another claim gets wrong: existence, location, severity, or several of them.

    A condition that only one of the claims speaks of is one whose existence is at stake.

    Returns:
        Such as `existence+location`, or `truth`.
    """
    if true == other:
        return "truth"
    theirs = {f.condition: f for f in other}
    mine = {f.condition: f for f in true}
    kinds = {
        changed(mine[n], theirs[n]) if n in mine and n in theirs else "existence"
        for n in mine.keys() | theirs.keys()
    }
    return "+".join(sorted(kind for kind in kinds if kind))


def read_items(folder: Path) -> pl.DataFrame:
    """The items of a finished folder.

    Raises:
        InputError: there is no such table, it was changed, or an id stands twice.

    Examples:
        >>> items = nast.read_items("benchmark")
        >>> items["set"].unique().to_list()
        ['questions']
    """
    path = Path(folder) / FILE
    rows = read_table(path, ITEMS_SCHEMA)
    if rows["item_id"].is_duplicated().any():
        raise InputError(path, found="an item twice", expected="each item_id once")
    return rows
