"""CC-Neg in: captions and their negations (jaisidhsingh/CoN-CLIP 503388a)."""

from collections.abc import Iterator
from pathlib import Path

from nast.errors import InputError
from nast.exchange.fields import Entry, entry_of, read_json_lines, read_whole
from nast.exchange.peer_items import Item

EVALUATED_LAST = 40_000
"""The last so many items are its evaluation set."""
_CONVERT = (
    'JSON, for a .pt can run code when it is opened; make it once: python -c "import json, torch; '
    "json.dump(torch.load('ccneg_preprocessed.pt', weights_only=True), open('ccneg.json', 'w'))\""
)


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
    entries = [entry_of(value, file, row) for row, value in enumerate(annotations, 1)]
    return [
        Entry({**entry.values, "image_path": path}, file, entry.row)
        for entry, path in zip(entries, paths, strict=True)
    ]
