"""Training batches from files: captions with what is true of which image, and claim sets."""

from typing import NamedTuple

import numpy as np
import polars as pl
import torch

from nast.contextual.joint import study_facts
from nast.embeddings import EmbeddingStore
from nast.errors import InputError
from nast.facts.entailment import truth
from nast.records import Fact


class CaptionData(NamedTuple):
    """Captions of training studies.

    `truth[i, j]` is 1, -1 or 0 for image i and distinct text j; `rows` pairs images and texts.
    """

    images: torch.Tensor
    texts: list[str]
    rows: np.ndarray
    truth: torch.Tensor


class ClaimData(NamedTuple):
    """Claim sets: image vectors (n, D), K texts each, and the true one's index.

    `units` are the rows that show the same K texts (a group in one form): drawn together, K
    images cost the text encoder no more than one.
    """

    images: torch.Tensor
    claims: list[list[str]]
    answers: torch.Tensor
    units: list[list[int]]


def caption_data(
    store: EmbeddingStore, captions: pl.DataFrame, facts: pl.DataFrame, studies: pl.DataFrame
) -> CaptionData:
    """Captions with image vectors and the truth of every (image, text).

    Args:
        store: of the base model; images are encoded once, for their tower is frozen.
        captions: `CAPTIONS_SCHEMA`, the training split.
        facts: `FACTS_SCHEMA`.
        studies: `STUDIES_SCHEMA` with labels.

    Raises:
        InputError: captions of studies that the facts do not know.
    """
    known = {s.study_id: s.facts for s in study_facts(facts, studies)}
    texts = captions["caption"].unique(maintain_order=True).to_list()
    statements = dict(captions.select("caption", "fact").iter_rows())
    firsts = captions.unique("study_id", keep="first", maintain_order=True)
    ids = firsts["study_id"].to_list()
    unknown = [i for i in ids if i not in known]
    if unknown:
        raise InputError(
            "captions.parquet",
            found=f"{len(unknown)} of {len(ids)} studies without facts",
            expected="a contextual set that was built from these facts",
        )
    text_at, study_at = ({v: i for i, v in enumerate(values)} for values in (texts, ids))
    codes = {True: 1, False: -1, None: 0}
    stated = [Fact(**statements[t]) for t in texts]
    table = [
        [codes[truth(f, known[i].get(f.condition, ()), "described")] for f in stated] for i in ids
    ]
    rows = [
        [study_at[s], text_at[t]] for s, t in captions.select("study_id", "caption").iter_rows()
    ]
    vectors = store.images(firsts["image_path"].to_list())
    return CaptionData(vectors, texts, np.array(rows), torch.tensor(table, dtype=torch.int8))


def claim_data(store: EmbeddingStore, claims: pl.DataFrame) -> ClaimData:
    """Claim sets of both forms with image vectors."""
    units = claims.with_row_index("row").group_by("group_id", "form", maintain_order=True)
    return ClaimData(
        store.images(claims["image_path"].to_list()),
        claims["claims"].to_list(),
        torch.tensor(claims["answer"].to_list()),
        units.agg("row")["row"].to_list(),
    )
