"""Language models as functions: conversations in, answers out.

A function of your own sends nothing anywhere and needs no leave of `access.guard`; a model behind
an address is `server.server_model`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nast.language.write.llm.prompts import FIELDS, Messages, version_of

Backend = Callable[[Sequence[Messages]], Sequence[str | None]]
"""Answers some conversations, in their order; None where there is no answer."""
IN_PROCESS = {"allowed_by": "a model in this process"}


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A language model and all that decides its answers.

    Attributes:
        name: what `realiser` columns and the cache call the model. It must tell two sets of
            weights apart.
        decoding: all other settings that change an answer: temperature, seed, tokens at most.
        backend: the function that answers.
        chunk: conversations per call; answers are kept after each call.
        allowed: what allowed data to reach the model, for the manifest.
        refused: what a server refused of the decoding, in words; grows while it answers.
        prompts: folder of the user's own prompts.
    """

    name: str
    decoding: Mapping[str, Any]
    backend: Backend
    chunk: int = 64
    allowed: Mapping[str, Any] = field(default_factory=lambda: dict(IN_PROCESS))
    refused: list[str] = field(default_factory=list)
    prompts: Path | None = None

    def record(self) -> dict[str, Any]:
        """What a manifest says of it: name, decoding, own prompts, and what allowed it."""
        own = {"prompts": version_of(list(FIELDS), self.prompts)} if self.prompts else {}
        return {"model": self.name, "decoding": dict(self.decoding), **own, **self.allowed}
