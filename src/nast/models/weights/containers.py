"""Where the weights lie in what a training script saved, and their names without wrappers."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nast.errors import ModelError

Weights = dict[str, torch.Tensor]
_CONTAINERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "model_state",
    "module",
    "network",
    "net",
    "weights",
)
_AVERAGED = ("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "swa_model")
"""Containers of weights, and of their running means; the weights themselves are read first."""
_NOT_MODEL = ("optim", "sched", "lr_sched", "scaler", "loss", "teacher")
"""What other containers of tensors are called, or begin with."""
_COMPILED = re.compile(
    r"(^|\.)(?:(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.)+"
)
_WITHIN = ("model.", "clip.", "clip_model.", "net.", "network.", "module.", "_forward_module.")
"""What scripts call the model within a module of theirs, as PyTorch Lightning has them do."""
_MEAN = "n_averaged"
_DEEPEST = 6


def unwrapped(loaded: Any, path: Path) -> Weights:
    """The tensors of a checkpoint, out of the tables that training scripts put around them.

    Args:
        loaded: what the file holds.
        path: the file, for messages.

    Raises:
        ModelError: it is no table, or holds no tensors where they are looked for.
    """
    found = loaded
    for _ in range(_DEEPEST):
        inner = _container(found, path) if isinstance(found, Mapping) else None
        if inner is None:
            break
        found = found[inner]
    if not isinstance(found, Mapping):
        raise ModelError(f"{path}: holds a {type(found).__name__}, expected a table of tensors")
    weights = {str(k): v for k, v in found.items() if isinstance(v, torch.Tensor)}
    if not weights:
        first = ", ".join(map(str, list(found)[:8])) or "none"
        raise ModelError(
            f"{path}: no tensors; first keys: {first}. They are looked for at the top "
            f"and under {', '.join((*_CONTAINERS, *_AVERAGED))}"
        )
    return weights


def _container(found: Mapping[Any, Any], path: Path) -> str | None:
    """The name under which the weights lie, or None where they lie here."""
    held = [str(k) for k, v in found.items() if _holds_tensors(v) and isinstance(k, str)]
    plain = [name for name in _CONTAINERS if name in held]
    means = [name for name in _AVERAGED if name in held]
    if plain and means:
        warnings.warn(
            f"{path}: holds the weights under {plain[0]} and a mean of them under {means[0]}; "
            f"{plain[0]} is read",
            stacklevel=2,
        )
    if plain or means:
        return (plain or means)[0]
    others = [name for name in held if not name.lower().startswith(_NOT_MODEL)]
    here = any(isinstance(v, torch.Tensor) for v in found.values())
    return others[0] if len(others) == 1 and not here else None


def _holds_tensors(value: Any, depth: int = _DEEPEST) -> bool:
    if not isinstance(value, Mapping) or not depth:
        return False
    inner = value.values()
    return any(isinstance(v, torch.Tensor) or _holds_tensors(v, depth - 1) for v in inner)


def within_modules(weights: Weights) -> Weights:
    """The names of a model that is the only part of another module."""
    for _ in range(_DEEPEST):
        first = next((part for part in _WITHIN if all(k.startswith(part) for k in weights)), None)
        if first is None or not weights:
            break
        weights = {key.removeprefix(first): value for key, value in weights.items()}
    return weights


def plain_names(weights: Weights, path: Path) -> Weights:
    """The names without what wrappers of modules put into them.

    Raises:
        ModelError: two tensors then have one name, or they are LoRA weights alone.
    """
    weights.pop(_MEAN, None)
    names = {key: _COMPILED.sub(r"\1", key) for key in weights}
    while all(name.startswith("module.") for name in names.values()) and names:
        names = {key: name.removeprefix("module.") for key, name in names.items()}
    if len(set(names.values())) < len(names):
        raise ModelError(f"{path}: holds two tensors of one name, with and without _orig_mod.")
    if any(".lora_A." in name for name in names.values()):
        raise ModelError(
            f"{path}: LoRA weights of peft, not a model's own; put them on their base with "
            "merge_and_unload() of peft and save that, or give the folder of a run as run:FOLDER"
        )
    return {names[key]: value for key, value in weights.items()}
