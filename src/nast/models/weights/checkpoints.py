"""Checkpoint files of CLIP models: read safely, unwrapped, recognised by their keys.

Nothing in a file runs: safetensors hold tensors only, `torch.load` gets `weights_only=True`, and
TorchScript archives are read as data.
"""

import argparse
import math
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import load_file, save_file

from nast.errors import ModelError
from nast.files import atomic
from nast.models.weights.containers import Weights, plain_names, unwrapped, within_modules
from nast.models.weights.numpy_names import BOXED
from nast.models.weights.pretrained import refusing
from nast.models.weights.torchscript import is_torchscript, read_torchscript

_PREFIX = re.compile(r"^text_encoder\.")
_NOT_WEIGHTS = {
    "input_resolution",
    "context_length",
    "vocab_size",
    "attn_mask",
    "text.attn_mask",
    "text.transformer.embeddings.position_ids",
    # Only the state of the first token is read; the pooler behind it is in some files all the same.
    "text.transformer.pooler.dense.weight",
    "text.transformer.pooler.dense.bias",
}
"""Keys of old files that no vector depends on."""
_KNOWN = (
    "image tower: visual.conv1.weight with visual.class_embedding (CLIP's ViT) or "
    "visual.attnpool.positional_embedding (CLIP's ResNet), visual.trunk.patch_embed.proj.weight "
    "(timm's ViT, as in BiomedCLIP and SigLIP); text tower: token_embedding.weight, "
    "text.token_embedding.weight (CLIP's, SigLIP's), or "
    "text.transformer.embeddings.word_embeddings.weight, text_encoder.transformer... (BERT)"
)


class Layout(NamedTuple):
    """What a checkpoint's keys say about its towers."""

    image: Literal["clip", "resnet", "timm", "siglip"]
    text: Literal["clip", "bert"]


