"""ARO in: relations and attributes of parts of images.

Format as read from mertyg/vision-language-models-are-bows 81fdd20, `dataset_zoo/aro_datasets.py`.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nast.exchange.fields import Entry, entry_of, read_whole
from nast.exchange.peer_items import Box, Item

ARO_CASES = 25
"""ARO reports no pair of attributes of which it has fewer cases."""


def read_aro(file: Path) -> Iterator[Item]:
    """A list of `image_path, true_caption, false_caption`, with the part of the image that is meant
    (`bbox_x, bbox_y, bbox_w, bbox_h`).

    The kind of the wrong caption is what ARO reports one by one: `relation=NAME`, or
    `attributes=FIRST_SECOND` of at least `ARO_CASES` items.
    """
    entries = [entry_of(value, file, row) for row, value in enumerate(read_whole(file, list), 1)]
    kinds = [_kind(entry) for entry in entries]
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


def _kind(entry: Entry) -> str:
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
