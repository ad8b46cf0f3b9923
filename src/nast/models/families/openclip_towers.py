"""BiomedCLIP and UniMed-CLIP: an image tower and a BERT with the weights of an open_clip file."""

from functools import partial
from pathlib import Path
from typing import Any

from transformers import CLIPVisionConfig, CLIPVisionModel

from nast.errors import ModelError
from nast.models.cleaning import with_cleaning
from nast.models.contract import DualEncoder
from nast.models.families.heads import ImageTower, build_head
from nast.models.families.openclip_config import Checkpoint, Settings, check_image_size
from nast.models.families.openclip_images import image_processor
from nast.models.families.spec import TextReading
from nast.models.families.towers import two_towers
from nast.models.weights.checkpoints import Weights
from nast.models.weights.clip_layout import to_transformers, vision_sizes
from nast.models.weights.encoders import build_encoder, filled
from nast.models.weights.model_folders import check_keys
from nast.models.weights.pretrained import load_tokenizer
from nast.models.weights.timm_layout import BERT, TIMM_VIT, TRUNK, bert_sizes, vit_sizes


def load_towers(given: Checkpoint) -> DualEncoder:
    """Build the two towers of a checkpoint.

    The text is read at [CLS] of the last block, not through BERT's tanh pooler, and projected by
    an MLP without biases; timm's image tower always runs with GELU.

    Raises:
        ModelError: keys are missing or left over, or there is no tokenizer.
    """
    settings, file, left = given.settings, given.file, dict(given.weights)
    if "logit_scale" not in left:
        raise ModelError(f"{file}: no logit_scale among the weights")
    scale = float(left.pop("logit_scale").exp())
    last = "text.proj" if "text.proj.weight" in left else "text.proj.2"
    first: list[Any] = [] if last == "text.proj" else [{"linear": "text.proj.0"}, "gelu"]
    head = build_head([*first, {"linear": last}], left)
    named = {k.removeprefix(BERT): v for k, v in left.items() if k.startswith(BERT)}
    bert = build_encoder("bert", bert_sizes(left), named, str(file))
    tower = _timm if given.layout.image == "timm" else _clip
    image = tower(left, settings, str(file))
    used = (BERT, "visual.")
    check_keys(str(file), [], [k for k in left if not k.startswith(used)])
    tokenizer = folder_tokenizer(file.parent)
    text = TextReading(pooling="cls", max_tokens=settings.context)
    encoder: Any = image.encoder
    side = encoder.config.image_size
    check_image_size(settings, side, file)
    pixels = partial(image_processor(side, settings.preprocessing), return_tensors="pt")
    model = two_towers(
        bert,
        head,
        image,
        tokenizer,
        pixels,
        scale,
        text,
        name=given.name,
        source=given.place,
        key=given.key,
    )
    model.spec |= {"family": "openclip", "preprocessing": {"size": side, **settings.preprocessing}}
    return model


def folder_tokenizer(folder: Path, clean: str = "whitespace") -> Any:
    """The tokenizer whose files lie in a folder, with the cleaning that open_clip puts before it.

    Args:
        folder: of `tokenizer.json`, or `vocab.txt`.
        clean: a name of `CLEAN`.

    Raises:
        ModelError: there are none.
    """
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt")):
        raise ModelError(
            f"{folder}: no tokenizer.json or vocab.txt; put the tokenizer's files beside the "
            "weights; BiomedCLIP and UniMed-CLIP have that of "
            "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
        )
    return with_cleaning(load_tokenizer(folder), clean)


def _timm(weights: Weights, settings: Settings, source: str) -> ImageTower:
    head = build_head([{"linear": "visual.head.proj"}], weights)
    named = TIMM_VIT.forward({k: v for k, v in weights.items() if k.startswith(TRUNK)})
    encoder = build_encoder("vit", vit_sizes(weights), named, source)
    return ImageTower(encoder, head, "first")


def _clip(weights: Weights, settings: Settings, source: str) -> ImageTower:
    """CLIP's own image tower; its last norm acts on the class token and is part of the head."""
    sizes = vision_sizes(weights, settings.head_width) | {"hidden_act": settings.activation}
    prefix = "vision_model."
    named = to_transformers({k: v for k, v in weights.items() if k.startswith("visual.")})
    state = {k.removeprefix(prefix): v for k, v in named.items() if k.startswith(prefix)}
    encoder = filled(CLIPVisionModel, CLIPVisionConfig(**sizes), state, source)
    projection = {"visual.proj.weight": weights["visual.proj"].T.contiguous()}
    norm = {k: weights[k] for k in ("visual.ln_post.weight", "visual.ln_post.bias")}
    head = build_head(
        [{"layernorm": "visual.ln_post"}, {"linear": "visual.proj"}], norm | projection
    )
    return ImageTower(encoder, head, "first")
