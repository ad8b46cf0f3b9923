"""Benchmarks in which a caption stands against wrong ones, in: ARO, CC-Neg, CXR-Align.

Formats as read from mertyg/vision-language-models-are-bows 81fdd20 (`dataset_zoo/aro_datasets.py`),
jaisidhsingh/CoN-CLIP 503388a, and CXR-Align 1.0.0 (PhysioNet).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nast.errors import InputError
from nast.exchange.fields import Entry, numbered_entries, read_json_lines, read_whole
from nast.exchange.peer_items import Box, Item

ARO_CASES = 25
"""ARO reports no pair of attributes of which it has fewer cases."""
EVALUATED_LAST = 40_000
"""The last so many items of CC-Neg are its evaluation set."""
_CONVERT = (
    'JSON, for a .pt can run code when it is opened; make it once: python -c "import json, torch; '
    "json.dump(torch.load('ccneg_preprocessed.pt', weights_only=True), open('ccneg.json', 'w'))\""
)


def read_aro(file: Path) -> Iterator[Item]:
    """A list of `image_path, true_caption, false_caption`, with the part of the image that is meant
    (`bbox_x, bbox_y, bbox_w, bbox_h`).

    The kind of the wrong caption is what ARO reports one by one: `relation=NAME`, or
    `attributes=FIRST_SECOND` of at least `ARO_CASES` items.
    """
    entries = numbered_entries(read_whole(file, list), file)
    kinds = [_aro_kind(entry) for entry in entries]
    cases = Counter(kinds)
    for entry, kind in zip(entries, kinds, strict=True):
        rare = kind.startswith("attributes=") and cases[kind] < ARO_CASES
        yield Item(
            item_id=f"{entry.row:06d}",
            image=entry.path("image_path"),
            forms={"": (entry.text("true_caption"), entry.text("false_caption"))},
            answer=0,
            kinds=("truth", "attributes" if rare else kind),
            box=_box(entry),
        )


def _aro_kind(entry: Entry) -> str:
    if "relation_name" in entry.values:
        return f"relation={entry.text('relation_name')}"
    if "attributes" not in entry.values:
        return "other"
    pair = entry.field("attributes")
    if not isinstance(pair, list) or len(pair) != 2:
        raise entry.wrong("no list of two", "two attributes", "attributes")
    return "attributes=" + "_".join(entry.texts("attributes"))


def _box(entry: Entry) -> Box | None:
    names = [f"bbox_{side}" for side in "xywh"]
    if not any(name in entry.values for name in names):
        return None
    left, top, width, height = (entry.whole(name) for name in names)
    return left, top, width, height


def read_cc_neg(file: Path) -> Iterator[Item]:
    """`{"image_paths": [...], "annotations": [...]}`, or one annotation with its `image_path` a
    line; the last 40,000 are for evaluation, the others for training.
    """
    if file.suffix == ".pt":
        raise InputError(file, found="a file of torch", expected=_CONVERT)
    found = list(read_json_lines(file)) if file.suffix == ".jsonl" else _annotations(file)
    for number, entry in enumerate(found, 1):
        image = entry.path("image_path")
        caption = entry.within("json").text("caption")
        negated = entry.within("sop_data").text("negative-prompt")
        yield Item(
            item_id=f"{number:06d}",
            image=image,
            forms={"": (caption, negated)},
            answer=0,
            kinds=("truth", "negative-prompt"),
            split="test" if number > len(found) - EVALUATED_LAST else "train",
        )


def _annotations(file: Path) -> list[Entry]:
    whole = Entry(read_whole(file, dict), file)
    paths, annotations = whole.field("image_paths"), whole.field("annotations")
    lists = isinstance(paths, list) and isinstance(annotations, list)
    if not lists or len(paths) != len(annotations):
        found = "image_paths and annotations that do not match"
        raise whole.wrong(found, "two lists of one length")
    return [
        Entry({**entry.values, "image_path": path}, file, entry.row)
        for entry, path in zip(numbered_entries(annotations, file), paths, strict=True)
    ]


def read_cxr_align(file: Path) -> Iterator[Item]:
    """`{"mimic": {dicom_id: {report, negation, omitted, chosen, location}}}`.

    The report is right; the one with a finding negated and the one without it are not. Accuracy
    against one of the wrong ones is that of its kind.
    """
    kinds = ("truth", "negation", "omitted")
    parts = [entry.values for entry in numbered_entries(read_whole(file, dict).values(), file)]
    names = [name for part in parts for name in part]
    entries = numbered_entries((value for part in parts for value in part.values()), file)
    for name, entry in zip(names, entries, strict=True):
        image = Entry({"dicom_id": name}, file, entry.row).path("dicom_id")
        texts = tuple(entry.text(n) for n in ("report", "negation", "omitted"))
        yield Item(f"{entry.row:06d}", f"{image}.jpg", {"": texts}, 0, kinds)
