"""BiomedCLIP's towers under the names of transformers: timm's ViT, and BERT with an MLP behind it.

UniMed-CLIP has the same text tower beside the image tower of CLIP.
"""

from collections.abc import Mapping
from typing import Any

import torch

from nast.models.weights.checkpoints import count_blocks, grid_side
from nast.models.weights.renaming import Renaming

HEAD_WIDTH = 64
TRUNK = "visual.trunk."
BERT = "text.transformer."
TIMM_VIT = Renaming(
    what="a ViT",
    same={
        TRUNK + "cls_token": "embeddings.cls_token",
        TRUNK + "pos_embed": "embeddings.position_embeddings",
        TRUNK + "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
        TRUNK + "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
        TRUNK + "norm.weight": "layernorm.weight",
        TRUNK + "norm.bias": "layernorm.bias",
    },
    towers={TRUNK + "blocks.": "layers."},
    block={
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attn.proj": "attention.o_proj",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    },
    fused="attn.qkv.",
    attention="attention.",
)


def vit_sizes(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The sizes of timm's ViT, as arguments of `ViTConfig`; its activation is always GELU.

    Raises:
        ModelError: the positions are no square grid with one class position.
    """
    width, channels, _, patch = weights[f"{TRUNK}patch_embed.proj.weight"].shape
    return {
        "hidden_size": width,
        "num_hidden_layers": count_blocks(weights, f"{TRUNK}blocks."),
        "num_attention_heads": width // HEAD_WIDTH,
        "intermediate_size": len(weights[f"{TRUNK}blocks.0.mlp.fc1.bias"]),
        "image_size": grid_side(weights[f"{TRUNK}pos_embed"].shape[1]) * patch,
        "patch_size": patch,
        "num_channels": channels,
        "qkv_bias": f"{TRUNK}blocks.0.attn.qkv.bias" in weights,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


def bert_sizes(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The sizes of the BERT in `text.transformer.*`, as arguments of `BertConfig`."""
    embeddings = f"{BERT}embeddings."
    vocabulary, width = weights[f"{embeddings}word_embeddings.weight"].shape
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": count_blocks(weights, f"{BERT}encoder.layer."),
        "num_attention_heads": width // HEAD_WIDTH,
        "intermediate_size": len(weights[f"{BERT}encoder.layer.0.intermediate.dense.bias"]),
        "max_position_embeddings": len(weights[f"{embeddings}position_embeddings.weight"]),
        "type_vocab_size": len(weights[f"{embeddings}token_type_embeddings.weight"]),
    }
