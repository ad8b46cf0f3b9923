"""LoRA on the text tower's attention projections and MLPs, block by block (section 4.3)."""

import re
from collections.abc import Sequence

import torch
from peft import LoraConfig, get_peft_model

from nast.errors import UsageError
from nast.models.contract import DualEncoder
from nast.models.registry import merge, quiet
from nast.training.train_config import LORA_ALPHA, RANK, TARGETS

_BLOCK = re.compile(r"\.(\d+)\.")
"""The first number in a parameter's path: the 0-based block, whatever the family calls it."""


def add_lora(
    model: DualEncoder,
    layers: Sequence[int],
    rank: int = RANK,
    lora_alpha: int = LORA_ALPHA,
    targets: str = "attention",
) -> None:
    """Put LoRA on some text blocks of a model; everything else stays frozen, in eval mode.

    B is zero, so the model scores as before. LoRA weights that it already has, as a `run:` does,
    are merged into its own first.

    Args:
        model: its network becomes a peft model around the same modules, wrapped in place.
        layers: 1-based blocks that get LoRA.
        rank: r.
        lora_alpha: the weights' factor is lora_alpha / r.
        targets: `attention` (q, k, v and out), `mlp` (its linear layers) or `all` of them.

    Raises:
        ValueError: no layer is given, or no such targets.
        UsageError: the rank is larger than the side of a layer, and LoRA larger than the layer.

    Examples:
        >>> import nast
        >>> model = nast.load_model("phantom")
        >>> add_lora(model, [1, 2], rank=4)
        >>> list(lora_by_layer(model.network))
        [1, 2]
    """
    if not layers:
        raise ValueError("no layer gets LoRA: every layer weight is 0")
    if targets not in TARGETS:
        raise ValueError(f"lora is {targets!r}; choose one of {', '.join(TARGETS)}")
    numbers = "|".join(str(layer - 1) for layer in sorted(layers))
    # A list of names would hit the vision tower as well; only a full path is exact.
    paths = [getattr(model.text, name) for name in TARGETS[targets]]
    target = "|".join(path.replace(r"(\d+)", f"({numbers})", 1) for path in paths)
    merge(model)
    widths = [
        min(module.weight.shape)
        for name, module in model.network.named_modules()
        if re.fullmatch(target, name)
    ]
    if rank > min(widths, default=rank):
        raise UsageError(
            f"rank is {rank}; it must be from 1 to {min(widths)}, the shortest side of the layers "
            "that get LoRA"
        )
    config = LoraConfig(r=rank, lora_alpha=lora_alpha, target_modules=target, lora_dropout=0.0)
    with quiet():
        model.network = get_peft_model(model.network, config).eval()


def lora_by_layer(model: torch.nn.Module) -> dict[int, dict[str, torch.nn.Parameter]]:
    """Block (1-based) -> name -> LoRA parameter."""
    found: dict[int, dict[str, torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        block = _BLOCK.search(name)
        if block and "lora_" in name:
            found.setdefault(int(block[1]) + 1, {})[name] = parameter
    return dict(sorted(found.items()))


def lora_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Name -> LoRA parameter, the first block first."""
    return {n: p for named in lora_by_layer(model).values() for n, p in named.items()}
