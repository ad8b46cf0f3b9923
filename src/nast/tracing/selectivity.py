"""Negator-selective attention per head and layer (Figure 5)."""

from collections.abc import Sequence

import polars as pl
import torch

from nast.models.contract import DualEncoder
from nast.tracing.probes import Probe

ATTENTION_SCHEMA = {
    "condition": pl.String,
    "layer": pl.Int64,
    "head": pl.Int64,
    "selectivity": pl.Float64,
}


@torch.no_grad()
def negator_attention(model: DualEncoder, probes: Sequence[Probe]) -> pl.DataFrame:
    """How much more each head looks at "no" than at the word in its place.

    For each pair and head: the largest difference, over the positions that see it, between
    attention to the cue in the negated caption and to the same slot in the affirmative one
    (Quantmeyer et al. 2024). Attention is computed from q and k.

    Args:
        model: its text tower is looked at.
        probes: caption pairs, one for each condition; their order does not matter.

    Returns:
        `condition`, `layer` (1-based), `head`, `selectivity` in [-1, 1]; positions after the cue
        in a causal tower, all others but the cue itself elsewhere.

    Examples:
        >>> import nast
        >>> model = nast.load_model("phantom")
        >>> probes, _ = nast.make_probes(model, ["Edema", "Pneumonia"])
        >>> table = nast.negator_attention(model, probes[::2])
        >>> table["condition"].n_unique(), table["layer"].n_unique()
        (2, 12)
    """
    tower, rows = model.text, []
    for probe in probes:
        ids = (probe.correct_ids, probe.foil_ids)
        pair = torch.stack(ids if probe.subset == "caption" else ids[::-1])
        states = tower.embed(pair.to(model.device))
        mask = probe.mask.expand(2, -1).to(model.device)
        first = probe.position + 1 if tower.causal else 0
        seeing = [t for t in range(first, len(probe.mask)) if t != probe.position]
        for layer in range(1, tower.n_layers + 1):
            weights = tower.attention(layer, states, mask)[:, :, seeing, probe.position]
            most = (weights[0] - weights[1]).amax(dim=-1).tolist()
            rows += [(probe.condition, layer, head, value) for head, value in enumerate(most, 1)]
            states = tower.block(layer, states, mask)
    return pl.DataFrame(rows, schema=ATTENTION_SCHEMA, orient="row")
