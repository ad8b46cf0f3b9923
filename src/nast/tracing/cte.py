"""The causal tracing effect CTE(l, p) of every site (paper section 4.2, Appendix D.3).

For an image v, S is the cosine of a caption with v and d = S(correct) - S(foil). Patching the
foil's state into the correct caption gives CTE(l, p) = (S(correct) - S(patched)) / d: 1 where the
state carries the whole difference, 0 where it carries none. Text vectors do not depend on the
image, so each caption pair is swept once; and both averages over images are linear in their
vectors, so all images of a pair enter through two of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import torch
import torch.distributed

from nast.errors import InputError
from nast.models.contract import DualEncoder
from nast.processes import processes
from nast.progress import counted
from nast.tracing.patching import SITES, sweep
from nast.tracing.probes import Probe, Sample, roles
from nast.tracing.trace_config import DIRECTIONS, TAU_SHARE

TRACE_SCHEMA: dict[str, Any] = {
    "pair_id": pl.String,
    "condition": pl.String,
    "subset": pl.String,
    "direction": pl.String,
    "site": pl.String,
    "layer": pl.Int64,
    "position": pl.Int64,
    "token": pl.String,
    "role": pl.String,
    "n": pl.Int64,
    "n_all": pl.Int64,
    "sum_d": pl.Float64,
    "sum_effect": pl.Float64,
    "cte_mean": pl.Float64,
}
"""`n` counts the samples above the filter, `n_all` all; the sums run over all, the mean over n."""


def trace_samples(
    model: DualEncoder,
    samples: Sequence[Sample],
    direction: str = "foil_to_correct",
    *,
    tau_share: float | None = TAU_SHARE,
    failing: bool = False,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """CTE of every site, layer and position of caption pairs, over the images of each.

    Samples whose d is not above the filter are left out of the mean of ratios (decision 4) and
    counted; the sums over all samples stand beside it. With `failing` the samples are those with a
    negative d, whose foil the model prefers, and -d must be above the filter: CTE is then the
    share of the *wrong* preference that a state carries.

    Args:
        model: loaded dual encoder.
        samples: caption pairs with image vectors, see `make_samples`.
        direction: a name of `DIRECTIONS`.
        tau_share: the filter on d as a share of the model's median |d|; None keeps every sample
            whose d is not exactly 0, as the paper does.
        failing: only samples of which the model prefers the foil.

    Returns:
        `TRACE_SCHEMA` rows and a summary: conditions, pairs, tau, samples kept and seen.

    Raises:
        InputError: `failing`, and the model prefers no foil.
        ValueError: an unknown direction.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction {direction!r}; choose one of {', '.join(DIRECTIONS)}")
    swept = _swept(model, samples, direction)
    contrasts = []
    for probe, images in samples:
        pair = _ordered(probe, direction)
        vectors = swept[pair]
        towards = vectors["source"] - vectors["target"]
        sign = -1 if pair[0] == probe.correct else 1
        contrasts.append(images.double() @ (sign * towards))
    median = float(torch.cat(contrasts).abs().median())
    tau = None if tau_share is None else tau_share * median
    seen = sum(len(d) for d in contrasts)
    if failing:
        samples, contrasts = _failing(model, samples, contrasts)
    kept = [_kept(-d if failing else d, tau) for d in contrasts]
    rows = [
        row
        for (probe, images), d, keep in zip(samples, contrasts, kept, strict=True)
        for row in _rows(model, probe, images, d, keep, swept, direction)
    ]
    summary = {
        "conditions": sorted({s.probe.condition for s in samples}),
        "pairs": len(samples),
        "tau": tau,
        "tau as a share of the median absolute d": tau_share,
        "samples": sum(len(d) for d in contrasts),
        "samples above tau": sum(int(k.sum()) for k in kept),
        "direction": direction,
    }
    if failing:
        summary["failing samples of"] = seen
    return pl.DataFrame(rows, schema=TRACE_SCHEMA), summary


def _failing(
    model: DualEncoder, samples: Sequence[Sample], contrasts: Sequence[torch.Tensor]
) -> tuple[list[Sample], list[torch.Tensor]]:
    """The samples with a negative d; pairs without any are left out."""
    pairs = [
        (Sample(probe, images[d < 0]), d[d < 0])
        for (probe, images), d in zip(samples, contrasts, strict=True)
        if (d < 0).any()
    ]
    if not pairs:
        found = f"none of {sum(len(d) for d in contrasts)} samples with the foil ahead"
        raise InputError(
            model.name,
            found=found,
            expected="some that the model gets wrong; trace all samples instead",
        )
    return [sample for sample, _ in pairs], [d for _, d in pairs]


