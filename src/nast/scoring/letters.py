"""Option letters by log-probability: what a server gives beside the first word of a reply.

A reply that begins with the letter of the option that it chooses ("B", "(B) No edema.") is scored
by the log-probabilities of all letters at that place. Any other reply, and any server that gives
none, is read as words.
"""

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nast.items.table import LETTERS
from nast.language.write.llm.retry import CUT_OFF, WITHHELD, ending_of, text_of
from nast.language.write.llm.thoughts import spoken
from nast.scoring.replies import choice_of, is_refusal

WISHED = ({"logprobs": True, "top_logprobs": 20}, {"logprobs": True, "top_logprobs": 5})
"""What servers are asked for; some take no more than 5, and some nothing of it."""
BY_LETTERS = "tables scored by log-probabilities of the letters"
BY_WORDS = "tables scored by the words of the replies"
READING = 2
"""Goes up with what is kept of a response and how it is read, so that older results are not mixed
with newer ones."""


class Reply(NamedTuple):
    """What is kept of a response.

    Attributes:
        said: the text.
        token: the first token of the answer with a letter or digit in it; "" without `near`.
        near: (token, log-probability) of the candidates at its place; empty where the server gives
            none.
        ending: why it ends where it does, see `retry.ending_of`.
    """

    said: str
    token: str = ""
    near: tuple[tuple[str, float], ...] = ()
    ending: str = ""


def kept_of(choice: Mapping[str, Any]) -> str | None:
    """The first choice of a response as a cache of answers keeps it: JSON of a `Reply`.

    Log-probabilities of another form count as none. Blank text is given as it is, unless the reply
    was cut off or withheld.
    """
    words, ending = text_of(choice), ending_of(choice)
    if not (words and words.strip()) and not ending:
        return words
    words = words or ""
    return json.dumps((words, *_first_word(words, choice.get("logprobs")), ending))


def reply_of(kept: str) -> Reply:
    """The inverse of `kept_of`; text of another form is what was said, and nothing more."""
    try:
        said, token, near, ending = json.loads(kept)
        pairs = tuple((str(name), float(value)) for name, value in near)
    except (ValueError, TypeError, RecursionError):
        return Reply(kept)
    given = all(isinstance(part, str) for part in (said, token, ending))
    return Reply(said, token, pairs, ending) if given else Reply(kept)


def _first_word(said: str, given: object) -> tuple[str, list[tuple[str, float]]]:
    """The first token of the answer and what is near it; nothing where tokens do not spell it.

    Servers list the tokens of thoughts too, also of those that the text leaves out. So the answer
    is looked for from the end.
    """
    tokens = _tokens(given.get("content") if isinstance(given, dict) else None)
    while tokens and _ENDED.fullmatch(tokens[-1]["token"]):
        tokens.pop()
    left = _bare(spoken(said))
    first = None
    for token in reversed(tokens):
        word = _bare(token["token"])
        if not left or not left.endswith(word):
            break
        if word:
            first, left = token, left.removesuffix(word)
    if left or first is None:
        return "", []
    near = [(t["token"], float(t["logprob"])) for t in _tokens(first.get("top_logprobs"))]
    # One candidate says nothing of the other letters.
    if len(near) < 2:
        return "", []
    if first["token"] not in dict(near):
        near.append((first["token"], float(first["logprob"])))
    return first["token"], near


def _tokens(given: object) -> list[dict[str, Any]]:
    """The entries of a list that hold a token and a finite number."""
    return [
        entry
        for entry in (given if isinstance(given, list) else [])
        if isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float)
        and math.isfinite(entry["logprob"])
    ]


_ENDED = re.compile(r"\s*(?:<[^<>]*>)?\s*")
"""A blank token, or one that ends a reply and is no part of the text."""


def _bare(token: str) -> str:
    """A text without blanks and marks; some servers write the blank before a word as a letter."""
    return re.sub(r"[\W_Ġ]+", "", unicodedata.normalize("NFKC", token))


def option_scores(
    kept: str | None, shown: Sequence[str], mode: str
) -> tuple[dict[str, float] | None, str]:
    """The score of every option by its words, and where it is from.

    By letters: all tokens that spell one letter ("A", " A", "(A", "A)") are added up, as are the
    letters of options in the same words. A letter that is not among the candidates gets one less
    than the smallest of these. By words: 1 for the chosen option, 0 for the rest.

    Args:
        kept: as of `kept_of`; None where there was no reply.
        shown: the options, in the order in which they were shown.
        mode: `letters` or `text`.

    Returns:
        The scores with `BY_LETTERS` or `BY_WORDS`; None where the reply chooses nothing
        (`replies.choice_of`), with "unparsed", "refused", "cut off" or "unanswered".
    """
    if kept is None:
        return None, "unanswered"
    reply = reply_of(kept)
    if reply.ending:
        return None, "refused" if reply.ending == WITHHELD else CUT_OFF
    place = choice_of(reply.said, shown, mode)
    if place is None:
        return None, "refused" if is_refusal(reply.said) else "unparsed"
    first = _place(reply.token, len(shown))
    if first is None or shown[first] != shown[place]:
        return {text: float(text == shown[place]) for text in shown}, BY_WORDS
    found: dict[str, float] = {}
    for token, value in reply.near:
        named = _place(token, len(shown))
        if named is not None:
            text = shown[named]
            found[text] = float(np.logaddexp(found.get(text, -np.inf), value))
    below = min(value for _, value in reply.near) - 1
    return {text: found.get(text, below) for text in shown}, BY_LETTERS


def _place(token: str, n: int) -> int | None:
    bare = _bare(token)
    place = LETTERS.find(bare) if len(bare) == 1 else -1
    return place if 0 <= place < n else None
