"""A folder that Hugging Face `datasets` loads: Parquet shards and a card with YAML front matter.

Layout as the library's documentation has it ("Structure your repository"): `configs` in the front
matter of README.md name the Parquet files of each split. Images are named, not held: their terms
rarely allow a copy.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nast.exchange.card import Written
from nast.exchange.cells import keyed
from nast.exchange.items import Captioned, Item
from nast.exchange.material import Material
from nast.files import atomic, write_text

SHARD = 100_000
"""Rows per Parquet file."""
SPLITS = {"train": "train", "validate": "validation", "test": "test"}
"""Our names of the splits, and the library's."""
_TASKS = {"captions": "image-to-text", "claims": "multiple-choice", "questions": "multiple-choice"}
_KEYS = {"subject_id": pl.String, "study_id": pl.String, "image_path": pl.String}
_TEXTS = pl.List(pl.String)
CAPTIONS: dict[str, Any] = {
    "caption_id": pl.String,
    **_KEYS,
    "polarity": pl.String,
    "kind": pl.String,
    "caption": pl.String,
}
ITEMS: dict[str, Any] = {
    "item_id": pl.String,
    "group_id": pl.String,
    **_KEYS,
    "stem": pl.String,
    "negated": _TEXTS,
    "affirmative": _TEXTS,
    "omitted": _TEXTS,
    "kinds": _TEXTS,
    "answer": pl.Int64,
}


def write_hf_datasets(material: Material, folder: Path, seed: int) -> Written:
    """Write one configuration per table, one Parquet file or more per split.

    Args:
        material: what to write.
        folder: gets `TABLE/SPLIT-00000-of-00001.parquet`; the card's front matter is written by
            `front_matter`.
        seed: not used; nothing is drawn.
    """
    counts: dict[str, int] = {}
    sets = [(name, ITEMS, _items(items)) for name, items in material.items.items()]
    sets += [(name, CAPTIONS, _captions(shown)) for name, shown in material.captions.items()]
    for name, schema, rows in sets:
        table, _, split = name.rpartition("-")
        frame = pl.DataFrame(list(rows), schema=schema)
        _write_shards(folder / table, SPLITS[split], frame)
        counts[f"{table}, {SPLITS[split]}"] = len(frame)
    table = next(iter(counts)).split(",")[0]
    run = [
        "from datasets import load_dataset",
        f"load_dataset({str(folder.resolve())!r}, {table!r})",
        "# images: .cast_column('image_path', datasets.Image())",
    ]
    return Written(counts, run, _NOTES)


def _write_shards(folder: Path, split: str, frame: pl.DataFrame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    number = -(-len(frame) // SHARD)
    for place in range(number):
        path = folder / f"{split}-{place:05d}-of-{number:05d}.parquet"
        with atomic(path) as temporary:
            frame[place * SHARD : (place + 1) * SHARD].write_parquet(temporary, compression="zstd")


def front_matter(folder: Path, material: Material) -> None:
    """Put the YAML that the library and the hub read in front of the folder's README.md."""
    tables: dict[str, list[dict[str, str]]] = {}
    for name in (*material.items, *material.captions):
        table, _, split = name.rpartition("-")
        entry = {"split": SPLITS[split], "path": f"{table}/{SPLITS[split]}-*.parquet"}
        tables.setdefault(table, []).append(entry)
    head = {
        "pretty_name": "nast: negation in radiology",
        "language": ["en"],
        # The terms of the sources bind the texts; the card below names them.
        "license": "other",
        "task_categories": sorted({_TASKS[table] for table in tables}),
        "tags": ["radiology", "negation", "vision-language"],
        "configs": [{"config_name": t, "data_files": files} for t, files in tables.items()],
    }
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    write_text(card, f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n{text}")


def _captions(shown: Sequence[Captioned]) -> Iterator[dict[str, Any]]:
    hashes = keyed(
        *((s.subject_id, s.study_id) for s in shown),
        (c.caption_id for s in shown for c in s.captions),
    )
    for image in shown:
        for caption in image.captions:
            yield {
                "caption_id": hashes[caption.caption_id],
                "subject_id": hashes[image.subject_id],
                "study_id": hashes[image.study_id],
                "image_path": image.image,
                "polarity": caption.polarity,
                "kind": caption.kind,
                "caption": caption.text,
            }


def _items(items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    hashes = keyed(*((i.item_id, i.group_id, i.subject_id, i.study_id) for i in items))
    for item in items:
        forms = {form: item.forms.get(form) for form in ("negated", "affirmative", "omitted")}
        yield {
            **{
                name: hashes[getattr(item, name)]
                for name in ("item_id", "group_id", "subject_id", "study_id")
            },
            "image_path": item.image,
            "stem": item.stem,
            **{form: list(texts) if texts else None for form, texts in forms.items()},
            "kinds": list(item.kinds),
            "answer": item.answer,
        }


_NOTES = [
    "A configuration is a table, a split is by patient. `image_path` names the file on this "
    "machine; nothing of an image is in this folder.",
    "Do not push credentialed or private data to the hub: see the access class above.",
]
