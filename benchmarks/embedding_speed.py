"""What stored vectors save: distinct texts only, short batches, and a second run for free.

Prints, for the phantom model and for a random CLIP ViT-B/32: texts shown and texts encoded, the
time of the first run against encoding every option as it comes at full length, the time of a
second run, and the memory of storing vectors of 10^4 to 10^6 captions. With a folder of images,
also images a second with one thread and with one a core that read ahead of the encoder.

    python benchmarks/embedding_speed.py QUESTIONS_FOLDER [IMAGES_FOLDER]
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from nast.items.table import read_items
from nast.models import images
from nast.models.images import open_image
from nast.models.registry import load_model
from nast.vectors import BATCH, Vectors

FORMS = ("negated", "affirmative", "omitted")
PART = 512
"""Options that the plain loop is timed on; its time is the same for every batch."""


def options(folder: Path) -> list[str]:
    items = read_items(folder)
    return [
        text for form in FORMS for texts in items.filter(form=form)["options"] for text in texts
    ]


@torch.no_grad()
def plain_seconds(model, texts: list[str]) -> float:
    """Every option as it comes, padded to the longest text that the model takes."""
    begun = time.perf_counter()
    for start in range(0, PART, BATCH):
        part = texts[start : start + BATCH]
        ids = model.tokenizer(
            part,
            padding="max_length",
            max_length=model.max_tokens,
            truncation=True,
            return_tensors="pt",
        )
        model.text_features(ids["input_ids"], ids["attention_mask"])
    return (time.perf_counter() - begun) * len(texts) / PART


def seconds(model, texts: list[str], folder: Path) -> float:
    begun = time.perf_counter()
    Vectors(model, folder).texts(texts)
    return time.perf_counter() - begun


def random_vit_b_32():
    """The sizes of CLIP ViT-B/32 with random weights, behind the phantom model's tokenizer."""
    torch.manual_seed(0)
    model = load_model("phantom", "random ViT-B/32")
    config = CLIPConfig()
    config.text_config.eos_token_id = model.network.config.text_config.eos_token_id
    with tempfile.TemporaryDirectory() as folder:
        CLIPModel(config).save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)
        CLIPImageProcessorPil().save_pretrained(folder)
        return load_model(f"hf:{folder}", "random ViT-B/32")


def print_image_speed(model, paths: list[Path]) -> None:
    """Images a second of reading and preprocessing alone, and of `encode_images`; best of 3."""

    def rate(work) -> float:
        begun = time.perf_counter()
        work()
        return len(paths) / (time.perf_counter() - begun)

    def read():
        return list(images.read_ahead(lambda p: model.pixels([open_image(p)]), paths))

    most, found = images.WORKERS, {}
    for images.WORKERS in (1, most) * 3:
        made = rate(read), rate(lambda: model.encode_images(paths))
        before = found.get(images.WORKERS, made)
        found[images.WORKERS] = tuple(map(max, made, before))
    for workers, (reading, encoding) in found.items():
        print(
            f"{model.name}: {len(paths)} images, {workers} threads: read and preprocessed "
            f"{reading:.1f} a second, encoded {encoding:.1f} a second"
        )


MEMORY = """
import sys, time, resource, torch
from pathlib import Path
from nast.vectors import Vectors

class Cheap:
    key, name, max_tokens = "0" * 64, "cheap", 77
    def encode_texts(self, texts):
        return torch.nn.functional.normalize(torch.randn(len(texts), 512), dim=-1)

number = int(sys.argv[2])
texts = [f"caption {i}" for i in range(number)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.perf_counter()
Vectors(Cheap(), Path(sys.argv[1])).fill_texts(texts)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"{number:>9,} captions  {time.perf_counter() - begun:6.1f} s  "
      f"{(after - before) / 1024:6.0f} MB above the list of texts")
"""


def main() -> None:
    models = load_model("phantom"), random_vit_b_32()
    if len(sys.argv) > 2:
        paths = sorted(p for p in Path(sys.argv[2]).iterdir() if p.is_file())[:64]
        for model in models:
            print_image_speed(model, paths)
    texts = options(Path(sys.argv[1]))
    print(f"{len(texts):,} options, {len(set(texts)):,} distinct")
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            first = seconds(model, texts, place)
            second = min(seconds(model, texts, place) for _ in range(3))
            plain = plain_seconds(model, texts)
        print(
            f"{model.name}: every option at {model.max_tokens} tokens {plain:.1f} s, "
            f"first run {first:.1f} s ({plain / first:.1f} times faster), "
            f"second run {second:.2f} s ({first / second:.0f} times faster than the first)"
        )
    print(f"memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    for number in (10**4, 10**5, 10**6):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", MEMORY, folder, str(number)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
