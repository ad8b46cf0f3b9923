"""Items and captions of other projects as rows of `items.parquet` and `captions.parquet`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.exchange.image_files import crop, parts_of, subject_of
from nast.exchange.peer_items import Item, Record
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
    places, missing = _places(records, find, crops)
    subjects = _subjects({r.image for r in records})
    item_rows: list[dict[str, Any]] = []
    caption_rows: list[dict[str, Any]] = []
    for record, place in zip(records, places, strict=True):
        keys = {
            "subject_id": record.subject_id or subjects[record.image],
            "study_id": parts_of(record.image)[-1].partition(".")[0],
            "split": record.split,
            "image_path": str(place) if place else None,
        }
        if isinstance(record, Item):
            item_rows += [row | keys for row in _item_rows(record, f"imported:{source}")]
        else:
            row = record._asdict() | {"condition": "", "realiser": "imported"} | keys
            caption_rows.append(row)
    items = pl.DataFrame(item_rows, schema=ITEMS_SCHEMA)
    captions = pl.DataFrame(caption_rows, schema=CAPTIONS_SCHEMA)
    lost = pl.col("image_path").is_null().any().over("group_id")
    alike = pl.col("options").list.n_unique() < pl.col("options").list.len()
    unclear = ~lost & alike.any().over("group_id") & pl.lit(not equal_options)
    shown = captions.drop_nulls("image_path")
    counts = {
        "items": len(items),
        "items left out, no image": len(items.filter(lost)),
        "items left out, two equal options": len(items.filter(unclear)),
        "captions": len(captions),
        "captions left out, no image": len(captions) - len(shown),
    }
    kept = items.filter(~lost & ~unclear)
    return Imported(kept, shown, missing, {what: n for what, n in counts.items() if n})


def _places(
    records: Sequence[Record], find: Callable[[str], Path | None], crops: Path
) -> tuple[list[Path | None], dict[str, str]]:
    """The image of each record, cut out where a part is meant; and why there is none for a path."""
    found = {path: find(path) for path in sorted({r.image for r in records})}
    missing = {path: "no such file" for path, image in found.items() if image is None}
    places = []
    for number, record in enumerate(records):
        image = found[record.image]
        if image and isinstance(record, Item) and record.box:
            target = crops / f"{number:06d}.png"
            image = target.absolute() if crop(image, record.box, target) else None
            if image is None:
                missing[record.image] = "no image that can be read"
        places.append(image)
    return places, missing


def _subjects(paths: Iterable[str]) -> dict[str, str]:
    """Recorded path -> patient; where one name is that of several files, the whole path."""
    named = {path: subject_of(path) for path in paths}
    images = Counter(named.values())
    folders = {path: set(parts_of(path)[:-1]) for path in named}
    return {
        path: subject if subject in folders[path] or images[subject] == 1 else path
        for path, subject in named.items()
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
