"""The parameters of requests, and what becomes of those that a server refuses."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

REFUSED = (400, 422, 501)
"""Status codes of a server that does not take a parameter."""
RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""One limit under two names: some models take the second only, some servers the first."""
_DROPPED = ("seed", "max_tokens", "max_completion_tokens", "temperature")
"""What is given up where a server names nothing, most first."""
_READ = 20_000
"""Bytes of a refusal that are looked at."""


class Parameters:
    """What requests carry beside model and messages, the same for all of them.

    A refusal that names a parameter costs that one: a limit of tokens is sent under its other
    name, a wish gives way to the next one, anything else is left out. A refusal that names none
    costs the wishes in order, then one parameter at a time, then all of them.
    """

    def __init__(self, decoding: Mapping[str, Any], wished: Sequence[Mapping[str, Any]]) -> None:
        """Begin with everything: `Endpoint.decoding` and the first of `Endpoint.wished`."""
        self._decoding = dict(decoding)
        self._wishes = [*map(dict, wished), {}]
        self._wish = 0
        self._named: dict[str, str | None] = {}
        every = {name: RENAMED.get(name) for name in _DROPPED if name in decoding}
        none = len(self._wishes) - 1
        self._trials: list[tuple[int, dict[str, str | None]]] = [
            *((wish, {}) for wish in range(none + 1)),
            *((0, {name: other}) for name, other in every.items()),
            *([(none, dict.fromkeys(every))] if every else []),
        ]
        self._trial = 0

    def sent(self) -> dict[str, Any]:
        """The parameters of the next request."""
        wish, changed = self._trials[self._trial]
        changed = {**changed, **self._named}
        kept = {changed.get(name, name): value for name, value in self._decoding.items()}
        kept.pop(None, None)
        return {str(k): v for k, v in kept.items()} | self._wishes[max(wish, self._wish)]

    def give_up(self, refusal: bytes) -> bool:
        """Learn from a response that refuses what `sent` gave; False once all has been given up."""
        now = self.sent()
        name = _named(refusal, now)
        if name is not None and any(name in wish for wish in self._wishes):
            self._wish = 1 + max(self._trials[self._trial][0], self._wish)
        elif name in self._decoding:
            self._named[name] = RENAMED.get(name)
        elif name is not None:
            # A limit that was renamed is refused under the other name too.
            self._named[RENAMED[name]] = None
        elif self._trial + 1 < len(self._trials):
            self._trial += 1
        else:
            return False
        return True

    def refused(self) -> list[str]:
        """What requests now lack of what was asked for, in words."""
        now, found = self.sent(), []
        for name, value in {**self._decoding, **self._wishes[0]}.items():
            if name in now and now[name] != value:
                found.append(f"{name} {now[name]} instead of {value}")
            elif name not in now:
                other = RENAMED.get(name)
                found.append(f"{name} sent as {other}" if other in now else f"{name} left out")
        return found


def _named(refusal: bytes, sent: Mapping[str, Any]) -> str | None:
    """The one parameter that a refusal names; None where it names none, or repeats the request."""
    text = refusal[:_READ].decode(errors="replace")
    try:
        said = json.loads(text)
        named = said.get("param") or said["error"]["param"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        named = None
    if isinstance(named, str) and named in sent:
        return named
    found = [name for name in sent if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    # "logprobs" and "top_logprobs" are one wish.
    return found[0] if found and len({name.removeprefix("top_") for name in found}) == 1 else None
