"""What a model must be to be scored, traced and trained: two small protocols."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch


class TextTower(Protocol):
    """A text encoder that can be driven block by block, for tracing.

    Rows are sequences of equal length T without padding; blocks are counted from 1, and site 0
    is the embedding.
    """

    causal: bool
    n_layers: int
    n_heads: int

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (B, T) -> the state before block 1, (B, T, d)."""
        ...

    def block(self, layer: int, states: torch.Tensor) -> torch.Tensor:
        """Block `layer` (1-based) on states (B, T, d)."""
        ...

    def pooled_row(self, ids: torch.Tensor) -> torch.Tensor:
        """The position (B,) that the embedding is read from."""
        ...

    def head(self, rows: torch.Tensor) -> torch.Tensor:
        """Last states of the pooled rows (B, d) -> unit vectors (B, D)."""
        ...

    def attention(self, layer: int, states: torch.Tensor) -> torch.Tensor:
        """Attention weights of block `layer` on its input states: (B, heads, T, T)."""
        ...


class DualEncoder(Protocol):
    """A pair of encoders whose unit vectors are compared by cosine.

    Attributes:
        name: how results call it.
        key: hash of weights, tokenizer and preprocessing; equal keys give equal vectors.
        logit_scale: the factor on cosines that the model was trained with.
        max_tokens: longest text, with its special tokens.
        network: the torch module that LoRA is put on.
        made_from: finished folders whose data policy the model inherits: the runs it comes from.
    """

    name: str
    key: str
    logit_scale: float
    max_tokens: int
    network: Any
    made_from: list[Path]

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors (n, D) of some texts, without gradient."""
        ...

    def encode_images(self, paths: Sequence[Path]) -> torch.Tensor:
        """Unit vectors (n, D) of some image files, without gradient."""
        ...

    def text_features(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Unit vectors (n, D) of tokenised texts, with gradient where parameters ask for it."""
        ...

    def tokenize(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Padded ids and mask (n, T) of some texts, cut at `max_tokens`."""
        ...

    def token_words(self, text: str) -> list[str]:
        """The tokens of one text as readable words, special tokens included."""
        ...

    def token_count(self, text: str) -> int:
        """Number of tokens of a text before any cut."""
        ...

    def text_tower(self) -> TextTower:
        """The text encoder, block by block."""
        ...
