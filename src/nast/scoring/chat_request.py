"""What a chat model is asked about one item: an image, the stem, the options in a drawn order."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.errors import UsageError
from nast.hashes import seed_of
from nast.items.table import LETTERS
from nast.language.write.llm.prompts import Messages
from nast.scoring.data import IMPORTED, shown_items

ASKED = {
    "letters": "Answer with the letter of the one option that is right.",
    "text": "Answer with the words of the one option that is right and nothing else.",
}
"""What each mode asks for; in `text` the options have no letters."""


class Request(NamedTuple):
    """What is asked about one item.

    Attributes:
        item_id: of the item in its form.
        image: path of its image.
        stem: the question in words.
        shown: its options in the order in which they are shown.
        named: the item and its form as messages may show them.
    """

    item_id: str
    image: str
    stem: str
    shown: list[str]
    named: str


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


def requests_of(items: pl.DataFrame, seed: int) -> list[Request]:
    """The items of a table, those about one image next to each other.

    Args:
        items: `ITEMS_SCHEMA`.
        seed: of the order in which options are shown.

    Raises:
        UsageError: an item has more options than there are letters.
    """
    shown = shown_items(items)
    found = []
    columns = items.select(
        "item_id", "pair_id", "group_id", "set", "form", "image_path", "stem", "options"
    )
    for (item, pair, group, name, form, image, stem, options), named in zip(
        columns.iter_rows(), shown, strict=True
    ):
        if len(options) > len(LETTERS):
            raise UsageError(f"an item has {len(options)} options; there are 26 letters")
        # The right option of an imported item often stands first in all of them.
        order = order_of(len(options), seed, pair if name == IMPORTED else group or pair)
        texts = [options[place] for place in order]
        found.append(Request(item, image, stem, texts, f"{named}-{form}"))
    return sorted(found, key=lambda request: request.image)
