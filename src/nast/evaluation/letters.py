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

from nast.evaluation.replies import choice_of, is_refusal
from nast.exchange.documents import LETTERS
from nast.language.llm.retry import words_of

WISHED = ({"logprobs": True, "top_logprobs": 20}, {"logprobs": True, "top_logprobs": 5})
"""What servers are asked for; some take no more than 5, and some nothing of it."""
BY_LETTERS = "tables scored by log-probabilities of the letters"
BY_WORDS = "tables scored by the words of the replies"
_THOUGHT = ("</think>", "</thinking>")


class Reply(NamedTuple):
    """What is kept of a response.

    Attributes:
        said: the text.
        token: the first token with a letter or digit in it, after thoughts; "" without `near`.
        near: (token, log-probability) of the candidates at its place; empty where the server gives
            none.
    """

    said: str
    token: str = ""
    near: tuple[tuple[str, float], ...] = ()


def kept_of(choice: Mapping[str, Any]) -> str | None:
    """The first choice of a response as a cache of answers keeps it: JSON of a `Reply`.

    Log-probabilities of another form count as none. Blank text is given as it is.
    """
    words = words_of(choice)
    if words is None or not words.strip():
        return words
    return json.dumps((words, *_first_word(choice.get("logprobs"))))


def reply_of(kept: str) -> Reply:
    """The inverse of `kept_of`."""
    said, token, near = json.loads(kept)
    return Reply(said, token, tuple((name, value) for name, value in near))


def _first_word(given: object) -> tuple[str, list[tuple[str, float]]]:
    tokens = _tokens(given.get("content") if isinstance(given, dict) else None)
    thoughts = [i for i, t in enumerate(tokens, 1) if t["token"].strip() in _THOUGHT]
    for token in tokens[thoughts[-1] if thoughts else 0 :]:
        if _bare(token["token"]):
            near = [(t["token"], float(t["logprob"])) for t in _tokens(token.get("top_logprobs"))]
            # One candidate says nothing of the other letters.
            if len(near) < 2:
                break
            if token["token"] not in dict(near):
                near.append((token["token"], float(token["logprob"])))
            return token["token"], near
    return "", []


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


def _bare(token: str) -> str:
    """A token without blanks and marks; some servers write the blank before a word as a letter."""
    return re.sub(r"[\W_Ġ]+", "", unicodedata.normalize("NFKC", token))


def option_scores(
    kept: str | None, shown: Sequence[str], mode: str
) -> tuple[dict[str, float] | None, str]:
    """The score of every option by its words, and where it is from.

    By letters: all tokens that spell one letter ("A", " A", "(A", "A)") are added up, as are the
    letters of options in the same words. A letter that is not among the candidates gets one less
    than the smallest of these. By words: 1 for the chosen option, 0 for the rest.

    Args:
        kept: in the mode `letters` as of `kept_of`, else the words of the reply; None where there
            was no reply.
        shown: the options, in the order in which they were shown.
        mode: `letters` or `text`.

    Returns:
        The scores with `BY_LETTERS` or `BY_WORDS`; None where the reply chooses nothing
        (`replies.choice_of`), with "unparsed", "refused" or "unanswered".
    """
    if kept is None:
        return None, "unanswered"
    reply = reply_of(kept) if mode == "letters" else Reply(kept)
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
