"""Files of other projects -> items and captions as they have them.

Formats as read from their code: NegBench (m1k2zoo/negbench 2ac009b, `training/data.py`), CC-Neg
(jaisidhsingh/CoN-CLIP 503388a), SugarCrepe (`datasets/sugar_crepe.py` of LAION-AI/CLIP_benchmark
48de38c), ARO (mertyg/vision-language-models-are-bows 81fdd20, `dataset_zoo/aro_datasets.py`) and
CXR-Align 1.0.0 (PhysioNet).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nast.errors import InputError
from nast.exchange.documents_in import read_documents
from nast.exchange.fields import (
    object_of,
    path_of,
    read_array,
    read_lines,
    read_object,
    text_of,
    whole_of,
)
from nast.exchange.imported import Choice, Record, Sentence
from nast.exchange.literals import parse_list
from nast.sources.io.label_tables import read_csv

WRONG = ("truth", "hybrid", "positive", "negative")
"""What NegBench's evaluator takes the four captions for (`mcq.py`): by place, not by content."""
CC_NEG_TEST = 40_000
"""The last so many items of CC-Neg are its evaluation set."""
ARO_CASES = 25
"""ARO reports no pair of attributes of which it has fewer cases."""
_CONVERT = (
    'JSON, for a .pt can run code when it is opened; make it once: python -c "import json, torch; '
    "json.dump(torch.load('ccneg_preprocessed.pt', weights_only=True), open('ccneg.json', 'w'))\""
)


def read_choices_csv(file: Path) -> Iterator[Record]:
    """NegBench's multiple choice, binary or not: `image_path, correct_answer, caption_0`...

    Any number of captions from two on and any place of the right one are read.
    """
    rows = read_csv(file, ["image_path", "correct_answer", "caption_0", "caption_1"])
    number = 2
    while f"caption_{number}" in rows.columns:
        number += 1
    names = [f"caption_{i}" for i in range(number)]
    for row, cells in enumerate(rows.iter_rows(named=True), 1):
        answer = whole_of(cells["correct_answer"], file, row, "correct_answer", number)
        kinds = WRONG if number == len(WRONG) and answer == 0 else ("other",) * number
        yield Choice(
            item_id=f"{row:06d}",
            image=path_of(cells["image_path"], file, row, "image_path"),
            options=tuple(text_of(cells[n], file, row, n) for n in names),
            answer=answer,
            kinds=tuple("truth" if i == answer else kind for i, kind in enumerate(kinds)),
        )


def read_retrieval_csv(file: Path) -> Iterator[Record]:
    """NegBench's retrieval: `filepath, captions`, the captions a Python list of strings."""
    rows = read_csv(file, ["filepath", "captions"])
    for row, cells in enumerate(rows.iter_rows(named=True), 1):
        image = path_of(cells["filepath"], file, row, "filepath")
        try:
            captions = parse_list(cells["captions"])
        except ValueError as error:
            raise InputError(
                file,
                found=str(error),
                row=row,
                column="captions",
                expected="a Python list of strings",
            ) from None
        for nth, caption in enumerate(captions):
            words = text_of(caption, file, row, "captions")
            yield Sentence(f"{row:06d}-{nth}", image, words)


def read_cc_neg(file: Path) -> Iterator[Record]:
    """CC-Neg: `{"image_paths": [...], "annotations": [...]}`, or one annotation with its
    `image_path` a line; the last 40,000 are for evaluation, the others for training.
    """
    if file.suffix == ".pt":
        raise InputError(file, found="a file of torch", expected=_CONVERT)
    found = list(_cc_neg_items(file))
    for row, (path, annotation) in enumerate(found, 1):
        item = object_of(annotation, file, row, ["json", "sop_data"])
        caption = object_of(item["json"], file, row, ["caption"])["caption"]
        negated = object_of(item["sop_data"], file, row, ["negative-prompt"])["negative-prompt"]
        choice = _pair(f"{row:06d}", path, caption, negated, "negative-prompt", file, row)
        yield choice if row > len(found) - CC_NEG_TEST else choice._replace(split="train")


