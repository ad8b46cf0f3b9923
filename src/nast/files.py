"""Files in and out: whole or not at all, and read only as they were written.

What makes a folder finished is in `folders`.
"""

import json
import os
import platform
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.hashes import content_hash, file_hash

MANIFEST = "manifest.json"
"""Written last into a folder: one without it is unfinished."""
RUN = "run.yaml"
TEMPORARY = ".part"
"""How the name of a file ends while it is written."""
FORMAT = 3
"""Of folders and their manifests. It changes when a reader of today could not read a folder of
then, and not with the package's version."""
DEEP = 3
"""How many folders above a file its manifest may lie."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that replaces it when the block ends without an error."""
    with temporary_file(path, 0o666) as temporary:
        yield temporary
        os.replace(temporary, path)


@contextmanager
def temporary_file(path: Path, mode: int) -> Iterator[Path]:
    """An empty file beside `path`, with `mode` less the user's umask; gone after the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Absolute, for polars takes a leading ~ for the home folder.
    mine = f"{os.getpid()}@{platform.node()}.{secrets.token_hex(4)}"
    temporary = path.absolute().with_name(f".{path.name}.{mine}{TEMPORARY}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        yield temporary
    except OSError as error:
        # A disk that is full says so of no file.
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what processes of this machine that are gone have left half-written in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        who = _PART.search(path.name)
        if who and who[2] == platform.node() and not _runs(int(who[1])):
            path.unlink(missing_ok=True)


_PART = re.compile(rf"^\..*\.(\d+)@(.*)\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}$")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write JSON with stable key order, whole or not at all."""
    write_text(path, json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of ours.

    Raises:
        InputError: the file is missing, is not JSON, or changed since its folder was finished.
    """
    path = checked(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected="a JSON file") from None
    except OSError as error:
        found = (error.strerror or "no file").lower()
        raise InputError(path, found=found, expected="a JSON file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(path, found=f"no JSON ({error})", expected="a JSON file") from None


def write_table(path: Path, rows: pl.DataFrame, schema: dict[str, Any]) -> None:
    """Write a table as Parquet, whole or not at all.

    Args:
        path: the file.
        rows: at least the columns of `schema`; further columns follow them.
        schema: column name -> polars type.
    """
    rows = rows.select(
        *(pl.col(name).cast(kind) for name, kind in schema.items()), pl.exclude(*schema)
    )
    with atomic(path) as temporary:
        rows.write_parquet(temporary, compression="zstd")


def read_table(path: Path, schema: dict[str, Any]) -> pl.DataFrame:
    """Read a Parquet file of ours and check its columns.

    Raises:
        InputError: the file is missing, is not Parquet, lacks a column or a type, or changed
            since its folder was finished.
    """
    path = checked(path)
    if not path.is_file():
        raise InputError(path, found="no such file", expected="a Parquet file of nast")
    try:
        rows = pl.read_parquet(path.absolute(), glob=False, hive_partitioning=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(path, found=f"no Parquet ({reason})", expected="a Parquet file") from None
    for name, kind in schema.items():
        if name not in rows.columns:
            raise InputError(path, found="no such column", expected=str(kind), column=name)
        if rows.schema[name] != kind:
            raise InputError(path, found=rows.schema[name], expected=str(kind), column=name)
    return rows


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a finished folder.

    Raises:
        InputError: the folder is unfinished, not ours or of another format, or its manifest was
            changed.
    """
    path = Path(folder) / MANIFEST
    again = "make the folder again with its command and --fresh"
    if not path.is_file():
        raise InputError(
            folder,
            found=f"no {MANIFEST}",
            expected="a finished folder of nast; run the command that makes it again",
        )
    try:
        made = json.loads(path.read_bytes())
    except OSError as error:
        found = (error.strerror or "no file").lower()
        raise InputError(path, found=found, expected="a manifest that can be read") from None
    except (ValueError, RecursionError):
        made = None
    if not isinstance(made, dict):
        raise InputError(path, found="no manifest", expected=f"a manifest of nast; {again}")
    if made.get("format") != FORMAT:
        raise InputError(
            path,
            found=f"a folder of format {str(made.get('format', 1))[:9]}",
            expected=f"format {FORMAT}; {again}",
        )
    if made.get("seal") != seal(made):
        raise InputError(
            path, found="a manifest that was changed", expected=f"it as nast wrote it; {again}"
        )
    return made


def seal(made: dict[str, Any]) -> str:
    """The hash of a manifest, by which a change to it is known; the version is free to differ."""
    return content_hash({n: value for n, value in made.items() if n not in ("seal", "version")})


def checked(path: Path) -> Path:
    """The path of a file, once the file is known to be what its finished folder was left with.

    A file that is in no finished folder is taken as it is. The content is looked at and not the
    time: a hash takes less time than reading the table.

    Raises:
        InputError: the file was changed, removed or put there after its folder was finished.
    """
    path = Path(path)
    for folder in list(path.parents)[:DEEP]:
        if path == folder / MANIFEST or not _ours(folder / MANIFEST):
            continue
        files = manifest_of(folder)["files"]
        name = path.relative_to(folder).as_posix()
        if name in files:
            _check(path, files[name])
        elif folder == path.parent and path.is_file():
            raise InputError(
                path,
                found="a file that was put there after the folder was finished",
                expected="the files that nast left; move it out of the folder",
            )
        break
    return path


def _ours(manifest: Path) -> bool:
    """Whether a file is a manifest of nast, and not that of another project's folder."""
    try:
        made = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(made, dict) and "seal" in made


def _check(path: Path, known: str) -> None:
    try:
        same = file_hash(path) == known
    except FileNotFoundError:
        raise InputError(
            path,
            found="no such file, though its folder was finished with it",
            expected="the file; make the folder again with its command and --fresh",
        ) from None
    except OSError as error:
        found = (error.strerror or "no file").lower()
        raise InputError(path, found=found, expected="a file that can be read") from None
    if not same:
        raise InputError(
            path,
            found="a file that changed after its folder was finished",
            expected="it as nast left it; make the folder again with its command and --fresh, and "
            "edit copies only",
        )
