"""One sweep that patches every (layer, position) of a caption pair (paper section 4.2).

The batch starts with the target alone. After each block, copies of the target join it whose row
p is taken from the source; the next block runs once on all of them. All sites of a pair cost one
call per block, and nothing before the patch is computed twice.
"""

import torch

from nast.models.base import TextTower


@torch.no_grad()
def sweep(tower: TextTower, target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Text vectors of the target with one state of the source patched in.

    Args:
        tower: the text encoder.
        target: token ids (T,) that are run.
        source: token ids (T,) whose states are patched in.

    Returns:
        Unit vectors (L+1, T, D): entry (l, p) has the output of block l at position p taken from
        the source; l = 0 is the embedding.

    Raises:
        ValueError: the two texts differ in length.
    """
    if target.shape != source.shape:
        raise ValueError(f"target has {len(target)} tokens, source {len(source)}")
    length = len(target)
    batch = tower.embed(target[None])
    donor = tower.embed(source[None])
    batch = _grow(batch, donor, length)
    for layer in range(1, tower.n_layers + 1):
        batch = _grow(tower.block(layer, batch), donor := tower.block(layer, donor), length)
    row = int(tower.pooled_row(target[None]))
    # Row 0 is the unpatched target; the patched copies follow in order of (layer, position).
    vectors = tower.head(batch[1:, row])
    return vectors.reshape(tower.n_layers + 1, length, -1)


def _grow(batch: torch.Tensor, donor: torch.Tensor, length: int) -> torch.Tensor:
    """The batch with `length` more copies of row 0, copy p patched at position p."""
    copies = batch[:1].repeat(length, 1, 1)
    rows = torch.arange(length)
    copies[rows, rows] = donor[0]
    return torch.cat([batch, copies])


@torch.no_grad()
def text_vector(tower: TextTower, ids: torch.Tensor) -> torch.Tensor:
    """Unit vector (D,) of one unpadded text, block by block."""
    states = tower.embed(ids[None])
    for layer in range(1, tower.n_layers + 1):
        states = tower.block(layer, states)
    return tower.head(states[:, int(tower.pooled_row(ids[None]))])[0]
