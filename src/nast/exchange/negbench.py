"""CSV files that NegBench's evaluator reads unchanged.

Format as read from m1k2zoo/negbench 2ac009b, `benchmarks/src/training/data.py` (`CsvMCQDataset`,
`CsvBinaryMCQDataset`, `CsvImageCaptionDataset`) and `src/evaluation/mcq.py`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nast.errors import UsageError
from nast.exchange.card import Written
from nast.exchange.cells import check_cell, keyed, write_rows
from nast.exchange.items import Captioned, Item
from nast.exchange.material import Material
from nast.exchange.negbench_run import NOTES, commands
from nast.files import write_json
from nast.hashes import seed_of
from nast.items.audit import Item as AuditItem
from nast.items.audit import audit_items

OPTIONS = 4
MCQ = (
    "image_path",
    "correct_answer",
    *(f"caption_{i}" for i in range(OPTIONS)),
    "correct_answer_template",
)
BINARY = ("image_path", "correct_answer", "caption_0", "caption_1", "correct_answer_template")
RETRIEVAL = ("filepath", "captions")
EXTRA = ("item_id", "group_id", "subject_id", "study_id", "polarity", "option_order")
"""Columns of ours, which the evaluator does not look at; ids are keyed hashes."""
SUFFIX = {"negated": "neg", "affirmative": "aff"}
_SLOTS = ("hybrid", "positive", "negative")
"""What `mcq.py` takes wrong answers 1, 2 and 3 for; only its error statistics depend on it."""


def write_negbench(material: Material, folder: Path, seed: int) -> Written:
    """Write one pair of CSVs per set of items, and retrieval CSVs for captions.

    The right option is `caption_0`: the evaluator raises KeyError where it is not. Sets of the
    training split are for the MCQ loss of its trainer (`--mcq-train-data`), which reads
    `correct_answer`: there the right option stands anywhere, by the seed. Rows of the `_neg` and
    the `_aff` file of a set are the same items in the same order of options.

    Args:
        material: what to write.
        folder: gets the files, and `audit.json` where four of more were chosen.
        seed: of that choice.

    Raises:
        InputError: a text that pandas or CLIP would change.
        UsageError: no item has two, or four and more options.
    """
    counts: dict[str, int] = {}
    audits: dict[str, Any] = {}
    for name, items in material.items.items():
        counts |= _write_set(folder, name, items, seed)
        if any(len(i.kinds) > OPTIONS for i in items):
            audits[name] = audit_subsets(items, seed)
    for name, shown in material.captions.items():
        for polarity, suffix in SUFFIX.items():
            number = _write_captions(folder / f"{name}_{suffix}_retrieval.csv", shown, polarity)
            if number:
                counts[f"{name}_{suffix}_retrieval.csv"] = number
    if not any(name.endswith(".csv") for name in counts):
        raise UsageError("no item with two, or with four and more options, for NegBench")
    if audits:
        write_json(folder / "audit.json", audits)
    return Written(counts, commands(folder, counts), [*_leaks(audits), *NOTES])


def slots(item: Item, seed: int) -> list[int]:
    """Which option goes into which caption column; the right one comes first.

    Of more than four options the wrong ones are the three that follow the right one on a ring in
    an order drawn per group. In a balanced group every text is then shown four times and right
    once, so how often a text is seen tells nothing.
    """
    rng = np.random.default_rng(seed_of(seed, "negbench", item.group_id))
    ring = [int(i) for i in rng.permutation(len(item.kinds))]
    place = ring.index(item.answer)
    wrong = [ring[(place + step) % len(ring)] for step in range(1, OPTIONS)]
    chosen: dict[str, int] = {}
    for slot in _SLOTS:
        match = next((i for i in wrong if item.types[i] == slot), None)
        if match is not None:
            chosen[slot] = match
            wrong.remove(match)
    return [item.answer, *(chosen[s] if s in chosen else wrong.pop(0) for s in _SLOTS)]


def audit_subsets(items: Sequence[Item], seed: int = 0) -> dict[str, Any]:
    """The blind audit of the chosen four options, in our order of options, each form alone."""
    result: dict[str, Any] = {}
    for form in SUFFIX:
        part = []
        for item in items:
            if form in item.forms and len(item.kinds) >= OPTIONS:
                order = sorted(slots(item, seed))
                texts = tuple(item.forms[form][i] for i in order)
                part.append(AuditItem(texts, order.index(item.answer), item.group_id))
        if part:
            result[form] = audit_items(part, seed)
    return result


def _write_set(folder: Path, name: str, items: Sequence[Item], seed: int) -> dict[str, int]:
    """The files of one set, by number of options; items in one form only have no second row."""
    paired = [i for i in items if set(SUFFIX) <= set(i.forms)] or items
    counts: dict[str, int] = {}
    for end, fitting in (
        ("", [i for i in paired if len(i.kinds) >= OPTIONS]),
        ("_binary", [i for i in paired if len(i.kinds) == 2]),
    ):
        for form, suffix in SUFFIX.items():
            part = [i for i in fitting if form in i.forms]
            if part:
                file = f"{name}_{suffix}{end}.csv"
                _write_items(folder / file, part, form, bool(end), seed)
                counts[file] = len(part)
    lost = {
        "items of three options, left out": sum(len(i.kinds) == 3 for i in paired),
        "items in one form only, left out": len(items) - len(paired),
    }
    return counts | {f"{name}: {what}": number for what, number in lost.items() if number}


def _leaks(audits: dict[str, Any]) -> list[str]:
    return [
        f"LEAK: {row['baseline']} solves the four chosen options of {name} ({form}) without an "
        f"image in {row['accuracy']:.3f} of cases; chance is {row['chance']:.3f} (audit.json)."
        for name, audit in audits.items()
        for form, rows in audit.items()
        for row in rows
        if row["leaks"]
    ]


def _write_items(path: Path, items: Sequence[Item], form: str, binary: bool, seed: int) -> None:
    hashes = keyed(*((i.item_id, i.group_id, i.subject_id, i.study_id) for i in items))
    rows: list[list[object]] = []
    for number, item in enumerate(items, 1):
        order = [0, 1] if binary else slots(item, seed)
        if item.split == "train" and not binary:
            np.random.default_rng(seed_of(seed, "negbench", item.item_id)).shuffle(order)
        texts = [
            check_cell(item.forms[form][i], path, number, f"caption_{slot}")
            for slot, i in enumerate(order)
        ]
        image = check_cell(item.image, path, number, "image_path", caption=False)
        ids = [hashes[i] for i in (item.item_id, item.group_id, item.subject_id, item.study_id)]
        rows.append(
            [
                image,
                order.index(item.answer),
                *texts,
                item.types[item.answer],
                *ids,
                form,
                " ".join(map(str, order)),
            ]
        )
    write_rows(path, [*(BINARY if binary else MCQ), *EXTRA], rows)


def _write_captions(path: Path, shown: Sequence[Captioned], polarity: str) -> int:
    hashes = keyed(*((s.subject_id, s.study_id) for s in shown))
    rows: list[list[object]] = []
    for image in shown:
        texts = [
            check_cell(c.text, path, len(rows) + 1, "captions")
            for c in image.captions
            if c.polarity == polarity
        ]
        if texts:
            file = check_cell(image.image, path, len(rows) + 1, "filepath", caption=False)
            # The evaluator evaluates the cell as Python: repr, for JSON differs beyond the BMP.
            ids = [hashes[image.subject_id], hashes[image.study_id]]
            rows.append([file, repr(texts), *ids, polarity])
    if rows:
        write_rows(path, [*RETRIEVAL, "subject_id", "study_id", "polarity"], rows)
    return len(rows)
