"""Gradient norm over parameter norm of each block, a rival of the trace (Auto-RGN).

After "surgical fine-tuning" (Lee et al. 2023, arXiv 2210.11466): a layer's learning rate is the
base rate times its relative gradient norm ||g|| / ||w|| over the largest one, so that blocks whose
weights a loss wants to move most, relative to their size, are trained most. The choice of layers
`gradnorm` differs from the authors' code in four things:

- They measure before every epoch, on five batches of the training loss. Here it is measured once,
  before training, by the claim loss on the trace's caption pairs of training patients.
- They have one rate per tensor. Here a block has one, from its q, k, v and out weights together.
- They train the weights that they measure. Here those stay frozen, and LoRA beside them is trained.
- They divide by the largest, which freezes nothing. Here the trace's rule holds, by default
  min-max with a floor and a mean scale of 1, so that all choices have one budget;
  `nast trace --norm max --floor 0` is their division.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import polars as pl
import torch
from torch.nn.functional import cross_entropy

from nast.models.contract import DualEncoder
from nast.tracing.probes import Sample

GRADIENTS_SCHEMA = {
    "condition": pl.String,
    "subset": pl.String,
    "layer": pl.Int64,
    "score": pl.Float64,
}


def gradient_norms(model: DualEncoder, samples: Sequence[Sample]) -> pl.DataFrame:
    """||g_l|| / ||w_l|| of the claim loss on each caption pair (section 4.3 with K = 2).

    The loss is the cross-entropy of the correct caption against its foil, cosines times the
    model's logit scale, as the mean over the pair's images. g and w are over the q, k, v and out
    weights of block l, those that LoRA changes. The weights stay as they are.

    Args:
        model: its text tower is differentiated; its weights stay frozen afterwards.
        samples: caption pairs with image vectors.

    Returns:
        `condition, subset, layer` (1-based), `score` (0 or more).
    """
    blocks = _block_weights(model)
    sizes = {layer: _norm(part) for layer, part in blocks.items()}
    rows = []
    weights = [w for part in blocks.values() for w in part]
    with _trainable(weights):
        # Both orders of a pair differ in the answer only, so its texts are run once.
        for _, orders in groupby(samples, key=lambda s: s.probe.condition):
            both = list(orders)
            first = both[0].probe
            ids = torch.stack([first.correct_ids, first.foil_ids])
            texts = model.text_features(ids, first.mask.expand(2, -1))
            for probe, images in both:
                right = int(probe.subset != first.subset)
                answers = torch.full((len(images),), right, device=texts.device)
                loss = cross_entropy(model.logit_scale * images @ texts.T, answers)
                found = iter(torch.autograd.grad(loss, weights, retain_graph=True))
                for layer, part in blocks.items():
                    ratio = _norm([next(found) for _ in part]) / sizes[layer]
                    rows.append((probe.condition, f"negation in {probe.subset}", layer, ratio))
    return pl.DataFrame(rows, schema=GRADIENTS_SCHEMA, orient="row")


def _block_weights(model: DualEncoder) -> dict[int, list[torch.nn.Parameter]]:
    """Block (1-based) -> the q, k, v and out weights, without LoRA's."""
    found: dict[int, list[torch.nn.Parameter]] = {}
    for name, parameter in model.network.named_parameters():
        block = re.search(model.text.lora_path + r"\.(?:base_layer\.)?weight$", name)
        if block:
            found.setdefault(int(block[1]) + 1, []).append(parameter)
    return dict(sorted(found.items()))


@contextmanager
def _trainable(weights: Sequence[torch.nn.Parameter]) -> Iterator[None]:
    before = [w.requires_grad for w in weights]
    for weight in weights:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight, was in zip(weights, before, strict=True):
            weight.requires_grad_(was)


def _norm(tensors: Sequence[torch.Tensor]) -> float:
    parts = [torch.linalg.vector_norm(t.detach(), dtype=torch.float64) for t in tensors]
    return float(torch.stack(parts).norm())
