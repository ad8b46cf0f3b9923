"""Answers kept by content, so that a run can be killed, resumed and repeated.

A language model may answer differently when asked again, even at temperature 0. The file of
answers, not the model, is what makes two runs equal.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from nast.errors import InputError
from nast.hashes import content_hash
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.prompts import Messages

REFUSED = "answers: "
"""Before what a server refused, in counts: "answers: seed left out"."""


def request_key(model: LanguageModel, messages: Messages) -> str:
    """What an answer depends on, as a hash: the conversation, the model, the decoding."""
    return content_hash([[dict(m) for m in messages], model.name, dict(model.decoding)])


class _Line(BaseModel):
    """What counts of a line of the file."""

    key: str
    answer: str
    refused: list[str] = []


class AnswerCache:
    """Answers in a file of JSON lines that only grows; several runs may share it.

    A line is written at once and never changed. The first answer to a conversation is the one that
    counts, in every run. Lines hold the hash of the conversation, the model, the decoding and the
    answer: no prompt, no key of a server.

    Attributes:
        dropped: damaged lines, such as the half line of a killed run. Their answers are asked for
            again.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open a file of answers, made when the first one comes; None keeps them in memory only.

        Raises:
            InputError: the path is a folder.
        """
        self.path = Path(path) if path is not None else None
        self.dropped = 0
        self._answers: dict[str, str] = {}
        self._refused: dict[str, list[str]] = {}
        self._read_to = 0
        if self.path is not None and self.path.is_dir():
            raise InputError(self.path, found="a folder", expected="a file of answers (JSON lines)")
        if self.path is not None and self.path.is_file():
            # End a half-written last line, so that the next one starts on its own.
            if not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size:
                _append(self.path, "\n")
            self._catch_up(self.path)

    def get(self, key: str) -> str | None:
        """The answer to a request, or None."""
        return self._answers.get(key)

    def refused(self, key: str) -> list[str]:
        """What the server had refused of the decoding when it gave an answer, in words."""
        return self._refused.get(key, [])

    def add(self, model: LanguageModel, answers: dict[str, str]) -> None:
        """Keep answers by key; where another run was first, its answer is taken over.

        Raises:
            InputError: the disk did not take the whole of it.
        """
        if self.path is None:
            self._answers = answers | self._answers
            self._refused = {key: list(model.refused) for key in answers} | self._refused
            return
        told = {"model": model.name, "decoding": dict(model.decoding)}
        told |= {"refused": list(model.refused)} if model.refused else {}
        lines = [{**told, "key": key, "answer": answer} for key, answer in answers.items()]
        _append(self.path, "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
        self._catch_up(self.path)

    def _catch_up(self, path: Path) -> None:
        """Read what was appended since, by this run and by others."""
        with open(path, "rb") as file:
            file.seek(self._read_to)
            # The end of another run's line may still be on its way.
            new = file.read().rpartition(b"\n")[0]
        self._read_to += len(new) + 1 if new else 0
        for line in new.splitlines():
            try:
                row = _Line.model_validate_json(line)
            except (ValueError, RecursionError):
                self.dropped += bool(line.strip())
                continue
            if row.key not in self._answers:
                self._answers[row.key], self._refused[row.key] = row.answer, row.refused


def _append(path: Path, text: str) -> None:
    """One write at the end of the file: the system keeps those of several runs apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    with open(path, "ab", buffering=0) as file:
        if file.write(data) != len(data):
            raise InputError(path, found="a full disk", expected="room for the answers")


def ask(
    model: LanguageModel, batch: Sequence[Messages], cache: AnswerCache, counts: Counter[str]
) -> list[str | None]:
    """Answers to some conversations: from the cache, else from the model, each asked once.

    The model is asked for what the cache lacks, `model.chunk` conversations at a time; the cache
    gets the answers that are not blank after each. Of `counts`, `answers from the cache`, `requests
    to the model` and, for each thing that the server refused, `answers: WHAT` go up.

    Returns:
        An answer for each conversation, None where the model gave none.
    """
    keys = [request_key(model, messages) for messages in batch]
    wanted = {k: m for k, m in zip(keys, batch, strict=True) if cache.get(k) is None}
    counts["answers from the cache"] += len(set(keys) - set(wanted))
    counts["requests to the model"] += len(wanted)
    todo = list(wanted)
    for start in range(0, len(todo), model.chunk):
        part = todo[start : start + model.chunk]
        found = zip(part, model.backend([wanted[k] for k in part]), strict=True)
        kept = {key: answer for key, answer in found if answer and answer.strip()}
        if kept:
            cache.add(model, kept)
    counts.update(f"{REFUSED}{what}" for key in set(keys) for what in cache.refused(key))
    return [cache.get(key) for key in keys]
