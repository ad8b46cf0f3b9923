"""Attention from q, k and v: the same for every tower, whatever kernel runs its blocks."""

import torch
from torch.nn.functional import scaled_dot_product_attention


def attention_weights(
    q: torch.Tensor,
    k: torch.Tensor,
    n_heads: int,
    *,
    causal: bool = False,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Softmax of q k^T / sqrt(d_head), with later or padded positions left out.

    Args:
        q: projected queries (B, T, d).
        k: projected keys (B, T, d).
        n_heads: heads that d is split into.
        causal: leave out positions after the query.
        mask: (B, T), 0 for keys that are left out.

    Returns:
        (B, heads, T, T), rows sum to 1.
    """
    q, k = (x.unflatten(-1, (n_heads, -1)).transpose(1, 2) for x in (q, k))
    logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        future = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).triu(1)
        logits = logits.masked_fill(future, float("-inf"))
    if mask is not None:
        logits = logits.masked_fill(mask[:, None, None] == 0, float("-inf"))
    return logits.softmax(dim=-1)


def attended(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, n_heads: int, seen: torch.Tensor | None
) -> torch.Tensor:
    """What some positions read from all of them, before the output projection.

    Args:
        q: projected queries (B, n, d) of the positions that read.
        k: projected keys (B, T, d).
        v: projected values (B, T, d).
        n_heads: heads that d is split into.
        seen: Boolean, or added to the logits; broadcast to (B, heads, n, T). None: all are seen.

    Returns:
        (B, n, d).
    """
    q, k, v = (x.unflatten(-1, (n_heads, -1)).transpose(1, 2) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)
