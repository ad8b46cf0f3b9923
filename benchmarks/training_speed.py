"""Steps per second and memory of `nast train` against a plain loop with the same objective.

The plain loop is what one writes with transformers and peft: every step runs the image tower on
the step's images and the text tower on every caption and claim, padded to 77 tokens. Ours reads
ready image vectors and encodes each distinct text of the step once, at its own length. Both have
a random CLIP ViT-B/32, LoRA on all blocks, the same batches and the same losses (checked). Each
runs in a process of its own, so that their memory can be told apart.

    python benchmarks/training_speed.py FACTS_FOLDER CONTEXTUAL_FOLDER
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch.nn.functional import normalize
from transformers import CLIPConfig, CLIPModel

from nast.items.table import read_items
from nast.layers import LayerWeights, uniform
from nast.models.registry import load_model
from nast.sources.collect import read_facts
from nast.training.batches import caption_data, claim_data, draw
from nast.training.objectives import caption_loss, claim_loss
from nast.training.train_config import TrainConfig
from nast.training.trainer import _start, _step
from nast.vectors import Vectors

CONFIG = TrainConfig(captions=16, claims=6, steps=3)
STUDIES = 64


def model_folder(folder: Path) -> None:
    """A random ViT-B/32 behind the phantom model's tokenizer."""
    torch.manual_seed(0)
    phantom = load_model("phantom")
    config = CLIPConfig()
    config.text_config.eos_token_id = phantom.network.config.text_config.eos_token_id
    CLIPModel(config).save_pretrained(folder)
    phantom.tokenizer.save_pretrained(folder)
    processor = {
        "do_resize": True,
        "size": {"shortest_edge": 224},
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
        "image_processor_type": "CLIPImageProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


def data(vectors: Vectors, facts: Path, contextual: Path):
    """A training split small enough that encoding its images takes seconds."""
    known = read_facts(facts)
    captions = pl.read_parquet(contextual / "captions.parquet").filter(split="train")
    claims = read_items(contextual).filter(set="claims", split="train")
    groups = claims["group_id"].unique(maintain_order=True).head(12).to_list()
    claims = claims.filter(pl.col("group_id").is_in(groups))
    kept = captions["study_id"].unique(maintain_order=True).head(STUDIES).to_list()
    captions = captions.filter(pl.col("study_id").is_in(kept))
    images = caption_data(vectors, captions, known.facts, 0, known.conditions)
    return images, claim_data(vectors, claims), captions, claims


def ours(folder: Path, facts: Path, contextual: Path, weights: LayerWeights) -> dict[str, float]:
    model = load_model(f"hf:{folder}")
    captions, claims, _, _ = data(Vectors(model, folder / "vectors"), facts, contextual)
    run = _start(model, weights, CONFIG)
    begun = time.perf_counter()
    while len(run.history) < CONFIG.steps:
        run.history.append(_step(model, captions, claims, CONFIG, run))
    return {"seconds": time.perf_counter() - begun, "loss": run.history[0]["loss"]}


def plain(folder: Path, facts: Path, contextual: Path) -> dict[str, float]:
    model = load_model(f"hf:{folder}")
    captions, claims, rows, sets = data(Vectors(model, folder / "vectors"), facts, contextual)
    run = _start(model, uniform(12), CONFIG)
    network = model.network.get_base_model()
    files = rows.unique("study_id", keep="first", maintain_order=True)["image_path"].to_list()

    def texts(words: list[str]) -> torch.Tensor:
        ids = model.tokenizer(
            words, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        )
        return normalize(network.get_text_features(**ids).pooler_output, dim=-1)

    first, begun = None, time.perf_counter()
    for _ in range(CONFIG.steps):
        batch = draw(captions, claims, CONFIG.recipe(), run.rng)
        # The files of the step's images, found again by their vectors.
        near = [int((captions.images @ v).argmax()) for v in batch.images]
        far = [int((claims.images @ v).argmax()) for v in batch.claim_images]
        paths = [Path(files[i]) for i in near] + [Path(sets["image_path"][i]) for i in far]
        images = model.encode_images(paths)
        cosines = images[: len(near)] @ texts([batch.texts[i] for i in batch.columns]).T
        loss = 0.5 * caption_loss(cosines, batch.truth, model.logit_scale)
        words = [batch.texts[i] for i in batch.claims.flatten()]
        vectors = texts(words).reshape(*batch.claims.shape, -1)
        scores = torch.einsum("sd,skd->sk", images[len(near) :], vectors)
        loss = loss + 0.5 * claim_loss(scores, batch.answers, model.logit_scale)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(
            [p for p in model.network.parameters() if p.requires_grad], CONFIG.clip
        )
        run.optimizer.step()
        run.optimizer.zero_grad()
        first = loss.item() if first is None else first
    return {"seconds": time.perf_counter() - begun, "loss": first or 0.0}


def child(kind: str, folder: Path, facts: Path, contextual: Path) -> None:
    profile = LayerWeights(*([list(np.linspace(0.1, 1.9, 12))] * 2))
    if kind == "plain":
        found = plain(folder, facts, contextual)
    else:
        found = ours(folder, facts, contextual, profile if kind == "scaled" else uniform(12))
    found["MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def main() -> None:
    if len(sys.argv) == 5:
        child(sys.argv[1], *map(Path, sys.argv[2:]))
        return
    with tempfile.TemporaryDirectory() as folder:
        model_folder(Path(folder))
        found = {}
        # The first run encodes the images, so that none of the timed ones encodes images for it.
        for kind in ("ours", "plain", "ours", "scaled"):
            command = [sys.executable, __file__, kind, folder, *sys.argv[1:]]
            lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[kind] = json.loads(lines.splitlines()[-1])
    for kind, figures in found.items():
        print(
            f"{kind:7} {CONFIG.steps / figures['seconds']:.3f} steps/s, {figures['MB']:.0f} MB, "
            f"first loss {figures['loss']:.4f}"
        )
    ratio = found["plain"]["seconds"] / found["ours"]["seconds"]
    print(
        f"ours is {ratio:.1f} times faster with {found['ours']['MB'] / found['plain']['MB']:.2f} "
        f"of the memory; layer scaling costs "
        f"{found['scaled']['seconds'] / found['ours']['seconds'] - 1:+.1%}"
    )


if __name__ == "__main__":
    main()
