"""`openclip:ARCH:CHECKPOINT`: checkpoints of OpenAI's CLIP and of open_clip, without either.

NegCLIP, ConCLIP, NegBench's models, CheXzero, OpenAI's and LAION's own files become a `CLIPModel`
of transformers, number for number; BiomedCLIP and UniMed-CLIP become two towers.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import CLIPModel

from nast.errors import ModelError, UsageError
from nast.files import read_json
from nast.hashes import content_hash, file_hash
from nast.models.clip_bpe import SIZE, clip_tokenizer
from nast.models.contract import DualEncoder
from nast.models.families.hf import dual_encoder
from nast.models.families.openclip_config import (
    CONFIG,
    FOLDER,
    Checkpoint,
    architecture,
    check_image_size,
    settings_of_folder,
    settings_of_name,
    weights_in,
)
from nast.models.families.openclip_images import chexzero_pixels, image_processor
from nast.models.families.openclip_siglip import SiglipSettings, siglip, siglip_settings
from nast.models.families.openclip_towers import folder_tokenizer, load_towers
from nast.models.weights.checkpoints import Layout, Weights, count_blocks, read_weights, recognise
from nast.models.weights.clip_layout import END_TOKEN, clip_config, to_transformers
from nast.models.weights.clip_resnet import clip_with_resnet
from nast.models.weights.encoders import filled
from nast.models.weights.fit import check_pixels
from nast.models.weights.model_folders import tokenizer_key
from nast.models.weights.pretrained import refuse_adapter

CLIP_BPE = "CLIP's own tokenizer"
"""Its part in a model's key, where no tokenizer's files lie beside the weights."""


def load_openclip(place: str, name: str) -> DualEncoder:
    """Load a checkpoint.

    Args:
        place: `ARCH:CHECKPOINT`. ARCH is one of `ARCHITECTURES`, with `-quickgelu` where the model
            was trained so, or `local-dir`; CHECKPOINT is a file, or a folder with
            `open_clip_config.json`, which then decides.
        name: how results call the model.

    Raises:
        UsageError: no such ARCH, or one that the checkpoint contradicts.
        ModelError: the checkpoint cannot be read, or its weights do not fit exactly.
    """
    arch, _, checkpoint = place.partition(":")
    path = Path(checkpoint)
    if not checkpoint or (arch == FOLDER and not path.is_dir()):
        raise UsageError(
            f"openclip:{place}: write openclip:ARCH:CHECKPOINT, or "
            f"openclip:{FOLDER}:FOLDER of a folder that open_clip wrote"
        )
    if arch != FOLDER:
        architecture(arch)
    refuse_adapter(path)
    file = weights_in(path) if path.is_dir() else path
    weights = read_weights(file)
    layout = recognise(weights, file)
    of_folder = settings_of_folder(arch, path) if path.is_dir() else None
    if arch != FOLDER:
        _check_architecture(arch, layout, weights, file)
    settings = of_folder or settings_of_name(arch, layout, file)
    if layout in (("timm", "clip"), ("resnet", "bert"), ("siglip", "bert")):
        raise ModelError(f"{file}: {' + '.join(layout)} towers (image + text) are not built here")
    bias = None if layout.image == "siglip" else weights.pop("logit_bias", None)
    try:
        beside = file.parent / CONFIG
        said = read_json(beside)["model_cfg"] if layout.image == "siglip" else None
        found = siglip_settings(said, beside) if said else None
        own_tokenizer = settings.own_tokenizer or layout.text == "bert"
        tokenizer = tokenizer_key(file.parent) if own_tokenizer else CLIP_BPE
        stated = [settings._asdict(), found and found._asdict()]
        key = content_hash([file_hash(file), *stated, tokenizer])
        given = Checkpoint(weights, layout, settings, file, place, name, key)
        if found:
            model = _siglip(given, found)
        else:
            model = _clip(given) if layout.text == "clip" else load_towers(given)
    except KeyError as error:
        raise ModelError(f"{file}: no tensor {error} among the weights") from None
    if bias is not None:
        model.logit_bias = model.spec["logit bias"] = _number(bias, file)
    return model


def _clip(given: Checkpoint) -> DualEncoder:
    """A `CLIPModel`, or a `ClipWithResNet`, with its tokenizer and preprocessing."""
    weights, settings, file = given.weights, given.settings, given.file
    tokenizer = _tokenizer(given)
    if settings.end_token == 2:
        raise ModelError(f"{file}: text_cfg.eos_id is 2, which transformers keeps for another rule")
    # 2 stands for the largest id of a row, which is how open_clip reads a text unless told.
    end = settings.end_token or (2 if settings.own_tokenizer else END_TOKEN)
    sizes: dict[str, Any] = {
        "head_width": settings.head_width,
        "text_heads": settings.text_heads,
        "end_token": end,
    }
    network: Any
    if "visual.attnpool.positional_embedding" in weights:
        network, side = clip_with_resnet(weights, settings.activation, str(file), **sizes)
    else:
        config: Any = clip_config(weights, settings.activation, **sizes)
        network = filled(CLIPModel, config, to_transformers(weights), str(file))
        side = config.vision_config.image_size
    check_image_size(settings, side, file)
    processor = image_processor(side, settings.preprocessing)
    model = dual_encoder(network, tokenizer, processor, given.name, given.key, given.place)
    model.spec["family"] = "openclip"
    if settings.chexzero:
        check_pixels(str(file), chexzero_pixels, side)
        model.pixels = chexzero_pixels
        model.spec["preprocessing"] = {"processor": "CheXzero", "padded to": 320, "size": side}
    return model


def _siglip(given: Checkpoint, found: SiglipSettings) -> DualEncoder:
    """A `SiglipModel`; its configuration beside the weights says what they do not."""
    network = siglip(given.weights, found, str(given.file))
    side = network.config.vision_config.image_size
    check_image_size(given.settings, side, given.file)
    tokenizer = _tokenizer(given, found.clean)
    processor = image_processor(side, given.settings.preprocessing)
    model = dual_encoder(network, tokenizer, processor, given.name, given.key, given.place)
    # The tokenizer itself does to a text what its configuration asks for.
    model.text_rules = model.spec["text rules"] = []
    model.spec["family"] = "openclip"
    return model


def _number(bias: torch.Tensor, file: Path) -> float:
    """The bias of a CLIP that was trained with SigLIP's loss; it moves all scores alike."""
    if bias.numel() != 1 or not torch.isfinite(bias).all():
        raise ModelError(
            f"{file}: logit_bias has shape {list(bias.shape)}, expected one finite "
            "number, which is added to every score"
        )
    return float(bias)


