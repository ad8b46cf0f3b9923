"""Benchmarks of other projects as finished folders that `nast evaluate` scores."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nast.access import ACCESS_CLASSES, strictest
from nast.errors import InputError, UsageError
from nast.exchange.card import written_access
from nast.exchange.clip_benchmark import read_sugar_crepe
from nast.exchange.documents import read_documents
from nast.exchange.image_files import by_name, find_image
from nast.exchange.imported import Imported, imported_tables
from nast.exchange.negbench import read_choices_csv, read_retrieval_csv
from nast.exchange.pair_readers import read_aro, read_cc_neg, read_cxr_align
from nast.exchange.peer_items import Caption, Item, Record
from nast.files import RUN, manifest_of, write_table
from nast.items.table import FILE
from nast.language.read.cues import cues
from nast.records import CAPTIONS_SCHEMA, ITEMS_SCHEMA
from nast.stages import stage

READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    "negbench-mcq": read_choices_csv,
    "negbench-binary": read_choices_csv,
    "negbench-retrieval": read_retrieval_csv,
    "cc-neg": read_cc_neg,
    "sugar-crepe": read_sugar_crepe,
    "aro": read_aro,
    "cxr-align": read_cxr_align,
    "jsonl": read_documents,
}
"""Source -> its reader."""
TERMS = {
    "cxr-align": "CXR-Align: PhysioNet Credentialed Health Data License 1.5.0: no sharing, no "
    "online services"
}
"""Terms that are known; of the others the user must know them."""
ACCESS_OF = {"cxr-align": "credentialed"}
"""Access classes that a caller cannot make milder."""


def import_items(
    files: Path | str | Sequence[Path | str],
    out: Path | str,
    source: str,
    *,
    image_root: Path | str | None = None,
    access: str | None = None,
    equal_options: bool = False,
    fresh: bool = False,
) -> dict[str, Any]:
    """Read a benchmark of another project, or JSON Lines of ours.

    Args:
        files: one file as its authors released it, or several. Of several files every id begins
            with the name of its file, so that no two meet.
        out: gets `items.parquet` from multiple-choice items, `captions.parquet` from captions.
        source: the format, a key of `READERS`.
        image_root: folder of images here; joined with the longest ending of each recorded path
            that exists below it.
        access: of the data: open, private or credentialed. A file in an export of ours has the
            access class and terms that are recorded beside it, and this can only make them
            stricter; any other file is private if nothing is given.
        equal_options: keep items with two equal options, which `nast evaluate --ties` scores by
            the tie rule of a peer; the default rule refuses them.
        fresh: start over, also to look for missing images again.

    Returns:
        The manifest: `counts`, and `missing_images` (path as the file records it -> reason).

    Raises:
        InputError: a file is not of the format, an id stands twice in it, or none of the images
            is there.
        UsageError: no file, two of one name, an unknown source or access class, or one milder
            than the recorded one.

    Examples:
        >>> made = nast.export("benchmark", tmp / "out", "negbench")
        >>> file = tmp / "out" / "questions-test_neg.csv"
        >>> made = nast.import_items(file, tmp / "again", "negbench-mcq")
        >>> made["access"]
        'open'
    """
    root = Path(image_root) if image_root else None
    paths = [Path(f) for f in ([files] if isinstance(files, Path | str) else files)]
    _check_call(paths, source, access)
    access = strictest(_access(access, path) for path in paths)
    config: dict[str, Any] = {
        "stage": "import",
        "source": source,
        "files": [path.name for path in paths],
        "access": access,
        "image_root": str(root) if root else None,
        "equal_options": equal_options,
    }
    inputs = [*paths, *dict.fromkeys(p for path in paths for p in _exports_around(path))]

    def make(folder: Path) -> dict[str, Any]:
        records = [record for path in paths for record in _records(path, source, len(paths) > 1)]
        find = _finder(source, root)
        made = imported_tables(records, find, source, folder / "images", equal_options)
        _refuse_empty(made, paths, root)
        if len(made.items):
            write_table(folder / FILE, made.items, ITEMS_SCHEMA)
        if len(made.captions):
            write_table(folder / "captions.parquet", made.captions, CAPTIONS_SCHEMA)
        return {
            "counts": made.counts,
            "missing_images": made.missing,
            "access": strictest([access, ACCESS_OF.get(source, "open")]),
            "terms": [TERMS.get(source, f"{source}: imported; the terms of its makers apply")],
        }

    return stage(Path(out), config, inputs, make, fresh=fresh)


def _check_call(paths: Sequence[Path], source: str, access: str | None) -> None:
    if source not in READERS:
        raise UsageError(f"--source is {source!r}; choose one of {', '.join(READERS)}")
    if access is not None and access not in ACCESS_CLASSES:
        raise UsageError(f"--access is {access!r}; choose one of {', '.join(ACCESS_CLASSES)}")
    if not paths:
        raise UsageError("no file to import; give one or several, as their authors released them")
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; give the file in it, as its authors released it")
        if sum(other.stem == path.stem for other in paths) > 1:
            raise UsageError(
                f"two files are called {path.stem!r}, and their ids would begin alike; rename one, "
                "or import them into two folders"
            )


def _access(asked: str | None, file: Path) -> str:
    """The access class of a file: as asked for, never milder than what lies beside it says."""
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


def _records(file: Path, source: str, several: bool) -> Iterator[Record]:
    """What a file holds, with one form and polarity for all of it that says none.

    Raises:
        InputError: one id stands for two items, whose options would be mixed; the message names
            the place of the second among the items and captions.
    """
    records = list(READERS[source](file))
    form = _form([" ".join(w) for r in records if isinstance(r, Item) for w in r.forms.values()])
    polarity = _form([r.caption for r in records if isinstance(r, Caption)])
    front = f"{file.stem}-" if several else ""
    seen: set[tuple[str, str]] = set()
    for number, record in enumerate(records, 1):
        if isinstance(record, Item):
            ids = [(record.item_id, name or form) for name in record.forms]
            record = record._replace(
                item_id=front + record.item_id,
                group_id=front + (record.group_id or record.item_id),
                forms={name or form: words for name, words in record.forms.items()},
            )
        else:
            ids = [(record.caption_id, "caption")]
            record = record._replace(
                caption_id=front + record.caption_id, polarity=record.polarity or polarity
            )
        if len({*ids}) < len(ids) or not seen.isdisjoint(ids):
            raise InputError(file, found=f"the id of item {number} twice", expected="each id once")
        seen.update(ids)
        yield record


def _form(texts: Sequence[str]) -> str:
    """One word for a whole file, so that its metric is the one that its authors report."""
    return "negated" if sum(bool(cues(t)) for t in texts) * 2 > len(texts) else "affirmative"


def _refuse_empty(made: Imported, paths: Sequence[Path], root: Path | None) -> None:
    """Refuse files of which nothing can be scored.

    Raises:
        InputError: says whether items or images are missing.
    """
    if len(made.items) or len(made.captions):
        return
    found, expected = "no item that can be scored", "at least one"
    if made.missing:
        found = f"{len(made.missing)} image paths, none of which leads to a file here"
        expected = "another --image-root" if root else "--image-root, the folder of the images"
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    raise InputError(f"{paths[0]}{more}", found=found, expected=expected)
