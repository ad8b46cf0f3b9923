"""Files of vectors as others leave them: one table or archive, or a folder with an index."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import polars as pl
from safetensors import SafetensorError
from safetensors.numpy import load_file

from nast.errors import ModelError, visible
from nast.hashes import content_hash, file_hash

VECTOR = "vector"
ARRAYS = (".npy", ".npz", ".safetensors")
Vectors = np.ndarray | Sequence[np.ndarray]
FORMS = (
    f"a Parquet file with the key and a column {VECTOR!r} of lists, an .npz file with the arrays "
    "'keys' and 'vectors', or a folder of .npy, .npz or .safetensors files with an index.csv"
)


def read_vectors(place: Path, key: str) -> tuple[Sequence[str], np.ndarray]:
    """The keys and the vectors (n, d) of one of `FORMS`, as they are stored.

    Args:
        place: the file or folder.
        key: the column of a table or an index that says what a vector is known by. The files of a
            folder without an index are known by their paths where it is `image_path`, else by
            their names.

    Raises:
        ModelError: there is no such file, it has another form, or a vector has another length
            than the first one or a number that is none; with the row.
    """
    found: Vectors
    if place.is_dir():
        keys, found = _folder(place, key)
    elif place.suffix == ".parquet":
        keys, found = _table(place, key)
    elif place.suffix == ".npz":
        keys, found = _archive(place)
    else:
        seen = "another kind of file" if place.exists() else "no such file"
        raise ModelError(f"{place}: found {seen}, expected {FORMS}")
    values = _stacked(place, found)
    _refuse_wild(place, values)
    return keys, values


def vectors_key(place: Path) -> str:
    """Hash of the content of a file or folder of vectors."""
    if place.is_file():
        return file_hash(place)
    files = sorted(p for p in place.rglob("*") if p.is_file())
    return content_hash([[p.relative_to(place).as_posix(), file_hash(p)] for p in files])


def _table(place: Path, key: str) -> tuple[Sequence[str], Vectors]:
    try:
        table = pl.read_parquet(place, glob=False, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError):
        raise ModelError(f"{place}: found no whole Parquet file, expected {FORMS}") from None
    for column in (key, VECTOR):
        if column not in table.columns:
            known = ", ".join(map(visible, table.columns[:8]))
            raise ModelError(f"{place}: found the columns {known}, expected {key!r} and {VECTOR!r}")
    kind = table.schema[VECTOR]
    inner = getattr(kind, "inner", None)
    if inner is None or not inner.is_numeric():
        raise ModelError(f"{place}, column {VECTOR!r}: found {kind}, expected lists of numbers")
    for column in (key, VECTOR):
        empty = table[column].is_null()
        if empty.any():
            raise ModelError(
                f"{place}, row {empty.arg_true()[0] + 1}, column {column!r}: found nothing, "
                "expected a value"
            )
    lists = table[VECTOR].cast(pl.List(inner))
    numbers = lists.explode(empty_as_null=False, keep_nulls=False).to_numpy()
    lengths = lists.list.len().to_numpy()
    if len(lengths) and (lengths == lengths[0]).all():
        return table[key].cast(pl.String).to_list(), numbers.reshape(len(lengths), -1)
    return table[key].cast(pl.String).to_list(), np.split(numbers, lengths.cumsum()[:-1])


def _archive(place: Path) -> tuple[Sequence[str], np.ndarray]:
    found = _arrays(place, str(place))
    if set(found) != {"keys", "vectors"} or found["keys"].ndim != 1:
        named = ", ".join(sorted(map(visible, found))) or "nothing"
        raise ModelError(f"{place}: found the arrays {named}, expected 'keys' and 'vectors'")
    keys, vectors = found["keys"], found["vectors"]
    if vectors.ndim != 2 or len(keys) != len(vectors):
        raise ModelError(
            f"{place}: found {len(keys)} keys and vectors of the shape {vectors.shape}, expected "
            "as many rows as keys"
        )
    return keys.astype(str).tolist(), vectors


def _arrays(place: Path, named: str, mapped: bool = False) -> dict[str, np.ndarray]:
    """The arrays of a file; nothing that is pickled is read.

    Args:
        place: the file.
        named: how errors call it; a path may hold ids of patients.
        mapped: whether a large .npy is mapped into memory, which keeps the file open.
    """
    if not place.is_file():
        raise ModelError(f"{named}: found no such file, expected one of numpy or safetensors")
    try:
        if place.suffix == ".safetensors":
            return load_file(place)
        if place.suffix == ".npz":
            # Of a damaged file that it opened itself numpy keeps hold.
            with open(place, "rb") as file, np.load(file, allow_pickle=False) as opened:
                return {name: opened[name] for name in opened.files}
        return {"": np.load(place, allow_pickle=False, mmap_mode="r" if mapped else None)}
    except (ValueError, EOFError, KeyError, TypeError, BadZipFile, zlib.error, SafetensorError):
        raise ModelError(
            f"{named}: found a damaged file, one of Python objects, or numbers that numpy lacks "
            "(bfloat16); expected float32 or float16 as numpy or safetensors save them"
        ) from None


def _folder(place: Path, key: str) -> tuple[Sequence[str], Sequence[np.ndarray]]:
    index = next((p for n in ("index.parquet", "index.csv") if (p := place / n).is_file()), None)
    if index is None:
        files = sorted(p for p in place.rglob("*") if p.suffix in ARRAYS)
        if not files:
            raise ModelError(f"{place}: found no file of vectors, expected {FORMS}")
        names = [p.relative_to(place).as_posix() for p in files]
        if key != "image_path":
            names = [Path(name).stem for name in names]
        return names, [_vector(f, f"{place}, file {n}") for n, f in enumerate(files, 1)]
    opened: dict[str, np.ndarray] = {}
    keys, found = [], []
    for number, (name, file, row) in enumerate(_index(index, key), 1):
        named = f"{index}, row {number}"
        if Path(file).is_absolute() or ".." in Path(file).parts:
            raise ModelError(f"{named}: found a path out of the folder")
        if row is None:
            found.append(_vector(place / file, named))
        else:
            if file not in opened:
                opened[file] = _only(place / file, named, mapped=True)
            block = opened[file]
            if block.ndim != 2 or not 0 <= row < len(block):
                raise ModelError(
                    f"{named}: found row {row} of an array of the shape {block.shape}, expected "
                    "one of its rows, counted from 0"
                )
            found.append(block[row])
        keys.append(name)
    return keys, found


def _index(index: Path, key: str) -> list[tuple[str, str, int | None]]:
    """Key, file and row of each vector."""
    try:
        table = (
            pl.read_parquet(index, glob=False, hive_partitioning=False)
            if index.suffix == ".parquet"
            else pl.read_csv(index, infer_schema=False)
        )
        rows = table.select(
            pl.col(key).cast(pl.String),
            pl.col("file").cast(pl.String),
            pl.col("row").cast(pl.Int64) if "row" in table.columns else pl.lit(None, pl.Int64),
        )
    except (pl.exceptions.PolarsError, OSError):
        raise ModelError(
            f"{index}: found another table, expected the columns {key!r} and 'file', and 'row' "
            "(from 0) where a file holds several vectors"
        ) from None
    for column in (key, "file"):
        empty = rows[column].is_null() | (rows[column] == "")
        if empty.any():
            raise ModelError(
                f"{index}, row {empty.arg_true()[0] + 1}, column {column!r}: found nothing, "
                "expected a value"
            )
    return rows.rows()  # type: ignore[return-value]


def _vector(place: Path, named: str) -> np.ndarray:
    """The one vector of a file."""
    found = _only(place, named)
    if found.squeeze().ndim != 1:
        raise ModelError(f"{named}: found an array of the shape {found.shape}, expected one vector")
    return found.reshape(-1)


def _only(place: Path, named: str, mapped: bool = False) -> np.ndarray:
    """The one array of a file."""
    arrays = list(_arrays(place, named, mapped).values())
    if len(arrays) != 1:
        raise ModelError(f"{named}: found {len(arrays)} arrays in one file, expected one")
    return arrays[0]


def _stacked(place: Path, found: Vectors) -> np.ndarray:
    """Vectors as rows (n, d)."""
    if not len(found):
        raise ModelError(f"{place}: found no vector, expected {FORMS}")
    if isinstance(found, np.ndarray):
        values = found
    else:
        sizes = [vector.shape for vector in found]
        other = next((n for n, size in enumerate(sizes) if size != sizes[0]), None)
        if other is not None:
            raise ModelError(
                f"{place}, row {other + 1}: found a vector of {sizes[other][0]} numbers, expected "
                f"{sizes[0][0]} as in row 1"
            )
        values = np.stack(found)
    if not np.issubdtype(values.dtype, np.number) or values.shape[1] == 0:
        raise ModelError(f"{place}: found vectors of no numbers, expected some in each")
    return values


def _refuse_wild(place: Path, values: np.ndarray) -> None:
    for start in range(0, len(values), 4096):
        # As they will be used: a number may be finite in double precision alone.
        with np.errstate(over="ignore"):
            part = values[start : start + 4096].astype(np.float32)
        wild = ~np.isfinite(part).all(axis=1)
        if wild.any():
            raise ModelError(
                f"{place}, row {start + int(wild.argmax()) + 1}: found a number that is none (NaN "
                "or infinite in float32), expected finite numbers"
            )
        nothing = ~part.any(axis=1)
        if nothing.any():
            raise ModelError(
                f"{place}, row {start + int(nothing.argmax()) + 1}: found zeros alone, expected "
                "the vector of an image; leave out rows of images that could not be encoded"
            )
