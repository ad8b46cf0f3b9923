"""Full-size films: where the time goes, and what decoding JPEGs at a part of their size saves.

    python benchmarks/film_decoding.py [NUMBER]

Made-up films of 2,544 x 3,056 pixels: drawn radiographs, enlarged, with the noise of a detector.
Prints milliseconds of a film for decoding, preprocessing and encoding (a CLIP ViT-B/32 with random
weights) on one thread; films a second with threads that read ahead; and what the difference costs:
cosines of the vectors, and choices of the phantom model that change.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

import nast
from nast.models.images import open_image
from nast.phantom.patients import patients
from nast.phantom.pretrain.clip import train_tokenizer

SIZE = (2544, 3056)
PATIENTS = 40


def enlarged(path: Path) -> None:
    """A drawn film at full size, in place, as detectors save it."""
    image = Image.open(path).convert("L").resize(SIZE, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(path.stat().st_size).normal(0, 4, SIZE[::-1])
    grey = (np.asarray(image, dtype=np.float32) + noise).clip(0, 255)
    Image.fromarray(grey.astype(np.uint8)).save(path, quality=95)


def large_clip(folder: Path) -> str:
    """A CLIP of the sizes of ViT-B/32 with random weights, but for the text tower."""
    torch.manual_seed(0)
    tokenizer = train_tokenizer(patients(100, 7), 7)
    small = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    text = {**small, "num_attention_heads": 4, "vocab_size": len(tokenizer)}
    text |= {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 1}
    CLIPModel(CLIPConfig(text_config=text)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil().save_pretrained(folder)
    return f"hf:{folder}"


def milliseconds(work: Callable[[], object], count: int) -> float:
    """Of one of so many, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return 1000 * best / count


def main(number: int) -> None:
    """Print all of it."""
    print(f"{os.cpu_count()} cores, films of {SIZE[0]:,} x {SIZE[1]:,}")
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        nast.build_phantom(root / "tree", PATIENTS, 3)
        source = [f"mimic-cxr-jpg:{root / 'tree'}", f"cad-chest:{root / 'tree/cad_disease.json'}"]
        nast.build_facts(source, root / "facts")
        paths = [Path(p) for p in nast.read_facts(root / "facts").studies["image_path"]]
        for path in paths:
            enlarged(path)
        size = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
        print(f"{len(paths)} films, {size:.1f} MB each")
        clip = large_clip(root / "clip")
        stages(clip, paths[:number])
        choices(root, paths)


def stages(clip: str, paths: list[Path]) -> None:
    """Milliseconds of each stage, films a second, and cosines."""
    vectors = {}
    for prefix in ("", "draft:"):
        model = nast.load_model(f"{prefix}{clip}")
        decode = milliseconds(lambda m=model: [open_image(p, m.least) for p in paths], len(paths))
        films = [open_image(p, model.least) for p in paths]
        prepare = milliseconds(lambda m=model, f=films: [m.pixels([x]) for x in f], len(paths))
        pixels = torch.cat([model.pixels([x])["pixel_values"] for x in films])
        torch.set_num_threads(1)
        with torch.inference_mode():
            encode = milliseconds(lambda m=model, x=pixels: m.image(pixel_values=x), len(paths))
        torch.set_num_threads(os.cpu_count() or 1)
        whole = milliseconds(lambda m=model: m.encode_images(paths), len(paths))
        vectors[prefix] = model.encode_images(paths)
        print(
            f"{prefix or 'exact':7} decoding {decode:.0f} ms, preprocessing {prepare:.0f} ms, "
            f"encoding {encode:.0f} ms; together with threads {1000 / whole:.1f} films a second"
        )
    cosines = (vectors[""] * vectors["draft:"]).sum(dim=1)
    print(
        f"cosine of exact and draft vectors: least {cosines.min():.5f}, mean {cosines.mean():.5f}"
    )


def choices(root: Path, paths: list[Path]) -> None:
    """How many choices of the phantom model change, on questions about the same films."""
    nast.build_benchmark(root / "facts", root / "questions")
    models = [nast.load_model(f"{prefix}phantom") for prefix in ("", "draft:")]
    vectors = [model.encode_images(paths) for model in models]
    cosines = (vectors[0] * vectors[1]).sum(dim=1)
    scores = nast.score(models, [root / "questions"], split="all").scores
    best = scores.sort("score").group_by("item_id", "model").agg(pl.col("option").last())
    both = best.pivot("model", index="item_id", values="option")
    exact, draft = (both[model.name] for model in models)
    changed = int((exact != draft).sum())
    print(f"phantom: least cosine {cosines.min():.5f}; {changed} of {len(both)} choices change")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 16)
