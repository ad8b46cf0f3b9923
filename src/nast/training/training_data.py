"""What a run reads of a contextual set: captions, claim sets, and what it is validated on."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nast.errors import InputError
from nast.files import read_table
from nast.items.table import read_items
from nast.models.contract import DualEncoder
from nast.records import CAPTIONS_SCHEMA
from nast.sources.collect import Facts
from nast.training.batches import CaptionData, ClaimData, caption_data, claim_data
from nast.training.train_config import TrainConfig
from nast.training.validation import claim_validation
from nast.vectors import Vectors


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
