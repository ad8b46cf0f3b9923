"""What a chat model is asked about one item: an image, the stem, the options in a drawn order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from nast.benchmark.questions import STEM
from nast.errors import UsageError
from nast.exchange.documents import LETTERS
from nast.exchange.items import IMAGE_STEM
from nast.hashes import seed_of
from nast.ids import hashed_ids
from nast.language.write.llm.prompts import Messages
from nast.measuring.metrics import pair_of
from nast.scoring.items import IMPORTED, Data

ASKED = {
    "letters": "Answer with the letter of the one option that is right.",
    "text": "Answer with the words of the one option that is right and nothing else.",
}
"""What each mode asks for; in `text` the options have no letters."""


def messages_of(stem: str, options: Sequence[str], image: str, mode: str) -> Messages:
    """The conversation about one item: one turn of the user, the image first.

    Args:
        stem: the question in words.
        options: in the order in which they are shown, at most 26 with letters.
        image: as of `chat_images.image_url`.
        mode: `letters` or `text`.
    """
    if mode == "letters":
        lines = [f"{letter}) {text}" for letter, text in zip(LETTERS, options, strict=False)]
    else:
        lines = [f"- {text}" for text in options]
    words = "\n".join([stem, "", *lines, "", ASKED[mode]])
    picture = {"type": "image_url", "image_url": {"url": image}}
    return ({"role": "user", "content": [picture, {"type": "text", "text": words}]},)


def order_of(n: int, seed: int, name: str) -> list[int]:
    """The stored places of n options in the order in which they are shown.

    Args:
        n: number of options.
        seed: of the run.
        name: what shares one order: the balanced group, whose members show the same options and
            have the right one at n different places, so that a preference for a letter stays at
            chance; the item without its form where there is no such group.
    """
    rng = np.random.default_rng(seed_of(seed, "letters", name))
    return [int(place) for place in rng.permutation(n)]


def items_of(data: Data, rows: pl.DataFrame, seed: int) -> list[dict[str, Any]]:
    """The items of a table in every form, those about one image next to each other.

    Args:
        data: questions or claim sets.
        rows: as of `choice.choice_rows`.
        seed: of the order in which options are shown.

    Returns:
        Per item `item_id, form, image_path, stem`, its options as `shown`, and `named`: the id
        and form as messages may show them.

    Raises:
        UsageError: an item has more options than there are letters.
    """
    key = "question_id" if data.kind == "questions" else "set_id"
    known = data.table.rows_by_key(key, named=True, unique=True)
    items = rows.group_by("item_id", "form", "image_path", maintain_order=True).agg("text")
    pairs = items.select(pair_of())["item_id"].to_list()
    hashes = hashed_ids(pairs)
    found = []
    for item, pair, hashed in zip(items.iter_rows(named=True), pairs, hashes, strict=True):
        row, options = known[item["item_id"]], item.pop("text")
        if len(options) > len(LETTERS):
            raise UsageError(f"an item has {len(options)} options; there are 26 letters")
        # The right option of an imported item often stands first in all of them.
        foreign = row["construction"].startswith(IMPORTED)
        order = order_of(len(options), seed, pair if foreign else row["group_id"] or pair)
        found.append(
            {
                **item,
                "stem": row["stem"] if "stem" in row else STEM if any(row["facts"]) else IMAGE_STEM,
                "shown": [options[place] for place in order],
                "named": f"{hashed if foreign else pair}-{item['form']}",
            }
        )
    return sorted(found, key=lambda item: item["image_path"])
