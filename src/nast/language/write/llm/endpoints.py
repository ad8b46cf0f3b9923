"""Where chat models are: addresses, names, decoding, presets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from httpx import URL, InvalidURL

from nast.access import is_loopback
from nast.errors import UsageError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model behind an address.

    Attributes:
        address: base URL, usually ending in `/v1`.
        model: the server's name of it.
        decoding: sent with each request, unless the server refuses a part of it, and part of what
            an answer is kept under.
        key_variable: name of the environment variable with the key, where the server wants one.
        concurrency: requests under way at once.
        timeout: seconds to wait for a whole answer.
        tries: of one request, before it counts as unanswered.
        wished: further parameters, most first, that a server may refuse; see `Parameters`.

    Raises:
        UsageError: the address is no plain http or https URL, or a key would go to another machine
            without encryption.
    """

    address: str
    model: str
    decoding: Mapping[str, Any] = field(
        default_factory=lambda: {"temperature": 0.0, "seed": 0, "max_tokens": 512}
    )
    key_variable: str | None = None
    concurrency: int = 8
    timeout: float = 120.0
    tries: int = 6
    wished: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            # Where a port or a name is none, only one of the two says so.
            usable = bool(parts.hostname and URL(self.address).host) and parts.port != 0
            usable = usable and self.address.isprintable() and " " not in self.address
        except (ValueError, InvalidURL):
            usable = False
        if not usable or parts.scheme not in ("http", "https"):
            raise UsageError(
                "the address of a server must be a URL, such as http://127.0.0.1:8000/v1"
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise UsageError(
                "the address of a server must hold no user, password or query; "
                "name the environment variable of the key (key_variable)"
            )
        if self.key_variable and parts.scheme == "http" and not is_loopback(self.address):
            raise UsageError("a key is not sent to another machine over http; use https")
        if not self.model.isprintable():
            raise UsageError("the name of a model holds a character that cannot be printed")
        if min(self.concurrency, self.tries) < 1 or self.timeout <= 0:
            raise UsageError("concurrency and tries must be at least 1, the timeout above 0")


PRESETS = {
    "llama-3.1-8b": Endpoint("http://127.0.0.1:8000/v1", "meta-llama/Llama-3.1-8B-Instruct"),
    "llama-3.1-8b:llama.cpp": Endpoint("http://127.0.0.1:8080/v1", "llama-3.1-8b-instruct"),
    "llama-3.1-8b:ollama": Endpoint("http://127.0.0.1:11434/v1", "llama3.1:8b"),
    "gpt-5.1": Endpoint(
        "https://api.openai.com/v1",
        "gpt-5.1",
        decoding={"max_completion_tokens": 4096},
        key_variable="OPENAI_API_KEY",
    ),
}
"""Endpoints by name. The paper names LLaMA 3.1 8B (Appendix C; here under vLLM, llama.cpp and
Ollama) and GPT-5.1 (Appendix B), a remote service that only open data may reach."""
