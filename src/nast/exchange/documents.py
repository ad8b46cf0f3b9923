"""Items and captions as plain documents: one JSON object a line, and flat CSV tables.

The keys are ours and are documented in docs/exchange.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nast.errors import UsageError, shown
from nast.exchange.card import Exported
from nast.exchange.fields import Entry, read_json_lines
from nast.exchange.material import Material, evaluated
from nast.exchange.peer_files import write_lines, write_rows
from nast.exchange.peer_items import PEER_KINDS, Caption, Item, Record
from nast.hashes import seed_of
from nast.items.table import LETTERS
from nast.records import FORMS, SPLITS

Document = dict[str, Any]
ALWAYS = tuple(form for form in FORMS if form != "plain")
"""Forms that every document of an item names, null where the item lacks them."""
KEYS = ("item_id", "group_id", "subject_id", "study_id", "split", "image", "stem")
_FORMULA = tuple("=+-@")
"""How a cell begins that a spreadsheet takes for a formula."""


def item_documents(items: Sequence[Item], seed: int | None = None) -> list[Document]:
    """Items as documents.

    Args:
        items: of one set.
        seed: if given, options of imported items are put in a drawn order: often the right one
            is first in all of them, and a chat model may prefer a letter.

    Returns:
        Per item `item_id, group_id, subject_id, study_id, split, image, stem`, the texts of each
        form (None where the item lacks it; `plain` only where it has it), `kinds`, `answer` and
        its letter `target`.

    Raises:
        UsageError: an item has more options than there are letters.
    """
    documents: list[Document] = []
    for item in items:
        if len(item.kinds) > len(LETTERS):
            raise UsageError(f"an item has {len(item.kinds)} options; there are 26 letters")
        order = list(range(len(item.kinds)))
        if seed is not None and item.imported:
            rng = np.random.default_rng(seed_of(seed, "letters", item.own_id))
            order = [int(i) for i in rng.permutation(len(order))]
        answer = order.index(item.answer)
        texts = {form: [options[i] for i in order] for form, options in item.forms.items()}
        documents.append(
            {name: getattr(item, name) for name in KEYS}
            | dict.fromkeys(ALWAYS)
            | texts
            | {"kinds": [item.kinds[i] for i in order], "answer": answer, "target": LETTERS[answer]}
        )
    return documents


def caption_documents(images: Iterable[Iterable[Caption]]) -> list[Document]:
    """Captions as documents, one each, with the fields of `Caption`."""
    return [caption._asdict() for captions in images for caption in captions]


def write_jsonl(material: Material, folder: Path, seed: int) -> Exported:
    """Write every set as JSON Lines; the order of options is the table's."""
    sets = {f"{name}.jsonl": documents for name, documents in _documents(material).items()}
    for name, documents in sets.items():
        write_lines(folder / name, documents)
    counts = {name: len(documents) for name, documents in sets.items()}
    run = f"nast benchmark import {' '.join(sets)} --source jsonl --out ../imported"
    return Exported(counts, [run])


def write_csv(material: Material, folder: Path, seed: int) -> Exported:
    """Write every set as a flat CSV: a column per option and form, `negated_0`, `negated_1`...

    Such a table is opened with spreadsheets: a text that would be taken for a formula there has
    an apostrophe before it.
    """
    sets = {f"{name}.csv": documents for name, documents in _documents(material).items()}
    for name, documents in sets.items():
        flat = [_flat(document) for document in documents]
        # The widest row gives the order of the columns.
        widest = sorted(flat, key=lambda row: -len(row))
        header = list(dict.fromkeys(key for row in widest for key in row))
        rows = [[_unformulated(row.get(key, "")) for key in header] for row in flat]
        write_rows(folder / name, header, rows)
    counts = {name: len(documents) for name, documents in sets.items()}
    return Exported(counts, ["# any table tool"])


def chat_documents(
    material: Material, seed: int
) -> Iterator[tuple[str, list[str], list[Document]]]:
    """The documents that chat models are asked, of the split to evaluate.

    Args:
        material: what to write.
        seed: of the order of options of imported items.

    Returns:
        The name of a file, the forms that are asked, and documents that have all of these. Where
        items of a set have other forms than the most (`plain` ones deny nothing), they come apart.

    Raises:
        UsageError: the folder has no multiple-choice items.
    """
    if not material.items:
        raise UsageError("chat models take questions or claim sets; this folder has captions only")
    for name in evaluated(material.items):
        documents = item_documents(material.items[name], seed)
        for document in documents:
            document["kinds"] = [PEER_KINDS.get(kind, kind) for kind in document["kinds"]]
        paired = [d for d in documents if d["negated"] and d["affirmative"]] or documents
        forms = [form for form in ALWAYS if all(d[form] for d in paired)]
        if forms:
            yield name, forms, paired
        for form in ("negated", "affirmative", "plain"):
            others = [d for d in documents if d.get(form)] if form not in forms else []
            if others:
                yield f"{name}-{form}", [form], others


