"""One sweep that patches every (site, layer, position) of a caption pair (paper section 4.2).

A block of a transformer mixes positions in its attention only. So one run of both texts, block by
block, gives the state of row p after block l for a patch of the residual stream, of the attention's
output or of the MLP's output at p, for all p at once. What is left is to run on from there, and
copies patched at different places go through the later blocks together.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from nast.models.contract import TextTower
from nast.tracing.packing import groups_of_positions, run_on_batched, run_on_packed

SITES = ("residual", "attention", "mlp")
"""What is patched: a block's output, or what its attention or its MLP adds to the stream."""


class Starts(NamedTuple):
    """Where every patched copy starts, after a run of both texts.

    Attributes:
        clean: the target's own states (L+1, T, d).
        patched: the row that a patch puts in their place, by site and layer: (S, L+1, T, d).
        read: states (2 + n, T, d) at each layer that is read: of the target, of the source, and
            of the target with one row of its embedding patched for each of `differing`, where
            there are several.
        differing: positions where the two embeddings differ.
    """

    clean: torch.Tensor
    patched: torch.Tensor
    read: Mapping[int, torch.Tensor]
    differing: list[int]


@torch.no_grad()
def sweep(
    tower: TextTower,
    target: torch.Tensor,
    source: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    sites: Sequence[str] = ("residual",),
    positions: Sequence[int] | None = None,
) -> dict[str, torch.Tensor]:
    """Text vectors of the target with one state of the source patched in.

    A tower that reads several layers has the patch in what it reads of layer l and of those
    above; of the layers below it reads the target's own states.

    Args:
        tower: the text encoder.
        target: token ids (T,) that are run, on the tower's device like the next two.
        source: token ids (T,) whose states are patched in.
        mask: (T,), 0 at padding, the same for both; None where there is none.
        sites: names of `SITES`.
        positions: those that are patched, all if not given; the others are NaN.

    Returns:
        Site -> unit vectors (L+1, T, D) on the CPU, wherever the tower is. Entry (l, p) has, at
        position p, the output of block l (`residual`; l = 0 is the embedding), or the output of its
        attention or MLP, taken from the source. Before block 1 there is neither: entry (0, p) of
        these two is the plain target.

    Raises:
        ValueError: the two texts differ in length, or a site is unknown.

    Examples:
        >>> import nast
        >>> model = nast.load_model("phantom")
        >>> probes, _ = nast.make_probes(model, ["Edema", "Pneumonia"])
        >>> target, source = probes[0].correct_ids, probes[0].foil_ids
        >>> mask, sites = probes[0].mask, ("residual", "mlp")
        >>> found = nast.sweep(model.text, target, source, mask, sites=sites)
        >>> list(found), found["residual"].shape[0]
        (['residual', 'mlp'], 13)
    """
    if target.shape != source.shape:
        raise ValueError(f"target has {len(target)} tokens, source {len(source)}")
    if not set(sites) <= set(SITES):
        raise ValueError(f"sites {tuple(sites)}; choose from {', '.join(SITES)}")
    whole = len(target)
    pooled = _pooled(tower, target, mask)
    # What stands behind the row that a causal tower reads changes nothing.
    length = whole if pooled is None or not tower.causal else pooled + 1
    target, source = target[:length], source[:length]
    mask = None if mask is None else mask[:length]
    starts = _starts(tower, target, source, mask, sites)
    first = min(starts.differing, default=length) if tower.causal else 0
    wanted = range(whole) if positions is None else positions
    moved = [p for p in wanted if first <= p < length]
    plain, other, *embedded = _read(tower, starts.read, target, mask)
    found = plain.new_full((len(sites), tower.n_layers + 1, whole, len(plain)), torch.nan)
    # A position that the pooled row never sees, or that both texts share up to there: no change.
    found[:, :, list(wanted)] = plain
    if moved:
        found[:, 1:, moved] = _read_copies(tower, starts, target, mask, moved, pooled)
    result = dict(zip(sites, found, strict=True))
    if "residual" in sites:
        alone = [other] if len(starts.differing) == 1 else []
        for p, vector in zip(starts.differing, embedded or alone, strict=True):
            result["residual"][0, p] = vector if p in wanted else torch.nan
    return {site: vectors.cpu() for site, vectors in result.items()}


