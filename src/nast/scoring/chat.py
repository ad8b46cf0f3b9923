"""Chat models behind an OpenAI-compatible server as models of multiple choice: `chat:URL#NAME`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from nast.access import Override
from nast.errors import UsageError
from nast.hashes import content_hash
from nast.ids import hashed_ids
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.cache import REFUSED, AnswerCache, ask
from nast.language.write.llm.endpoints import Endpoint
from nast.language.write.llm.retry import CUT_OFF
from nast.language.write.llm.server import server_model
from nast.measuring.metrics import FORM_ORDER, Figures, pair_of, share
from nast.scoring.chat_images import image_url
from nast.scoring.chat_request import ASKED, items_of, messages_of
from nast.scoring.choice import CHOICE, choice_rows, ranked
from nast.scoring.items import Data
from nast.scoring.letters import (
    BY_LETTERS,
    BY_WORDS,
    READING,
    WISHED,
    kept_of,
    option_scores,
)

PREFIX = "chat:"
DECODING = {"temperature": 0.0, "seed": 0, "max_tokens": 1024}
"""Room for a model that thinks aloud before it answers."""
FAILED = ("unparsed", "refused", "unanswered")
"""Replies that choose nothing: no option or several, a refusal, and no reply at all."""
NO_CHOICE = (*FAILED, CUT_OFF)
"""`FAILED`, and replies that reached the limit of tokens before they were finished."""
ASKED_OTHERWISE = "requests without what the server refused"
SKIPPED = "tables skipped (a chat model is asked questions and claim sets only)"


@dataclass(frozen=True)
class ChatModel:
    """A vision-language model that is asked in words.

    Attributes:
        name: how results call it, with its mode: "NAME (letters)".
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
    address, _, name = spec.removeprefix(PREFIX).partition("#")
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


def score_chat(
    model: ChatModel,
    server: LanguageModel,
    tables: Sequence[Data],
    seed: int,
    answers: AnswerCache,
) -> tuple[list[pl.DataFrame], dict[str, list[str]]]:
    """Ask about every question and claim set of some tables.

    In the mode `letters` scores are log-probabilities where `letters.option_scores` finds them.
    Else the chosen option has score 1, the others 0, options in the chosen one's words 1 as well.
    An item whose reply chooses nothing has no scores and counts as wrong.

    Args:
        model: who is asked, and how.
        server: as of `ChatModel.server`.
        tables: those of other kinds are skipped.
        seed: of the order in which options are shown, see `chat_request.order_of`.
        answers: replies so far; new ones are kept as they come.

    Returns:
        `SCORES_SCHEMA` rows for each table, and notes: what -> items ("ID-FORM") or tables.

    Raises:
        ModelError: the server cannot be reached, refuses the requests, or has stopped answering.
        UsageError: an item has more options than there are letters.
    """
    frames: list[pl.DataFrame] = []
    notes: dict[str, list[str]] = {}
    for data in tables:
        if data.kind not in CHOICE:
            notes.setdefault(SKIPPED, []).append(f"{data.name} {data.kind}")
            continue
        rows = choice_rows(data.kind, data.table)
        found: dict[tuple[str, str], dict[str, float]] = {}
        ways: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        items = items_of(data, rows, seed)
        for item, reply in _replies(items, model.mode, server, answers, counts):
            options, way = option_scores(reply, item["shown"], model.mode)
            found[item["item_id"], item["form"]] = options or {}
            ways[way] += 1
            if options is None:
                what = note_of(data.kind, way)
                notes.setdefault(what, []).append(item["named"])
        for what in counts:
            if what.startswith(REFUSED):
                table = f"{what.removeprefix(REFUSED)}: {data.name} {data.kind}"
                of = f"({counts[what]} of {ways.total()} items)"
                notes.setdefault(ASKED_OTHERWISE, []).append(f"{table} {of}")
        for way in (BY_LETTERS, BY_WORDS):
            if ways[way]:
                table = f"{data.name} {data.kind} ({ways[way]} of {ways.total()} items)"
                notes.setdefault(way, []).append(table)
        texts = rows.select("item_id", "form", "text").iter_rows()
        scores = [found[item_id, form].get(text) for item_id, form, text in texts]
        scored = rows.with_columns(
            score=pl.Series(scores, dtype=pl.Float64), truncated=pl.lit(False)
        )
        frames.append(ranked(scored, model.name, data.name, data.kind))
    return frames, {what: sorted(items) for what, items in notes.items()}


def note_of(task: str, failure: str) -> str:
    """The note of the manifest under which items of one of `NO_CHOICE` are named."""
    return f"{task} {failure}, counted as wrong"


def _replies(
    items: Sequence[dict[str, Any]],
    mode: str,
    server: LanguageModel,
    answers: AnswerCache,
    counts: Counter[str],
) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Each item with its reply; only one chunk of images is held at a time."""
    url = lru_cache(maxsize=1)(image_url)
    for start in range(0, len(items), server.chunk):
        part = items[start : start + server.chunk]
        batch = [messages_of(i["stem"], i["shown"], url(i["image_path"]), mode) for i in part]
        yield from zip(part, ask(server, batch, answers, counts), strict=True)


def reply_figures(scores: pl.DataFrame, notes: Mapping[str, Sequence[str]], seed: int) -> Figures:
    """`TASK/replies/FORM/KIND`: share of items whose reply chose nothing, by `NO_CHOICE`.

    Args:
        scores: `SCORES_SCHEMA` rows of one chat model.
        notes: its notes, which name these items.
        seed: of the bootstrap.
    """
    result: Figures = {}
    items = scores.select("task", "form", "group_id", "subject", pair=pair_of())
    items = items.unique(maintain_order=True)
    # Imported items are named by a hash.
    items = items.with_columns(hashed=pl.Series(hashed_ids(items["pair"]), dtype=pl.String))
    for task in CHOICE:
        for kind in NO_CHOICE:
            named = list(notes.get(note_of(task, kind), ()))
            hit = pl.any_horizontal(
                pl.format("{}-{}", n, "form").is_in(named) for n in ("pair", "hashed")
            )
            marked = items.with_columns(value=hit.cast(pl.Float64))
            for form in FORM_ORDER:
                rows = marked.filter(task=task, form=form)
                if len(rows):
                    result[f"{task}/replies/{form}/{kind}"] = share(rows, seed)
    return result
