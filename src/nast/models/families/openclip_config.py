"""What a checkpoint's tensors do not say: from ARCH, or from the configuration beside the file."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nast.errors import ModelError, UsageError
from nast.files import read_json
from nast.models.cleaning import CLEAN
from nast.models.weights.checkpoints import Layout, Weights
from nast.models.weights.torchscript import has_quick_gelu, is_torchscript

QUICK = "-quickgelu"
FOLDER = "local-dir"
CONFIG = "open_clip_config.json"
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""Names that open_clip looks for in a folder, in its order."""
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_SD = (0.26862954, 0.26130258, 0.27577711)
HEAD_WIDTH = 64


class Architecture(NamedTuple):
    """What an ARCH promises.

    Attributes:
        layout: the kinds of its towers.
        image: width and patch size of the image tower, of a ResNet the width and the blocks of
            its third stage; None where several sizes go by the name.
        quick_gelu: None where the name's ending says it.
    """

    layout: Layout
    image: tuple[int, int] | None = None
    quick_gelu: bool | None = None


ARCHITECTURES = {
    "ViT-B-32": Architecture(Layout("clip", "clip"), (768, 32)),
    "ViT-B-16": Architecture(Layout("clip", "clip"), (768, 16)),
    "ViT-L-14": Architecture(Layout("clip", "clip"), (1024, 14)),
    "ViT-L-14-336": Architecture(Layout("clip", "clip"), (1024, 14)),
    "RN50": Architecture(Layout("resnet", "clip"), (64, 6)),
    "RN101": Architecture(Layout("resnet", "clip"), (64, 23)),
    "RN50x4": Architecture(Layout("resnet", "clip"), (80, 10)),
    "RN50x16": Architecture(Layout("resnet", "clip"), (96, 18)),
    "RN50x64": Architecture(Layout("resnet", "clip"), (128, 36)),
    "CheXzero": Architecture(Layout("clip", "clip"), (768, 32), True),
    "UniMed-CLIP": Architecture(Layout("clip", "bert"), None, True),
    "BiomedCLIP": Architecture(Layout("timm", "bert"), (768, 16), False),
}
"""ARCH without its `-quickgelu`; other sizes are read from a folder with a configuration."""
CONTEXT = {"clip": 77, "bert": 256}


class Settings(NamedTuple):
    """Everything that decides a vector and stands in no tensor.

    Attributes:
        activation: `quick_gelu` or `gelu`, of the towers in OpenAI's layout.
        context: longest text, with its special tokens.
        head_width: of the image tower.
        text_heads: of the text tower; None for width / 64.
        end_token: id of the token that the text is read at; None for the largest id of a row.
        image_size: height and width of an image, where it is stated.
        own_tokenizer: the tokenizer's files lie in the folder.
        chexzero: images are prepared as CheXzero's scripts do it.
        preprocessing: otherwise: `mean`, `std`, `interpolation`, `resize_mode`, `fill_color`, as
            open_clip names them.
    """

    activation: str
    context: int
    head_width: int = HEAD_WIDTH
    text_heads: int | None = None
    end_token: int | None = None
    image_size: Any = None
    own_tokenizer: bool = False
    chexzero: bool = False
    preprocessing: Mapping[str, Any] = {
        "mean": OPENAI_MEAN,
        "std": OPENAI_SD,
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }


class Checkpoint(NamedTuple):
    """A checkpoint that has been read, and how results call the model.

    Attributes:
        weights: under open_clip's names.
        layout: the kinds of its towers.
        settings: what the tensors do not say.
        file: the checkpoint; its tokenizer's files, where it has any, lie beside it.
        place: `ARCH:CHECKPOINT`.
        name: how results call the model.
        key: hash of everything that decides a vector.
    """

    weights: Weights
    layout: Layout
    settings: Settings
    file: Path
    place: str
    name: str
    key: str


def architecture(arch: str) -> Architecture:
    """What an ARCH promises.

    Raises:
        UsageError: no ARCH of that name.
    """
    plain = arch.removesuffix(QUICK)
    known = ARCHITECTURES.get(plain)
    if known is None or (arch != plain and known.quick_gelu is not None):
        raise UsageError(
            f"openclip:{arch}: no such ARCH; write {', '.join(ARCHITECTURES)}, those of CLIP with "
            f"{QUICK} for models that come from OpenAI's weights, or {FOLDER} with a folder that "
            f"holds {CONFIG}"
        )
    return known if known.quick_gelu is not None else known._replace(quick_gelu=arch != plain)


def settings_of_name(arch: str, layout: Layout, path: Path) -> Settings:
    """Settings for a bare file: its ARCH decides, for the file cannot.

    QuickGELU and GELU share their weights' shapes, and a model run with the wrong one still gives
    plausible vectors. An archive of TorchScript is the exception: its program names its function.

    Raises:
        UsageError: the ARCH is unknown, or says otherwise than the archive's own program.
    """
    known = architecture(arch)
    quick = bool(known.quick_gelu)
    program = has_quick_gelu(path) if is_torchscript(path) else None
    if program is not None and program != quick:
        right = arch.removesuffix(QUICK) + (QUICK if program else "")
        found = "QuickGELU" if program else "GELU"
        raise UsageError(
            f"openclip:{arch}: the program in {path} computes {found}; "
            f"write openclip:{right}:{path}"
        )
    if not quick and known.layout.text == "clip" and program is None:
        warnings.warn(
            f"openclip:{arch} runs {path.name} with GELU, as open_clip does under this name; the "
            "file does not say what it was trained with. Models that come from OpenAI's weights "
            f"(NegCLIP, ConCLIP, NegBench, CheXzero) need openclip:{arch}{QUICK}",
            stacklevel=2,
        )
    activation = "quick_gelu" if quick else "gelu"
    return Settings(activation, CONTEXT[layout.text], chexzero=arch == "CheXzero")


