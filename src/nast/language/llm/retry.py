"""Which faults of a server may pass, how long to wait for that, and what a good answer is."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from nast.errors import ModelError

PASSING = (408, 425, 429)
"""Status codes below 500 that are worth another try."""
LONGEST = 300.0
"""Seconds of waiting that a server may ask for."""


class TransientError(Exception):
    """A fault that may pass.

    Args:
        why: the fault in words that hold nothing of the request.
        wait: seconds that the server asks to wait, where it says so.
    """

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.wait = why, wait


def wait_before(number: int, fault: TransientError) -> float:
    """Seconds before the next try: 0.5, 1, 2, ... up to 60, times 0.5 to 1.5 by chance.

    Never shorter than the server asked for. Chance keeps many clients from coming back at once.

    Args:
        number: tries so far.
        fault: the last one.
    """
    backoff = min(60.0, 0.5 * 2 ** (number - 1)) * random.uniform(0.5, 1.5)
    return max(backoff, fault.wait)


async def pause(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


def choice_of(response: httpx.Response, address: str) -> Mapping[str, Any]:
    """The first choice of a response, whose `message` has the text; empty where there is none.

    Args:
        response: of `chat/completions`.
        address: of the server, for messages.

    Raises:
        TransientError: the fault may pass: 408, 425, 429, 5xx, no JSON, another form.
        ModelError: the server will answer the same again; the message holds nothing of its body,
            which may repeat the request.
    """
    code = response.status_code
    if code in PASSING or code >= 500:
        wait = _retry_after(response.headers.get("retry-after", ""))
        if wait > LONGEST:
            raise ModelError(f"{address}: the server asks to wait {wait:.0f} s; run again later")
        raise TransientError(f"HTTP {code}", wait)
    if code != 200:
        raise ModelError(f"{address}: HTTP {code}. {_advice(code)}")
    try:
        choices = response.json()["choices"]
        choice: dict[str, Any] = choices[0] if choices else {}
        content = choice["message"]["content"] if choice else None
    except (ValueError, LookupError, TypeError, RecursionError):
        raise TransientError("an answer of another form") from None
    if content is not None and not isinstance(content, str):
        raise TransientError("an answer of another form")
    return choice


def words_of(choice: Mapping[str, Any]) -> str | None:
    """The text of a choice; None where the model said nothing."""
    return choice["message"]["content"] if choice else None


def _advice(code: int) -> str:
    if code in (401, 403):
        return "The server refuses the key; check the environment variable that holds it"
    if code == 404:
        return "No such path or model; check the address (it usually ends in /v1) and the model"
    if 300 <= code < 400:
        return "Redirects are not followed; give the address that the server redirects to"
    return "The server refuses the request; check the model's name and the decoding parameters"


def _retry_after(value: str) -> float:
    """Seconds that a Retry-After header asks for; 0 where there is none that can be read."""
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
