"""Several servers of one model as one backend; what a lost server had goes to the others."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from nast.errors import ModelError, UsageError
from nast.language.write.llm.backends import Backend, LanguageModel
from nast.language.write.llm.prompts import Messages


class ServerPool:
    """A backend that gives each of several servers a part of the conversations.

    What a server does not answer is asked of another one, once. A server that fails for good is
    left out from then on, and its part goes to the others.

    Args:
        servers: backends of one model with the same settings.
    """

    def __init__(self, servers: Sequence[Backend]) -> None:
        self._servers = list(servers)

    def __call__(self, batch: Sequence[Messages]) -> list[str | None]:
        """Answer conversations; None for one that got no answer.

        Raises:
            ModelError: the last server has failed.
        """
        found: list[str | None] = [None] * len(batch)
        left = self._round(batch, found, list(range(len(batch))), turn=0)
        # Twice: what no server answers is no fault of one of them.
        self._round(batch, found, left, turn=1)
        return found

    def _round(
        self, batch: Sequence[Messages], found: list[str | None], asked: list[int], turn: int
    ) -> list[int]:
        """Ask until each place has been with a server that lives; the places without an answer."""
        silent: list[int] = []
        while asked:
            servers = [*self._servers]
            if turn and len(servers) == 1:
                return silent
            # Another turn gives each conversation to the next server.
            parts = [asked[n :: len(servers)] for n in range(len(servers))]
            parts = parts[-turn:] + parts[:-turn] if turn else parts
            with ThreadPoolExecutor(len(servers)) as pool:
                jobs = [
                    pool.submit(server, [batch[i] for i in part]) if part else None
                    for server, part in zip(servers, parts, strict=True)
                ]
            asked = []
            for server, part, job in zip(servers, parts, jobs, strict=True):
                if job is None:
                    continue
                try:
                    answers = job.result()
                except ModelError as error:
                    self._lose(server, error)
                    asked += part
                    continue
                for place, answer in zip(part, answers, strict=True):
                    found[place] = answer
                silent += [p for p, a in zip(part, answers, strict=True) if a is None]
        return sorted(silent)

    def _lose(self, server: Backend, error: ModelError) -> None:
        if len(self._servers) == 1:
            raise error
        self._servers.remove(server)
        warnings.warn(f"{error}; the other {len(self._servers)} go on without it", stacklevel=4)


def as_one_model(models: Sequence[LanguageModel]) -> LanguageModel:
    """Several servers' models as one.

    Args:
        models: of `server_model`, with one name and the same decoding.

    Raises:
        UsageError: they are not the same model.
    """
    first = models[0]
    if len(models) == 1:
        return first
    for other in models[1:]:
        if (other.name, other.decoding) != (first.name, first.decoding):
            raise UsageError(
                f"--endpoint names the models {first.name!r} and {other.name!r}; several servers "
                "must have one model with the same settings"
            )
    allowed = {
        key: value
        if all(m.allowed.get(key) == value for m in models)
        else [m.allowed.get(key) for m in models]
        for key, value in first.allowed.items()
    }
    return replace(
        first,
        backend=ServerPool([model.backend for model in models]),
        chunk=sum(model.chunk for model in models),
        allowed=allowed,
    )
