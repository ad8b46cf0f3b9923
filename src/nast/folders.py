"""What a finished folder is: known by what it holds, and as strict as all that it was made from.

Every output folder holds `run.yaml` (what was asked for), the stage's files, and `manifest.json`,
written last: a folder without it is unfinished, and no later stage reads it. The manifest names
the hash of every file.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nast.access import strictest
from nast.errors import InputError
from nast.files import (
    FORMAT,
    MANIFEST,
    RUN,
    TEMPORARY,
    checked,
    manifest_of,
    seal,
    write_json,
)
from nast.hashes import content_hash, file_hash
from nast.lock import LOCK

EXACT = (
    "studies.parquet",
    "facts.parquet",
    "conditions.yaml",
    "items.parquet",
    "captions.parquet",
    "candidates.parquet",
)
"""Tables of words and labels: equal on every machine, so that they are part of what a folder is.
Tables of scores and weights are not, for their last digits differ between processors."""
DATA = (".parquet", ".json", ".yaml", ".csv", ".gz", ".safetensors")
"""Files that stages read. Pages, pictures and cards may be edited."""
NEW = ".new"
"""The folder within a finished one in which it is made anew."""


def seal_folder(folder: Path, made: dict[str, Any]) -> dict[str, Any]:
    """Write a folder's manifest, with the hashes of its files.

    Args:
        folder: with all its files.
        made: what the manifest says; `config`, `inputs` and `format` are a stage's.

    Returns:
        The manifest as it can be read again.
    """
    from nast import __version__

    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not is_passing(p.name)]
    hashes = {p.relative_to(folder).as_posix(): file_hash(p) for p in files}
    made = plain(
        {
            "config": {},
            "inputs": {},
            "format": FORMAT,
            **made,
            "version": __version__,
            "files": hashes,
        }
    )
    made["seal"] = seal(made)
    write_json(folder / MANIFEST, made)
    return made


def identity(path: Path) -> str:
    """What an input is: the hash of a file, or of what a folder was asked for and holds.

    Raises:
        InputError: there is no such input, it is unfinished, or it was changed.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise InputError(
                path, found="no such file or folder", expected="an input of this stage"
            )
        return file_hash(path)
    made = manifest_of(path)
    refuse_changed(path, made)
    return _identity(made)


def _identity(made: dict[str, Any]) -> str:
    exact = {name: value for name, value in made["files"].items() if name in EXACT}
    return content_hash([made["config"], sorted(made["inputs"].values()), exact])


def input_folders(folder: Path) -> list[Path]:
    """The folders that a finished folder was made from, as far as they are where they were."""
    folder = Path(folder)
    known = manifest_of(folder)["inputs"].items()
    return [Path(os.path.realpath(folder / p)) for p, value in known if _is(folder / p, value)]


def _is(path: Path, known: str) -> bool:
    """Whether a finished folder of a known identity lies at a path."""
    try:
        return (path / MANIFEST).is_file() and _identity(manifest_of(path)) == known
    except InputError:
        return False


def access_class(path: Path) -> str:
    """The strictest access class of a finished folder and of all that it was made from.

    The folder's own word is not enough: it may have been edited. What it was made from is asked
    again where it is there.
    """
    if not (Path(path) / MANIFEST).is_file():
        return "open"
    own = manifest_of(path).get("access", "open")
    return strictest((own, *(access_class(p) for p in input_folders(path))))


def strictest_of(inputs: Iterable[Path]) -> str:
    """The strictest access class of some finished folders."""
    return strictest(access_class(p) for p in inputs)


def manifests_of(inputs: Iterable[Path]) -> list[dict[str, Any]]:
    """The manifests of those inputs that are finished folders."""
    folders = (Path(p) for p in inputs)
    return [manifest_of(p) for p in folders if (p / MANIFEST).is_file()]


def refuse_changed(folder: Path, made: dict[str, Any]) -> None:
    """Refuse a finished folder whose data are not what its manifest says.

    Raises:
        InputError: names the file.
    """
    for name in made["files"]:
        if name.endswith(DATA):
            checked(folder / name)


def plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return json.loads(json.dumps(value))


def is_passing(name: str) -> bool:
    """Whether a file is there only while a stage works, or says what the manifest says."""
    hidden = name.startswith(".") and name.endswith(TEMPORARY)
    return hidden or name in (LOCK, MANIFEST, RUN, NEW)
