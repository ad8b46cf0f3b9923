"""Layer weights -> what the optimizer does to each block (paper section 4.3, Table 4).

The single home of layer scaling. `lr` (default) gives each block its own learning rate,
base * alpha ** beta, the layer-specific rates that the paper says it wants. `gradient` is the
equation as printed: the block's gradient is multiplied by alpha ** beta. Under Adam a constant
factor on a gradient is divided out again (it only changes eps to eps / factor), so the printed
rule acts through eps, alpha = 0 and clipping alone.
"""

from typing import Any

import torch

from nast.layers import LayerWeights
from nast.training.lora import lora_by_layer
from nast.training.train_config import Mode


def layer_groups(
    model: torch.nn.Module, weights: LayerWeights, learning_rate: float, mode: Mode
) -> list[dict[str, Any]]:
    """Optimizer parameter groups, one per block that has LoRA.

    Args:
        model: with LoRA.
        weights: one scale per block; blocks are counted from 1.
        learning_rate: of scale 1.
        mode: where the scale goes: into the rate (`lr`) or, each step, into the gradient.

    Returns:
        Groups with `params, lr, lr_scale, grad_scale, group_name, layer`.
    """
    groups = []
    for layer, named in lora_by_layer(model).items():
        scale = weights.scale[layer - 1]
        in_rate, in_gradient = (scale, 1.0) if mode == "lr" else (1.0, scale)
        groups.append(
            {
                "params": list(named.values()),
                "lr": learning_rate * in_rate,
                "lr_scale": in_rate,
                "grad_scale": in_gradient,
                "group_name": f"block {layer}",
                "layer": layer,
            }
        )
    return groups


def scale_gradients(groups: list[dict[str, Any]]) -> None:
    """Multiply each group's gradients by its `grad_scale`; after backward, before clipping."""
    for group in groups:
        if group["grad_scale"] != 1.0:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.mul_(group["grad_scale"])