def _kept(d: torch.Tensor, tau: float | None) -> torch.Tensor:
    """Which samples have a ratio; without a filter, a d of exactly 0 alone has none."""
    return d != 0 if tau is None else d > tau


def _ordered(probe: Probe, direction: str) -> tuple[str, str]:
    """The caption that is run, and the one whose states are patched in."""
    pair = (probe.correct, probe.foil)
    into_foil = direction == "negated_to_affirmative" and probe.subset == "caption"
    return pair[::-1] if into_foil else pair


def _swept(
    model: DualEncoder, samples: Sequence[Sample], direction: str
) -> dict[tuple[str, str], dict[str, torch.Tensor]]:
    """The vectors of every caption pair; several processes share the pairs out and give each other
    what they found.
    """
    probes = {_ordered(s.probe, direction): s.probe for s in reversed(samples)}
    number, of = processes()
    found = {}
    for turn, (pair, probe) in enumerate(counted(list(probes.items()), "caption pairs")):
        if turn % of == number:
            found[pair] = _sweep(model, probe, swap=pair[0] != probe.correct)
    if of == 1:
        return found
    for turn, pair in enumerate(probes):
        found[pair] = _from(turn % of, found.get(pair))
    return found


def _from(owner: int, vectors: dict[str, torch.Tensor] | None) -> dict[str, torch.Tensor]:
    """The vectors that one process has, on all of them."""
    names = [*SITES, "target", "source"]
    layers, length, width = (torch.tensor(0) for _ in range(3))
    if vectors is not None:
        layers, length, width = map(torch.tensor, vectors[SITES[0]].shape)
    for size in (layers, length, width):
        torch.distributed.broadcast(size, src=owner)
    shape = (int(layers), int(length), int(width))
    made = {}
    for name in names:
        ends = name in ("target", "source")
        empty = torch.zeros(shape[2:] if ends else shape, dtype=torch.float64)
        made[name] = empty if vectors is None else vectors[name].contiguous()
        torch.distributed.broadcast(made[name], src=owner)
    return made


def _sweep(model: DualEncoder, probe: Probe, *, swap: bool) -> dict[str, torch.Tensor]:
    """Vectors of every site (L+1, T, D), and of `target` and `source` (D,), in double precision.

    Padding is patched only where the vector is read from it.
    """
    ids = (probe.correct_ids, probe.foil_ids)
    target, source, mask = (x.to(model.device) for x in (*(ids[::-1] if swap else ids), probe.mask))
    places = [r.position for r in roles(probe, model) if r.role != "padding"]
    found = sweep(model.text, target, source, mask, sites=SITES, positions=places)
    # One token differs: with its embedding the target becomes the source, with another's nothing.
    same = next(p for p in places if p != probe.position)
    embedded = found["residual"][0]
    ends = (("target", embedded[same]), ("source", embedded[probe.position]))
    return {k: v.double() for k, v in (*found.items(), *ends)}


def _rows(
    model: DualEncoder,
    probe: Probe,
    images: torch.Tensor,
    d: torch.Tensor,
    keep: torch.Tensor,
    swept: Mapping[tuple[str, str], Mapping[str, torch.Tensor]],
    direction: str,
) -> list[dict[str, Any]]:
    pair = _ordered(probe, direction)
    sign, vectors = -1 if pair[0] == probe.correct else 1, swept[pair]
    # S(patched) - S(target) is linear in the image, and so are its sum and its mean over d.
    over_all = images.double().sum(0)
    over_kept = (images[keep].double() / d[keep, None]).mean(0)
    places = [r for r in roles(probe, model) if r.role != "padding"]
    rows = []
    for site in SITES:
        moved = sign * (vectors[site] - vectors["target"])
        total, ratio = ((moved @ v).tolist() for v in (over_all, over_kept))
        rows += [
            {
                "pair_id": f"{probe.condition}/{probe.subset}",
                "condition": probe.condition,
                "subset": f"negation in {probe.subset}",
                "direction": direction,
                "site": site,
                "layer": layer,
                "n": int(keep.sum()),
                "n_all": len(d),
                "sum_d": float(d.sum()),
                "sum_effect": total[layer][place.position],
                "cte_mean": ratio[layer][place.position] if keep.any() else None,
                **place._asdict(),
            }
            for layer in range(0 if site == "residual" else 1, len(total))
            for place in places
        ]
    return rows