def chat_notes(material: Material) -> list[str]:
    """What a reader of a chat model's numbers must know."""
    notes = [
        "Every task asks the same questions about the same images in another form: compare "
        "`negated` with `affirmative`. `omitted` leaves the denied findings out, so that "
        "several options may read alike: its chance is higher. `plain` items are others, which "
        "deny nothing. Of imported items those in one form are left out where others have two.",
        "A reply without 'ANSWER: LETTER' counts as wrong.",
    ]
    if material.access != "open":
        notes.append("The command runs a model on this machine. An online service may not be used.")
    return notes


def _documents(material: Material) -> dict[str, list[Document]]:
    found = {name: item_documents(part) for name, part in material.items.items()}
    return found | {name: caption_documents(part) for name, part in material.captions.items()}


def _flat(document: Document) -> Document:
    flat: Document = {}
    for key, value in document.items():
        if isinstance(value, list):
            flat |= {f"{key}_{i}": text for i, text in enumerate(value)}
        elif value is not None:
            flat[key] = value
    return flat


def _unformulated(cell: object) -> object:
    formula = isinstance(cell, str) and cell.lstrip().startswith(_FORMULA)
    return f"'{cell}" if formula else cell


def read_documents(file: Path) -> Iterator[Record]:
    """Items and captions, one JSON object a line.

    An item has `image`, `answer` (from 0) and its texts, either as `options` or under the names of
    the forms `negated`, `affirmative`, `omitted`, `plain`; a caption has `image` and `caption`.
    All else may be missing: `item_id` or `caption_id`, `group_id`, `subject_id`, `split` (else
    test), `kinds`, `kind`, `polarity`.

    Raises:
        InputError: a line is neither, or a field does not hold what it should.
    """
    for entry in read_json_lines(file):
        yield _caption(entry) if "caption" in entry.values else _item(entry)


def _caption(entry: Entry) -> Caption:
    return Caption(
        caption_id=entry.text_or("caption_id", f"{entry.row:06d}"),
        image=entry.path("image"),
        caption=entry.text("caption"),
        polarity=_one_of(entry, "polarity", ("negated", "affirmative"), ""),
        kind=entry.text_or("kind", "other"),
        split=_one_of(entry, "split", SPLITS, "test"),
        subject_id=entry.text_or("subject_id", ""),
    )


def _item(entry: Entry) -> Item:
    image = entry.path("image")
    names = [n for n in ("options", *FORMS) if entry.values.get(n) is not None]
    if not names:
        what = f"one of options, {', '.join(FORMS)}, caption"
        raise entry.wrong("no options and no caption", what)
    forms = {"" if name == "options" else name: entry.texts(name) for name in names}
    number = len(next(iter(forms.values())))
    for name, options in zip(names, forms.values(), strict=True):
        if len(options) < 2 or len(options) != number:
            expected = "two or more" if len(options) < 2 else f"{number} as in {names[0]}"
            raise entry.wrong(f"{len(options)} options", expected, name)
    answer = entry.whole("answer", number)
    return Item(
        item_id=entry.text_or("item_id", f"{entry.row:06d}"),
        image=image,
        forms=forms,
        answer=answer,
        kinds=_kinds(entry, number, answer),
        group_id=entry.text_or("group_id", ""),
        split=_one_of(entry, "split", SPLITS, "test"),
        subject_id=entry.text_or("subject_id", ""),
    )


def _kinds(entry: Entry, number: int, answer: int) -> tuple[str, ...]:
    if entry.values.get("kinds") is None:
        return tuple("truth" if i == answer else "other" for i in range(number))
    kinds = entry.texts("kinds")
    if len(kinds) != number or kinds[answer] != "truth":
        expected = f"{number}, that of the answer being truth"
        raise entry.wrong(f"{len(kinds)} kinds", expected, "kinds")
    return kinds


def _one_of(entry: Entry, name: str, allowed: Sequence[str], other: str) -> str:
    word = entry.text_or(name, other)
    if word not in (*allowed, other):
        raise entry.wrong(shown(word), " or ".join(allowed), name)
    return word
