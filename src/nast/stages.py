"""How a stage runs: one output folder, whole or not at all, and found again when it is there."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from nast.access import strictest
from nast.errors import NastError, UsageError
from nast.files import FORMAT, MANIFEST, RUN, TEMPORARY, manifest_of, write_text
from nast.folders import (
    NEW,
    access_class,
    identity,
    is_passing,
    manifests_of,
    plain,
    refuse_changed,
    seal_folder,
)
from nast.hashes import content_hash
from nast.lock import LOCK, Lock, locked
from nast.progress import note

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
    is made again. A finished one that begins anew stands until the new one is whole: the work is
    done in a folder within it, whose content then takes its place. Inputs are known by what they
    hold: neither their paths nor the version of the package is a part of that.

    Args:
        folder: the output folder.
        config: what was asked for, as plain values, without anything that was computed from it.
        inputs: files or finished folders that the stage reads.
        make: does the work in the folder that it is given, which is not always `folder`, and
            returns what the manifest should hold (`access` and `counts` at least).
        fresh: start over, also in a folder of another configuration.
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
    asked = {"config": plain(config), "inputs": known, "format": FORMAT}
    _refuse_foreign(folder)
    if not fresh and (made := _finished(folder, asked)):
        _tidy(folder)
        return made
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) as lock:
        # Another process may have finished it since.
        if not fresh and (made := _finished(folder, asked)):
            return made
        place = _begin(folder, asked, inputs, fresh, state)
        try:
            found = make(place)
            note("")
            made = _finish(place, {**asked, **found}, inputs, lock)
        except BaseException:
            if place != folder:
                shutil.rmtree(place, ignore_errors=True)
            raise
        if place != folder:
            _replace(folder, place)
        return made


def _finished(folder: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest of a folder that holds what is asked for."""
    if not (folder / MANIFEST).is_file() or not _same(_read_run(folder), asked):
        return None
    made = manifest_of(folder)
    refuse_changed(folder, made)
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
) -> Path:
    """The folder to work in: with `run.yaml` alone, or with the work that can go on."""
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
        return folder
    _refuse_loss(folder, inputs)
    if finished:
        shutil.rmtree(folder / NEW, ignore_errors=True)
        place = folder / NEW
        place.mkdir()
    else:
        place = folder
        _empty(folder)
    _write_run(place, asked)
    return place


def _write_run(folder: Path, asked: dict[str, Any]) -> None:
    from nast import __version__

    write_text(folder / RUN, yaml.safe_dump({**asked, "version": __version__}, sort_keys=True))


def _replace(folder: Path, new: Path) -> None:
    """Put a finished folder in the place of the one that it lies in, its manifest last."""
    _empty(folder, keep=new.name)
    for child in sorted(new.iterdir(), key=lambda p: (p.name == MANIFEST, p.name == RUN)):
        os.replace(child, folder / child.name)
    new.rmdir()


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


def _refuse_loss(folder: Path, inputs: Sequence[Path]) -> None:
    """Refuse to empty a folder with what lies in it of others."""
    if any(p.resolve().is_relative_to(folder.resolve()) for p in inputs):
        raise UsageError(f"{folder} holds an input of this stage; choose another output folder")
    for within in folder.rglob(RUN):
        if within.parent not in (folder, folder / NEW):
            raise UsageError(
                f"{within.parent} is a folder of another command and would be removed "
                f"with what lies in {folder}; move it out"
            )


def _empty(folder: Path, keep: str = "") -> None:
    """Empty a folder of ours: later stages would read old files as if they were of this run."""
    write_text(folder / RUN, yaml.safe_dump(EMPTYING))
    (folder / MANIFEST).unlink(missing_ok=True)
    for child in folder.iterdir():
        if child.name in (RUN, LOCK, keep):
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


def _tidy(folder: Path) -> None:
    """Remove what a process that was killed left in a finished folder."""
    left = [p.name for p in folder.iterdir() if is_passing(p.name)]
    if set(left) - {MANIFEST, RUN}:
        # Where nothing can be written the result is whole all the same.
        with suppress(OSError), locked(folder):
            _remove_parts(folder)
            shutil.rmtree(folder / NEW, ignore_errors=True)


def _remove_parts(folder: Path) -> None:
    for path in folder.rglob(f".*{TEMPORARY}"):
        path.unlink()


def _refuse_foreign(folder: Path) -> None:
    """Refuse to write where other things lie."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; -o needs a folder")
    if not folder.is_dir() or (folder / RUN).is_file():
        return
    if any(not is_passing(child.name) for child in folder.iterdir()):
        raise UsageError(f"{folder} holds files that nast did not make; choose an empty folder")
