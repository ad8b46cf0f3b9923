"""open_clip's training data: a TSV that names image files, and webdataset shards that hold them.

Formats as read from mlfoundations/open_clip 89fb801, `src/open_clip_train/data.py`: `CsvDataset`,
`JsonCaptionExtractor`, `get_dataset_size`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from nast.errors import UsageError
from nast.exchange.card import Exported
from nast.exchange.documents import Document, caption_documents
from nast.exchange.material import Material
from nast.exchange.peer_files import check_cell, write_rows, write_shards
from nast.exchange.peer_items import Caption
from nast.files import write_json

HEADER = ("filepath", "title")
"""The columns that open_clip reads by default, parted by a tab."""
EXTRA = ("polarity", "kind", "caption_id", "subject_id", "study_id")
SHARD = 1_000
"""Samples per shard: every data worker of every GPU needs a shard of its own."""


def write_caption_files(material: Material, folder: Path, seed: int) -> Exported:
    """Write the captions of every split as `captions-SPLIT.tsv` and `wds-SPLIT/`.

    Raises:
        InputError: a text that pandas or CLIP would change.
        UsageError: the folder has no captions.
    """
    if not material.captions:
        raise UsageError("open-clip takes captions; export a folder of nast contextual build")
    counts: dict[str, int] = {}
    run: list[str] = []
    for name, images in material.captions.items():
        split = name.rpartition("-")[2]
        captions = caption_documents(images)
        _write_tsv(folder / f"{name}.tsv", captions)
        counts[f"{name}.tsv"] = len(captions)
        shards = write_shards(folder / f"wds-{split}", _samples(images), "{:05d}.tar", SHARD)
        write_json(folder / f"wds-{split}" / "sizes.json", shards)
        counts[f"wds-{split}: images"] = len(images)
        if not run or split == "train":
            run = _commands(name, len(shards), images)
    return Exported(counts, run, _NOTES)


def caption_fields(captions: Sequence[Caption]) -> dict[str, str]:
    """The captions of an image by the names of the JSON fields: `negated_1`, `affirmative_1`...

    `caption` repeats the first one, for readers that know one field only.
    """
    fields = {"caption": captions[0].caption}
    nth: Counter[str] = Counter()
    for caption in captions:
        nth[caption.polarity] += 1
        fields[f"{caption.polarity}_{nth[caption.polarity]}"] = caption.caption
    return fields


def _samples(images: Sequence[Sequence[Caption]]) -> Iterator[tuple[str, str, bytes]]:
    for captions in images:
        text = json.dumps(caption_fields(captions), ensure_ascii=False, sort_keys=True)
        yield captions[0].image, "json", text.encode()


def _write_tsv(path: Path, captions: Sequence[Document]) -> None:
    rows = []
    for number, caption in enumerate(captions, 1):
        file = check_cell(caption["image"], path, number, "filepath", caption=False)
        title = check_cell(caption["caption"], path, number, "title")
        rows.append([file, title, *(caption[name] for name in EXTRA)])
    write_rows(path, [*HEADER, *EXTRA], rows, "\t")


def _commands(name: str, shards: int, images: Sequence[Sequence[Caption]]) -> list[str]:
    keys = sorted({key for image in images for key in caption_fields(image)} - {"caption"})
    wds = f"wds-{name.rpartition('-')[2]}"
    # The shell must not expand the braces: open_clip does.
    place = f"{wds}/00000.tar" if shards == 1 else f"'{wds}/{{00000..{shards - 1:05d}}}.tar'"
    start = "python -m open_clip_train.main --model ViT-B-32-quickgelu --pretrained openai"
    return [
        f"{start} --dataset-type csv \\",
        f"  --train-data {name}.tsv",
        f"{start} --dataset-type webdataset --workers {min(4, shards)} \\",
        f"  --train-data {place} \\",
        f"  --json-text-key '{';'.join(keys)}' --json-text-key-probs {' '.join('1' for _ in keys)}",
    ]


_NOTES = [
    "The TSV works with open_clip 2, 3 and 4; `--json-text-key` needs the version after 4.1.",
    "Equal captions of different images are false negatives of its loss. `nast train` treats a "
    "text that an image's facts entail as a positive; open_clip cannot.",
    "There must be at least as many shards as workers times GPUs. open_clip's reader of shards "
    "needs webdataset 0.2.86 or older.",
]
