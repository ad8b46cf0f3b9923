"""Chat models behind an address: vLLM, llama.cpp, Ollama, or a remote service (OpenAI's protocol).

Nothing is sent before `access.guard` has allowed it. The key of a service is read from an
environment variable and appears in no file, message or log.
"""

import asyncio
import os
from asyncio import sleep as pause
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from nast.access import Override, guard, is_loopback
from nast.errors import ModelError, UsageError
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.endpoints import PRESETS, Endpoint
from nast.language.write.llm.parameters import REFUSED, Parameters
from nast.language.write.llm.prompts import Messages
from nast.language.write.llm.retry import (
    ENCODINGS,
    Response,
    TransientError,
    first_choice,
    read_bounded,
    wait_before,
    words_of,
)

MANY = 8
"""So many unanswered requests in a row mean that the server is down."""
Reader = Callable[[Mapping[str, Any]], str | None]
"""What is kept of the first choice of a response."""


class ChatServer:
    """The backend of an endpoint: answers conversations over HTTP.

    Until a request has been answered, a server that refuses one is asked with other parameters
    (see `Parameters`), each refusal for all requests.

    Attributes:
        allowed: what `access.guard` said, for the manifest.
        refused: what the server refused of decoding and wishes so far, in words.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        access: str,
        *,
        loopback_stays: bool = False,
        override: Override | None = None,
        read: Reader = words_of,
    ) -> None:
        """Ask leave to use an endpoint, as `server_model` does; no connection is opened yet."""
        self.allowed = guard(
            endpoint.address, access, loopback_stays=loopback_stays, override=override
        )
        self._endpoint = endpoint
        self._read = read
        self._parameters = Parameters(endpoint.decoding, endpoint.wished)
        self.refused: list[str] = []
        self._settled = False
        self._answered = False
        self._lost = 0
        self._headers()

    def __call__(self, batch: Sequence[Messages]) -> list[str | None]:
        """Answer conversations, several at once; None for one that got no answer.

        Raises:
            ModelError: the server cannot be reached, refuses the requests, or has stopped
                answering.
        """
        return _run(self._answers(batch))

    def _headers(self) -> dict[str, str]:
        name = self._endpoint.key_variable
        if name is None:
            return {"Accept-Encoding": ENCODINGS}
        key = os.environ.get(name, "").strip()
        if not key:
            raise UsageError(f"set the environment variable {name} to the key of the server")
        if not (key.isascii() and key.isprintable()):
            raise UsageError(
                f"the environment variable {name} holds a character that is no plain "
                "ASCII, which no key has; set it to the key alone"
            )
        return {"Accept-Encoding": ENCODINGS, "Authorization": f"Bearer {key}"}

    def _client(self) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                headers=self._headers(),
                timeout=self._endpoint.timeout,
                follow_redirects=False,
                # A proxy from the environment would carry loopback traffic off the machine.
                trust_env=not is_loopback(self._endpoint.address),
            )
        except (ValueError, ImportError, OSError, httpx.InvalidURL):
            # The reason may hold the proxy's password.
            raise ModelError(
                f"{self._endpoint.address}: a proxy or certificate of the environment cannot be "
                "used; check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
            ) from None

    async def _answers(self, batch: Sequence[Messages]) -> list[str | None]:
        limit = asyncio.Semaphore(self._endpoint.concurrency)
        async with self._client() as client:
            results = await asyncio.gather(
                *(self._one(client, limit, m) for m in batch), return_exceptions=True
            )
        lost = [r for r in results if isinstance(r, TransientError)]
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, TransientError):
                raise result
        self._lost = self._lost + len(lost) if len(lost) == len(results) else 0
        self._answered = self._answered or len(lost) < len(results)
        if lost and (not self._answered or self._lost >= MANY):
            raise ModelError(
                f"{self._endpoint.address}: no answer after {self._endpoint.tries} tries "
                f"({lost[-1].why}); run again later, what was answered is kept"
            )
        return [None if isinstance(r, BaseException) else r for r in results]

    async def _one(
        self, client: httpx.AsyncClient, limit: asyncio.Semaphore, messages: Messages
    ) -> str | None:
        """One request, tried again while the fault may pass."""
        end = self._endpoint
        body = {"model": end.model, "messages": [dict(m) for m in messages]}
        for number in range(1, end.tries + 1):
            try:
                # A waiting request gives its place to another one.
                async with limit:
                    return self._read(first_choice(await self._sent(client, body), end.address))
            except TransientError as fault:
                if number == end.tries:
                    raise
                await pause(wait_before(number, fault))
        raise AssertionError("unreachable")

    async def _sent(self, client: httpx.AsyncClient, body: dict[str, Any]) -> Response:
        """The response to a request with as much of what is asked for as the server takes."""
        url = f"{self._endpoint.address.rstrip('/')}/chat/completions"
        while True:
            given = self._parameters.sent()
            wait = self._endpoint.timeout
            response = await _post(client, url, {**given, **body}, wait)
            self._settled = self._settled or response.code == 200
            if response.code not in REFUSED:
                return response
            # Another request may have learnt of the refusal while this one was under way.
            if given == self._parameters.sent():
                if self._settled or not self._parameters.give_up(response.body):
                    return response
                self.refused[:] = self._parameters.refused()


async def _post(
    client: httpx.AsyncClient, url: str, body: dict[str, Any], seconds: float
) -> Response:
    try:
        async with asyncio.timeout(seconds), client.stream("POST", url, json=body) as response:
            return await read_bounded(response)
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        # The cause holds the request with its headers: it must not reach a traceback.
        raise TransientError(type(error).__name__) from None


def _run(work: Coroutine[Any, Any, list[str | None]]) -> list[str | None]:
    """Run to the end, also from a notebook, whose thread has a loop of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def server_model(
    endpoint: Endpoint | str,
    access: str,
    *,
    loopback_stays: bool = False,
    override: Override | None = None,
    read: Reader = words_of,
) -> LanguageModel:
    """The model of an endpoint, once the data's access class allows it.

    Args:
        endpoint: an `Endpoint`, or the name of one of `PRESETS`.
        access: of the data whose words will be sent (`open`, `private`, `credentialed`).
        loopback_stays: the user's statement that a loopback address passes nothing on.
        override: the user's named exception.
        read: makes the answer of a response; its text if not given.

    Raises:
        AccessError: the data must not go there.
        UsageError: there is no such preset, or the key's variable is not set.
    """
    if isinstance(endpoint, str):
        if endpoint not in PRESETS:
            raise UsageError(f"no preset of that name; there are {', '.join(PRESETS)}")
        endpoint = PRESETS[endpoint]
    server = ChatServer(
        endpoint, access, loopback_stays=loopback_stays, override=override, read=read
    )
    wished = endpoint.wished[0] if endpoint.wished else {}
    return LanguageModel(
        endpoint.model,
        {**endpoint.decoding, **wished},
        server,
        chunk=4 * endpoint.concurrency,
        allowed=server.allowed,
        refused=server.refused,
    )
