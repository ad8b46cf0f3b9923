"""What a stage leaves: a folder that is finished or not, known by what it holds.

Every output folder holds `run.yaml` (what was asked for), the stage's files, and `manifest.json`,
written last: a folder without it is unfinished, and no later stage reads it. The manifest names
the hash of every file.
"""

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from nast.access import strictest
from nast.errors import InputError, NastError, UsageError
from nast.files import (
    FORMAT,
    MANIFEST,
    RUN,
    TEMPORARY,
    checked,
    manifest_of,
    seal,
    write_json,
    write_text,
)
from nast.hashes import content_hash, file_hash
from nast.lock import LOCK, Lock, locked

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
Make = Callable[[Path], dict[str, Any]]


def stage(
    folder: Path,
    config: dict[str, Any],
    inputs: Iterable[Path],
    make: Make,
    *,
    fresh: bool = False,
    state: str = "",
) -> dict[str, Any]:
    """Make one output folder, or find it finished.

    A finished folder of the same configuration and inputs is left as it is, and an unfinished one
    is made again. Inputs are known by what they hold: neither their paths nor the version of the
    package is a part of that.

    Args:
        folder: the output folder.
        config: what was asked for, as plain values, without anything that was computed from it.
        inputs: files or finished folders that the stage reads.
        make: does the work in the folder and returns what the manifest should hold (`access`
            and `counts` at least). Where it fails, the folder stays unfinished.
        fresh: start over, emptying a folder of another configuration.
        state: name of the file from which `make` goes on where it was; an unfinished folder that
            has one is refused another configuration as a finished one is.

    Returns:
        The manifest.

    Raises:
        UsageError: the folder belongs to another configuration, holds files of others, or another
            process works in it.
        InputError: an input is missing or was changed.
        NastError: the folder was removed while the stage worked.
    """
    folder, inputs = Path(folder), [Path(p) for p in inputs]
    home = os.path.realpath(folder)
    known = {os.path.relpath(os.path.realpath(p), home): identity(p) for p in inputs}
    asked = {"config": _plain(config), "inputs": known, "format": FORMAT}
    _refuse_foreign(folder)
    if not fresh and (made := _finished(folder, asked)):
        _tidy(folder)
        return made
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) as lock:
        # Another process may have finished it since.
        if not fresh and (made := _finished(folder, asked)):
            return made
        _begin(folder, asked, inputs, fresh, state)
        made = {**asked, **make(folder)}
        return _finish(folder, made, inputs, lock)


