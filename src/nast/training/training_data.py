"""What a run reads: captions, claim sets, and the items that it is validated on."""

from pathlib import Path
from typing import NamedTuple

from nast.errors import InputError
from nast.files import read_table
from nast.items.table import read_items
from nast.records import CAPTIONS_SCHEMA
from nast.sources.collect import Facts
from nast.training.batches import CaptionData, ClaimData, caption_data, claim_data
from nast.training.train_config import TrainConfig
from nast.training.validation import Validation, validation_of
from nast.vectors import Vectors


class TrainingData(NamedTuple):
    """The data of a run.

    Attributes:
        captions: of the training split.
        claims: claim sets of the training split.
        validation: items of the validation patients, by which g is chosen.
    """

    captions: CaptionData
    claims: ClaimData
    validation: Validation


def training_data(
    vectors: Vectors,
    facts: Facts,
    contextual: Path,
    config: TrainConfig,
    benchmark: Path | None = None,
) -> TrainingData:
    """Read a contextual set for a run.

    Args:
        vectors: of the base model.
        facts: that the set was built from.
        contextual: a folder of `nast contextual build`.
        config: says which captions there are, and whether the run is validated.
        benchmark: a folder of `nast benchmark build` on the same facts, whose questions are
            looked at when g is chosen.

    Raises:
        InputError: no training captions or claim sets, none to validate on, or captions of other
            facts.
    """
    captions = read_table(contextual / "captions.parquet", CAPTIONS_SCHEMA).filter(split="train")
    if config.caption_polarity == "negated":
        captions = captions.filter(polarity="negated")
    claims = read_items(contextual).filter(set="claims")
    training = claims.filter(split="train")
    if len(captions) < config.captions or not len(training):
        raise InputError(
            contextual,
            found=f"{len(captions)} captions and {len(training)} claim sets of the train split",
            expected=f"at least {config.captions} captions and one claim set",
        )
    validation = validation_of(vectors, [contextual, *([benchmark] if benchmark else [])])
    if config.validate_every and not validation.only("claims").parts:
        raise InputError(
            contextual,
            found="no claim set of the validate split",
            expected="some, or a run without validation",
        )
    return TrainingData(
        caption_data(vectors, captions, facts.facts, config.seed, facts.conditions),
        claim_data(vectors, training),
        validation,
    )
