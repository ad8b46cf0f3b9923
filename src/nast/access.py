"""Access classes: what the terms of the data allow, and the guard before anything leaves.

A source declares its access class, everything made from it inherits the strictest one through the
manifests, and whatever would send data elsewhere asks `guard` first.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from nast.errors import AccessError, UsageError

AccessClass = Literal["open", "private", "credentialed"]
ACCESS_CLASSES: tuple[str, ...] = get_args(AccessClass)
"""Access classes from the mildest to the strictest."""
RULES = {
    "credentialed": "credentialed data (PhysioNet Credentialed Health Data Use Agreement) must not "
    "be sent to third parties or online services: "
    "https://physionet.org/news/post/llm-responsible-use/",
    "private": "private data must not leave the machine: their terms allow no sharing",
}


@dataclass(frozen=True, slots=True)
class Override:
    """Who allowed private or credentialed data to leave the machine, when, and why.

    Raises:
        UsageError: a field is empty, or the date is not YYYY-MM-DD.
    """

    person: str
    date: str
    reason: str

    def __post_init__(self) -> None:
        if not self.person.strip() or not self.reason.strip():
            raise UsageError("an override of the access class needs a person and a reason")
        try:
            if date.fromisoformat(str(self.date)).isoformat() != str(self.date):
                raise ValueError
        except ValueError:
            raise UsageError("an override of the access class needs a date, YYYY-MM-DD") from None
        # YAML reads an unquoted date as one; the manifest holds text.
        object.__setattr__(self, "date", str(self.date))


def strictest(access_classes: Iterable[str]) -> str:
    """The strictest of some access classes; `open` for none."""
    return max(access_classes, key=ACCESS_CLASSES.index, default="open")


def is_loopback(address: str) -> bool:
    """Whether an address is this machine: localhost, 127.0.0.0/8 or ::1. Names are not looked up.

    Args:
        address: a URL, or a host with or without port.
    """
    # Readers of addresses disagree about a backslash: "http://elsewhere\\@localhost".
    if "\\" in address:
        return False
    try:
        bare = address.count(":") > 1 and "/" not in address and "[" not in address
        host = (
            address if bare else urlsplit(address if "//" in address else f"//{address}").hostname
        )
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def guard(
    address: str, access: str, *, loopback_stays: bool = False, override: Override | None = None
) -> dict[str, Any]:
    """Ask whether data may be sent to an address. What stays in this process need not ask.

    Args:
        address: the server, as URL or host.
        access: of the data.
        loopback_stays: the user has stated that nothing behind a loopback address (a proxy, a
            tunnel) passes the data on to another machine.
        override: the user's named exception.

    Returns:
        What allowed it, for the manifest: `address`, `access`, `allowed_by` and an override's
        `person`, `date` and `reason`.

    Raises:
        AccessError: the data must stay; the message names the rule and what to do.

    Examples:
        >>> nast.guard("http://127.0.0.1:8000/v1", "private", loopback_stays=True)["allowed_by"]
        'loopback'
    """
    if access not in ACCESS_CLASSES:
        raise AccessError(
            f"{access!r} is no access class; it must be one of {', '.join(ACCESS_CLASSES)}"
        )
    entry = {"address": address, "access": access}
    if access == "open":
        return entry | {"allowed_by": "open data"}
    if override is not None:
        return entry | {"allowed_by": "override"} | asdict(override)
    if is_loopback(address):
        if loopback_stays:
            return entry | {"allowed_by": "loopback"}
        raise AccessError(
            f"{RULES[access]}. A loopback address can hide a proxy: state that it does not with "
            "--loopback-stays (in Python loopback_stays=True)"
        )
    raise AccessError(
        f"{RULES[access]}. Use a model on a loopback address, or name "
        "the person, date and reason of an override in a file: --override FILE.yaml (in Python "
        "override=Override(...))"
    )
