"""Running many patched copies of one text through the later blocks, together.

Copies join after the block where they are patched. In a causal tower a patch at position p changes
no row before p, so only the rows from p on are carried; all copies lie in one long row, and a mask
lets each see its own rows and the plain text's rows before p. In a tower that sees both ways every
row changes, and the copies are a growing batch of whole texts. Of the last block only the row that
the vector is read from is computed, where there is one.
"""

from collections.abc import Mapping

import torch

from nast.models.contract import TextTower

CHUNK = 256
"""Whole texts in one call of a block."""
ROWS = 512
"""Packed rows in one call of a block, for the cost of attention grows with their square."""


def groups_of_positions(positions: list[int], length: int, layers: int) -> list[list[int]]:
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
    pooled: int | None,
) -> Mapping[int, torch.Tensor]:
    """States of every copy at the layers that are read, in a causal tower.

    Args:
        tower: the text encoder; its blocks take a mask (1, n, n).
        clean: the text's own states (L+1, T, d).
        patched: rows that take their place (S, L+1, T, d): copy (s, l, p) has row p of
            `patched[s, l]` after block l, l = 1..L.
        mask: not used; a causal text is cut where it ends.
        positions: P of them, ascending.
        pooled: the only position that is read, or None where several are.

    Returns:
        Layer -> (S * L * P, T, d), copies in the order of s, l, p; a copy that is patched above
        the layer has the text's own states there. After block L so has every row but `pooled`.
    """
    layers, length = len(clean) - 1, clean.shape[1]
    # One group of rows for each patched layer: of copy p the rows p, ..., T-1.
    pairs = [(p, t) for p in positions for t in range(p, length)]
    copy, row = torch.tensor(pairs, device=clean.device).unbind(-1)
    visible = _visible(copy, row, layers, length)
    groups = clean.new_empty(len(patched), 0, clean.shape[-1])
    kept = {}
    for layer in range(1, layers + 1):
        wanted = row == (pooled if layer == layers and pooled is not None else row)
        if layer > 1:
            rows = torch.cat([clean[layer - 1].expand(len(patched), -1, -1), groups], dim=1)
            seen = visible[None, : rows.shape[1], : rows.shape[1]]
            ours = length + wanted.repeat(layer - 1).nonzero().flatten()
            groups = tower.block(layer, rows, seen, ours)
        at = wanted.nonzero().flatten()
        copy, row = copy[at], row[at]
        fresh = torch.where((copy == row)[:, None], patched[:, layer][:, row], clean[layer][row])
        groups = torch.cat([groups, fresh], dim=1)
        if layer in tower.read_layers:
            kept[layer] = _unpacked(groups, clean, layer, copy, row, positions)
    if 0 in tower.read_layers:
        kept[0] = clean[0].expand(len(patched) * layers * len(positions), -1, -1)
    return kept


def _visible(copy: torch.Tensor, row: torch.Tensor, layers: int, length: int) -> torch.Tensor:
    """Which packed rows each packed row sees (n, n): the text's T rows, then one group a layer."""
    plain = torch.arange(length, device=row.device)
    group = torch.arange(layers, device=row.device)
    group = torch.cat([torch.zeros_like(plain), group[1:].repeat_interleave(len(copy))])
    copies = torch.cat([torch.full_like(plain, length), copy.repeat(layers - 1)])
    rows = torch.cat([plain, row.repeat(layers - 1)])
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
    at = torch.searchsorted(copy.new_tensor(positions), copy)
    whole[:, :layer, at, row] = groups.unflatten(1, (layer, len(copy)))
    return whole.flatten(0, 2)


def run_on_batched(
    tower: TextTower,
    clean: torch.Tensor,
    patched: torch.Tensor,
    mask: torch.Tensor | None,
    positions: list[int],
    pooled: int | None,
) -> Mapping[int, torch.Tensor]:
    """The same for any tower; `mask` (T,) is 0 at padding.

    A growing batch: after block l copies of the text join it whose row p is patched.
    """
    sites, layers, n = len(patched), len(clean) - 1, len(positions)
    batch = clean.new_empty(0, *clean.shape[1:])
    kept = {}
    for layer in range(1, layers + 1):
        if layer > 1:
            last = layer == layers and pooled is not None
            read = torch.tensor([pooled], device=clean.device) if last else None
            rows = torch.cat(
                [
                    tower.block(
                        layer, part, None if mask is None else mask.expand(len(part), -1), read
                    )
                    for part in batch.split(CHUNK)
                ]
            )
            # Rows that nothing reads are filled with the text's own.
            whole = clean[layer].repeat(len(rows), 1, 1)
            batch = rows if read is None else whole.index_copy(1, read, rows)
        fresh = clean[layer].repeat(sites, n, 1, 1)
        fresh[:, range(n), positions] = patched[:, layer][:, positions]
        batch = torch.cat([batch, fresh.flatten(0, 1)])
        if layer in tower.read_layers:
            later = clean[layer].expand((layers - layer) * sites * n, -1, -1)
            whole = torch.cat([batch, later]).unflatten(0, (layers, sites, n))
            kept[layer] = whole.transpose(0, 1).flatten(0, 2)
    if 0 in tower.read_layers:
        kept[0] = clean[0].expand(sites * layers * n, -1, -1)
    return kept
