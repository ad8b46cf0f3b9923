"""Running many patched copies of one text through the later blocks, together.

Copies join after the block where they are patched. In a causal tower a patch at position p changes
no row before p, so only the rows from p on are carried; all copies lie in one long row, and a mask
lets each see its own rows and the plain text's rows before p. In a tower that sees both ways every
row changes, and the copies are a growing batch of whole texts.
"""

from collections.abc import Mapping

import torch

from nast.models.base import TextTower

CHUNK = 256
"""Whole texts in one call of a block."""
ROWS = 1024
"""Packed rows in one call of a block, for the cost of attention grows with their square."""


def parts(positions: list[int], length: int, layers: int) -> list[list[int]]:
    """Positions in groups whose copies, patched at every layer, fill at most `ROWS` rows."""
    groups: list[list[int]] = []
    filled = ROWS
    for p in positions:
        rows = layers * (length - p)
        if filled + rows > ROWS:
            groups.append([])
            filled = length
        groups[-1].append(p)
        filled += rows
    return groups


def run_on_packed(
    tower: TextTower,
    clean: torch.Tensor,
    patched: torch.Tensor,
    mask: torch.Tensor | None,
    positions: list[int],
) -> Mapping[int, torch.Tensor]:
    """States of every copy at the layers that are read, in a causal tower.

    Args:
        tower: the text encoder; its blocks take a mask (1, n, n).
        clean: the text's own states (L+1, T, d).
        patched: rows that take their place (S, L+1, T, d): copy (s, l, p) has row p of
            `patched[s, l]` after block l, l = 1..L.
        mask: not used; a causal text is cut where it ends.
        positions: P of them, ascending.

    Returns:
        Layer -> (S * L * P, T, d), copies in the order of s, l, p; a copy that is patched above
        the layer has the text's own states there.
    """
    layers, length = len(clean) - 1, clean.shape[1]
    # One group of rows for each patched layer: of copy p the rows p, ..., T-1.
    copy = torch.tensor([p for p in positions for _ in range(p, length)])
    row = torch.tensor([t for p in positions for t in range(p, length)])
    visible = _visible(copy, row, layers, length)
    groups = torch.empty(len(patched), 0, clean.shape[-1])
    kept = {}
    for layer in range(1, layers + 1):
        if groups.shape[1]:
            rows = torch.cat([clean[layer - 1].expand(len(patched), -1, -1), groups], dim=1)
            seen = visible[None, : rows.shape[1], : rows.shape[1]]
            groups = tower.block(layer, rows, seen)[:, length:]
        fresh = torch.where((copy == row)[:, None], patched[:, layer][:, row], clean[layer][row])
        groups = torch.cat([groups, fresh], dim=1)
        if layer in tower.read_layers:
            kept[layer] = _unpacked(groups, clean, layer, copy, row, positions)
    if 0 in tower.read_layers:
        kept[0] = clean[0].expand(len(patched) * layers * len(positions), -1, -1)
    return kept


def _visible(copy: torch.Tensor, row: torch.Tensor, layers: int, length: int) -> torch.Tensor:
    """Which packed rows each packed row sees (n, n): the text's T rows, then one group a layer."""
    group = torch.arange(1, layers).repeat_interleave(len(copy))
    group = torch.cat([torch.zeros(length, dtype=torch.long), group])
    copies = torch.cat([torch.full((length,), length), copy.repeat(layers - 1)])
    rows = torch.cat([torch.arange(length), row.repeat(layers - 1)])
    own = (group[:, None] == group) & (copies[:, None] == copies)
    shared = (group == 0) & (rows < copies[:, None])
    return (own | shared) & (rows <= rows[:, None])


def _unpacked(
    groups: torch.Tensor,
    clean: torch.Tensor,
    layer: int,
    copy: torch.Tensor,
    row: torch.Tensor,
    positions: list[int],
) -> torch.Tensor:
    """Whole texts (S * L * P, T, d) out of packed rows (S, layer * n, d)."""
    sites, (layers, length, width) = len(groups), (len(clean) - 1, *clean.shape[1:])
    whole = clean[layer].expand(sites, layers, len(positions), length, width).clone()
    at = torch.searchsorted(torch.tensor(positions), copy)
    whole[:, :layer, at, row] = groups.unflatten(1, (layer, len(copy)))
    return whole.flatten(0, 2)


def run_on_batched(
    tower: TextTower,
    clean: torch.Tensor,
    patched: torch.Tensor,
    mask: torch.Tensor | None,
    positions: list[int],
) -> Mapping[int, torch.Tensor]:
    """The same for any tower; `mask` (T,) is 0 at padding.

    A growing batch: after block l copies of the text join it whose row p is patched.
    """
    sites, layers, n = len(patched), len(clean) - 1, len(positions)
    rows = torch.arange(n)
    batch = clean.new_empty(0, *clean.shape[1:])
    kept = {}
    for layer in range(1, layers + 1):
        if len(batch):
            batch = torch.cat([
                tower.block(layer, part, None if mask is None else mask.expand(len(part), -1))
                for part in batch.split(CHUNK)
            ])  # fmt: skip
        fresh = clean[layer].repeat(sites, n, 1, 1)
        fresh[:, rows, positions] = patched[:, layer][:, positions]
        batch = torch.cat([batch, fresh.flatten(0, 1)])
        if layer in tower.read_layers:
            later = clean[layer].expand((layers - layer) * sites * n, -1, -1)
            whole = torch.cat([batch, later]).unflatten(0, (layers, sites, n))
            kept[layer] = whole.transpose(0, 1).flatten(0, 2)
    if 0 in tower.read_layers:
        kept[0] = clean[0].expand(sites * layers * n, -1, -1)
    return kept
