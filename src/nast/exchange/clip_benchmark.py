"""CLIP_benchmark: webdataset retrieval folders out; SugarCrepe's pairs in JSON, out and in.

Formats as read from LAION-AI/CLIP_benchmark 48de38c: `datasets/builder.py` (`build_wds_dataset`,
`sugar_crepe`) and `datasets/sugar_crepe.py`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nast.errors import UsageError
from nast.exchange.card import Exported
from nast.exchange.fields import Entry, numbered_entries, read_whole
from nast.exchange.material import Material, evaluated
from nast.exchange.peer_files import check_cell, write_shards
from nast.exchange.peer_items import PEER_KINDS, Caption, Item
from nast.files import write_json, write_text

TASK_OF = {"existence": "replace_obj", "severity": "replace_att", "location": "replace_rel"}
"""What choosing the wrong claim gets wrong -> the SugarCrepe task that it is filed under."""
TASKS = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")
"""The closed list of task names."""
POLARITIES = ("negated", "affirmative")
SHARD = 10_000
"""Samples per shard, as CLIP_benchmark's own exporter has it."""
IMAGES = "val2017"
"""A folder of this name must exist, or COCO is downloaded into it. Names of image files that are
absolute, as ours, are taken as they are."""


def write_clip_benchmark(material: Material, folder: Path, seed: int) -> Exported:
    """Write retrieval folders from captions and pairs from items, of the split to evaluate.

    Every wrong claim that differs from the right one in one kind of thing makes a pair. In a
    balanced group the mirrored pair belongs to another member, so each text of a pair is right
    as often as it is wrong.

    The folder gets `retrieval-POLARITY/` and `pairs-FORM/`.

    Raises:
        InputError: a text with a line break, or one that CLIP would cut.
        UsageError: nothing of it fits either format.
    """
    counts: dict[str, int] = {}
    run: list[str] = []
    for name in evaluated([*material.items, *material.captions]):
        split = name.rpartition("-")[2]
        for form in POLARITIES:
            if name in material.captions:
                root = folder / f"retrieval-{form}"
                number = _write_retrieval(root, material.captions[name], form, split)
                if number:
                    counts[f"{root.name}: images"] = number
                    run += _retrieval_command(root.name, split, number)
            else:
                root = folder / f"pairs-{form}"
                found = _write_pairs(root, material.items[name], form)
                counts |= {f"{root.name}: {task}": n for task, n in sorted(found.items())}
                run += [_pair_command(root.name, task) for task in sorted(found) if task in TASKS]
    if not run:
        raise UsageError("no captions, and no wrong claim that differs in one kind of thing only")
    return Exported(counts, run, _NOTES)


def _write_retrieval(
    root: Path, images: Sequence[Sequence[Caption]], polarity: str, split: str
) -> int:
    def samples() -> Iterator[tuple[str, str, bytes]]:
        for number, captions in enumerate(images, 1):
            texts = [
                check_cell(c.caption, root / split, number, "captions")
                for c in captions
                if c.polarity == polarity
            ]
            if texts:
                yield captions[0].image, "txt", "\n".join(texts).encode()

    shards = write_shards(root / split, samples(), "{}.tar", SHARD)
    if shards:
        write_text(root / "dataset_type.txt", "retrieval\n")
        write_text(root / split / "nshards.txt", f"{len(shards)}\n")
    return sum(shards.values())


def _write_pairs(root: Path, items: Sequence[Item], form: str) -> Counter[str]:
    pairs: dict[str, dict[str, Any]] = {}
    left_out: Counter[str] = Counter()
    for number, item in enumerate((i for i in items if form in i.forms), 1):
        texts = [check_cell(t, root, number, "caption") for t in item.forms[form]]
        for ours, text in zip(item.kinds, texts, strict=True):
            kind = PEER_KINDS.get(ours, ours)
            task = TASK_OF.get(kind, kind)
            if kind == "truth" or task not in TASKS:
                left_out["wrong claims of several kinds, left out"] += kind != "truth"
                continue
            part = pairs.setdefault(task, {})
            part[str(len(part))] = {
                "filename": item.image,
                "caption": texts[item.answer],
                "negative_caption": text,
                "item_id": item.item_id,
                "kind": kind,
            }
    for task, part in pairs.items():
        write_json(root / f"{task}.json", part)
        write_text(root / IMAGES / "README", "The JSON files name their images by whole paths.\n")
    return Counter({task: len(part) for task, part in pairs.items()}) + left_out


def _retrieval_command(root: str, split: str, images: int) -> list[str]:
    ks = " ".join(str(k) for k in (1, 5, 10) if k <= images)
    return [
        f"clip_benchmark eval --dataset wds/nast-{root} --dataset_root {root} \\",
        f"  --split {split} --task zeroshot_retrieval --recall_k {ks} --num_workers 1 \\",
        f"  --model ViT-B-32-quickgelu --pretrained openai --output {root}.json",
    ]


def _pair_command(root: str, task: str) -> str:
    return (
        f"clip_benchmark eval --dataset sugar_crepe/{task} --dataset_root {root} "
        f"--model ViT-B-32-quickgelu --pretrained openai --output {root}-{task}.json"
    )


def read_sugar_crepe(file: Path) -> Iterator[Item]:
    """`{id: {filename, caption, negative_caption}}`; the file's name is the task."""
    whole = read_whole(file, dict)
    for name, entry in zip(whole, numbered_entries(whole.values(), file), strict=True):
        yield Item(
            item_id=Entry({"id": name}, file, entry.row).text("id"),
            image=entry.path("filename"),
            forms={"": (entry.text("caption"), entry.text("negative_caption"))},
            answer=0,
            kinds=("truth", file.stem),
        )


_NOTES = [
    "Retrieval: `--task` must be given, and no more workers than shards: with webdataset 1 a "
    "worker without a shard ends the run. Image bytes are copied once per polarity.",
    "Retrieval counts only the own image as right: an equal caption of another image is an error "
    "there, so R@1 is far below 1 by construction.",
    "Pairs: read `text_acc` (with one image per pair `image_acc` is 1 by construction). Ties count "
    "as right there. The task names are SugarCrepe's: `replace_obj` holds existence, "
    "`replace_att` severity, `replace_rel` location.",
]
