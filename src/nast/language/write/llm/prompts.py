"""Prompts as text files, each known by the hash of its words.

The wording is ours, after the specification of the paper's Appendices B (options, rewriting) and C
(claims). A file holds the turns of a conversation under `[system]`, `[user]` and `[assistant]`;
`$name` marks a field.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from nast.hashes import content_hash

PROMPTS = Path(__file__).with_name("prompts")
Messages = tuple[Mapping[str, Any], ...]
"""A conversation: turns with `role` (system, user, assistant) and `content`: words, or a list of
parts where images belong to it."""
_TURN = re.compile(r"^\[(system|user|assistant)\]\n", re.MULTILINE)


class Prompt(NamedTuple):
    """A prompt: its turns (role, words with fields) and a hash of the file's words (12 digits)."""

    turns: tuple[tuple[str, str], ...]
    version: str

    def messages(self, **fields: str) -> Messages:
        """The conversation with its fields filled in.

        Raises:
            KeyError: a field of the prompt is not given.
        """
        return tuple(
            {"role": role, "content": Template(words).substitute(fields)}
            for role, words in self.turns
        )


@lru_cache
def load_prompt(name: str) -> Prompt:
    """A prompt of the package: `options`, `rewrite`, `claims` or `again`."""
    text = (PROMPTS / f"{name}.txt").read_text(encoding="utf-8")
    _, *parts = _TURN.split(text)
    turns = zip(parts[::2], parts[1::2], strict=True)
    return Prompt(tuple((r, w.strip()) for r, w in turns), content_hash(text)[:12])


def version_of(names: Sequence[str]) -> str:
    """One version for the prompts that took part in a text, 12 hexadecimal digits."""
    return content_hash([load_prompt(name).version for name in names])[:12]
