"""Finished folders as items and captioned images: what every export is written from."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nast.errors import InputError
from nast.files import read_table
from nast.language.read.parse import cues
from nast.language.write.templates import FORMS, IMAGE_STEM, STEM, STYLES, sentence
from nast.records import CAPTIONS_SCHEMA, CLAIMS_SCHEMA, QUESTIONS_SCHEMA, Fact

IMPORTED = "imported:"
"""How the `construction` of an imported item begins."""


class Item(NamedTuple):
    """One multiple-choice item in all its forms; the forms share one order of options.

    Attributes:
        item_id: without the form.
        group_id: of the balanced group; the item itself where there is none.
        subject_id: of the patient.
        study_id: of the study.
        split: train, validate or test.
        image: absolute path, or what the table holds where there is no image.
        stem: the question in words.
        forms: negated, affirmative, omitted -> the words of the options.
        kinds: per option `truth`, or what choosing it gets wrong.
        types: per option whether it states presences (`positive`), absences (`negative`) or both
            (`hybrid`): NegBench's names.
        answer: index of the right option.
        shuffled: whether the order of options was drawn; that of imported items is their source's.
    """

    item_id: str
    group_id: str
    subject_id: str
    study_id: str
    split: str
    image: str
    stem: str
    forms: dict[str, tuple[str, ...]]
    kinds: tuple[str, ...]
    types: tuple[str, ...]
    answer: int
    shuffled: bool


class Caption(NamedTuple):
    """One caption of an image."""

    caption_id: str
    polarity: str
    kind: str
    text: str


class Captioned(NamedTuple):
    """One image with its captions; it is a group of its own."""

    group_id: str
    subject_id: str
    study_id: str
    split: str
    image: str
    captions: tuple[Caption, ...]


def read_items(folder: Path) -> dict[str, list[Item]]:
    """The multiple-choice items of a finished folder, by table.

    Args:
        folder: of `nast benchmark build`, `nast contextual build` or `nast benchmark import`.

    Returns:
        `questions`, `claims`, or both -> items in the order of the table.

    Raises:
        InputError: a table lacks a column, or the forms of an item have different answers.
    """
    found: dict[str, list[Item]] = {}
    path = Path(folder) / "questions.parquet"
    if path.is_file():
        rows = read_table(path, QUESTIONS_SCHEMA).iter_rows(named=True)
        found["questions"] = [_question(row) for row in rows]
    path = Path(folder) / "claims.parquet"
    if path.is_file():
        rows = read_table(path, CLAIMS_SCHEMA).iter_rows(named=True)
        found["claims"] = list(_claims(rows, path))
    return found


def read_captions(folder: Path) -> list[Captioned]:
    """The captioned images of a finished folder, each image file once.

    Raises:
        InputError: the table lacks a column.
    """
    path = Path(folder) / "captions.parquet"
    if not path.is_file():
        return []
    by_image: dict[tuple[str, str, str, str], list[Caption]] = {}
    for row in read_table(path, CAPTIONS_SCHEMA).iter_rows(named=True):
        key = (row["subject_id"], row["study_id"], row["split"], row["image_path"])
        caption = Caption(row["caption_id"], row["polarity"], row["kind"], row["caption"])
        by_image.setdefault(key, []).append(caption)
    return [Captioned(" ".join(key), *key, tuple(found)) for key, found in by_image.items()]


def _question(row: dict[str, Any]) -> Item:
    answer = row["answer"]
    return Item(
        **_keys(row),
        item_id=row["question_id"],
        stem=row["stem"],
        forms={form: tuple(row[form]) for form in FORMS},
        kinds=tuple("truth" if i == answer else "existence" for i in range(len(row["options"]))),
        types=tuple(_type([bool(v) for v in values]) for values in row["options"]),
    )


def _claims(rows: Iterable[dict[str, Any]], path: Path) -> Iterator[Item]:
    """Claim sets whose ids differ in the form only become one item."""
    items: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        items.setdefault(row["set_id"].removesuffix(f"-{row['form']}"), []).append(row)
    for item_id, members in items.items():
        first = members[0]
        if len({(row["answer"], len(row["claims"])) for row in members}) > 1:
            raise InputError(
                path,
                found="two forms of one item with different answers",
                expected="one answer",
                column="answer",
            )
        forms = {row["form"]: tuple(row["claims"]) for row in members}
        omitted = forms.get("omitted") or _omitted(first)
        if omitted:
            forms["omitted"] = omitted
        yield Item(
            **_keys(first),
            item_id=item_id,
            stem=STEM if any(first["facts"]) else IMAGE_STEM,
            forms={form: forms[form] for form in FORMS if form in forms},
            kinds=tuple(first["kinds"]),
            types=tuple(map(_claim_type, first["facts"], first["claims"])),
        )


def _keys(row: dict[str, Any]) -> dict[str, Any]:
    same = {n: row[n] for n in ("group_id", "subject_id", "study_id", "split", "answer")}
    shuffled = not row["construction"].startswith(IMPORTED)
    return {**same, "image": row["image_path"], "shuffled": shuffled}


def _claim_type(facts: Sequence[dict[str, Any]], words: str) -> str:
    if facts:
        return _type([fact["existence"] == "present" for fact in facts])
    return "negative" if cues(words) else "positive"


def _type(present: Sequence[bool]) -> str:
    if all(present):
        return "positive"
    return "hybrid" if any(present) else "negative"


def _omitted(row: dict[str, Any]) -> tuple[str, ...] | None:
    """The omitted form of a claim set from its facts; None where they do not tell."""
    if not all(row["facts"]):
        return None
    style = row["realiser"].removeprefix("template:")
    style = style if style in STYLES else next(iter(STYLES))
    try:
        stated = [[Fact(**fact) for fact in facts] for facts in row["facts"]]
        return tuple(sentence(facts, style, "omitted") for facts in stated)
    except (KeyError, ValueError):
        # Facts of another table of conditions than the one in force.
        return None