def _cc_neg_items(file: Path) -> Iterator[tuple[Any, Any]]:
    if file.suffix == ".jsonl":
        for row, line in read_lines(file):
            yield object_of(line, file, row, ["image_path"])["image_path"], line
        return
    whole = read_object(file, ["image_paths", "annotations"])
    paths, annotations = whole["image_paths"], whole["annotations"]
    if not (isinstance(paths, list) and isinstance(annotations, list)) or len(paths) != len(
        annotations
    ):
        raise InputError(
            file,
            found="image_paths and annotations that do not match",
            expected="two lists of one length",
        )
    yield from zip(paths, annotations, strict=True)


def read_sugar_crepe(file: Path) -> Iterator[Record]:
    """SugarCrepe: `{id: {filename, caption, negative_caption}}`; the file's name is the task."""
    for row, (key, value) in enumerate(read_object(file).items(), 1):
        item = object_of(value, file, row, ["filename", "caption", "negative_caption"])
        yield _pair(
            text_of(key, file, row, "id"),
            item["filename"],
            item["caption"],
            item["negative_caption"],
            file.stem,
            file,
            row,
        )


def read_aro(file: Path) -> Iterator[Record]:
    """ARO's relation and attribution sets: a list of `image_path, true_caption, false_caption`,
    with the part of the image that is meant (`bbox_x, bbox_y, bbox_w, bbox_h`).

    The kind of the wrong caption is what ARO reports one by one: `relation=NAME`, or
    `attributes=FIRST_SECOND` of at least `ARO_CASES` items.
    """
    items = [
        object_of(value, file, row, ["image_path", "true_caption", "false_caption"])
        for row, value in enumerate(read_array(file), 1)
    ]
    kinds = [_aro_kind(item, file, row) for row, item in enumerate(items, 1)]
    cases = Counter(kinds)
    for row, (item, name) in enumerate(zip(items, kinds, strict=True), 1):
        rare = name.startswith("attributes=") and cases[name] < ARO_CASES
        kind = "attributes" if rare else name
        choice = _pair(
            f"{row:06d}",
            item["image_path"],
            item["true_caption"],
            item["false_caption"],
            kind,
            file,
            row,
        )
        names = [f"bbox_{side}" for side in "xywh"]
        if any(name in item for name in names):
            object_of(item, file, row, names)
            x, y, width, height = (whole_of(item[n], file, row, n) for n in names)
            choice = choice._replace(box=(x, y, width, height))
        yield choice


def _aro_kind(item: dict[str, Any], file: Path, row: int) -> str:
    if "relation_name" in item:
        return f"relation={text_of(item['relation_name'], file, row, 'relation_name')}"
    if "attributes" not in item:
        return "other"
    pair = item["attributes"]
    if not isinstance(pair, list) or len(pair) != 2:
        raise InputError(
            file, found="no list of two", row=row, column="attributes", expected="two attributes"
        )
    return "attributes=" + "_".join(text_of(name, file, row, "attributes") for name in pair)


def read_cxr_align(file: Path) -> Iterator[Record]:
    """CXR-Align: `{"mimic": {dicom_id: {report, negation, omitted, chosen, location}}}`.

    The report is right; the one with a finding negated and the one without it are not.
    `claims/pairwise/FORM/negation` and `.../omitted` are its accuracies against one of them.
    """
    row = 0
    for part in read_object(file).values():
        for key, value in object_of(part, file, None, []).items():
            row += 1
            names = ("report", "negation", "omitted")
            item = object_of(value, file, row, names)
            name = path_of(key, file, row, "dicom_id")
            options = tuple(text_of(item[n], file, row, n) for n in names)
            yield Choice(f"{row:06d}", f"{name}.jpg", options, 0, ("truth", *names[1:]))


def _pair(
    name: str, image: object, true: object, false: object, kind: str, file: Path, row: int
) -> Choice:
    options = (text_of(true, file, row, "caption"), text_of(false, file, row, "wrong caption"))
    return Choice(name, path_of(image, file, row, "image"), options, 0, ("truth", kind))


READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    "negbench-mcq": read_choices_csv,
    "negbench-binary": read_choices_csv,
    "negbench-retrieval": read_retrieval_csv,
    "cc-neg": read_cc_neg,
    "sugar-crepe": read_sugar_crepe,
    "aro": read_aro,
    "cxr-align": read_cxr_align,
    "jsonl": read_documents,
}
"""Source -> its reader."""
