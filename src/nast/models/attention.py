"""Attention weights from q and k: the same for every tower, whatever kernel runs its blocks."""

import torch


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
