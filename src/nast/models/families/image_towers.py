"""Image towers: an encoder that gives vectors of patches, a pooling rule and a head."""

import torch
from torch import nn

POOLING = {
    "first": "the first vector: the class token of a ViT or DINOv2, a corner patch of a Swin",
    "mean": "the mean of all vectors",
    "mean_after_head": "the head on every vector, then the mean",
}
"""How patches (B, N, d) become one vector."""


class ImageTower(nn.Module):
    """An image encoder with its pooling rule and head.

    Args:
        encoder: pixels (B, 3, h, w) -> patches (B, N, d), or an output of transformers with them
            in `last_hidden_state`.
        head: vectors (..., d) -> (..., D).
        pooling: a name of `POOLING`.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, pooling: str = "first") -> None:
        super().__init__()
        self.encoder, self.head, self.pooling = encoder, head, pooling

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Pixels (B, 3, h, w) -> features (B, D)."""
        out = self.encoder(pixel_values)
        patches = out if torch.is_tensor(out) else out.last_hidden_state
        if self.pooling == "mean_after_head":
            return self.head(patches).mean(dim=1)
        return self.head(patches[:, 0] if self.pooling == "first" else patches.mean(dim=1))
