"""What a run reads of a contextual set: captions, claim sets, and what it is validated on."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl
import torch

from nast.errors import InputError
from nast.files import read_table
from nast.items.table import read_items
from nast.models.contract import DualEncoder
from nast.records import CAPTIONS_SCHEMA
from nast.sources.collect import Facts
from nast.training.batches import CaptionData, ClaimData, caption_data, claim_data
from nast.training.train_config import TrainConfig
from nast.vectors import Vectors

BATCH = 256
"""Texts that a validation encodes at a time."""


class TrainingData(NamedTuple):
    """The data of a run.

    Attributes:
        captions: of the training split.
        claims: claim sets of the training split.
        validate: from a model to its figures on the validation patients; None where the run has
            no validation.
    """

    captions: CaptionData
    claims: ClaimData
    validate: Callable[[DualEncoder], dict[str, float]] | None


def training_data(
    vectors: Vectors, facts: Facts, contextual: Path, config: TrainConfig
) -> TrainingData:
    """Read a contextual set for a run.

    Args:
        vectors: of the base model.
        facts: that the set was built from.
        contextual: a folder of `nast contextual build`.
        config: says which captions there are, and whether the run is validated.

    Raises:
        InputError: no training captions or claim sets, none to validate on, or captions of other
            facts.
    """
    captions = read_table(contextual / "captions.parquet", CAPTIONS_SCHEMA).filter(split="train")
    if config.caption_polarity == "negated":
        captions = captions.filter(polarity="negated")
    claims = read_items(contextual).filter(set="claims")
    training, held = claims.filter(split="train"), claims.filter(split="validate")
    if len(captions) < config.captions or not len(training):
        raise InputError(
            contextual,
            found=f"{len(captions)} captions and {len(training)} claim sets of the train split",
            expected=f"at least {config.captions} captions and one claim set",
        )
    if config.validate_every and not len(held):
        raise InputError(
            contextual,
            found="no claim set of the validate split",
            expected="some, or a run without validation",
        )
    return TrainingData(
        caption_data(vectors, captions, facts.facts, config.seed, facts.conditions),
        claim_data(vectors, training),
        claim_validation(vectors, held) if config.validate_every else None,
    )


def claim_validation(
    vectors: Vectors, claims: pl.DataFrame
) -> Callable[[DualEncoder], dict[str, float]]:
    """A function from a model to its claim accuracy of each form; a tie for the best is wrong.

    Args:
        vectors: of the base model; its image tower stays as it is, so that images are ready.
        claims: `ITEMS_SCHEMA` rows of the validation split.
    """
    images = vectors.images(claims["image_path"].to_list())
    texts = sorted({c for s in claims["options"] for c in s}, key=lambda text: (len(text), text))
    at = {text: place for place, text in enumerate(texts)}
    places = torch.tensor([[at[c] for c in s] for s in claims["options"]])
    answers = torch.tensor(claims["answer"].to_list())
    forms = claims["form"].to_list()

    def accuracy(model: DualEncoder) -> dict[str, float]:
        parts = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
        encoded = torch.cat([model.encode_texts(part) for part in parts])
        cosines = torch.einsum("sd,skd->sk", images, encoded[places])
        best = cosines == cosines.max(dim=1, keepdim=True).values
        right = best.gather(1, answers[:, None])[:, 0] & (best.sum(dim=1) == 1)
        found = {}
        for form in sorted(set(forms)):
            rows = torch.tensor([f == form for f in forms])
            found[f"validation {form} claims"] = float(right[rows].double().mean())
        return found

    return accuracy
