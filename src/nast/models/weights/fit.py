"""Whether tokenizer and preprocessing are those of the model beside them, and weights numbers."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from PIL import Image

from nast.errors import ModelError
from nast.models.weights.pretrained import refusing

PROBES = ("no effusion", "severe edema", "no edema")
"""Each two differ in a word that every question of the benchmark turns on."""
OTHERS = ("qzx 7\u00b0 \u6f22", "no effusion and no edema")
"""Words that few vocabularies hold, and a text that the others are padded to."""
SPARE = 256
"""Embeddings that some models have beyond their tokens, to a round number."""
Pixels = Callable[[Sequence[Image.Image]], Mapping[str, torch.Tensor]]


def check_pixels(where: str, pixels: Pixels, size: Any) -> None:
    """Preprocessing must make images of the size that the image tower has positions for.

    Args:
        where: the files, for messages.
        pixels: PIL images -> `pixel_values`.
        size: height and width that the tower takes, or one number for both.

    Raises:
        ModelError: it fails, or makes another shape.
    """
    wanted = (3, size, size) if isinstance(size, int) else (3, *size)
    with refusing(f"{where}: preprocessing"):
        shape = tuple(pixels([Image.new("RGB", (70, 50))])["pixel_values"].shape[1:])
    if shape != wanted:
        raise ModelError(
            f"{where}: preprocessing makes images of shape {shape} and the image tower takes "
            f"{wanted}; expected the preprocessing of this model"
        )


def check_numbers(where: str, network: torch.nn.Module) -> None:
    """Every weight must be a number: those of a training that diverged are none.

    Raises:
        ModelError: names the first weight that holds another value.
    """
    for name, value in network.named_parameters():
        if not torch.isfinite(value).all():
            raise ModelError(
                f"{where}: {name} holds values that are no numbers, as after a training that "
                "diverged; take an earlier checkpoint"
            )


def check_tokens(model: Any) -> None:
    """A tokenizer must tell texts apart, in ids that the model has embeddings for.

    Args:
        model: a `DualEncoder`.

    Raises:
        ModelError: two different texts become equal ids, as they do without the vocabulary's
            files; ids are beyond the embeddings; or what a causal tower reads lies before the
            text.
    """
    where = f"{model.spec.get('source', model.name)}: tokenizer"
    kind, rows = type(model.tokenizer).__name__, model.text.n_tokens
    with refusing(f"{where}: {kind} cannot read a text"):
        ids, mask = model.tokenize([*PROBES, *OTHERS])
        beyond = max(model.tokenizer.get_vocab().values(), default=-1)
        added = max(model.tokenizer.get_added_vocab().values(), default=-1)
    largest = int(ids.max()) if ids.numel() else -1
    if largest >= rows or (beyond >= rows and added != beyond):
        raise ModelError(
            f"{where}: {kind} has ids up to {max(beyond, largest)} and the model "
            f"{rows} embeddings; expected the tokenizer of this model"
        )
    ids, mask = ids[: len(PROBES)], mask[: len(PROBES)]
    if model.text.causal and ids.numel():
        ends = model.text.pooled_row(ids, mask)
        seen = [row[: int(end) + 1].tolist() for row, end in zip(ids, ends, strict=True)]
        what = "up to the token that the model reads (eos_token_id of its configuration)"
    else:
        seen, what = [row[keep > 0].tolist() for row, keep in zip(ids, mask, strict=True)], "ids"
    for i, one in enumerate(seen):
        for j in range(i):
            if one == seen[j]:
                raise ModelError(
                    f"{where}: {kind} makes equal {what} of {PROBES[j]!r} and {PROBES[i]!r}: "
                    f"{one[:8]}; its vocabulary's files are missing or are another model's"
                )
    size = len(model.tokenizer)
    if size + SPARE < rows:
        warnings.warn(
            f"{where}: {kind} has {size} tokens and the model {rows} embeddings; is it that of "
            "this model?",
            stacklevel=2,
        )