def _finished(folder: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest of a folder that holds what is asked for."""
    if not (folder / MANIFEST).is_file() or not _same(_read_run(folder), asked):
        return None
    made = manifest_of(folder)
    _whole(folder, made)
    from nast import __version__

    if made.get("version") != __version__:
        warnings.warn(
            f"{folder}: made by nast {made.get('version')}, whose folders are alike; "
            "taken as it is (--fresh makes it again)",
            stacklevel=3,
        )
    return made


def _begin(
    folder: Path, asked: dict[str, Any], inputs: Sequence[Path], fresh: bool, state: str
) -> None:
    """Leave a folder with `run.yaml` alone, or with the work that can go on."""
    from nast import __version__

    finished = (folder / MANIFEST).is_file()
    begun = bool(state) and (folder / state).is_file()
    run = None if fresh else _read_run(folder)
    if run is not None and not _same(run, asked) and (finished or begun):
        what = "belongs to" if finished else "holds unfinished work of"
        raise UsageError(
            f"{folder} {what} another configuration or other inputs ({RUN}); "
            "choose another folder or say --fresh"
        )
    if begun and not finished and _same(run, asked):
        _remove_parts(folder)
        return
    _empty(folder, inputs)
    write_text(folder / RUN, yaml.safe_dump({**asked, "version": __version__}, sort_keys=True))


def _finish(
    folder: Path, made: dict[str, Any], inputs: Sequence[Path], lock: Lock
) -> dict[str, Any]:
    """Write the manifest, and make sure that it lies beside the files that it speaks of."""
    gone = NastError(f"{folder} was removed or replaced while it was written; run it again")
    if not lock.holds():
        raise gone
    made_from = manifests_of(inputs)
    made["access"] = strictest((made.get("access", "open"), *map(access_class, inputs)))
    made["phantom"] = any(m.get("phantom", False) for m in (made, *made_from))
    made["terms"] = sorted({t for m in (made, *made_from) for t in m.get("terms", [])})
    made = seal_folder(folder, made)
    if not lock.holds():
        raise gone
    return made


def seal_folder(folder: Path, made: dict[str, Any]) -> dict[str, Any]:
    """Write a folder's manifest, with the hashes of its files.

    Args:
        folder: with all its files.
        made: what the manifest says; `config`, `inputs` and `format` are a stage's.

    Returns:
        The manifest as it can be read again.
    """
    from nast import __version__

    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not _passing(p.name)]
    hashes = {p.relative_to(folder).as_posix(): file_hash(p) for p in files}
    made = _plain(
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
    _whole(path, made)
    return _identity(made)


def _identity(made: dict[str, Any]) -> str:
    exact = {name: value for name, value in made["files"].items() if name in EXACT}
    return content_hash([made["config"], sorted(made["inputs"].values()), exact])


def contents(folder: Path) -> str:
    """The hash of all data of a finished folder, the last digits of its numbers included."""
    files = manifest_of(folder)["files"]
    return content_hash({n: v for n, v in files.items() if n.endswith(DATA)})


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


def _whole(folder: Path, made: dict[str, Any]) -> None:
    """Refuse a finished folder whose data are not what its manifest says."""
    for name in made["files"]:
        if name.endswith(DATA):
            checked(folder / name)


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return json.loads(json.dumps(value))


def _same(run: dict[str, Any] | None, asked: dict[str, Any]) -> bool:
    """Whether a `run.yaml` asks for the same: the paths of inputs do not count, nor their order."""
    if run is None:
        return False
    return content_hash(_of(run)) == content_hash(_of(asked))


def _of(asked: dict[str, Any]) -> list[Any]:
    inputs = asked.get("inputs")
    known = sorted(map(str, inputs.values())) if isinstance(inputs, dict) else inputs
    return [asked.get("config"), known, asked.get("format")]


def _read_run(folder: Path) -> dict[str, Any] | None:
    """What a folder was asked for; None for one that is new or was being emptied."""
    path = folder / RUN
    if not path.is_file():
        return None
    try:
        run = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
        run = None
    if not isinstance(run, dict):
        raise UsageError(f"{path} is damaged; choose another folder or say --fresh")
    return None if run == EMPTYING else run


EMPTYING = {"emptying": True}
"""In `run.yaml` while a folder is emptied: whoever is killed meanwhile leaves nothing that could be
taken for a result."""


def _empty(folder: Path, inputs: Sequence[Path]) -> None:
    """Empty a folder of ours: later stages would read old files as if they were of this run."""
    if any(p.resolve().is_relative_to(folder.resolve()) for p in inputs):
        raise UsageError(f"{folder} holds an input of this stage; choose another output folder")
    for within in folder.rglob(RUN):
        if within.parent != folder:
            raise UsageError(
                f"{within.parent} is a folder of another command and would be removed "
                f"with what lies in {folder}; move it out"
            )
    write_text(folder / RUN, yaml.safe_dump(EMPTYING))
    (folder / MANIFEST).unlink(missing_ok=True)
    for child in folder.iterdir():
        if child.name in (RUN, LOCK):
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


def _tidy(folder: Path) -> None:
    """Remove what a process that was killed before it began left in a finished folder."""
    if any(_passing(p.name) and p.name not in (MANIFEST, RUN) for p in folder.iterdir()):
        # Where nothing can be written the result is whole all the same.
        with suppress(OSError), locked(folder):
            _remove_parts(folder)


def _remove_parts(folder: Path) -> None:
    for path in folder.rglob(f".*{TEMPORARY}"):
        path.unlink()


def _refuse_foreign(folder: Path) -> None:
    """Refuse to write where other things lie."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; -o needs a folder")
    if not folder.is_dir() or (folder / RUN).is_file():
        return
    if any(not _passing(child.name) for child in folder.iterdir()):
        raise UsageError(f"{folder} holds files that nast did not make; choose an empty folder")


def _passing(name: str) -> bool:
    """Whether a file is there only while a stage works, or says what the manifest says."""
    hidden = name.startswith(".") and name.endswith(TEMPORARY)
    return hidden or name in (LOCK, MANIFEST, RUN)
