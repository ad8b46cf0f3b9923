"""SigLIP and SigLIP 2 in open_clip's layout: timm's ViT with its pooling head, open_clip's text.

Converted number for number to a `SiglipModel` of transformers with the activations that open_clip
computes. These differ: open_clip runs the first SigLIP with GELU, the folders of transformers run
all of them with its approximation by tanh.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import SiglipConfig, SiglipModel

from nast.errors import ModelError
from nast.models.weights.checkpoints import Weights, count_blocks
from nast.models.weights.clip_layout import text_sizes, to_transformers
from nast.models.weights.encoders import filled
from nast.models.weights.renaming import Renaming
from nast.models.weights.timm_layout import TRUNK

_PATHS = {
    "patch_embed.proj": "embeddings.patch_embedding",
    "norm": "post_layernorm",
    "attn_pool.proj": "head.attention.out_proj",
    "attn_pool.norm": "head.layernorm",
    "attn_pool.mlp.fc1": "head.mlp.fc1",
    "attn_pool.mlp.fc2": "head.mlp.fc2",
}
_IMAGE = Renaming(
    what="SigLIP's image tower",
    same={
        f"{TRUNK}{ours}.{kind}": f"vision_model.{theirs}.{kind}"
        for ours, theirs in _PATHS.items()
        for kind in ("weight", "bias")
    },
    towers={TRUNK + "blocks.": "vision_model.encoder.layers."},
    block={
        "norm1": "layer_norm1",
        "norm2": "layer_norm2",
        "attn.proj": "self_attn.out_proj",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    },
    fused="attn.qkv.",
    attention="self_attn.",
)
HEADS = {"base": 12, "large": 16, "so400m": 16, "giantopt": 16}
"""Attention heads of timm's towers, which their weights do not tell."""
_NAME = re.compile(rf"vit_({'|'.join(HEADS)})_patch(14|16|32)_siglip_(\d+)")
GELU, TANH = "gelu", "gelu_pytorch_tanh"


class SiglipSettings(NamedTuple):
    """What a configuration says that no tensor does.

    Attributes:
        image_heads: attention heads of the image tower.
        image_activation: of the image tower, by its name in timm.
        text_heads: attention heads of the text tower.
        text_activation: of the text tower.
        text_eps: of its layer norms; the image tower's is 1e-6.
        clean: what is done to a text before it is tokenised.
    """

    image_heads: int
    image_activation: str
    text_heads: int
    text_activation: str
    text_eps: float
    clean: str


def siglip_settings(model: Mapping[str, Any], path: Path) -> SiglipSettings:
    """Read `model_cfg` of a SigLIP.

    Args:
        model: of `open_clip_config.json`, its keys already understood.
        path: the file, for messages.

    Raises:
        ModelError: an image tower of timm whose heads and activation are not known here.
    """
    name, text = str(model["vision_cfg"].get("timm_model_name")), model["text_cfg"]
    found = _NAME.fullmatch(name)
    if found is None:
        raise ModelError(
            f"{path}: vision_cfg.timm_model_name is {name!r}, expected vit_SIZE_patchN_siglip_N "
            f"with SIZE one of {', '.join(HEADS)}; SigLIP's own weights are also on the hub as "
            "hf:google/siglip-* and hf:google/siglip2-*"
        )
    norms = text.get("norm_kwargs") or {}
    if set(norms) - {"eps"}:
        raise ModelError(f"{path}: text_cfg.norm_kwargs is {norms!r}, expected eps alone")
    size, patch, side = found[1], int(found[2]), int(found[3])
    return SiglipSettings(
        HEADS[size],
        TANH if _is_second(size, patch, side) else GELU,
        int(text.get("heads", 8)),
        TANH if text.get("act_kwargs") else GELU,
        float(norms.get("eps", 1e-5)),
        (text.get("tokenizer_kwargs") or {}).get("clean", "whitespace"),
    )


def _is_second(size: str, patch: int, side: int) -> bool:
    """Whether timm runs the tower with tanh: the sizes that only SigLIP 2 has."""
    return (
        patch == 32
        or size == "giantopt"
        or (size == "so400m" and patch == 16)
        or (size, side) == ("large", 512)
    )


def siglip(weights: Weights, settings: SiglipSettings, source: str) -> Any:
    """The network with exactly these weights.

    Args:
        weights: under open_clip's names, the text tower's without `text.`.
        settings: what the tensors do not say.
        source: the file, for messages.

    Raises:
        ModelError: a tensor is missing, left over or of another shape.
    """
    left = {k: v for k, v in weights.items() if not k.startswith("visual.")}
    head = {
        f"text_model.head.{kind}": left.pop(f"text_projection.{kind}")
        for kind in ("weight", "bias")
    }
    bias = left.pop("logit_bias", torch.zeros(1)).reshape(1)
    state = to_transformers(left) | head | vision_to_transformers(weights)
    state |= {"logit_bias": bias, "logit_scale": state["logit_scale"].reshape(1)}
    outputs = len(head["text_model.head.bias"])
    text = text_sizes(weights, outputs, settings.text_heads, 1)
    ours = ("bos_token_id", "eos_token_id", "pad_token_id", "projection_dim")
    text = {k: v for k, v in text.items() if k not in ours} | {
        "projection_size": outputs,
        "hidden_act": settings.text_activation,
        "layer_norm_eps": settings.text_eps,
    }
    config = SiglipConfig(text_config=text, vision_config=_vision_sizes(weights, settings))
    return filled(SiglipModel, config, state, source)


def vision_to_transformers(weights: Mapping[str, torch.Tensor]) -> Weights:
    """`visual.trunk.*` under the names of `SiglipModel`.

    Raises:
        ModelError: keys that no layer of the tower has; they are listed.
    """
    left = {k: v for k, v in weights.items() if k.startswith("visual.")}
    found = {
        "embeddings.position_embedding.weight": left.pop(f"{TRUNK}pos_embed")[0],
        "head.probe": left.pop(f"{TRUNK}attn_pool.latent"),
    }
    for kind in ("weight", "bias"):
        parts = [left.pop(f"{TRUNK}attn_pool.{name}.{kind}") for name in ("q", "kv")]
        found[f"head.attention.in_proj_{kind}"] = torch.cat(parts)
    return _IMAGE.forward(left) | {f"vision_model.{k}": v for k, v in found.items()}


def _vision_sizes(weights: Mapping[str, torch.Tensor], settings: SiglipSettings) -> dict[str, Any]:
    width, _, _, patch = weights[f"{TRUNK}patch_embed.proj.weight"].shape
    cells = weights[f"{TRUNK}pos_embed"].shape[1]
    side = round(cells**0.5)
    if side * side != cells:
        raise ModelError(f"{cells} image positions; expected a square of patches")
    return {
        "hidden_size": width,
        "num_hidden_layers": count_blocks(weights, f"{TRUNK}blocks."),
        "num_attention_heads": settings.image_heads,
        "intermediate_size": len(weights[f"{TRUNK}blocks.0.mlp.fc1.bias"]),
        "image_size": side * patch,
        "patch_size": patch,
        "hidden_act": settings.image_activation,
        "layer_norm_eps": 1e-6,
    }
