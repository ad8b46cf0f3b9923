"""One string names a model: `phantom`, `hf:FOLDER`, `run:FOLDER`, ..."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from nast.errors import ModelError, UsageError
from nast.files import checked, manifest_of, read_json
from nast.hashes import content_hash, file_hash
from nast.models.adapter import put_lora
from nast.models.contract import DualEncoder
from nast.models.families.hf import load_hf
from nast.models.families.minilm import PHANTOM, load_minilm
from nast.models.families.openclip import load_openclip
from nast.models.families.two_tower import load_two_tower
from nast.models.hardware import chosen_device, chosen_precision, key_at
from nast.models.preprocess import draft_images, pad_images
from nast.models.weights.pretrained import refusing
from nast.naming import run_name, run_setting, split_name

KINDS = {
    "phantom": "the small CLIP that ships with the package, pretrained on phantom radiographs",
    "phantom-minilm": "a pretrained sentence encoder (a package of its own) on phantom radiographs",
    "hf:PLACE": "a CLIPModel, SiglipModel or Siglip2Model: a folder, or OWNER/NAME of the hub",
    "openclip:ARCH:FILE": "a checkpoint of OpenAI's CLIP or of open_clip: NegCLIP, BiomedCLIP, ...",
    "two-tower:SPEC.yaml": "a BERT and an image encoder: BioViL-T, MedCLIP, CXR-CLIP, yours",
    "run:FOLDER": "a run of nast train: its base with the LoRA weights",
    "run:FOLDER@G": "the same with G times the change, from 0 (the base) to 1 (the run)",
    "pad:MODEL": "any of these, its images padded to squares with black instead of cropped",
    "draft:MODEL": "any of these, JPEG films decoded at a part of their size: faster, not exact",
}
"""What a MODEL string may be."""
_SHARE = re.compile(r"\d+(?:\.\d*)?|\.\d+")
CHANGED = {"pad": pad_images, "draft": draft_images}
"""What another way to look at films makes of a model."""
FAMILIES = {"hf": load_hf, "openclip": load_openclip, "two-tower": load_two_tower}


def load_model(
    spec: str,
    name: str | None = None,
    *,
    device: str | None = None,
    precision: str | None = None,
) -> DualEncoder:
    """Load a model for scoring, tracing and training.

    Args:
        spec: a MODEL, see `KINDS`, or NAME=MODEL.
        name: how results call it; if not given, the NAME, else the setting of a run, else the
            string itself.
        device: where it runs, see `chosen_device`; a GPU where torch sees one, if not given.
        precision: `float32` or `bf16`, see `chosen_precision`; by the device, if not given.

    Raises:
        UsageError: the string is of no known kind, or no such device or precision.
        ModelError: the files do not make the model they claim to be.

    Examples:
        >>> import nast
        >>> nast.load_model("base=phantom").name
        'base'
    """
    own, spec = split_name(spec)
    name = name or own
    where = chosen_device(device)
    arithmetic = chosen_precision(where, precision)
    with refusing(spec):
        model = _load(spec, name)
    model.network.to(where)
    model.precision, model.key = arithmetic, key_at(model.key, arithmetic)
    model.spec["precision"] = arithmetic
    return model


def _load(spec: str, name: str | None) -> DualEncoder:
    """The model on the CPU, with its key in float32."""
    kind, _, place = spec.partition(":")
    if spec == "phantom":
        return load_hf(PHANTOM, name or spec)
    if spec == "phantom-minilm":
        return load_minilm(name or spec)
    if kind in FAMILIES and place:
        return FAMILIES[kind](place, name or spec)
    if kind in CHANGED and place:
        changed = CHANGED[kind](_load(place, name))
        changed.name = name or f"{kind}:{changed.name}"
        return changed
    if kind == "run" and place:
        return _run(*split_share(place), name)
    raise UsageError(f"{spec!r} is not a model; write one of {', '.join(KINDS)}")


def split_share(place: str) -> tuple[Path, float | None]:
    """The folder of a run, and how much of its change is taken: None where `@G` is left out.

    A folder that has such a name is taken for itself.

    Raises:
        UsageError: the share is not from 0 to 1.

    Examples:
        >>> split_share("runs/nast-0@0.5")
        (PosixPath('runs/nast-0'), 0.5)
    """
    folder, mark, share = place.rpartition("@")
    if Path(place).exists() or not mark or not _SHARE.fullmatch(share):
        return Path(place), None
    if not 0 <= float(share) <= 1:
        raise UsageError(
            f"run:{place}: found {share} of the run's change, expected a share from 0 (the base) "
            "to 1 (the whole run)"
        )
    return Path(folder), float(share)


def _run(folder: Path, share: float | None, name: str | None) -> DualEncoder:
    """The base of a run with a share of the change of its LoRA weights, named by its setting.

    The share that the run chose leaves the name as it is, for each seed chooses its own.
    """
    made = manifest_of(folder)
    setting = run_setting(made)
    run = read_json(folder / "run.json")
    named = isinstance(run, dict) and all(isinstance(run.get(k), str) for k in ("base", "base_key"))
    if not named or setting is None:
        raise ModelError(
            f"{folder / 'run.json'}: no record of a run's base; expected base and "
            "base_key as nast train wrote them"
        )
    own = run_name(made) if share is None else f"{run_name(made)} @{share:g}"
    g = setting.g if share is None else share
    model = _base_of(run, folder, name or own)
    model.seed, model.g, model.run = setting.seed, g, setting._replace(g=g)
    merge(model)
    with quiet():
        model.network = put_lora(model.network, folder / "lora")
    take_share(model.network, g)
    model.made_from = [*model.made_from, folder]
    weights = file_hash(checked(folder / "lora/adapter_model.safetensors"))
    model.key = content_hash([run["base_key"], weights, *([] if g == 1 else [g])])
    return model


def take_share(network: torch.nn.Module, g: float) -> None:
    """Take g times the change of LoRA weights (Wortsman et al. 2022, WiSE-FT).

    The change of a weight is B A times a factor, so B alone is scaled.
    """
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "lora_B" in name:
                weight.mul_(g)


def located(spec: str) -> str:
    """A MODEL string with its path made absolute, so that it can be read from any working folder;
    unchanged where it names no file or folder that is there.
    """
    head, path, share = _split(spec)
    return f"{head}{os.path.abspath(path)}{share}" if path and os.path.exists(path) else spec


def _split(spec: str) -> tuple[str, str, str]:
    """What stands before the path in a MODEL string, the path or nothing, and `@G`."""
    kind, _, place = spec.partition(":")
    if kind in CHANGED:
        head, path, share = _split(place)
        return f"{kind}:{head}", path, share
    if kind == "openclip":
        architecture, _, place = place.partition(":")
        return f"openclip:{architecture}:", place, ""
    if kind == "run" and split_share(place)[0] != Path(place):
        folder, mark, share = place.rpartition("@")
        return "run:", folder, f"{mark}{share}"
    return f"{kind}:", place, ""


def _base_of(run: dict[str, Any], folder: Path, name: str) -> DualEncoder:
    """The base of a run: where it was, or by the name under which it was given."""
    places = dict.fromkeys((run.get("base_at", run["base"]), run["base"]))
    here = [p for p in places if "base_at" not in run or os.path.exists(_split(p)[1])]
    for place in here:
        model = _load(place, name)
        if key_at(model.key, run.get("precision", "float32")) == run["base_key"]:
            return model
    if here:
        raise ModelError(f"{folder}: the base {here[0]!r} is not the one that was trained on")
    raise ModelError(
        f"{folder}: its base is neither at {run['base_at']} nor here as {run['base']}; put it "
        "back, or start where it can be found"
    )


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