def read_tensors(path: Path) -> Weights:
    """Read the tensors of a checkpoint file, by the file's own names and in its precision.

    Containers (`state_dict`, `model_state_dict`, `model`, ...), the prefix `module.` of distributed
    training and `_orig_mod.` of compiled modules are taken off.

    Args:
        path: a `.safetensors` file, a file of `torch.save`, or a TorchScript archive.

    Raises:
        ModelError: the file is missing, is no checkpoint, asks for code to be run, or holds no
            tensors where they are looked for.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(
            f"{path}: no such file; nast downloads no checkpoints, "
            "nast models list says where they are"
        )
    refuse_stand_in(path)
    with refusing(f"{path}: a damaged file; fetch it again"):
        if path.suffix == ".safetensors":
            loaded: Any = read_safetensors(path)
        elif is_torchscript(path):
            loaded = read_torchscript(path)
        else:
            loaded = _saved_by_torch(path)
    return plain_names(unwrapped(loaded, path), path)


def read_weights(path: Path) -> Weights:
    """Read the tensors of a checkpoint of a CLIP under open_clip's names, in float32.

    Names that a training module puts before all of them (`model.`, `clip.`) are taken off.
    CLIP's text tower is called `transformer.*` also where a file says `text.transformer.*`,
    UniMed-CLIP's `text_encoder.*` becomes `text.*`, and keys that no vector depends on are dropped.

    Raises:
        ModelError: see `read_tensors`.
    """
    weights = within_modules(read_tensors(path))
    if any(key.startswith("text_encoder.") for key in weights):
        weights = {_PREFIX.sub("text.", key): v for key, v in weights.items()}
    if "text.token_embedding.weight" in weights:
        weights = {key.removeprefix("text."): v for key, v in weights.items()}
    weights = {k: v for k, v in weights.items() if k not in _NOT_WEIGHTS}
    for key, value in weights.items():
        if not (_is_plain(value) or key.endswith("num_batches_tracked")):
            raise ModelError(
                f"{path}: {key} holds {value.dtype} on {value.device.type} ({value.layout}); "
                "expected plain floating-point numbers: save the weights unquantised and dense"
            )
    return {k: v.float() for k, v in weights.items()}


def _is_plain(value: torch.Tensor) -> bool:
    dense = value.layout == torch.strided and not value.is_meta and not value.is_quantized
    return dense and value.is_floating_point()


def recognise(weights: Mapping[str, torch.Tensor], path: Path) -> Layout:
    """Name the towers of a checkpoint.

    Raises:
        ModelError: an image or text tower is of no known kind; lists the first keys found.
    """
    if "visual.conv1.weight" in weights and "visual.class_embedding" in weights:
        image: Literal["clip", "resnet", "timm", "siglip"] = "clip"
    elif {"visual.trunk.patch_embed.proj.weight", "visual.trunk.cls_token"} <= weights.keys():
        image = "timm"
    elif "visual.trunk.attn_pool.latent" in weights:
        image = "siglip"
    elif "visual.attnpool.positional_embedding" in weights:
        image = "resnet"
    else:
        raise _unknown(weights, path, "image tower")
    if "token_embedding.weight" in weights:
        return Layout(image, "clip")
    if "text.transformer.embeddings.word_embeddings.weight" in weights:
        return Layout(image, "bert")
    raise _unknown(weights, path, "text tower")


def count_blocks(keys: Iterable[str], prefix: str) -> int:
    """Number of blocks under `prefix`, as in `transformer.resblocks.` -> 12."""
    numbers = {k[len(prefix) :].split(".")[0] for k in keys if k.startswith(prefix)}
    return len(numbers)


def grid_side(positions: int) -> int:
    """Patches along one side of an image tower with this many positions, class position included.

    Raises:
        ModelError: they are no square grid.
    """
    side = math.isqrt(positions - 1)
    if side * side != positions - 1:
        raise ModelError(f"{positions} image positions; expected a square of patches and one more")
    return side


def _unknown(weights: Mapping[str, Any], path: Path, what: str) -> ModelError:
    first = ", ".join(sorted(weights)[:8])
    return ModelError(
        f"{path}: the {what} is of no known layout; first keys: {first}. Known: {_KNOWN}"
    )


def refuse_stand_in(path: Path) -> None:
    """Refuse what a download can leave in the place of weights.

    Raises:
        ModelError: the file is a web page, or a pointer of Git LFS.
    """
    with path.open("rb") as file:
        start = file.read(64)
    # The length with which safetensors begin may look like "<", and has zeros behind it.
    text = b"\0" not in start[:8]
    start = start.lstrip().lower()
    if text and start.startswith((b"<", b"version https://git-lfs")):
        what = "a web page" if start.startswith(b"<") else "a pointer of Git LFS"
        raise ModelError(
            f"{path}: {what} instead of weights; fetch the file itself "
            "(with gdown, or git lfs pull)"
        )


def read_safetensors(path: Path) -> Weights:
    """The tensors of a safetensors file.

    Raises:
        ModelError: the file is missing, cut short or no such file.
    """
    with refusing(f"{path}: a broken safetensors file; fetch it again"):
        return load_file(path)


def write_safetensors(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write tensors as a safetensors file, whole or not at all."""
    with atomic(path) as temporary:
        whole = {name: value.detach().contiguous() for name, value in weights.items()}
        save_file(whole, temporary, {"format": "pt"})


def _saved_by_torch(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace, *BOXED]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # The rest of PyTorch's message explains how to let the code run.
        asked = re.search(r"GLOBAL (\S{1,100})", str(error))
        found = f"it asks for {asked[1]}" if asked else "no file of torch.save"
        raise ModelError(
            f"{path}: the file wants to run code or is damaged and is not read ({found}); "
            "load it where you trust it and save its state_dict with safetensors"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        words = " ".join(str(error).split())[:200] or "an empty or cut file"
        raise ModelError(f"{path}: no checkpoint of PyTorch ({words}); fetch it again") from None
