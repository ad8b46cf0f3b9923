"""Ids of patients and studies, hashed with a key that stays on the machine."""

import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from nast.errors import InputError
from nast.files import temporary_file


def key_file() -> Path:
    """Where the key of hashed ids lies: `NAST_KEY_FILE`, else the user's data folder."""
    named = os.environ.get("NAST_KEY_FILE")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(named) if named else Path(base) / "nast" / "id.key"


def hashed_ids(ids: Iterable[str]) -> list[str]:
    """Keyed hashes (16 hexadecimal digits) of patient ids, for files that leave the machine.

    The key is a local file outside every output: a plain hash of a MIMIC id is reversed by
    trying all of them.

    Raises:
        InputError: the file of the key holds no key.
    """
    path = key_file()
    if not path.exists():
        _make_key(path)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
        if len(key) < 16:
            raise ValueError
    except ValueError:
        raise InputError(
            path,
            found="something else than a key",
            expected="64 hexadecimal digits; remove the file and a new key is made, under which "
            "results do not join those of the old one",
        ) from None
    return [hmac.digest(key, str(i).encode(), "sha256").hex()[:16] for i in ids]


def _make_key(path: Path) -> None:
    """Leave a key at a path, unless another process does so first."""
    with temporary_file(path, 0o600) as temporary:
        temporary.write_text(secrets.token_hex(32), encoding="ascii")
        try:
            # Unlike a rename, a link never replaces a key that another process made meanwhile.
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:
            # A file system without links.
            os.replace(temporary, path)
