"""One string names a model: `phantom`, `hf:FOLDER`, `run:FOLDER`, ..."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft import PeftModel

from nast.errors import ModelError, UsageError
from nast.models.base import DualEncoder
from nast.models.hf import load_hf
from nast.models.minilm import PHANTOM, load_minilm
from nast.models.openclip import load_openclip
from nast.models.two_tower import load_two_tower
from nast.store import content_hash, file_hash, manifest_of, read_json

KINDS = {
    "phantom": "the small CLIP that ships with the package, pretrained on phantom radiographs",
    "phantom-minilm": "a pretrained sentence encoder (a package of its own) on phantom radiographs",
    "hf:PLACE": "a CLIPModel, SiglipModel or Siglip2Model: a folder, or OWNER/NAME of the hub",
    "openclip:ARCH:FILE": "a checkpoint of OpenAI's CLIP or of open_clip: NegCLIP, BiomedCLIP, ...",
    "two-tower:SPEC.yaml": "a BERT and an image encoder: BioViL-T, MedCLIP, CXR-CLIP, yours",
    "run:FOLDER": "a run of nast train: its base with the LoRA weights",
}
"""What a MODEL string may be."""


def load_model(spec: str, name: str | None = None) -> DualEncoder:
    """Load a model for scoring, tracing and training.

    Args:
        spec: see `KINDS`.
        name: how results call it; the string itself if not given.

    Raises:
        UsageError: the string is of no known kind.
        ModelError: the files do not make the model they claim to be.
    """
    kind, _, place = spec.partition(":")
    if spec == "phantom":
        return load_hf(PHANTOM, name or spec)
    if spec == "phantom-minilm":
        return load_minilm(name or spec)
    if kind == "hf" and place:
        return load_hf(place, name or spec)
    if kind == "openclip" and place:
        return load_openclip(place, name or spec)
    if kind == "two-tower" and place:
        return load_two_tower(place, name or spec)
    if kind == "run" and place:
        return _run(Path(place), name or spec)
    raise UsageError(f"{spec!r} is not a model; write one of {', '.join(KINDS)}")


def _run(folder: Path, name: str) -> DualEncoder:
    manifest_of(folder)
    run = read_json(folder / "run.json")
    model = load_model(run["base"], name)
    if model.key != run["base_key"]:
        raise ModelError(f"{folder}: the base {run['base']!r} is not the one that was trained on")
    merge(model)
    with quiet():
        model.network = PeftModel.from_pretrained(model.network, folder / "lora").eval()
    model.made_from = [*model.made_from, folder]
    model.key = content_hash(
        [run["base_key"], file_hash(folder / "lora/adapter_model.safetensors")]
    )
    return model


def merge(model: DualEncoder) -> None:
    """Fold LoRA weights that a model has into its own, so that it can get others."""
    if isinstance(model.network, PeftModel):
        model.network = model.network.merge_and_unload().requires_grad_(False)


@contextmanager
def quiet() -> Iterator[None]:
    """Hides a notice of transformers about a name that peft still uses."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        yield
