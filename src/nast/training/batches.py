"""Training batches from files: captions with what is true of which image, and claim sets."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl
import torch

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.facts.truths import TruthTable, annotations, truth_table
from nast.hashes import seed_of
from nast.language.write.caption_forms import caption, caption_forms
from nast.records import Existence, Fact
from nast.training.train_config import BatchPlan
from nast.vectors import Vectors


class CaptionData(NamedTuple):
    """Captions of training studies.

    Attributes:
        images: (n, D) unit vectors.
        texts: distinct texts, captions and their hard negatives.
        rows: (pairs, 3): image, its caption, and a text that denies the caption ("no edema" for
            "edema"), each by its place.
        truth: of every (image, text).
    """

    images: torch.Tensor
    texts: list[str]
    rows: np.ndarray
    truth: TruthTable


class ClaimData(NamedTuple):
    """Claim sets: image vectors (n, D), K texts each, and the true one's index.

    `units` are the rows that show the same K texts (a group in one form): drawn together, K
    images cost the text encoder no more than one.
    """

    images: torch.Tensor
    claims: list[list[str]]
    answers: torch.Tensor
    units: list[list[int]]


class Images(Protocol):
    """What gives images their vectors, such as `Vectors`."""

    def images(self, paths: Sequence[str | Path]) -> torch.Tensor:
        """Vectors (n, D) of image files."""
        ...


class Batch(NamedTuple):
    """What one step sees; texts are numbered by their place in `texts`.

    Attributes:
        texts: distinct texts of the step, shortest first.
        images: (I + O, D): I images of captions, then O others of which the denials are true.
        columns: (C + H,): C captions, then H texts that deny them.
        truth: (I + O, C + H): 1 entailed, -1 contradicted, 0 unknown.
        counts: I and C.
        claim_images: (S, D).
        claims: (S, K); -1 where a set has fewer than K claims.
        answers: (S,), the true claim's index.
    """

    texts: list[str]
    images: torch.Tensor
    columns: torch.Tensor
    truth: torch.Tensor
    counts: tuple[int, int]
    claim_images: torch.Tensor
    claims: torch.Tensor
    answers: torch.Tensor


def caption_data(
    vectors: Images,
    captions: pl.DataFrame,
    facts: pl.DataFrame,
    seed: int = 0,
    conditions: Conditions = CONDITIONS,
) -> CaptionData:
    """Captions with image vectors, hard negatives and the truth of every (image, text).

    Args:
        vectors: of the base model; images are encoded once, for their tower is frozen.
        captions: `CAPTIONS_SCHEMA`, the training split.
        facts: `FACTS_SCHEMA`.
        seed: of the hard negatives' wording.
        conditions: the table that captions and facts are named by.

    Raises:
        InputError: captions of studies that the facts do not know, or that they do not entail.
    """
    firsts = captions.unique("study_id", keep="first", maintain_order=True)
    ids = firsts["study_id"].to_list()
    found = annotations(facts)
    unknown = set(ids) - set(found.held["study_id"])
    if unknown:
        raise _other_facts(f"{len(unknown)} of {len(ids)} studies without facts")
    says = {text: Fact(**fact) for text, fact in captions.select("caption", "fact").iter_rows()}
    pairs = captions.select("study_id", "caption").rows()
    denials = {text: _denial(fact, seed, text, conditions) for text, fact in says.items()}
    for _, text in pairs:
        says.setdefault(*denials[text])
    text_at = {text: place for place, text in enumerate(says)}
    study_at = {study: place for place, study in enumerate(ids)}
    rows = np.array(
        [[study_at[study], text_at[text], text_at[denials[text][0]]] for study, text in pairs]
    )
    truth = truth_table(found, ids, list(says.values()))
    untrue = np.count_nonzero(truth.each(rows[:, 0], rows[:, 1]) != 1)
    if untrue:
        raise _other_facts(f"{untrue} of {len(rows)} captions that the facts do not entail")
    return CaptionData(vectors.images(firsts["image_path"].to_list()), list(says), rows, truth)


def _other_facts(found: str) -> InputError:
    expected = "a contextual set that was built from these facts"
    return InputError("captions.parquet", found=found, expected=expected)


def _denial(statement: Fact, seed: int, text: str, conditions: Conditions) -> tuple[str, Fact]:
    """A caption that states the opposite of a true one, and what it says."""
    other: Existence = "absent" if statement.existence == "present" else "present"
    fact = replace(statement, existence=other)
    forms = caption_forms(other)
    form = forms[seed_of(seed, "denial", text) % len(forms)]
    return caption(fact, form, conditions), fact


def claim_data(vectors: Vectors, claims: pl.DataFrame) -> ClaimData:
    """Claim sets, each in all its forms, with image vectors.

    Args:
        vectors: of the base model.
        claims: `ITEMS_SCHEMA` rows of the training split.
    """
    units = claims.with_row_index("row").group_by("group_id", "form", maintain_order=True)
    return ClaimData(
        vectors.images(claims["image_path"].to_list()),
        claims["options"].to_list(),
        torch.tensor(claims["answer"].to_list()),
        units.agg("row")["row"].to_list(),
    )


def draw(
    captions: CaptionData, claims: ClaimData, plan: BatchPlan, rng: np.random.Generator
) -> Batch:
    """The batch of one step.

    Args:
        captions: training captions.
        claims: training claim sets.
        plan: see `BatchPlan`.
        rng: decides.
    """
    pairs = captions.rows[rng.choice(len(captions.rows), plan.captions, replace=False)]
    units = rng.choice(len(claims.units), min(plan.claims, len(claims.units)), replace=False)
    sets = [row for unit in units for row in claims.units[unit]]
    images, own, hard = pairs[:, 0], pairs[:, 1], pairs[:, 2]
    others = _others(captions.truth, hard, rng) if plan.others else images[:0]
    hard = hard if plan.hard else hard[:0]
    if plan.targets == "truth":
        images, own = np.unique(images), np.unique(own)
        hard, others = np.setdiff1d(hard, own), np.setdiff1d(others, images)
        verdicts = captions.truth.of(np.append(images, others), np.append(own, hard))
        truth = torch.from_numpy(verdicts)
    else:
        truth = torch.full((len(images) + len(others), len(own) + len(hard)), -1, dtype=torch.int8)
        pair = torch.arange(len(own))
        truth[pair, pair] = 1
        if plan.others:
            # A denial that is true of no image stands beside one that it is not matched to.
            held = pair[torch.from_numpy(captions.truth.each(others, hard) == 1)]
            truth[len(images) + held, len(own) + held] = 1
    columns = [captions.texts[i] for i in np.append(own, hard)]
    texts = sorted(
        {*columns, *(c for s in sets for c in claims.claims[s])}, key=lambda text: (len(text), text)
    )
    at = {text: place for place, text in enumerate(texts)}
    return Batch(
        texts=texts,
        images=captions.images[np.append(images, others)],
        columns=torch.tensor([at[text] for text in columns], dtype=torch.long),
        truth=truth,
        counts=(len(images), len(own)),
        claim_images=claims.images[sets],
        claims=padded_places([[at[c] for c in claims.claims[s]] for s in sets]),
        answers=claims.answers[sets],
    )


def padded_places(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Places of texts as one table, (rows, longest); -1 where a row has fewer."""
    longest = max(map(len, rows), default=0)
    return torch.tensor(
        [[*row, *[-1] * (longest - len(row))] for row in rows], dtype=torch.long
    ).reshape(len(rows), longest)


def _others(truth: TruthTable, texts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each text an image that it is true of; the text's number modulo n where there is none.

    Without a true image the pair carries nothing: its truth is unknown or false everywhere.
    """
    found = []
    for text in texts:
        holders = truth.true_of(text)
        found.append(rng.choice(holders) if len(holders) else text % len(truth.situations))
    return np.array(found, dtype=np.int64)
