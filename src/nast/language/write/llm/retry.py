"""Responses of a server: read up to a limit, which faults may pass, and what a good answer is."""

import json
import random
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from nast.errors import ModelError
from nast.language.write.llm.parameters import REFUSED

if TYPE_CHECKING:
    from httpx import Response as OpenResponse

PASSING = (408, 425, 429)
"""Status codes below 500 that are worth another try."""
LONGEST = 300.0
"""Seconds of waiting that a server may ask for."""
LARGEST = 16 * 2**20
"""Bytes of a response, decoded or not. A long answer with its log-probabilities has 3 million."""
ENCODINGS = "gzip, deflate"
"""What servers may use; httpx would unpack any amount of it at once."""

CUT_OFF, WITHHELD = "cut off", "withheld"
_STOPPED = re.compile(
    r"length|max|limit|exceed|context|abort|error|incomplete|insufficient|time_?out|cancel|"
    r"interrupt|pause",
    re.IGNORECASE,
)
_KEPT_BACK = re.compile(
    r"filter|safety|refus|recitation|prohibited|blocklist|spii|moderat|sensitive|guardrail",
    re.IGNORECASE,
)
TEXT = ("text", "output_text", None)
"""Types of the parts of a content that are said; those of thoughts are `thinking`, `reasoning`."""


class Response(NamedTuple):
    """What is kept of a response: its status, how long it asks to wait, and its bytes."""

    code: int
    retry_after: str
    body: bytes


class TransientError(Exception):
    """A fault that may pass: in words that hold nothing of the request, with seconds to wait."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.wait = why, wait


async def read_bounded(response: "OpenResponse") -> Response:
    """Read a response that was opened as a stream.

    Raises:
        TransientError: it is larger than `LARGEST`, or not in one of `ENCODINGS`.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise TransientError("an answer in an encoding that was not asked for")
    packed = encoding not in ("", "identity")
    # 32: the header says whether it is gzip or zlib.
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    body, came = bytearray(), 0
    async for chunk in response.aiter_raw():
        came += len(chunk)
        try:
            body += unpack.decompress(chunk, LARGEST + 1 - len(body)) if packed else chunk
        except zlib.error:
            raise TransientError(f"an answer that is not {encoding}, as it says") from None
        if max(came, len(body)) > LARGEST:
            raise TransientError(f"an answer of more than {LARGEST // 2**20} MiB")
    return Response(response.status_code, response.headers.get("retry-after", ""), bytes(body))


def wait_before(number: int, fault: TransientError) -> float:
    """Seconds before the next of so many tries: 0.5, 1, ... up to 60, times 0.5 to 1.5 by chance.

    Never shorter than the server asked for. Chance keeps many clients from coming back at once.
    """
    backoff = min(60.0, 0.5 * 2 ** (number - 1)) * random.uniform(0.5, 1.5)
    return max(backoff, fault.wait)


def first_choice(response: Response, address: str) -> Mapping[str, Any]:
    """The first choice of a response of `chat/completions`; empty where there is none.

    Raises:
        TransientError: the fault may pass: 408, 425, 429, 5xx but 501, no JSON, another form.
        ModelError: the server will answer the same again; the message holds nothing of its body,
            which may repeat the request.
    """
    code = response.code
    if code in PASSING or (code >= 500 and code not in REFUSED):
        wait = _retry_after(response.retry_after)
        if wait > LONGEST:
            raise ModelError(f"{address}: the server asks to wait {wait:.0f} s; run again later")
        raise TransientError(f"HTTP {code}", wait)
    if code != 200:
        raise ModelError(f"{address}: HTTP {code}. {_advice(code)}")
    try:
        choices = json.loads(response.body)["choices"]
        choice: dict[str, Any] = choices[0] if choices else {}
        content = choice["message"].get("content") if choice else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise TransientError("an answer of another form") from None
    if content is not None and not isinstance(content, str | list):
        raise TransientError("an answer of another form")
    return choice


def text_of(choice: Mapping[str, Any]) -> str | None:
    """What a choice says; None where the model said nothing.

    Of a content in parts, those of text are joined; thoughts have parts of their own, or fields
    beside the content, and are left out.
    """
    content = choice["message"].get("content") if choice else None
    if isinstance(content, list):
        parts = [
            p.get("text") if isinstance(p, dict) and p.get("type") in TEXT else p for p in content
        ]
        content = "".join(part for part in parts if isinstance(part, str))
    # Half of a pair of surrogates is no text: it could not be written or sent again.
    return None if content is None else content.encode(errors="replace").decode()


def ending_of(choice: Mapping[str, Any]) -> str:
    """Why a choice ends where it does: `CUT_OFF`, `WITHHELD`, or blank where it was finished.

    Servers have many words for it; each that speaks of an end before the end counts.
    """
    reason = choice.get("finish_reason") if choice else None
    reason = reason if isinstance(reason, str) else ""
    if _STOPPED.search(reason):
        return CUT_OFF
    message = choice["message"] if choice else {}
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    refused = message.get("refusal") or any(
        isinstance(part, dict) and part.get("type") == "refusal" for part in parts
    )
    return WITHHELD if refused or _KEPT_BACK.search(reason) else ""


def words_of(choice: Mapping[str, Any]) -> str | None:
    """The whole lines of a choice: where it was cut off, the last one is no answer."""
    text = text_of(choice)
    return text.rpartition("\n")[0] if text and ending_of(choice) == CUT_OFF else text


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
