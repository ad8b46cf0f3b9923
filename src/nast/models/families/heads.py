"""Projection heads, and the image towers that they close, from what a specification names.

Sizes and biases come from the weights themselves: a head cannot be of another size than its file.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import torch
from torch import nn

from nast.errors import ModelError

PLAIN = {"gelu": nn.GELU, "relu": nn.ReLU}
"""Layers without weights."""
WEIGHTED = {
    "linear": "a matrix, or a 1x1 convolution, with or without bias",
    "layernorm": "layer norm; `eps` beside it, 1e-5 if not given",
    "batchnorm": "batch norm with its running statistics",
    "append": "a learned vector that is appended to each input vector",
}
"""Layers whose value is the prefix of their keys (of `append`: the key)."""
IMAGE_POOLING = {
    "first": "the first vector: the class token of a ViT or DINOv2, a corner patch of a Swin",
    "mean": "the mean of all vectors",
    "mean_after_head": "the head on every vector, then the mean",
}
"""How patches (B, N, d) become one vector."""


class Append(nn.Module):
    """Appends one learned vector (e,) to vectors (..., d) -> (..., d + e)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., d) -> (..., d + e)."""
        return torch.cat([x, self.vector.expand(*x.shape[:-1], -1)], dim=-1)


class LastDimBatchNorm(nn.BatchNorm1d):
    """Batch norm over the last dimension, whatever stands before it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., d) -> (..., d)."""
        return super().forward(x.reshape(-1, x.shape[-1])).view_as(x)


class ImageTower(nn.Module):
    """An image encoder with its pooling rule and head.

    Args:
        encoder: pixels (B, 3, h, w) -> patches (B, N, d), or an output of transformers with them
            in `last_hidden_state`.
        head: vectors (..., d) -> (..., D).
        pooling: a name of `IMAGE_POOLING`.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, pooling: str = "first") -> None:
        super().__init__()
        self.encoder, self.head, self.pooling = encoder, head, pooling

    @property
    def width(self) -> int:
        """Numbers of a vector of the encoder."""
        config = getattr(self.encoder, "config", None)
        # An EfficientNet ends in wider maps than its configuration calls hidden.
        sizes = (getattr(config, name, None) for name in ("hidden_dim", "hidden_size"))
        return next((size for size in sizes if size), None) or self.encoder.width_out  # type: ignore[return-value]

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Pixels (B, 3, h, w) -> features (B, D)."""
        out = self.encoder(pixel_values)
        patches = out if torch.is_tensor(out) else out.last_hidden_state
        # A map (B, d, h, w), as convolutions leave it.
        patches = patches.flatten(2).mT if patches.dim() == 4 else patches
        if self.pooling == "mean_after_head":
            return self.head(patches).mean(dim=1)
        return self.head(patches[:, 0] if self.pooling == "first" else patches.mean(dim=1))


class ReadyTower(nn.Module):
    """The head on vectors that are ready, in place of an image encoder.

    Args:
        head: vectors (B, d) -> (B, D).
        width: d.
    """

    encoder, pooling = None, "ready"

    def __init__(self, head: nn.Module, width: int) -> None:
        super().__init__()
        self.head, self.width = head, width

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors (B, d) -> features (B, D)."""
        return self.head(vectors)


def build_head(
    layers: Sequence[str | Mapping[str, Any]], weights: MutableMapping[str, torch.Tensor]
) -> nn.Sequential:
    """A head from its description; the keys it uses are taken out of `weights`.

    Args:
        layers: names of `PLAIN`, or one entry of `WEIGHTED` each, such as
            `{linear: text_projection}`.
        weights: key -> tensor.

    Returns:
        A module (..., d) -> (..., D); empty, the identity, for no layers.

    Raises:
        ModelError: a key is missing.
    """
    return nn.Sequential(*(_layer(layer, weights) for layer in layers))


def _layer(layer: str | Mapping[str, Any], weights: MutableMapping[str, torch.Tensor]) -> nn.Module:
    if isinstance(layer, str):
        return PLAIN[layer]()
    kind, prefix = next((k, layer[k]) for k in WEIGHTED if k in layer)
    if kind == "append":
        made: nn.Module = Append(_take(weights, prefix).numel())
        return _filled(made, {"vector": _take(weights, prefix, remove=True).flatten()})
    names = [
        k for k in ("weight", "bias", "running_mean", "running_var") if f"{prefix}.{k}" in weights
    ]
    _take(weights, f"{prefix}.weight")
    state = {k: _take(weights, f"{prefix}.{k}", remove=True) for k in names}
    weights.pop(f"{prefix}.num_batches_tracked", None)
    if kind == "linear":
        state["weight"] = state["weight"].flatten(1)
        rows, columns = state["weight"].shape
        made = nn.Linear(columns, rows, bias="bias" in state)
    elif kind == "layernorm":
        made = nn.LayerNorm(len(state["weight"]), eps=float(layer.get("eps", 1e-5)))
    else:
        made = LastDimBatchNorm(len(state["weight"]))
        state["num_batches_tracked"] = torch.tensor(0)
    return _filled(made, state)


def describe_head(head: nn.Sequential, name: str) -> list[str | dict[str, Any]]:
    """The description that `build_head` makes this head of again, from its own weights.

    Args:
        head: of `build_head`.
        name: what stands before the keys of its state.
    """
    found: list[str | dict[str, Any]] = []
    for place, layer in head.named_children():
        key = f"{name}.{place}"
        if isinstance(layer, nn.Linear):
            found.append({"linear": key})
        elif isinstance(layer, nn.LayerNorm):
            found.append({"layernorm": key, "eps": layer.eps})
        elif isinstance(layer, LastDimBatchNorm):
            found.append({"batchnorm": key})
        elif isinstance(layer, Append):
            found.append({"append": f"{key}.vector"})
        else:
            found.append(next(word for word, kind in PLAIN.items() if isinstance(layer, kind)))
    return found


def _filled(module: nn.Module, state: Mapping[str, torch.Tensor]) -> nn.Module:
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"head: {error}") from None
    return module


def _take(
    weights: MutableMapping[str, torch.Tensor], key: str, *, remove: bool = False
) -> torch.Tensor:
    if key not in weights:
        near = sorted(k for k in weights if k.split(".")[0] == key.split(".")[0])[:4]
        raise ModelError(f"head: no key {key!r} in the weights; keys of that part: {near}")
    return weights.pop(key) if remove else weights[key]
