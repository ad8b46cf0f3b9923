"""Items and captions of other projects as rows of `items.parquet` and `captions.parquet`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.exchange.image_files import crop, parts_of, subject_of
from nast.exchange.peer_items import Caption, Item, Record
from nast.records import CAPTIONS_SCHEMA, ITEMS_SCHEMA


class Imported(NamedTuple):
    """What can be scored, and the account of the rest.

    Attributes:
        items: `ITEMS_SCHEMA` rows.
        captions: `CAPTIONS_SCHEMA` rows.
        missing: recorded path of an image -> why it cannot be used.
        counts: items (one in two forms counts twice) and captions read and left out, by reason.
    """

    items: pl.DataFrame
    captions: pl.DataFrame
    missing: dict[str, str]
    counts: dict[str, int]


def imported_tables(
    records: Sequence[Record],
    find: Callable[[str], Path | None],
    source: str,
    crops: Path,
    equal_options: bool = False,
) -> Imported:
    """Rows that `nast evaluate` scores.

    An item is left out, with its whole group, when its image is missing or when two of its
    options are equal: then it has no single answer, except by a peer's rule for ties.

    Args:
        records: as read, with ids, forms and polarities.
        find: recorded path -> file, or None.
        source: of them, for `construction`.
        crops: folder for the parts of images that items with a box are about.
        equal_options: keep items with equal options.
    """
    found = {path: find(path) for path in sorted({r.image for r in records})}
    subjects = _subjects(found)
    missing = {path: "no such file" for path, image in found.items() if image is None}
    kept, counts = _usable(
        [r for r in records if isinstance(r, Item)], found, missing, crops, equal_options
    )
    captions = [r for r in records if isinstance(r, Caption)]
    shown = [
        _caption_row(c) | _keys(c, image, subjects) for c in captions if (image := found[c.image])
    ]
    counts["captions"] = len(captions)
    counts["captions left out, no image"] = len(captions) - len(shown)
    items = [
        row | _keys(item, image, subjects)
        for item, image in kept
        for row in _item_rows(item, f"imported:{source}")
    ]
    return Imported(
        pl.DataFrame(items, schema=ITEMS_SCHEMA),
        pl.DataFrame(shown, schema=CAPTIONS_SCHEMA),
        missing,
        {what: n for what, n in counts.items() if n},
    )


def _usable(
    items: Sequence[Item],
    found: dict[str, Path | None],
    missing: dict[str, str],
    crops: Path,
    equal_options: bool,
) -> tuple[list[tuple[Item, Path]], Counter[str]]:
    """Items with their images, and the account; adds broken images to `missing`."""
    placed = [(i, _place(i, found[i.image], crops / f"{n:06d}.png")) for n, i in enumerate(items)]
    broken = {i.image for i, place in placed if place is None and found[i.image]}
    missing |= dict.fromkeys(broken, "no image that can be read")
    lost = {i.group_id for i, place in placed if place is None}
    alike = {i.group_id for i in items if any(len(set(w)) < len(w) for w in i.forms.values())}
    unclear = set() if equal_options else alike - lost
    kept = [(i, place) for i, place in placed if place and i.group_id not in lost | unclear]

    def number(groups: set[str]) -> int:
        return sum(len(i.forms) for i in items if i.group_id in groups)

    counts = Counter({"items": sum(len(i.forms) for i in items)})
    counts["items left out, no image"] = number(lost)
    counts["items left out, two equal options"] = number(unclear)
    return kept, counts


def _place(item: Item, image: Path | None, target: Path) -> Path | None:
    if image is None or item.box is None:
        return image
    return target.absolute() if crop(image, item.box, target) else None


def _subjects(paths: Iterable[str]) -> dict[str, str]:
    """Recorded path -> patient; where one name is that of several files, the whole path."""
    named = {path: subject_of(path) for path in paths}
    images = Counter(named.values())
    folders = {path: set(parts_of(path)[:-1]) for path in named}
    return {
        path: subject if subject in folders[path] or images[subject] == 1 else path
        for path, subject in named.items()
    }


def _keys(record: Record, image: Path, subjects: dict[str, str]) -> dict[str, Any]:
    return {
        "subject_id": record.subject_id or subjects[record.image],
        "study_id": parts_of(record.image)[-1].partition(".")[0],
        "split": record.split,
        "image_path": str(image),
    }


def _item_rows(item: Item, construction: str) -> Iterator[dict[str, Any]]:
    for form, options in item.forms.items():
        yield {
            "item_id": f"{item.item_id}-{form}",
            "set": "imported",
            "pair_id": item.item_id,
            "group_id": item.group_id,
            "form": form,
            "stem": item.stem,
            "conditions": [],
            "options": list(options),
            "facts": [[] for _ in options],
            "kinds": list(item.kinds),
            "answer": item.answer,
            "construction": construction,
            "realiser": "imported",
        }


def _caption_row(caption: Caption) -> dict[str, Any]:
    return {
        "caption_id": caption.caption_id,
        "condition": "",
        "kind": caption.kind,
        "polarity": caption.polarity,
        "caption": caption.text,
        "fact": None,
        "realiser": "imported",
    }
