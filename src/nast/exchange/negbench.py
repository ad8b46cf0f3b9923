"""NegBench: the CSV files that its evaluator reads, out and in.

Format as read from m1k2zoo/negbench 2ac009b, `benchmarks/src/training/data.py` (`CsvMCQDataset`,
`CsvBinaryMCQDataset`, `CsvImageCaptionDataset`) and `src/evaluation/mcq.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nast.errors import UsageError
from nast.exchange.card import Exported
from nast.exchange.fields import Entry, parse_list
from nast.exchange.material import Material, evaluated
from nast.exchange.peer_files import check_cell, write_rows
from nast.exchange.peer_items import Caption, Item
from nast.files import write_json
from nast.hashes import seed_of
from nast.items.audit import Audited, audit_items
from nast.language.read.cues import cues
from nast.sources.io.label_tables import read_csv

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
WRONG = ("hybrid", "positive", "negative")
"""What the evaluator takes wrong answers 1, 2 and 3 for (`mcq.py`): by place, not by content. Only
its error statistics depend on it."""
FEWEST = 5
"""Images. With fewer its R@5 cannot be computed and the run ends."""


def write_negbench(material: Material, folder: Path, seed: int) -> Exported:
    """Write one pair of CSVs per set of items, and retrieval CSVs for captions.

    The right option is `caption_0`: the evaluator raises KeyError where it is not. Sets of the
    training split are for the MCQ loss of its trainer (`--mcq-train-data`), which reads
    `correct_answer`: there the right option stands anywhere, by the seed. Rows of the `_neg` and
    the `_aff` file of a set are the same items in the same order of options.

    The folder gets `audit.json` too where four of more were chosen, by the seed.

    Raises:
        InputError: a text that pandas or CLIP would change.
        UsageError: no item has two, or four and more options.
    """
    counts: dict[str, int] = {}
    audits: dict[str, Any] = {}
    for name, items in material.items.items():
        counts |= _write_set(folder, name, items, seed)
        if any(len(i.kinds) > OPTIONS for i in items):
            audits[name] = _audit(items, seed)
    for name, images in material.captions.items():
        for polarity, suffix in SUFFIX.items():
            file = f"{name}_{suffix}_retrieval.csv"
            number = _write_captions(folder / file, images, polarity)
            counts |= {file: number} if number else {}
    if not any(name.endswith(".csv") for name in counts):
        raise UsageError("no item with two, or with four and more options, for NegBench")
    if audits:
        write_json(folder / "audit.json", audits)
    return Exported(counts, _run_lines(counts), [*_leaks(audits), *_NOTES])


def slots(item: Item, seed: int) -> list[int]:
    """Which option goes into which caption column; the right one comes first.

    Of more than four options the wrong ones are the three that follow the right one on a ring in
    an order drawn per group. In a balanced group every text is then shown four times and right
    once, so how often a text is seen tells nothing.
    """
    rng = np.random.default_rng(seed_of(seed, "negbench", item.own_group))
    ring = [int(i) for i in rng.permutation(len(item.kinds))]
    place = ring.index(item.answer)
    wrong = [ring[(place + step) % len(ring)] for step in range(1, OPTIONS)]
    types = types_of(item)
    chosen: dict[str, int] = {}
    for slot in WRONG:
        match = next((i for i in wrong if types[i] == slot), None)
        if match is not None:
            chosen[slot] = match
            wrong.remove(match)
    return [item.answer, *(chosen[s] if s in chosen else wrong.pop(0) for s in WRONG)]


def types_of(item: Item) -> list[str]:
    """Per option whether it states presences (`positive`), absences (`negative`) or both
    (`hybrid`); what has words only is `negative` where they hold a negation.
    """
    words = next(iter(item.forms.values()))
    types = []
    for number, text in enumerate(words):
        said = item.facts[number] if item.facts else ()
        present = [fact.existence == "present" for fact in said] or [not cues(text)]
        mixed = "hybrid" if any(present) else "negative"
        types.append("positive" if all(present) else mixed)
    return types


def _audit(items: Sequence[Item], seed: int) -> dict[str, Any]:
    """The blind audit of the chosen four options, in our order of options, each form alone."""
    result: dict[str, Any] = {}
    for form in SUFFIX:
        part = []
        for item in items:
            if form in item.forms and len(item.kinds) >= OPTIONS:
                order = sorted(slots(item, seed))
                texts = tuple(item.forms[form][i] for i in order)
                part.append(Audited(texts, order.index(item.answer), item.own_group))
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
                _write_items(folder / file, part, form, seed)
                counts[file] = len(part)
    lost = {
        "items of three options, left out": sum(len(i.kinds) == 3 for i in paired),
        "items in one form only, left out": len(items) - len(paired),
    }
    return counts | {f"{name}: {what}": number for what, number in lost.items() if number}


def _write_items(path: Path, items: Sequence[Item], form: str, seed: int) -> None:
    binary = len(items[0].kinds) == 2
    rows: list[list[object]] = []
    for number, item in enumerate(items, 1):
        order = [0, 1] if binary else slots(item, seed)
        if item.split == "train" and not binary:
            np.random.default_rng(seed_of(seed, "negbench", item.own_id)).shuffle(order)
        texts = [
            check_cell(item.forms[form][i], path, number, f"caption_{slot}")
            for slot, i in enumerate(order)
        ]
        image = check_cell(item.image, path, number, "image_path", caption=False)
        ids = (item.item_id, item.group_id, item.subject_id, item.study_id)
        rows.append(
            [
                image,
                order.index(item.answer),
                *texts,
                types_of(item)[item.answer],
                *ids,
                form,
                " ".join(map(str, order)),
            ]
        )
    write_rows(path, [*(BINARY if binary else MCQ), *EXTRA], rows)


def _write_captions(path: Path, images: Sequence[Sequence[Caption]], polarity: str) -> int:
    rows: list[list[object]] = []
    for captions in images:
        texts = [
            check_cell(c.caption, path, len(rows) + 1, "captions")
            for c in captions
            if c.polarity == polarity
        ]
        if texts:
            first = captions[0]
            file = check_cell(first.image, path, len(rows) + 1, "filepath", caption=False)
            # The evaluator evaluates the cell as Python: repr, for JSON differs beyond the BMP.
            rows.append([file, repr(texts), first.subject_id, first.study_id, polarity])
    if rows:
        write_rows(path, [*RETRIEVAL, "subject_id", "study_id", "polarity"], rows)
    return len(rows)


def _leaks(audits: dict[str, Any]) -> list[str]:
    return [
        f"LEAK: {row['baseline']} solves the four chosen options of {name} ({form}) without an "
        f"image in {row['accuracy']:.3f} of cases; chance is {row['chance']:.3f} (audit.json)."
        for name, audit in audits.items()
        for form, rows in audit.items()
        for row in rows
        if row["leaks"]
    ]


def _run_lines(counts: Mapping[str, int]) -> list[str]:
    """The lines of shell that run the evaluator on the files of `counts`, in one split."""
    few = {n for n, rows in counts.items() if n.endswith("_retrieval.csv") and rows < FEWEST}
    files = [n for n in counts if n.endswith(".csv") and n not in few]
    by_split = evaluated({n.partition("_")[0] for n in files})
    training = ("-train_neg.csv", "-train_aff.csv")
    files = [n for n in files if n.partition("_")[0] in by_split and not n.endswith(training)]
    flags = {
        "--coco-mcq": "_neg.csv",
        "--voc2007-mcq": "_aff.csv",
        "--coco-retrieval": "_aff_retrieval.csv",
        "--coco-negated-retrieval": "_neg_retrieval.csv",
    }
    given = [(flag, n) for flag, end in flags.items() for n in files if n.endswith(end)]
    lines = _command(given, "") if given else []
    pairs = [n for n in files if n.endswith("_binary.csv")]
    if pairs:
        last = ("--chexpert-affirmation-binary-mcq", pairs[-1])
        lines += _command([("--chexpert-binary-mcq", pairs[0]), last], _BINARY_ONLY)
    if not lines:
        return ["# nothing to evaluate: too few images, or the training split only"]
    return ["HERE=$PWD", "cd /path/to/negbench/benchmarks", *lines]


_BINARY_ONLY = (
    '--cxr-dataset --chexpert-mcq "" --chexpert-affirmation-mcq "" '
    '--ham10000-mcq "" --ham10000-affirmation-mcq "" '
)


def _command(files: Sequence[tuple[str, str]], more: str) -> list[str]:
    head = "python -m src.evaluation.eval_negation --model ViT-B-32 --pretrained openai --name nast"
    return [
        f"{head} \\",
        f"  {more}--dataset-type csv --csv-separator=, --batch-size 64 --workers 4 \\",
        *(f'  {flag} "$HERE/{name}" \\' for flag, name in files[:-1]),
        f'  {files[-1][0]} "$HERE/{files[-1][1]}"',
    ]


def read_choices_csv(file: Path) -> Iterator[Item]:
    """Multiple choice, binary or not: `image_path, correct_answer, caption_0, caption_1`...

    Any number of captions from two on and any place of the right one are read.
    """
    rows = read_csv(file, ["image_path", "correct_answer", "caption_0", "caption_1"])
    number = 2
    while f"caption_{number}" in rows.columns:
        number += 1
    for row, cells in enumerate(rows.iter_rows(named=True), 1):
        entry = Entry(cells, file, row)
        answer = entry.whole("correct_answer", number)
        kinds = [*WRONG] if number == OPTIONS and answer == 0 else ["other"] * (number - 1)
        kinds.insert(answer, "truth")
        yield Item(
            item_id=f"{row:06d}",
            image=entry.path("image_path"),
            forms={"": tuple(entry.text(f"caption_{i}") for i in range(number))},
            answer=answer,
            kinds=tuple(kinds),
        )


def read_retrieval_csv(file: Path) -> Iterator[Caption]:
    """Retrieval: `filepath, captions`, the captions a Python list of strings."""
    rows = read_csv(file, ["filepath", "captions"])
    for row, cells in enumerate(rows.iter_rows(named=True), 1):
        entry = Entry(cells, file, row)
        image = entry.path("filepath")
        try:
            captions = parse_list(cells["captions"])
        except ValueError as error:
            raise entry.wrong(str(error), "a Python list of strings", "captions") from None
        texts = Entry({"captions": captions}, file, row).texts("captions")
        for nth, text in enumerate(texts):
            yield Caption(f"{row:06d}-{nth}", image=image, caption=text)


_NOTES = [
    "The keys `coco-mcq` and `voc2007-mcq` of its results are the negated and the affirmative "
    "form; `coco-retrieval` and `coco-negated-retrieval` likewise. With `_binary.csv` files the "
    "keys are those of its CheXpert sets.",
    "The right option is caption_0 in what is evaluated, and argmax counts a tie as right. nast "
    "never does.",
    "Files of the training split are for `--mcq-train-data`: there the right option stands in any "
    "column, as `correct_answer` says, and the evaluator would end with a KeyError.",
    "A checkpoint file needs `--model ViT-B-32-quickgelu` if it was trained with QuickGELU "
    "(OpenAI's were); the tag `openai` sets it by itself.",
    "A model that is always right ends its MCQ evaluation with ZeroDivisionError.",
    "Retrieval counts only the row's own image as right: an equal caption of another image is an "
    "error there, so R@1 is far below 1 by construction. It needs 5 images or more.",
]