def _pooled(tower: TextTower, ids: torch.Tensor, mask: torch.Tensor | None) -> int | None:
    """The only position that the vector is read from, if there is one."""
    read = tower.pooled_row(ids[None], None if mask is None else mask[None])
    return None if read is None else int(read)


def _starts(
    tower: TextTower,
    target: torch.Tensor,
    source: torch.Tensor,
    mask: torch.Tensor | None,
    sites: Sequence[str],
) -> Starts:
    """Run the source, the target, the target with each patch of all rows of one site.

    Within a block only attention mixes positions, so a patch of all rows gives at row p, right
    after that block, what a patch of row p alone gives there.
    """
    donor, clean = tower.embed(torch.stack([source, target]))
    differing = (donor != clean).any(-1).nonzero().flatten().tolist()
    # Where one row differs, the target with that row patched is the source.
    several = differing if len(differing) > 1 else []
    copies = clean.repeat(len(several), 1, 1)
    copies[range(len(several)), several] = donor[several]
    modules = [s for s in sites if s != "residual"]
    states, read = [clean], {}
    patched = [[donor if s == "residual" else clean] for s in sites]
    for layer in range(tower.n_layers + 1):
        if layer:
            rows = torch.cat([torch.stack([donor, clean, *[clean] * len(modules)]), copies])
            seen = None if mask is None else mask.expand(len(rows), -1)
            with _written_by_the_source(tower, layer, modules):
                out = tower.block(layer, rows, seen)
            donor, clean, copies = out[0], out[1], out[2 + len(modules) :]
            states.append(clean)
            for site, rows_of in zip(sites, patched, strict=True):
                rows_of.append(donor if site == "residual" else out[2 + modules.index(site)])
        if layer in tower.read_layers:
            read[layer] = torch.cat([torch.stack([clean, donor]), copies])
    return Starts(
        torch.stack(states), torch.stack([torch.stack(p) for p in patched]), read, differing
    )


@contextmanager
def _written_by_the_source(tower: TextTower, layer: int, modules: Sequence[str]) -> Iterator[None]:
    """In batch row 2, 3, ... the output of the first, second, ... module is that of row 0."""

    def give(row: int) -> Callable[..., torch.Tensor]:
        def hook(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
            output = output.clone()
            output[row] = output[0]
            return output

        return hook

    writers = dict(zip(SITES[1:], tower.writers(layer), strict=True)) if modules else {}
    handles = [
        writers[name].register_forward_hook(give(2 + i), prepend=True)
        for i, name in enumerate(modules)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _read_copies(
    tower: TextTower,
    starts: Starts,
    ids: torch.Tensor,
    mask: torch.Tensor | None,
    positions: list[int],
    pooled: int | None,
) -> torch.Tensor:
    """Vectors (S, L, P, D) of every copy that is patched after the embedding."""
    run_on = run_on_packed if tower.causal else run_on_batched
    found = []
    for part in (
        groups_of_positions(positions, len(ids), tower.n_layers) if tower.causal else [positions]
    ):
        states = run_on(tower, starts.clean, starts.patched, mask, part, pooled)
        shape = (len(starts.patched), tower.n_layers, len(part))
        found.append(_read(tower, states, ids, mask).unflatten(0, shape))
    return torch.cat(found, dim=2)


def _read(
    tower: TextTower,
    states: Mapping[int, torch.Tensor],
    ids: torch.Tensor,
    mask: torch.Tensor | None,
) -> torch.Tensor:
    """Vectors (n, D) of n copies of one text, states (n, T, d) by layer."""
    n = len(next(iter(states.values())))
    return tower.read(states, ids.expand(n, -1), None if mask is None else mask.expand(n, -1))
