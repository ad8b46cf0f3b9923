"""CLIP's weights under OpenAI's names and under those of transformers, both ways and bit for bit.

OpenAI's layout is also open_clip's. It differs in names, in keeping q, k and v in one matrix
(`in_proj_weight`, rows in this order), and in multiplying projections from the right.
"""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import CLIPConfig

from nast.errors import ModelError
from nast.models.weights.checkpoints import Weights, count_blocks, grid_side
from nast.models.weights.renaming import Renaming

HEAD_WIDTH = 64
END_TOKEN = 49407
OPENAI = Renaming(
    what="CLIP",
    same={
        "logit_scale": "logit_scale",
        "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "positional_embedding": "text_model.embeddings.position_embedding.weight",
        "ln_final.weight": "text_model.final_layer_norm.weight",
        "ln_final.bias": "text_model.final_layer_norm.bias",
        "visual.class_embedding": "vision_model.embeddings.class_embedding",
        "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
        "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
        "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
        "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
        "visual.ln_post.weight": "vision_model.post_layernorm.weight",
        "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    },
    transposed={
        "text_projection": "text_projection.weight",
        "visual.proj": "visual_projection.weight",
    },
    towers={
        "transformer.resblocks.": "text_model.encoder.layers.",
        "visual.transformer.resblocks.": "vision_model.encoder.layers.",
    },
    block={
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "attn.out_proj": "self_attn.out_proj",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
    },
    fused="attn.in_proj_",
    attention="self_attn.",
)


def to_transformers(weights: Mapping[str, torch.Tensor]) -> Weights:
    """OpenAI's names -> those of `CLIPModel`; a checkpoint of one tower gives that tower.

    Raises:
        ModelError: keys that no layer of CLIP has; they are listed.
    """
    found = OPENAI.forward(weights)
    if "logit_scale" in found:
        found["logit_scale"] = found["logit_scale"].reshape(())
    return found


def vision_sizes(weights: Mapping[str, torch.Tensor], head_width: int = HEAD_WIDTH) -> Any:
    """The sizes of an image tower in OpenAI's layout, as keywords of `CLIPVisionConfig`.

    Raises:
        ModelError: the positions are no square grid with one class position, or the width is no
            multiple of the heads' width.
    """
    width, _, _, patch = weights["visual.conv1.weight"].shape
    tower = "visual.transformer.resblocks."
    return {
        "hidden_size": width,
        "num_hidden_layers": count_blocks(weights, tower),
        "num_attention_heads": _heads(width, head_width),
        "intermediate_size": len(weights[f"{tower}0.mlp.c_fc.bias"]),
        "patch_size": patch,
        "image_size": grid_side(len(weights["visual.positional_embedding"])) * patch,
        "projection_dim": weights["visual.proj"].shape[1],
    }


def text_sizes(
    weights: Mapping[str, torch.Tensor], outputs: int, heads: int | None, end_token: int
) -> dict[str, Any]:
    """The sizes of a text tower in OpenAI's layout, as keywords of `CLIPTextConfig`.

    Args:
        weights: under OpenAI's names.
        outputs: length of a vector.
        heads: of the tower; width / 64 if None.
        end_token: where the text is read; 2 stands for the largest id of a row.

    Raises:
        ModelError: the width is no multiple of 64, and no number of heads is given.
    """
    vocabulary, width = weights["token_embedding.weight"].shape
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": count_blocks(weights, "transformer.resblocks."),
        "num_attention_heads": heads or _heads(width, HEAD_WIDTH),
        "intermediate_size": len(weights["transformer.resblocks.0.mlp.c_fc.bias"]),
        "max_position_embeddings": len(weights["positional_embedding"]),
        "projection_dim": outputs,
        "bos_token_id": None,
        "eos_token_id": end_token,
        "pad_token_id": None,
    }


def clip_config(
    weights: Mapping[str, torch.Tensor],
    activation: str,
    *,
    head_width: int = HEAD_WIDTH,
    text_heads: int | None = None,
    end_token: int = END_TOKEN,
) -> CLIPConfig:
    """The configuration of a checkpoint in OpenAI's layout, from its tensors.

    Args:
        weights: under OpenAI's names.
        activation: `quick_gelu` or `gelu`; no tensor says which.
        head_width: of the image tower; 64 in all of OpenAI's.
        text_heads: of the text tower; width / 64 if not given.
        end_token: where the text is read; 2 stands for the largest id of a row.

    Raises:
        ModelError: the sizes are not those of a CLIP.
    """
    vision = vision_sizes(weights, head_width)
    text = text_sizes(weights, vision["projection_dim"], text_heads, end_token)
    return CLIPConfig(
        text_config={**text, "hidden_act": activation},
        vision_config={**vision, "hidden_act": activation},
        projection_dim=vision["projection_dim"],
    )


def _heads(width: int, head_width: int) -> int:
    if width % head_width:
        raise ModelError(f"width {width} is no multiple of {head_width}, the width of a head")
    return width // head_width
