"""A BERT and an image tower as one dual encoder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from transformers import CLIPVisionModel, ViTModel

from nast.errors import ModelError
from nast.models.bert import BertTextTower
from nast.models.contract import DualEncoder, TextTower
from nast.models.families.heads import ImageTower, ReadyTower
from nast.models.families.spec import TextReading
from nast.models.weights.fit import check_pixels


def two_towers(
    bert: Any,
    head: nn.Module,
    image: ImageTower | ReadyTower,
    tokenizer: Any,
    pixels: Callable[[Sequence[Image.Image]], Mapping[str, torch.Tensor]],
    scale: float,
    text: TextReading,
    *,
    name: str,
    key: str,
    source: str,
    ready: Callable[[Path], torch.Tensor] | None = None,
) -> DualEncoder:
    """Put two towers behind the contract.

    Args:
        bert: `BertModel`.
        head: pooled text (B, d) -> (B, D).
        image: pixels -> features (B, D).
        tokenizer: of transformers.
        pixels: PIL images in RGB -> keyword arguments of `image`.
        scale: the factor on cosines.
        text: how texts are read.
        name: how results call the model.
        key: hash of everything that decides a vector.
        source: the file that says what the model is.
        ready: image file -> its vector (1, d), of a `ReadyTower`.

    Raises:
        ModelError: the heads do not fit, or the tokenizer knows none of our words.
    """
    network = nn.ModuleDict({"text": bert, "text_head": head, "image": image}).eval()
    _check(source, bert, head, image, tokenizer)
    if isinstance(image.encoder, (ViTModel, CLIPVisionModel)):
        check_pixels(source, pixels, image.encoder.config.image_size)
    tower = BertTextTower(
        bert,
        head,
        text.pooling,
        layers=text.layers,
        uses_mask=text.mask == "normal",
        padding_matters=text.padding == "own length",
    )
    spec = {
        "family": "two-tower",
        "source": source,
        "class": f"{type(bert).__name__} + {_kind(image)}",
        "activation": bert.config.hidden_act,
        "pooling": text.pooling,
        "layers": list(tower.read_layers),
        "mask": text.mask,
        "padding": text.padding,
        "max tokens": text.max_tokens,
        "text rules": list(text.rules),
        "tokenizer": type(tokenizer).__name__,
        "image pooling": image.pooling,
        "logit scale": scale,
        "logit bias": 0.0,
        "declared": declared(tower),
    }
    return DualEncoder(
        name,
        key,
        spec,
        network,
        tower,
        tokenizer,
        pixels,
        image,
        scale,
        text.max_tokens,
        padding="fixed" if text.padding == "fixed" else "longest",
        text_rules=text.rules,
        ready=ready,
    )


def _kind(image: ImageTower | ReadyTower) -> str:
    return "ready vectors" if image.encoder is None else type(image.encoder).__name__


def declared(tower: TextTower) -> list[str]:
    """What a trace of this tower shows otherwise than that of one that reads one last row."""
    found = []
    if tower.padding_matters:
        found.append("padding matters: texts are run at their own length")
    if len(tower.read_layers) > 1:
        found.append("reads several layers: late blocks carry a part of the effect only")
    if tower.pooled_row(torch.zeros(1, 2, dtype=torch.long)) is None:
        found.append("reads every position: no row carries the whole effect")
    return found


@torch.no_grad()
def _check(
    source: str, bert: Any, head: nn.Module, image: ImageTower | ReadyTower, tokenizer: Any
) -> None:
    sizes = []
    for part, layers, size in (
        ("text", head, bert.config.hidden_size),
        ("image", image.head, image.width),
    ):
        try:
            sizes.append(layers(torch.zeros(1, 1, size)).shape[-1])
        except RuntimeError as error:
            raise ModelError(
                f"{source}: {part}.head: found layers that do not fit each other or the encoder's "
                f"vectors of {size} numbers: {error}"
            ) from None
    if sizes[0] != sizes[1]:
        raise ModelError(
            f"{source}: found text vectors of {sizes[0]} and image vectors of "
            f"{sizes[1]} numbers, expected one length"
        )
    ids = set(tokenizer("no effusion", add_special_tokens=False)["input_ids"])
    rows = bert.config.vocab_size
    if len(tokenizer) > rows or ids <= {tokenizer.unk_token_id}:
        raise ModelError(
            f"{source}: tokenizer: found {len(tokenizer)} tokens for {rows} embeddings, of which "
            f"{len(ids - {tokenizer.unk_token_id})} in 'no effusion'; expected that of this model"
        )
