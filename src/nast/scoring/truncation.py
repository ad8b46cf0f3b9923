"""Options that a model cannot tell apart because its text limit cuts them to the same tokens."""

from typing import TYPE_CHECKING

import polars as pl

from nast.ids import hashed_ids
from nast.scoring.choice import choice_rows
from nast.scoring.items import IMPORTED

if TYPE_CHECKING:
    from nast.models.contract import DualEncoder


def equal_after_cut(model: "DualEncoder", kind: str, table: pl.DataFrame) -> list[str]:
    """Items with two different options that are one to the model.

    They stay in the figures, where their tie counts as wrong, so that all models are scored on the
    same items.

    Args:
        model: its tokenizer cuts at `max_tokens`.
        kind: `questions` or `claims`.
        table: of that kind.

    Returns:
        "ID FORM" of each; ids of imported items as keyed hashes.
    """
    rows = choice_rows(kind, table)
    texts = rows["text"].unique(maintain_order=True).to_list()
    long = [t for t in texts if model.token_count(t) > model.max_tokens]
    if not long:
        return []
    ids, mask = model.tokenize(long)
    kept = [str(i[m.bool()].tolist()) for i, m in zip(ids, mask, strict=True)]
    cut = pl.DataFrame({"text": long, "cut": kept})
    alike = (
        rows.join(cut, on="text", maintain_order="left")
        .unique(["item_id", "form", "text"], maintain_order=True)
        .filter(pl.struct("item_id", "form", "cut").is_duplicated())
        .unique(["item_id", "form"], maintain_order=True)
    )
    foreign = bool(table["construction"].str.starts_with(IMPORTED).any())
    names = hashed_ids(alike["item_id"]) if foreign else alike["item_id"]
    return [f"{name} {form}" for name, form in zip(names, alike["form"], strict=True)]
