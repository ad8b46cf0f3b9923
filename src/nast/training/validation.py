"""What a run is validated on: the items of the validation patients, each answered right or not."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch

from nast.files import read_table
from nast.items.table import read_items
from nast.models.contract import DualEncoder
from nast.records import CANDIDATES_SCHEMA
from nast.scoring.data import first_items
from nast.training.batches import padded_places
from nast.vectors import Vectors

BATCH = 256
"""Texts that a validation encodes at a time."""
SPLIT = "validate"
MOST_ITEMS = 2_000
"""About so many items of each part are looked at, in whole groups: a loss of a hundredth of one
part is not seen in a few hundred of them."""
FORMS = ("negated", "affirmative", "plain")
"""Those of `records.FORMS` that say all of what an item is about."""


class ValidationPart(NamedTuple):
    """Items of one kind and form, with as many options each.

    Attributes:
        images: (n, D), unit vectors.
        places: (n, K), where each option stands among the texts; -1 where an item has fewer than K.
        answers: (n,), the right option of each.
        patients: (n,), whose image it is.
    """

    images: torch.Tensor
    places: torch.Tensor
    answers: torch.Tensor
    patients: list[str]


class Validation(NamedTuple):
    """All items of the validation patients.

    Attributes:
        texts: distinct ones, the shortest first.
        parts: "negated claims", "affirmative lists" and their like -> the items.
    """

    texts: list[str]
    parts: Mapping[str, ValidationPart]

    def only(self, kind: str) -> "Validation":
        """The parts of one kind (`claims`, `questions` or `lists`), with their texts alone."""
        kept = {name: part for name, part in self.parts.items() if name.endswith(kind)}
        used = sorted({p for part in kept.values() for p in part.places.flatten().tolist()} - {-1})
        # The last one is where -1 points, and stays -1.
        at = torch.full((len(self.texts) + 1,), -1)
        at[used] = torch.arange(len(used))
        parts = {name: part._replace(places=at[part.places]) for name, part in kept.items()}
        return Validation([self.texts[place] for place in used], parts)

    def right(self, model: DualEncoder) -> dict[str, np.ndarray]:
        """Part -> whether each of its items is answered right; a tie for the best is wrong."""
        if not self.parts:
            return {}
        batches = [self.texts[i : i + BATCH] for i in range(0, len(self.texts), BATCH)]
        encoded = torch.cat([model.encode_texts(batch) for batch in batches])
        found = {}
        for name, part in self.parts.items():
            cosines = torch.einsum("nd,nkd->nk", part.images, encoded[part.places])
            cosines = cosines.masked_fill(part.places < 0, float("-inf"))
            best = cosines == cosines.max(dim=1, keepdim=True).values
            right = best.gather(1, part.answers[:, None])[:, 0] & (best.sum(dim=1) == 1)
            found[name] = right.numpy().astype(float)
        return found


def claim_figures(model: DualEncoder, validation: Validation) -> dict[str, float]:
    """Claim accuracy of each form, by which the best step is chosen."""
    found = validation.only("claims").right(model)
    return {f"validation {name}": float(right.mean()) for name, right in sorted(found.items())}


def validation_of(
    vectors: Vectors, folders: Sequence[Path], split: str = SPLIT, most: int = MOST_ITEMS
) -> Validation:
    """The claim sets, questions and candidate lists of the validation patients.

    Args:
        vectors: of the base model; its image tower stays as it is, so that images are ready.
        folders: of `nast contextual build` and `nast benchmark build`.
        split: whose patients.
        most: about so many items of each part, in whole groups.
    """
    rows = [row for folder in folders for row in _rows(folder, split, most)]
    texts = {text for _, table in rows for options in table["options"] for text in options}
    ordered = sorted(texts, key=lambda text: (len(text), text))
    at = {text: place for place, text in enumerate(ordered)}
    parts = {
        name: ValidationPart(
            vectors.images(table["image_path"].to_list()),
            padded_places([[at[text] for text in options] for options in table["options"]]),
            torch.tensor(table["answer"].to_list()),
            table["subject_id"].to_list(),
        )
        for name, table in rows
    }
    return Validation(ordered, parts)


def _rows(folder: Path, split: str, most: int) -> list[tuple[str, pl.DataFrame]]:
    """Name of a part -> `image_path, subject_id, options, answer` of its items."""
    columns = ("image_path", "subject_id", "options", "answer")
    found = []
    if (folder / "items.parquet").is_file():
        items = read_items(folder).filter(split=split)
        for kind in ("claims", "questions"):
            for form in FORMS:
                part = first_items(items.filter(set=kind, form=form), most)
                found.append((f"{form} {kind}", part.select(columns)))
    if (folder / "candidates.parquet").is_file():
        lists = read_table(folder / "candidates.parquet", CANDIDATES_SCHEMA).filter(split=split)
        lists = lists.rename({"candidates": "options"})
        for polarity in ("negated", "affirmative"):
            part = first_items(lists.filter(polarity=polarity), 2 * most)
            found.append((f"{polarity} lists", part.select(columns)))
    return [(name, table) for name, table in found if len(table)]
