"""Negator-selective attention per head and layer (Figure 5)."""

import polars as pl
import torch

from nast.models.base import DualEncoder
from nast.tracing.probes import Probe

ATTENTION_SCHEMA = {"layer": pl.Int64, "head": pl.Int64, "selectivity": pl.Float64}


@torch.no_grad()
def negator_attention(model: DualEncoder, probes: list[Probe]) -> pl.DataFrame:
    """How much more each head looks at "no" than at the word in its place.

    For each pair and head: the largest difference, over later positions, between attention to
    the cue in the negated caption and to the same slot in the affirmative one; then the mean
    over pairs (Quantmeyer et al. 2024). Attention is computed from q and k.

    Returns:
        `layer` (1-based), `head`, `selectivity` in [-1, 1].
    """
    tower = model.text_tower()
    pairs = [p for p in probes if p.subset == "caption"]
    total = torch.zeros(tower.n_layers, tower.n_heads)
    for probe in pairs:
        states = tower.embed(torch.stack([probe.correct_ids, probe.foil_ids]))
        for layer in range(1, tower.n_layers + 1):
            weights = tower.attention(layer, states)[:, :, :, probe.position]
            later = weights[:, :, probe.position + 1 :]
            total[layer - 1] += (later[0] - later[1]).amax(dim=-1)
            states = tower.block(layer, states)
    rows = [
        (layer + 1, head + 1, float(total[layer, head] / len(pairs)))
        for layer in range(tower.n_layers)
        for head in range(tower.n_heads)
    ]
    return pl.DataFrame(rows, schema=ATTENTION_SCHEMA, orient="row")
