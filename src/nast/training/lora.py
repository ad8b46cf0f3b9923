"""LoRA on the text tower's q, k, v and out projections, block by block (paper section 4.3)."""

import re
from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from nast.models.registry import quiet

RANK, ALPHA = 8, 16
_BLOCK = re.compile(r"text_model\.encoder\.layers\.(\d+)\.")


def add_lora(
    network: Any, layers: Sequence[int], rank: int = RANK, alpha: int = ALPHA
) -> PeftModel:
    """Put LoRA on some text blocks of a CLIPModel; everything else stays frozen, in eval mode.

    Args:
        network: a `CLIPModel`; its modules are wrapped in place.
        layers: 1-based blocks that get LoRA.
        rank: r.
        alpha: the weights' factor is alpha / r.

    Returns:
        The peft model. B is zero, so it scores exactly like the base.

    Raises:
        ValueError: no layer is given.
    """
    if not layers:
        raise ValueError("no layer gets LoRA: every layer weight is 0")
    numbers = "|".join(str(layer - 1) for layer in sorted(layers))
    # A list of names would hit the vision tower as well; only a full path is exact.
    target = (
        rf"text_model\.encoder\.layers\.({numbers})\.self_attn\.(q_proj|k_proj|v_proj|out_proj)"
    )
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=target, lora_dropout=0.0)
    with quiet():
        return get_peft_model(network, config).eval()


def lora_by_layer(model: torch.nn.Module) -> dict[int, dict[str, torch.nn.Parameter]]:
    """Block (1-based) -> name -> LoRA parameter."""
    found: dict[int, dict[str, torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        block = _BLOCK.search(name)
        if block and "lora_" in name:
            found.setdefault(int(block[1]) + 1, {})[name] = parameter
    return dict(sorted(found.items()))
