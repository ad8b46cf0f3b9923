"""Claim accuracy on the validation patients, while a run goes on."""

from collections.abc import Callable

import polars as pl
import torch

from nast.models.contract import DualEncoder
from nast.vectors import Vectors

BATCH = 256


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
