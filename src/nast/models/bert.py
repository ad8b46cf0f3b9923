"""BERT as a text tower: blocks, the pooling rules of published dual encoders, and a head."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import normalize

from nast.models.attention import attended, attention_weights

POOLING = {
    "cls": "the first token",
    "cls_tanh": "the first token through BERT's own pooler",
    "last_token": "the last token before padding, [SEP]",
    "last": "the last position, padded or not",
    "mean_masked": "the mean over tokens",
    "mean_unmasked": "the mean over all positions, padding included",
}
"""How states (B, T, d) become one vector (B, d)."""


class BertTextTower:
    """A `BertModel` with a pooling rule and a head, behind the `TextTower` contract.

    Blocks and their parts are called as modules, so LoRA inside them is seen.

    Args:
        bert: `BertModel`; its pooler is needed for `cls_tanh` only.
        head: pooled vectors (B, d) -> (B, D).
        pooling: a name of `POOLING`.
        layers: the layers that are pooled, 1-based, -1 the last; their vectors are averaged.
        uses_mask: False for models that were trained to attend to padding.
        padding_matters: see `TextTower`.
        path: where `bert` stands in the network.
    """

    causal = False

    def __init__(
        self,
        bert: Any,
        head: torch.nn.Module,
        pooling: str = "cls",
        *,
        layers: Sequence[int] = (-1,),
        uses_mask: bool = True,
        padding_matters: bool = False,
        path: str = "text",
    ) -> None:
        self._bert, self._head, self._pooling, self._uses_mask = bert, head, pooling, uses_mask
        self._blocks = list(bert.encoder.layer)
        self.n_layers = len(self._blocks)
        self.n_tokens = int(bert.embeddings.word_embeddings.num_embeddings)
        self.n_heads = int(bert.config.num_attention_heads)
        self._layers = [n if n >= 0 else self.n_layers + 1 + n for n in layers]
        self.read_layers: tuple[int, ...] = tuple(sorted(set(self._layers)))
        self.padding_matters = padding_matters
        block = path.replace(".", r"\.") + r"\.encoder\.layer\.(\d+)\."
        self.lora_path = block + r"attention\.(?:self\.(?:query|key|value)|output\.dense)"
        self.mlp_path = block + r"(?:intermediate|output)\.dense"

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Word, position and type embeddings after their norm, (B, T) -> (B, T, d)."""
        return self._bert.embeddings(input_ids=ids)

    def block(
        self,
        layer: int,
        states: torch.Tensor,
        mask: torch.Tensor | None = None,
        rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Block `layer` (1-based), (B, T, d) -> (B, T, d); padded keys are not attended to.

        Of `rows` alone, its modules are called one by one.
        """
        block, seen = self._blocks[layer - 1], self._additive(mask, states.dtype)
        if rows is None:
            return block(states, seen)
        own, parts = states[:, rows], block.attention.self
        q, k, v = parts.query(own), parts.key(states), parts.value(states)
        own = block.attention.output(attended(q, k, v, self.n_heads, seen), own)
        return block.output(block.intermediate(own), own)

    def read(
        self,
        states: Mapping[int, torch.Tensor],
        ids: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Pool each layer that is read, average the layers, head and unit length: (B, D)."""
        pooled = [self._pool(states[layer], mask) for layer in self._layers]
        return normalize(self._head(torch.stack(pooled).mean(dim=0)), dim=-1)

    def pooled_row(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> Any:
        """The position (B,) that is read; None for a mean."""
        if self._pooling in ("cls", "cls_tanh"):
            return torch.zeros(len(ids), dtype=torch.long, device=ids.device)
        if self._pooling == "last_token" and mask is not None:
            return mask.sum(dim=-1) - 1
        if self._pooling in ("last", "last_token"):
            return torch.full((len(ids),), ids.shape[1] - 1, device=ids.device)
        return None

    def attention(
        self, layer: int, states: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Attention weights of block `layer`, (B, heads, T, T)."""
        parts = self._blocks[layer - 1].attention.self
        seen = mask if self._uses_mask else None
        return attention_weights(parts.query(states), parts.key(states), self.n_heads, mask=seen)

    def writers(self, layer: int) -> tuple[torch.nn.Module, torch.nn.Module]:
        """The dense layers that close the attention and the MLP, before residual and norm."""
        block = self._blocks[layer - 1]
        return block.attention.output.dense, block.output.dense

    def _additive(self, mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
        if mask is None or not self._uses_mask or bool(mask.all()):
            return None
        return (1 - mask[:, None, None].to(dtype)) * torch.finfo(dtype).min

    def _pool(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        if self._pooling == "cls_tanh":
            return self._bert.pooler(states)
        row = self.pooled_row(states[:, :, 0], mask)
        if row is not None:
            return states[torch.arange(len(states), device=states.device), row]
        if self._pooling == "mean_unmasked" or mask is None:
            return states.mean(dim=1)
        weight = mask[:, :, None].to(states.dtype)
        return (states * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
