"""Benchmarks of other projects as finished folders that `nast evaluate` scores."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nast.access import ACCESS_CLASSES, strictest
from nast.errors import InputError, UsageError
from nast.exchange.card import written_access
from nast.exchange.imported import Choice, Record, Tables, tables_of
from nast.exchange.places import by_name, find_image
from nast.exchange.readers import READERS
from nast.files import RUN, manifest_of, write_table
from nast.folders import stage
from nast.records import CAPTIONS_SCHEMA, CLAIMS_SCHEMA

TERMS = {
    "cxr-align": "CXR-Align: PhysioNet Credentialed Health Data License 1.5.0: no sharing, no "
    "online services"
}
"""Terms that are known; of the others the user must know them."""
ACCESS_OF = {"cxr-align": "credentialed"}
"""Policies that a caller cannot make milder."""


def import_items(
    file: Path,
    out: Path,
    source: str,
    *,
    image_root: Path | None = None,
    access: str | None = None,
    equal_options: bool = False,
    fresh: bool = False,
) -> dict[str, Any]:
    """Read a benchmark of another project, or JSON Lines of ours.

    Args:
        file: as its authors released it.
        out: gets `claims.parquet` from multiple-choice items, `captions.parquet` from captions.
        source: the format, a key of `READERS`.
        image_root: folder of images here; joined with the longest ending of each recorded path
            that exists below it.
        access: of the data: open, private or credentialed. A file in an export of ours has the
            access class and terms that are recorded beside it, and this can only make them
            stricter; any other file is private if nothing is given.
        equal_options: keep items with two equal options, which `nast evaluate --protocol` scores
            by the tie rule of a peer; the default protocol refuses them.
        fresh: start over, also to look for missing images again.

    Returns:
        The manifest: `counts`, and `missing_images` (path as the file records it -> reason).

    Raises:
        InputError: the file is not of the format, or none of its images is there.
        UsageError: an unknown source or access class, or one milder than the recorded one.
    """
    file = Path(file)
    if source not in READERS:
        raise UsageError(f"--source is {source!r}; choose one of {', '.join(READERS)}")
    if file.is_dir():
        raise UsageError(f"{file} is a folder; give the file in it, as its authors released it")
    access = _access(access, file)
    config: dict[str, Any] = {
        "stage": "import",
        "source": source,
        "access": access,
        "image_root": str(image_root) if image_root else None,
    }
    config |= {"equal_options": True} if equal_options else {}
    inputs = [file, *_exports_around(file)]

    def make(folder: Path) -> dict[str, Any]:
        records = list(READERS[source](file))
        _refuse_twice(records, file)
        tables = tables_of(
            records, _finder(source, image_root), source, folder / "images", equal_options
        )
        _refuse_empty(tables, file, image_root)
        if len(tables.claims):
            write_table(folder / "claims.parquet", tables.claims, CLAIMS_SCHEMA)
        if len(tables.captions):
            write_table(folder / "captions.parquet", tables.captions, CAPTIONS_SCHEMA)
        return {
            "counts": tables.counts,
            "missing_images": tables.missing,
            "access": strictest([access, ACCESS_OF.get(source, "open")]),
            "terms": [TERMS.get(source, f"{source}: imported; the terms of its makers apply")],
        }

    return stage(out, config, inputs, make, fresh=fresh)


def _access(asked: str | None, file: Path) -> str:
    """The access class of a file: as asked for, never milder than what lies beside it says."""
    if asked is not None and asked not in ACCESS_CLASSES:
        raise UsageError(f"--access is {asked!r}; choose one of {', '.join(ACCESS_CLASSES)}")
    said = [(p, manifest_of(p)["access"]) for p in _exports_around(file)]
    said += [(p, written) for p in _around(file) if (written := written_access(p))]
    recorded = strictest(access for _, access in said)
    if asked is None:
        return recorded if said else "private"
    if strictest([asked, recorded]) != asked:
        place = next(p for p, access in said if access == recorded)
        raise UsageError(
            f"--access {asked}: {place} records {recorded} data; leave the option out, or say what "
            "is stricter"
        )
    return asked


def _exports_around(file: Path) -> list[Path]:
    """The folders of nast that a file lies in: their access class and terms bind it."""
    return [p for p in _around(file) if (p / RUN).is_file()]


def _around(file: Path) -> list[Path]:
    """The two folders around a file, and around the file that it is a link to."""
    places = (file.absolute(), file.resolve())
    return list(dict.fromkeys(p.resolve() for place in places for p in place.parents[:2]))


def _finder(source: str, root: Path | None) -> Callable[[str], Path | None]:
    if source == "cxr-align" and root is not None:
        # It records names only, and MIMIC-CXR's files lie three folders deep.
        return by_name(root).get
    return lambda recorded: find_image(recorded, root)


def _refuse_twice(records: Sequence[Record], file: Path) -> None:
    """Refuse a file in which one id stands for two items: their options would be mixed.

    Raises:
        InputError: names the place of the second among the items and captions.
    """
    seen: set[tuple[str, str]] = set()
    for number, record in enumerate(records, 1):
        key = (record.item_id, record.form if isinstance(record, Choice) else "caption")
        if key in seen:
            raise InputError(file, found=f"the id of item {number} twice", expected="each id once")
        seen.add(key)


def _refuse_empty(tables: Tables, file: Path, root: Path | None) -> None:
    """Refuse a file of which nothing can be scored.

    Raises:
        InputError: says whether items or images are missing.
    """
    if len(tables.claims) or len(tables.captions):
        return
    if tables.missing:
        hint = "--image-root, the folder of the images" if root is None else "another --image-root"
        raise InputError(
            file,
            found=f"{len(tables.missing)} image paths, none of which leads to a file here",
            expected=hint,
        )
    raise InputError(file, found="no item that can be scored", expected="at least one")
