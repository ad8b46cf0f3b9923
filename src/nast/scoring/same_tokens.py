"""Texts that a model cannot tell apart, because they are the same tokens to it."""

from typing import TYPE_CHECKING

import polars as pl

from nast.scoring.data import shown_items

if TYPE_CHECKING:
    from nast.models.contract import DualEncoder

CHUNK = 4096
"""Texts that are tokenised at once."""


def same_tokens(model: "DualEncoder", texts: list[str]) -> list[int]:
    """The place of the first text that has the same tokens as each one.

    Texts are cut at the model's limit, and some tokenizers do not see capitals. Their vectors are
    taken once: made twice they would differ in the last bits, which would then decide a tie.

    Args:
        model: its tokenizer cuts at `max_tokens`.
        texts: distinct texts.
    """
    seen: dict[bytes, int] = {}
    firsts: list[int] = []
    for start in range(0, len(texts), CHUNK):
        ids, mask = model.tokenize(texts[start : start + CHUNK])
        for one, kept in zip(ids, mask, strict=True):
            key = one[kept.bool()].numpy().tobytes()
            firsts.append(seen.setdefault(key, len(firsts)))
    return firsts


def equal_after_cut(model: "DualEncoder", items: pl.DataFrame) -> list[str]:
    """Items with two different options that the model's text limit makes one.

    They stay in the metrics, where their tie counts as wrong, so that all models are scored on the
    same items.

    Args:
        model: its tokenizer cuts at `max_tokens`.
        items: `ITEMS_SCHEMA`.

    Returns:
        "ID FORM" of each; ids of imported items as keyed hashes.
    """
    texts = items["options"].explode().unique(maintain_order=True).to_list()
    long = [t for t in texts if model.token_count(t) > model.max_tokens]
    if not long:
        return []
    cut = dict(zip(long, same_tokens(model, long), strict=True))
    alike = []
    for options in items["options"]:
        places = [cut[t] for t in set(options) if t in cut]
        alike.append(len(set(places)) < len(places))
    found = items.filter(pl.Series(alike, dtype=pl.Boolean))
    return [f"{i} {form}" for i, form in zip(shown_items(found), found["form"], strict=True)]
