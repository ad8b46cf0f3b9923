"""BiomedCLIP's towers under the names of transformers: timm's ViT, and BERT with an MLP behind it.

UniMed-CLIP has the same text tower beside the image tower of CLIP.
"""

from collections.abc import Mapping
from typing import Any

import torch

from nast.errors import ModelError
from nast.models.weights.checkpoints import Weights, count_blocks, grid_side

HEAD_WIDTH = 64
_TRUNK = "visual.trunk."
_BERT = "text.transformer."
_STEM = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight",
    "norm.bias": "layernorm.bias",
}
_BLOCK = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.o_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_Q_K_V = ("q_proj", "k_proj", "v_proj")


def vit_to_transformers(weights: Mapping[str, torch.Tensor]) -> Weights:
    """A ViT of timm (`visual.trunk.*`) under the names of `ViTModel` without its pooler.

    Raises:
        ModelError: keys that no layer of a plain ViT has; they are listed.
    """
    left = {k.removeprefix(_TRUNK): v for k, v in weights.items() if k.startswith(_TRUNK)}
    found = {theirs: left.pop(ours) for ours, theirs in _STEM.items() if ours in left}
    found |= rename_blocks(left, _BLOCK, "layers.", "attention.")
    if left:
        raise ModelError(
            f"{len(left)} keys are of no layer of a ViT: {_TRUNK}"
            f"{f', {_TRUNK}'.join(sorted(left)[:8])}"
        )
    return found


def rename_blocks(left: Weights, names: Mapping[str, str], path: str, attention: str) -> Weights:
    """Blocks of timm under the names of transformers; their keys are taken out of `left`.

    Args:
        left: without `visual.trunk.`.
        names: layer of a block in timm -> in transformers.
        path: what the number of a block follows in transformers.
        attention: what q, k and v follow there; timm keeps them in one matrix.
    """
    found: Weights = {}
    for block in range(count_blocks(left, "blocks.")):
        for kind in ("weight", "bias"):
            for a, b in names.items():
                if (key := f"blocks.{block}.{a}.{kind}") in left:
                    found[f"{path}{block}.{b}.{kind}"] = left.pop(key)
            if (key := f"blocks.{block}.attn.qkv.{kind}") in left:
                for name, part in zip(_Q_K_V, left.pop(key).chunk(3), strict=True):
                    found[f"{path}{block}.{attention}{name}.{kind}"] = part.clone()
    return found


def vit_to_timm(weights: Mapping[str, torch.Tensor]) -> Weights:
    """The names of `ViTModel` -> timm's, under `visual.trunk.`: `vit_to_transformers` inverted."""
    found = {_TRUNK + ours: weights[theirs] for ours, theirs in _STEM.items()}
    for block in range(count_blocks(weights, "layers.")):
        ours, theirs = f"{_TRUNK}blocks.{block}.", f"layers.{block}."
        for kind in ("weight", "bias"):
            for a, b in _BLOCK.items():
                found[f"{ours}{a}.{kind}"] = weights[f"{theirs}{b}.{kind}"]
            parts = [weights[f"{theirs}attention.{name}.{kind}"] for name in _Q_K_V]
            found[f"{ours}attn.qkv.{kind}"] = torch.cat(parts)
    return found


def vit_sizes(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The sizes of timm's ViT, as arguments of `ViTConfig`; its activation is always GELU.

    Raises:
        ModelError: the positions are no square grid with one class position.
    """
    width, channels, _, patch = weights[f"{_TRUNK}patch_embed.proj.weight"].shape
    return {
        "hidden_size": width,
        "num_hidden_layers": count_blocks(weights, f"{_TRUNK}blocks."),
        "num_attention_heads": width // HEAD_WIDTH,
        "intermediate_size": len(weights[f"{_TRUNK}blocks.0.mlp.fc1.bias"]),
        "image_size": grid_side(weights[f"{_TRUNK}pos_embed"].shape[1]) * patch,
        "patch_size": patch,
        "num_channels": channels,
        "qkv_bias": f"{_TRUNK}blocks.0.attn.qkv.bias" in weights,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


def bert_weights(weights: Mapping[str, torch.Tensor]) -> Weights:
    """`text.transformer.*` as a `BertModel` without its pooler holds it."""
    return {k.removeprefix(_BERT): v for k, v in weights.items() if k.startswith(_BERT)}


def bert_sizes(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The sizes of the BERT in `text.transformer.*`, as arguments of `BertConfig`."""
    embeddings = f"{_BERT}embeddings."
    vocabulary, width = weights[f"{embeddings}word_embeddings.weight"].shape
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": count_blocks(weights, f"{_BERT}encoder.layer."),
        "num_attention_heads": width // HEAD_WIDTH,
        "intermediate_size": len(weights[f"{_BERT}encoder.layer.0.intermediate.dense.bias"]),
        "max_position_embeddings": len(weights[f"{embeddings}position_embeddings.weight"]),
        "type_vocab_size": len(weights[f"{embeddings}token_type_embeddings.weight"]),
    }
