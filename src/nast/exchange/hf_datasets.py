"""A folder that Hugging Face `datasets` loads: Parquet files and a card with YAML front matter.

Layout as the library's documentation has it ("Structure your repository"): `configs` in the front
matter of README.md name the Parquet files of each split. Images are named, not held: their terms
rarely allow a copy.
"""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nast.exchange.card import Exported
from nast.exchange.documents import ALWAYS, caption_documents, item_documents
from nast.exchange.material import Material
from nast.exchange.peer_items import PEER_KINDS, Caption
from nast.files import atomic

SPLIT_OF = {"train": "train", "validate": "validation", "test": "test"}
"""Our names of the splits, and the library's."""
CAPTIONS: dict[str, Any] = dict.fromkeys((n for n in Caption._fields if n != "split"), pl.String)
ITEMS: dict[str, Any] = {
    **dict.fromkeys(("item_id", "group_id", "subject_id", "study_id", "image", "stem"), pl.String),
    **dict.fromkeys((*ALWAYS, "kinds"), pl.List(pl.String)),
    "answer": pl.Int64,
}
"""Columns of a table of items, `image` under the name `image_path`."""


def write_hf_datasets(material: Material, folder: Path, seed: int) -> Exported:
    """Write one configuration per table, a file `TABLE/SPLIT-00000-of-00001.parquet` per split, and
    the front matter of the card.
    """
    frames = {
        name: pl.DataFrame(item_documents(items), schema=ITEMS).with_columns(
            pl.col("kinds").list.eval(pl.element().replace(PEER_KINDS))
        )
        for name, items in material.items.items()
    }
    for name, images in material.captions.items():
        frames[name] = pl.DataFrame(caption_documents(images), schema=CAPTIONS)
    counts: dict[str, int] = {}
    tables: dict[str, list[dict[str, str]]] = {}
    for name, rows in frames.items():
        # `claims-validate` is the split `validation` of the configuration `claims`.
        table, _, ours = name.rpartition("-")
        split = SPLIT_OF[ours]
        (folder / table).mkdir(exist_ok=True)
        with atomic(folder / table / f"{split}-00000-of-00001.parquet") as temporary:
            rows.rename({"image": "image_path"}).write_parquet(temporary, compression="zstd")
        counts[f"{table}, {split}"] = len(rows)
        entry = {"split": split, "path": f"{table}/{split}-*.parquet"}
        tables.setdefault(table, []).append(entry)
    run = [
        "from datasets import load_dataset",
        f"load_dataset('.', {next(iter(tables))!r})",
        "# images: .cast_column('image_path', datasets.Image())",
    ]
    return Exported(counts, run, _NOTES, _front_matter(tables))


def _front_matter(tables: dict[str, list[dict[str, str]]]) -> str:
    """The YAML that the library and the hub read in front of the folder's README.md."""
    head = {
        "pretty_name": "nast: negation in radiology",
        "language": ["en"],
        # The terms of the sources bind the texts; the card below names them.
        "license": "other",
        "task_categories": sorted(
            {"image-to-text" if t == "captions" else "multiple-choice" for t in tables}
        ),
        "tags": ["radiology", "negation", "vision-language"],
        "configs": [{"config_name": t, "data_files": files} for t, files in tables.items()],
    }
    return yaml.safe_dump(head, sort_keys=False)


_NOTES = [
    "A configuration is a table, a split is by patient. `image_path` names the file on this "
    "machine; nothing of an image is in this folder.",
    "Do not push credentialed or private data to the hub: see the access class above.",
]
