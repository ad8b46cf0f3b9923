"""Items and captions as plain documents: one JSON object a line, and flat CSV tables.

The keys are ours and are documented in docs/exchange.md; `nast benchmark import --source jsonl`
reads them back.
"""

import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nast.errors import UsageError
from nast.exchange.card import Written
from nast.exchange.cells import keyed, write_rows
from nast.exchange.items import Captioned, Item
from nast.exchange.material import Material
from nast.files import atomic
from nast.hashes import seed_of
from nast.language.write.templates import FORMS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""How options are called, in order."""
Document = dict[str, Any]


def item_documents(items: Sequence[Item], seed: int | None = None) -> list[Document]:
    """Items as documents; ids are keyed hashes.

    Args:
        items: of one set.
        seed: if given, options of imported items are put in a drawn order: often the right one
            is first in all of them, and a chat model may prefer a letter.

    Returns:
        Per item `item_id, group_id, subject_id, study_id, split, image, stem`, the texts of each
        form (None where the item lacks it), `kinds`, `answer` and its letter `target`.

    Raises:
        UsageError: an item has more options than there are letters.
    """
    names = ("item_id", "group_id", "subject_id", "study_id")
    hashes = keyed(*([getattr(i, n) for n in names] for i in items))
    documents: list[Document] = []
    for item in items:
        if len(item.kinds) > len(LETTERS):
            raise UsageError(f"an item has {len(item.kinds)} options; there are 26 letters")
        order = list(range(len(item.kinds)))
        if seed is not None and not item.shuffled:
            rng = np.random.default_rng(seed_of(seed, "letters", item.item_id))
            order = [int(i) for i in rng.permutation(len(order))]
        answer = order.index(item.answer)
        ids: Document = {n: hashes[getattr(item, n)] for n in names}
        texts = {f: [item.forms[f][i] for i in order] if f in item.forms else None for f in FORMS}
        documents.append(
            ids
            | {"split": item.split, "image": item.image, "stem": item.stem}
            | texts
            | {"kinds": [item.kinds[i] for i in order], "answer": answer, "target": LETTERS[answer]}
        )
    return documents


def caption_documents(shown: Sequence[Captioned]) -> list[Document]:
    """Captions as documents, one each; ids are keyed hashes.

    Returns:
        Per caption `caption_id, subject_id, study_id, split, image, polarity, kind, caption`.
    """
    hashes = keyed(
        *((s.subject_id, s.study_id) for s in shown),
        (c.caption_id for s in shown for c in s.captions),
    )
    return [
        {
            "caption_id": hashes[c.caption_id],
            "subject_id": hashes[s.subject_id],
            "study_id": hashes[s.study_id],
            "split": s.split,
            "image": s.image,
            "polarity": c.polarity,
            "kind": c.kind,
            "caption": c.text,
        }
        for s in shown
        for c in s.captions
    ]


def write_lines(path: Path, documents: Iterable[Document]) -> None:
    """Write JSON Lines in UTF-8, whole or not at all."""
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            file.write(json.dumps(document, ensure_ascii=False) + "\n")


def write_jsonl(material: Material, folder: Path, seed: int) -> Written:
    """Write every set as JSON Lines; the order of options is the table's."""
    sets = _documents(material)
    for name, documents in sets.items():
        write_lines(folder / f"{name}.jsonl", documents)
    counts = {f"{name}.jsonl": len(documents) for name, documents in sets.items()}
    return Written(counts, _import_commands(folder, counts), [])


def write_csv(material: Material, folder: Path, seed: int) -> Written:
    """Write every set as a flat CSV: a column per option and form, `negated_0`, `negated_1`..."""
    sets = _documents(material)
    for name, documents in sets.items():
        flat = [_flat(document) for document in documents]
        # The widest row gives the order of the columns.
        widest = sorted(flat, key=lambda row: -len(row))
        header = list(dict.fromkeys(key for row in widest for key in row))
        rows = [[row.get(key, "") for key in header] for row in flat]
        write_rows(folder / f"{name}.csv", header, rows)
    counts = {f"{name}.csv": len(documents) for name, documents in sets.items()}
    return Written(counts, ["# any table tool"], [])


def _documents(material: Material) -> dict[str, list[Document]]:
    found = {name: item_documents(items) for name, items in material.items.items()}
    return found | {name: caption_documents(s) for name, s in material.captions.items()}


def _flat(document: Document) -> Document:
    flat: Document = {}
    for key, value in document.items():
        if isinstance(value, list):
            flat |= {f"{key}_{i}": text for i, text in enumerate(value)}
        elif value is not None:
            flat[key] = value
    return flat


def _import_commands(folder: Path, names: Iterable[str]) -> list[str]:
    files = [(folder.resolve() / name, Path(name).stem) for name in names]
    return [
        f"nast benchmark import {shlex.quote(str(file))} --source jsonl --out {out}"
        for file, out in files
    ]
