"""Files in and out: tables, output folders with their manifest, hashes, the key of hashed ids.

Every output folder holds `run.yaml` (what was asked for), the stage's files, and `manifest.json`,
written last: a folder without it is unfinished, and no later stage reads it.
"""

import hashlib
import hmac
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nast.errors import InputError, UsageError
from nast.policy import strictest

MANIFEST = "manifest.json"
RUN = "run.yaml"


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that replaces it when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
        InputError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected="a JSON file") from None
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
        InputError: the file is missing, is not Parquet, or lacks a column or a type.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, found="no such file", expected="a Parquet file of nast")
    try:
        rows = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise InputError(path, found=f"no Parquet ({reason})", expected="a Parquet file") from None
    for name, kind in schema.items():
        if name not in rows.columns:
            raise InputError(path, found="no such column", expected=str(kind), column=name)
        if rows.schema[name] != kind:
            raise InputError(path, found=rows.schema[name], expected=str(kind), column=name)
    return rows


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(value: Any) -> str:
    """SHA-256 of a value written as JSON with sorted keys, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def seed_of(seed: int, *names: object) -> int:
    """A 63-bit seed for one item, from the run's seed and the item's name.

    Order of work and number of workers cannot change it.
    """
    digest = hashlib.sha256("\x1f".join(map(str, (seed, *names))).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def key_file() -> Path:
    """Where the key of hashed ids lies: `NAST_KEY_FILE`, else the user's data folder."""
    named = os.environ.get("NAST_KEY_FILE")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(named) if named else Path(base) / "nast" / "id.key"


def hashed_ids(ids: Iterable[str]) -> list[str]:
    """Keyed hashes (16 hexadecimal digits) of patient ids, for files that leave the machine.

    The key is a local file outside every output: a plain hash of a MIMIC id is reversed by
    trying all of them.
    """
    path = key_file()
    if not path.exists():
        with atomic(path) as temporary:
            temporary.write_text(secrets.token_hex(32))
    key = bytes.fromhex(path.read_text().strip())
    return [hmac.new(key, str(i).encode(), hashlib.sha256).hexdigest()[:16] for i in ids]


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a finished folder.

    Raises:
        InputError: the folder is unfinished or not ours.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise InputError(
            folder,
            found=f"no {MANIFEST}",
            expected="a finished folder of nast; run the command that makes it again",
        )
    return read_json(path)


def stage(
    folder: Path,
    config: dict[str, Any],
    inputs: Iterable[Path],
    make: Callable[[Path], dict[str, Any]],
    *,
    fresh: bool = False,
    state: str = "",
) -> dict[str, Any]:
    """Make one output folder, or find it finished.

    `run.yaml` is written first and `manifest.json` last, so an interrupted stage is never taken
    for complete. A finished folder with the same configuration and inputs is left as it is.

    Args:
        folder: the output folder.
        config: the resolved configuration, as plain values.
        inputs: files or finished folders that the stage reads; their hashes and policies go into
            the manifest.
        make: does the work in the folder and returns what the manifest should hold (`policy`
            and `counts` at least).
        fresh: start over, emptying a folder of another configuration.
        state: name of the file from which `make` goes on where it was; an unfinished folder that
            has one is refused another configuration as a finished one is.

    Returns:
        The manifest.

    Raises:
        UsageError: the folder belongs to another configuration, or holds files of others.
    """
    from nast import __version__

    folder = Path(folder)
    hashes = {str(path): _input_hash(Path(path)) for path in inputs}
    asked = {"config": config, "inputs": hashes, "version": __version__}
    run, manifest = folder / RUN, folder / MANIFEST
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; -o needs a folder")
    if run.is_file():
        same = not fresh and content_hash(_read_run(run)) == content_hash(asked)
        if same and manifest.is_file():
            return read_json(manifest)
        begun = manifest.is_file() or (state and (folder / state).is_file())
        if not same and not fresh and begun:
            what = "belongs to" if manifest.is_file() else "holds unfinished work of"
            raise UsageError(
                f"{folder} {what} another configuration or other inputs ({RUN}); "
                "choose another folder or say --fresh"
            )
        if not same:
            _clear(folder, inputs)
    elif folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds files that nast did not make; choose an empty folder")
    manifest.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(run, yaml.safe_dump(asked, sort_keys=True))
    result = {**asked, **make(folder)}
    made_from = manifests_of(inputs)
    result["policy"] = strictest(m.get("policy", "open") for m in (result, *made_from))
    result["phantom"] = any(m.get("phantom", False) for m in (result, *made_from))
    result["terms"] = sorted({t for m in (result, *made_from) for t in m.get("terms", [])})
    write_json(manifest, result)
    return result


def _clear(folder: Path, inputs: Iterable[Path]) -> None:
    """Empty a folder of ours: later stages would read old files as if they were of this run."""
    if any(Path(p).resolve().is_relative_to(folder.resolve()) for p in inputs):
        raise UsageError(f"{folder} holds an input of this stage; choose another output folder")
    shutil.rmtree(folder)


def _read_run(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        raise UsageError(f"{path} is damaged; choose another folder or say --fresh") from None


def policy_of(inputs: Iterable[Path]) -> str:
    """The strictest data policy of some finished folders."""
    return strictest(m["policy"] for m in manifests_of(inputs))


def manifests_of(inputs: Iterable[Path]) -> list[dict[str, Any]]:
    """The manifests of those inputs that are finished folders."""
    folders = (Path(p) for p in inputs)
    return [manifest_of(p) for p in folders if (p / MANIFEST).is_file()]


def _input_hash(path: Path) -> str:
    if path.is_dir():
        return content_hash(manifest_of(path))
    if not path.is_file():
        raise InputError(path, found="no such file or folder", expected="an input of this stage")
    return file_hash(path)