def _tokenizer(given: Checkpoint, clean: str = "whitespace") -> Any:
    weights, settings, file = given.weights, given.settings, given.file
    positions = len(weights["positional_embedding"])
    if settings.context != positions:
        raise ModelError(f"{file}: {positions} text positions, expected {settings.context}")
    if settings.own_tokenizer:
        return folder_tokenizer(file.parent, clean)
    words = len(weights["token_embedding.weight"])
    if words != SIZE:
        raise ModelError(
            f"{file}: {words} token embeddings; CLIP's own tokenizer has {SIZE}, and "
            "no other one is named beside the file"
        )
    return clip_tokenizer(settings.context)


def _check_architecture(arch: str, layout: Layout, weights: Weights, file: Path) -> None:
    known = architecture(arch)
    if layout != known.layout:
        raise UsageError(
            f"openclip:{arch}: {file} holds {' + '.join(layout)} towers (image + text), expected "
            f"{' + '.join(known.layout)}"
        )
    if layout.image == "resnet":
        what = "blocks in its third stage:"
        found = (len(weights["visual.bn3.weight"]), count_blocks(weights, "visual.layer3."))
    else:
        what = "patches of"
        patches = next(
            weights[k]
            for k in ("visual.conv1.weight", "visual.trunk.patch_embed.proj.weight")
            if k in weights
        )
        found = (patches.shape[0], patches.shape[-1])
    if known.image and found != known.image:
        raise UsageError(
            f"openclip:{arch}: the image tower of {file} has width {found[0]} and {what} "
            f"{found[1]}, expected {known.image[0]} and {known.image[1]}"
        )
