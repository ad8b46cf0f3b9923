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
        refusals: of each what it refuses of the decoding, which may grow while it answers.

    Attributes:
        refused: what any of them has refused so far.
    """

    def __init__(self, servers: Sequence[Backend], refusals: Sequence[list[str]] = ()) -> None:
        self._servers, self._refusals = list(servers), refusals
        self.refused: list[str] = []

    def __call__(self, batch: Sequence[Messages]) -> list[str | None]:
        """Answer conversations; None for one that got no answer.

        Raises:
            ModelError: the last server has failed before it gave any answer to these.
        """
        found: list[str | None] = [None] * len(batch)
        asked: dict[int, set[int]] = {place: set() for place in range(len(batch))}
        waiting = list(asked)
        while waiting:
            given = self._round(batch, found, waiting, asked)
            if given is None:
                break
            # A second server is asked once; what no server answers is no fault of one of them.
            waiting = [
                place
                for place in waiting
                if found[place] is None
                and (place not in given or len(asked[place]) < min(2, len(self._servers)))
            ]
        self.refused[:] = dict.fromkeys(word for part in self._refusals for word in part)
        return found

    def _round(
        self,
        batch: Sequence[Messages],
        found: list[str | None],
        waiting: Sequence[int],
        asked: dict[int, set[int]],
    ) -> set[int] | None:
        """Ask each waiting conversation of a server that has not had it; the places that a server
        has dealt with, None where no server is left.
        """
        servers = [*self._servers]
        parts: list[list[int]] = [[] for _ in servers]
        for place in waiting:
            # The one with the least to do among those that have not been asked.
            new = [n for n, s in enumerate(servers) if id(s) not in asked[place]]
            parts[min(new or range(len(servers)), key=lambda n: len(parts[n]))].append(place)
        dealt: set[int] = set()
        with ThreadPoolExecutor(len(servers)) as pool:
            jobs = [
                pool.submit(server, [batch[place] for place in part]) if part else None
                for server, part in zip(servers, parts, strict=True)
            ]
        for server, part, job in zip(servers, parts, jobs, strict=True):
            if job is None:
                continue
            try:
                answers = job.result()
            except ModelError as error:
                if not self._lose(server, error, any(a is not None for a in found)):
                    return None
                continue
            for place, answer in zip(part, answers, strict=True):
                found[place] = answer if found[place] is None else found[place]
                asked[place].add(id(server))
            dealt |= set(part)
        return dealt

    def _lose(self, server: Backend, error: ModelError, some: bool) -> bool:
        """Leave a server out; whether another one is left.

        With the last one the run ends, but for a call in which some were answered: these are
        handed on first, and the next call ends the run.
        """
        if len(self._servers) == 1:
            if some:
                return False
            raise error
        self._servers.remove(server)
        warnings.warn(f"{error}; the other {len(self._servers)} go on without it", stacklevel=4)
        return True


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
    pool = ServerPool([m.backend for m in models], [m.refused for m in models])
    allowed = {
        key: value
        if all(m.allowed.get(key) == value for m in models)
        else [m.allowed.get(key) for m in models]
        for key, value in first.allowed.items()
    }
    return replace(
        first,
        backend=pool,
        chunk=sum(model.chunk for model in models),
        refused=pool.refused,
        allowed=allowed,
    )
