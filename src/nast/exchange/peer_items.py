"""Items and captions between `items.parquet`, `captions.parquet` and the files of a peer."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.write.templates import IMAGE_STEM, STYLES, sentence
from nast.records import FORMS, Fact

Box = tuple[int, int, int, int]
"""Left, top, width and height of a part of an image, in pixels."""
PEER_KINDS = dict.fromkeys(("missed denial", "missed presence", "both"), "existence")
"""What a wrong option of a question gets wrong -> the word for it in the formats of peers."""


class Item(NamedTuple):
    """A multiple-choice item in all its forms, which share one order of options.

    Attributes:
        item_id: without the form; unique in the file of a peer. On the way out all ids are keyed
            hashes.
        image: path of the image as its table or file records it; absolute on its way out.
        forms: form -> the words of the options. On its way in the form may be "": the file does
            not say it.
        answer: index of the right option.
        kinds: per option `truth`, or what choosing it gets wrong.
        group_id: of the balanced group; "" where the file names none.
        split: train, validate or test.
        subject_id: of the patient; "" where the file names none.
        study_id: of the study; "" on its way in.
        stem: the question in words.
        facts: per option what it says; empty where it has words only.
        imported: whether the order of options is its source's; that of others was drawn.
        box: the part of the image that is meant, where it is not all of it.
        own_id: `pair_id` of our table, for seeds alone: it does not leave the machine.
        own_group: `group_id` of our table, likewise.
    """

    item_id: str
    image: str
    forms: dict[str, tuple[str, ...]]
    answer: int
    kinds: tuple[str, ...]
    group_id: str = ""
    split: str = "test"
    subject_id: str = ""
    study_id: str = ""
    stem: str = IMAGE_STEM
    facts: tuple[tuple[Fact, ...], ...] = ()
    imported: bool = True
    box: Box | None = None
    own_id: str = ""
    own_group: str = ""


class Caption(NamedTuple):
    """One caption of an image, as exports write it.

    On the way out ids are keyed hashes; on the way in what a file does not say is "".
    """

    caption_id: str = ""
    subject_id: str = ""
    study_id: str = ""
    split: str = "test"
    image: str = ""
    polarity: str = ""
    kind: str = "other"
    caption: str = ""


Record = Item | Caption


def items_of(rows: pl.DataFrame, file: Path, conditions: Conditions = CONDITIONS) -> Iterator[Item]:
    """The items of some rows, in the order of the table.

    Where the table lacks the omitted form, it is made from the facts.

    Args:
        rows: of `items.parquet`, with the columns `own_id` and `own_group`.
        file: that they are from, for messages.
        conditions: that the facts are of.

    Raises:
        InputError: two forms of an item have different answers.
    """
    by_item: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.iter_rows(named=True):
        by_item[row["own_id"]].append(row)
    for own_id, members in by_item.items():
        first = members[0]
        if len({(row["answer"], len(row["options"])) for row in members}) > 1:
            raise InputError(
                file,
                found="two forms of one item with different answers",
                expected="one answer",
                column="answer",
            )
        facts = tuple(tuple(Fact(**fact) for fact in said) for said in first["facts"])
        forms = {row["form"]: tuple(row["options"]) for row in members}
        if "omitted" not in forms and all(facts):
            forms |= _omitted(facts, first["realiser"], conditions)
        yield Item(
            first["pair_id"],
            first["image_path"],
            {form: forms[form] for form in FORMS if form in forms},
            first["answer"],
            tuple(first["kinds"]),
            first["group_id"],
            first["split"],
            first["subject_id"],
            first["study_id"],
            first["stem"],
            facts,
            first["set"] == "imported",
            own_id=own_id,
            own_group=first["own_group"],
        )


def _omitted(
    facts: tuple[tuple[Fact, ...], ...], realiser: str, conditions: Conditions
) -> dict[str, tuple[str, ...]]:
    """The omitted form of options; nothing where their facts cannot be said in one sentence."""
    style = realiser.removeprefix("template:")
    style = style if style in STYLES else next(iter(STYLES))
    try:
        return {"omitted": tuple(sentence(said, style, "omitted", conditions) for said in facts)}
    except (KeyError, ValueError):
        return {}


def captions_of(rows: pl.DataFrame) -> list[list[Caption]]:
    """The captions of each image, images in the order of the table; `own_id` names it."""
    found: defaultdict[str, list[Caption]] = defaultdict(list)
    columns = rows.rename({"image_path": "image"}).select(Caption._fields)
    for image, values in zip(rows["own_id"], columns.iter_rows(), strict=True):
        found[image].append(Caption(*values))
    return list(found.values())
