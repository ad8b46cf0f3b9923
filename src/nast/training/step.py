"""The gradient of one step: each distinct text is encoded once, or twice where memory is short.

A loss over many texts needs all of their vectors at once, but not all of their activations. The
vectors are made first without a graph, the loss gives their gradient, and then each part of the
texts is encoded again to carry that gradient to the weights (GradCache, Gao et al. 2021). The
parts can lie on several processes, each of which sees the whole loss: the sum of their gradients
is that of the joint batch.
"""

from collections.abc import Callable

import torch
import torch.distributed

from nast.models.contract import DualEncoder
from nast.processes import processes

BATCH = 72
"""Texts that are padded to one length."""


def accumulate(
    model: DualEncoder,
    texts: list[str],
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    chunk: int,
) -> None:
    """Add the gradient of a loss over text vectors to the model's trainable parameters.

    Args:
        model: with LoRA.
        texts: distinct texts (T), neighbours alike in length.
        loss_of: vectors (T, D) -> loss; called once.
        chunk: at most so many texts have activations in memory at once. One process and no more
            texts than that need a single pass.
    """
    rank, world = processes()
    if world == 1 and len(texts) <= chunk:
        # The texts come sorted: neighbours share a batch that holds little padding.
        batches = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
        made = [model.text_features(*model.tokenize(b), model.precision) for b in batches]
        loss_of(torch.cat(made)).backward()
        return
    parts = [range(i, min(i + chunk, len(texts))) for i in range(0, len(texts), chunk)]
    if world > 1:
        # Every process gets the same share of short and of long texts.
        parts = [part[turn::world] for part in parts for turn in range(world)]
    own = [part for i, part in enumerate(parts) if i % world == rank and len(part)]
    inputs = [model.tokenize([texts[i] for i in part]) for part in own]
    vectors = _all_vectors(model, len(texts), own, inputs)
    loss_of(vectors).backward()
    assert vectors.grad is not None
    for part, tokens in zip(own, inputs, strict=True):
        model.text_features(*tokens, model.precision).backward(vectors.grad[list(part)])
    if world > 1:
        for parameter in model.network.parameters():
            if parameter.requires_grad:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                torch.distributed.all_reduce(parameter.grad)


@torch.no_grad()
def _all_vectors(
    model: DualEncoder,
    number: int,
    own: list[range],
    inputs: list[tuple[torch.Tensor, torch.Tensor]],
) -> torch.Tensor:
    """Vectors of all texts (T, D) as a leaf that takes a gradient; each process makes its own."""
    made = [model.text_features(*tokens, model.precision) for tokens in inputs]
    width = torch.tensor(made[0].shape[1] if made else 0)
    if processes()[1] > 1:
        torch.distributed.all_reduce(width, torch.distributed.ReduceOp.MAX)
    vectors = torch.zeros(number, int(width), dtype=made[0].dtype if made else None)
    for part, rows in zip(own, made, strict=True):
        vectors[list(part)] = rows
    if processes()[1] > 1:
        torch.distributed.all_reduce(vectors)
    return vectors.requires_grad_()