TRAINING_ONLY = (
    "timm_model_pretrained",
    "timm_drop",
    "timm_drop_path",
    "patch_dropout",
    "hf_model_pretrained",
)
Known = dict[str, tuple[Any, ...]]
"""Keys of a configuration that are understood, with the values that are, where not all are."""
_MODEL: Known = {
    "embed_dim": (),
    "vision_cfg": (),
    "text_cfg": (),
    "quick_gelu": (True, False),
    "custom_text": (),
    "init_logit_scale": (),
    "init_logit_bias": (),
    "nonscalar_logit_scale": (),
    "output_dict": (),
}
_VISION: Known = {"image_size": (), "timm_model_name": (), "output_tokens": (False,)}
_TEXT: Known = {
    "context_length": (),
    "vocab_size": (),
    "width": (),
    "heads": (),
    "layers": (),
    "mlp_ratio": (),
    "hf_tokenizer_name": (),
    "output_tokens": (False,),
    "embed_cls": (False,),
}
_CLIP_VISION: Known = _VISION | {
    "layers": (),
    "width": (),
    "patch_size": (),
    "mlp_ratio": (),
    "head_width": (),
    "timm_pool": ("", "token"),
    "timm_proj": ("linear",),
    "timm_proj_bias": (),
}
_CLIP_TEXT: Known = _TEXT | {
    "hf_model_name": (),
    "hf_proj_type": (),
    "hf_pooler_type": ("cls_last_hidden_state_pooler",),
    "pool_type": ("argmax", "eos"),
    "eos_id": (),
    "norm_kwargs": (None,),
    "no_causal_mask": (False,),
}
_SIGLIP_VISION: Known = _VISION | {"timm_pool": ("map",), "timm_proj": ("none",)}
_SIGLIP_TEXT: Known = _TEXT | {
    "no_causal_mask": (True,),
    "proj_bias": (True,),
    "pool_type": ("last",),
    "tokenizer_kwargs": ({}, *({"clean": name} for name in CLEAN)),
    "act_kwargs": (None, {"approximate": "tanh"}),
    "norm_kwargs": (),
}
_SIGLIP_SAID = ("no_causal_mask", "proj_bias", "pool_type", "hf_tokenizer_name")
"""Keys that SigLIP's text tower must have: without them open_clip builds CLIP's."""


def settings_of_folder(arch: str, folder: Path) -> Settings:
    """Settings from the configuration of a folder that open_clip wrote.

    Raises:
        ModelError: no configuration, or one that asks for something that is not built here.
        UsageError: the ARCH says otherwise than the configuration.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise ModelError(f"{folder}: no {CONFIG}; name the weights' file instead of the folder")
    model = read_json(path).get("model_cfg", {})
    vision, text = model.get("vision_cfg", {}), model.get("text_cfg", {})
    siglip = "siglip" in str(vision.get("timm_model_name"))
    tables = (_MODEL, _CLIP_VISION, _CLIP_TEXT)
    if siglip:
        tables = (_MODEL | {"quick_gelu": (False,)}, _SIGLIP_VISION, _SIGLIP_TEXT)
    for part, values, known in zip(
        ("", "vision_cfg.", "text_cfg."), (model, vision, text), tables, strict=True
    ):
        _understood(path, part, values, known)
    if siglip and (lacking := [key for key in _SIGLIP_SAID if key not in text]):
        raise ModelError(
            f"{path}: no text_cfg.{lacking[0]}; beside an image tower with pooling by "
            "attention, expected the text tower of SigLIP"
        )
    quick = bool(model.get("quick_gelu", False))
    if arch != FOLDER and bool(architecture(arch).quick_gelu) != quick:
        raise UsageError(
            f"openclip:{arch}: {path} says quick_gelu {str(quick).lower()}; "
            f"write openclip:{FOLDER}:{folder} to follow it"
        )
    asked = {k: v for k, v in read_json(path).get("preprocess_cfg", {}).items() if v is not None}
    return Settings(
        "quick_gelu" if quick else "gelu",
        int(text.get("context_length", CONTEXT["clip"])),
        int(vision.get("head_width", HEAD_WIDTH)),
        None if "hf_model_name" in text else int(text.get("heads", 8)),
        text.get("eos_id") if text.get("pool_type") == "eos" else None,
        vision.get("image_size"),
        bool(text.get("hf_tokenizer_name")),
        preprocessing={**Settings._field_defaults["preprocessing"], **asked},
    )


def check_image_size(settings: Settings, side: int, file: Path) -> None:
    """A configuration must state the size that the weights have positions for.

    Raises:
        ModelError: open_clip would stretch the positions.
    """
    if settings.image_size not in (None, side, [side, side]):
        raise ModelError(
            f"{file}: positions for images of {side}, but {CONFIG} says image_size "
            f"{settings.image_size}; positions are not stretched here"
        )


def weights_in(folder: Path) -> Path:
    """The weights' file of a folder, as open_clip picks it.

    Raises:
        ModelError: none of the names.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"{folder}: no weights; expected one of {', '.join(WEIGHTS)}")


def _understood(path: Path, part: str, values: Mapping[str, Any], known: Known) -> None:
    for key, value in values.items():
        if key in TRAINING_ONLY:
            continue
        if key not in known or (known[key] and value not in known[key]):
            raise ModelError(
                f"{path}: {part}{key} is {value!r}, which nast does not build; of open_clip's "
                "models it knows those with CLIP's own towers, BiomedCLIP's and SigLIP's"
            )
