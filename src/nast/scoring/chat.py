"""Chat models behind an OpenAI-compatible server as models of multiple choice: `chat:URL#NAME`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import polars as pl

from nast.access import Override
from nast.errors import UsageError
from nast.hashes import content_hash
from nast.ids import hashed_ids
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.cache import REFUSED, AnswerCache, ask
from nast.language.write.llm.endpoints import Endpoint
from nast.language.write.llm.server import server_model
from nast.records import REPLIES_SCHEMA
from nast.scoring.chat_images import image_url
from nast.scoring.chat_request import ASKED, Request, messages_of, requests_of
from nast.scoring.choice import option_rows, score_table
from nast.scoring.data import Data, as_rows
from nast.scoring.letters import (
    BY_LETTERS,
    BY_WORDS,
    READING,
    WISHED,
    kept_of,
    option_scores,
)

DECODING = {"temperature": 0.0, "seed": 0, "max_tokens": 1024}
"""Room for a model that thinks aloud before it answers."""
ASKED_OTHERWISE = "requests without what the server refused"
SKIPPED = "tables skipped (a chat model is asked multiple-choice items only)"


@dataclass(frozen=True)
class ChatModel:
    """A vision-language model that is asked in words.

    Attributes:
        name: how results call it, with its mode: "NAME (letters)".
        seed: none: it is not one of several runs.
        key: hash of what decides its answers: the server's name of it, decoding, mode, wording.
        endpoint: where and how.
        mode: `letters` (options are lettered, the reply names one) or `text` (the reply is one).
        loopback_stays: the user's statement that a loopback address passes nothing on.
        override: the user's named exception from the access class.
        made_from: nothing; the access class of results is that of the data.
    """

    name: str
    key: str
    endpoint: Endpoint
    mode: str = "letters"
    loopback_stays: bool = False
    override: Override | None = None
    made_from: list[Path] = field(default_factory=list)
    seed: int | None = None

    def server(self, access: str) -> LanguageModel:
        """The means to ask it, once the access class of the data allows that; nothing is sent yet.

        Raises:
            AccessError: the data must not go there.
            UsageError: the environment variable of the key is not set.
        """
        model = server_model(
            self.endpoint,
            access,
            loopback_stays=self.loopback_stays,
            override=self.override,
            read=kept_of,
        )
        return replace(model, decoding={**model.decoding, "reading": READING})


def chat_model(
    spec: str,
    mode: str = "letters",
    *,
    key_variable: str | None = None,
    loopback_stays: bool = False,
    override: Override | None = None,
) -> ChatModel:
    """The model that `chat:URL#NAME` stands for; no connection is opened.

    Args:
        spec: URL is the base address, usually ending in `/v1`; NAME is the server's name of the
            model and must tell two sets of weights apart.
        mode: `letters` or `text`.
        key_variable: name of the environment variable with the server's key.
        loopback_stays: see `ChatModel`.
        override: see `ChatModel`.

    Raises:
        UsageError: the string has no URL or no name, or the mode is unknown.
    """
    address, _, name = spec.removeprefix("chat:").partition("#")
    if not address or not name:
        raise UsageError(
            f"{spec!r} is no chat model; write chat:URL#NAME, for example "
            "chat:http://127.0.0.1:8000/v1#Qwen2.5-VL-7B"
        )
    if mode not in ASKED:
        raise UsageError(f"the chat mode is {mode!r}; choose {' or '.join(ASKED)}")
    wished = WISHED if mode == "letters" else ()
    key = content_hash([name, DECODING, mode, ASKED[mode], wished, READING])
    endpoint = Endpoint(address, name, DECODING, key_variable, wished=wished)
    return ChatModel(f"{name} ({mode})", key, endpoint, mode, loopback_stays, override)


class Asked(NamedTuple):
    """What asking leaves: `SCORES_SCHEMA` and `REPLIES_SCHEMA` rows, and notes: what -> items
    ("ID-FORM") or tables.
    """

    scores: pl.DataFrame
    replies: pl.DataFrame
    notes: dict[str, list[str]]


def score_chat(
    model: ChatModel, server: LanguageModel, data: Data, seed: int, answers: AnswerCache
) -> Asked:
    """Ask about every item of a table.

    In the mode `letters` scores are log-probabilities where `letters.option_scores` finds them.
    Else the chosen option has score 1, the others 0, options in the chosen one's words 1 as well.
    An item whose reply chooses nothing has no scores and counts as wrong.

    Args:
        model: who is asked, and how.
        server: as of `ChatModel.server`.
        data: items.
        seed: of the order in which options are shown, see `chat_request.order_of`.
        answers: replies so far; new ones are kept as they come.

    Raises:
        ModelError: the server cannot be reached, refuses the requests, or has stopped answering.
        UsageError: an item has more options than there are letters.
    """
    items = data.table
    found: dict[str, dict[str, float]] = {}
    outcomes: dict[str, str] = {}
    notes: dict[str, list[str]] = {}
    refused: Counter[str] = Counter()
    for request, reply in _replies(requests_of(items, seed), model.mode, server, answers, refused):
        options, way = option_scores(reply, request.shown, model.mode)
        found[request.item_id] = options or {}
        outcomes[request.item_id] = way
        if options is None:
            notes.setdefault(f"{way}, counted as wrong", []).append(request.named)
    ways = Counter(outcomes.values())
    for what, number in refused.items():
        if what.startswith(REFUSED):
            said = f"{what.removeprefix(REFUSED)}: {data.name} ({number} of {len(items)} items)"
            notes.setdefault(ASKED_OTHERWISE, []).append(said)
    for way in (BY_LETTERS, BY_WORDS):
        if ways[way]:
            said = f"{data.name} ({ways[way]} of {len(items)} items)"
            notes.setdefault(way, []).append(said)
    rows = option_rows(items)
    scores = [found[item].get(text) for item, text in rows.select("item_id", "text").iter_rows()]
    scored = rows.with_columns(score=pl.Series(scores, dtype=pl.Float64), truncated=pl.lit(False))
    replies = items.with_columns(
        subject=pl.Series(hashed_ids(items["subject_id"]), dtype=pl.String),
        outcome=pl.col("item_id").replace_strict(outcomes, return_dtype=pl.String),
    )
    return Asked(
        score_table(scored, model.name, None, data.name),
        as_rows(replies, REPLIES_SCHEMA, model.name, None, data.name),
        {what: sorted(some) for what, some in notes.items()},
    )


def _replies(
    requests: Sequence[Request],
    mode: str,
    server: LanguageModel,
    answers: AnswerCache,
    refused: Counter[str],
) -> Iterator[tuple[Request, str | None]]:
    """Each item with its reply; only one chunk of images is held at a time."""
    url = lru_cache(maxsize=1)(image_url)
    for start in range(0, len(requests), server.chunk):
        part = requests[start : start + server.chunk]
        batch = [messages_of(r.stem, r.shown, url(r.image), mode) for r in part]
        yield from zip(part, ask(server, batch, answers, refused), strict=True)
