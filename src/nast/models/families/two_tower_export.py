"""A two-tower model as a folder: a BERT of plain transformers, and the rest beside it.

`text/` is what `AutoModel` and `AutoTokenizer` load; `SPEC.yaml` puts the heads and the image tower
to it again, as `two-tower:FOLDER/SPEC.yaml`.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.utils import set_peft_model_state_dict

from nast.errors import ModelError
from nast.files import write_text
from nast.models.contract import DualEncoder
from nast.models.families.heads import describe_head
from nast.models.preprocess import FILTERS
from nast.models.registry import quiet
from nast.models.weights.checkpoints import write_safetensors
from nast.models.weights.encoders import CLASSES
from nast.models.weights.model_folders import save_tokenizer
from nast.models.weights.resnet import ResNet

SPEC = "SPEC.yaml"
TEXT_HEAD, IMAGE = "text_head.safetensors", "image.safetensors"
_TEXT = {
    "pooling": "pooling",
    "layers": "layers",
    "mask": "mask",
    "padding": "padding",
    "max_tokens": "max tokens",
    "rules": "text rules",
}
"""Keys of a specification -> of what a model says about itself."""


def write_two_towers(network: Any, model: DualEncoder, pixels: Any, out: Path) -> None:
    """Write the folder.

    Args:
        network: the towers of `nast.models.families.towers`, with merged weights.
        model: says how texts are read; its scale goes into the specification as a number.
        pixels: its preprocessing, without the black bars of `pad:`.
        out: the folder.

    Raises:
        ModelError: no specification can say the model's preprocessing.
    """
    text, head, image = (network[part] for part in ("text", "text_head", "image"))
    spec: dict[str, Any] = {
        "name": str(model.spec.get("name", model.name)),
        **{k: model.spec[k] for k in ("licence", "trained_on") if k in model.spec},
        "scale": model.logit_scale,
        "text": {
            "tokenizer": "text",
            "weights": ["text", TEXT_HEAD] if len(head) else "text",
            "config": "text",
            **{ours: model.spec[theirs] for ours, theirs in _TEXT.items()},
            "head": describe_head(head, "text_head"),
        },
        **_image_part(model, image, pixels),
    }
    text.save_pretrained(out / "text")
    save_tokenizer(model.tokenizer, out / "text")
    if len(head):
        named = {f"text_head.{k}": v for k, v in head.state_dict().items()}
        write_safetensors(out / TEXT_HEAD, named)
    if state := image.state_dict():
        write_safetensors(out / IMAGE, state)
    write_text(out / SPEC, yaml.safe_dump(spec, sort_keys=False))


def write_bert_lora(network: PeftModel, base: Path, out: Path) -> None:
    """Write the LoRA weights of a two-tower model for plain peft on its BERT alone.

    Args:
        network: the towers of `nast.models.families.towers` with LoRA.
        base: where the BERT lies.
        out: the folder.
    """
    prefix, own = "base_model.model.", "text."
    state = {
        k.removeprefix(prefix).removeprefix(own): v
        for k, v in get_peft_model_state_dict(network).items()
    }
    given: Any = network.peft_config["default"]
    config = LoraConfig(
        r=given.r,
        lora_alpha=given.lora_alpha,
        lora_dropout=0.0,
        target_modules=sorted({k.partition(".lora_")[0] for k in state}),
    )
    with quiet():
        plain = get_peft_model(deepcopy(network).unload()["text"], config)
    set_peft_model_state_dict(plain, {prefix + k: v for k, v in state.items()})
    plain.peft_config["default"].base_model_name_or_path = str(base)
    plain.save_pretrained(str(out), save_embedding_layers=False)


def _image_part(model: DualEncoder, image: Any, pixels: Any) -> dict[str, Any]:
    """The image section, and the preprocessing of a tower that looks at pixels."""
    head = describe_head(image.head, "head")
    if model.ready:
        vectors = model.spec["vectors"]
        weights = {"weights": IMAGE} if len(image.head) else {}
        place = str(Path(vectors["file"]).absolute())
        return {"image": {"vectors": place, "key": vectors["key"], **weights, "head": head}}
    section = {
        "weights": IMAGE,
        "prefix": "encoder.",
        **_image_sizes(image.encoder),
        "pooling": image.pooling,
        "head": head,
    }
    return {"image": section, "preprocessing": _preprocessing(model, pixels)}


def _image_sizes(encoder: Any) -> dict[str, Any]:
    """`encoder` and `config` of a specification."""
    if isinstance(encoder, ResNet):
        return {"encoder": "resnet", "config": encoder.sizes}
    kind = next(k for k, (_, model) in CLASSES.items() if isinstance(encoder, model))
    said = encoder.config.to_diff_dict()
    drop = ("architectures", "dtype", "transformers_version", "model_type")
    return {"encoder": kind, "config": {k: v for k, v in said.items() if k not in drop}}


def _preprocessing(model: DualEncoder, pixels: Any) -> dict[str, Any]:
    """The preprocessing of a specification that makes these pixels."""
    if "settings" in (keywords := getattr(pixels, "keywords", {})):
        return dict(keywords["settings"])
    processor: Any = getattr(pixels, "func", None)
    settings = processor.to_dict() if hasattr(processor, "to_dict") else {}
    size, how = settings.get("size", {}), FILTERS.get(int(settings.get("resample", -1)))
    crop = settings.get("crop_size") if settings.get("do_center_crop") else size
    if how is None or "max_height" in size or not crop or crop.get("height") != crop.get("width"):
        raise ModelError(
            f"{model.name}: no specification can say its preprocessing: "
            f"{model.spec['preprocessing']}"
        )
    short = size.get("shortest_edge")
    return {
        "size": crop["height"],
        **({"resize": short} if short else {}),
        "geometry": "crop" if short else "square",
        "interpolation": how,
        "mean": list(settings["image_mean"]),
        "std": list(settings["image_std"]),
    }
