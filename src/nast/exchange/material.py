"""What of a finished folder can be exported: whole groups with readable images, up to a limit."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from nast.benchmark.card import review_status
from nast.errors import InputError, UsageError
from nast.exchange.items import Captioned, Item, read_captions, read_items
from nast.files import manifest_of
from nast.sources.image_paths import image_problem

EVALUATED = ("test", "validate", "train")
"""The split that a benchmark is run on: the first of these that has anything."""
_PNG_BITS = slice(24, 25)
"""Where a PNG says its bit depth: signature 8, length 4, IHDR 4, width 4, height 4 bytes."""
_Unit = TypeVar("_Unit", Item, Captioned)


class Material(NamedTuple):
    """The sets to export, by name, and what is known about them.

    Attributes:
        items: set name such as `questions-test` -> multiple-choice items.
        captions: set name such as `captions-test` -> captioned images.
        missing: image path -> why it cannot be used.
        left_out: how many items and captioned images were left out for that.
        access: the access class.
        terms: the terms of all sources.
        review: whether experts have reviewed the words and items.
    """

    items: dict[str, list[Item]]
    captions: dict[str, list[Captioned]]
    missing: dict[str, str]
    left_out: int
    access: str
    terms: list[str]
    review: str


def gather(folder: Path, limit: int | None = None, *, images: bool = True) -> Material:
    """The sets of a finished folder, one per table and split.

    A group that loses a member to a missing image is left out whole: only whole groups keep the
    words alone at chance.

    Args:
        folder: a finished folder with questions, claims or captions.
        limit: at most about so many items or images per set, in whole groups.
        images: whether the format's reader opens images; if not, nothing is left out.

    Raises:
        InputError: the folder is unfinished, or none of its images can be read.
        UsageError: the limit is not positive, or the folder has nothing to export.
    """
    folder = Path(folder)
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}; it must be 1 or more")
    manifest = manifest_of(folder)
    tables, captions = read_items(folder), read_captions(folder)
    if not any(tables.values()) and not captions:
        raise UsageError(f"{folder} has no questions, claims or captions to export")
    problems = _problems([*(i for t in tables.values() for i in t), *captions])
    missing = {path: reason for path, reason in problems.items() if reason}
    if images and len(missing) == len(problems):
        raise _all_missing(folder, missing)
    bad = set(missing) if images else set()
    items = {
        f"{name}-{split}": part
        for name, units in tables.items()
        for split, part in _by_split(units, bad, limit)
    }
    shown = {f"captions-{split}": part for split, part in _by_split(captions, bad, limit)}
    if not items and not shown:
        raise InputError(
            folder,
            found="no group whose images can all be used",
            expected="whole groups; --to csv and jsonl need no images",
        )
    left_out = sum(len(t) - len(_whole(t, bad)) for t in tables.values())
    left_out += len(captions) - len(_whole(captions, bad))
    return Material(
        items,
        shown,
        missing,
        left_out,
        manifest["access"],
        manifest["terms"],
        review_status(manifest),
    )


def evaluated(names: Iterable[str]) -> list[str]:
    """The sets of the split that a benchmark is run on."""
    names = list(names)
    for split in EVALUATED:
        found = [name for name in names if name.endswith(f"-{split}")]
        if found:
            return found
    return []


def problem(path: str) -> str | None:
    """Why a peer cannot open an image, or None.

    Peers open images with Pillow and convert them to RGB, which clips 16-bit PNGs to white.
    """
    if not path:
        return "no path"
    reason = image_problem(Path(path))
    if reason is None:
        with open(path, "rb") as file:
            head = file.read(_PNG_BITS.stop)
        if head.startswith(b"\x89PNG") and head[_PNG_BITS] == b"\x10":
            return "a PNG of 16 bits; save it with 8"
    return reason


def _problems(units: Sequence[Item | Captioned]) -> dict[str, str | None]:
    return {path: problem(path) for path in sorted({_absolute(u.image) for u in units})}


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else path


def _by_split(
    units: Sequence[_Unit], bad: set[str], limit: int | None
) -> list[tuple[str, list[_Unit]]]:
    whole = [u._replace(image=_absolute(u.image)) for u in _whole(units, bad)]
    parts = [(split, [u for u in whole if u.split == split]) for split in reversed(EVALUATED)]
    return [(split, _first(part, limit)) for split, part in parts if part]


def _whole(units: Sequence[_Unit], bad: set[str]) -> list[_Unit]:
    lost = {u.group_id for u in units if _absolute(u.image) in bad}
    return [u for u in units if u.group_id not in lost]


def _first(units: list[_Unit], limit: int | None) -> list[_Unit]:
    """The first groups until there are at least `limit` units."""
    if limit is None:
        return units
    kept: list[str] = []
    count = 0
    for group, size in Counter(u.group_id for u in units).items():
        if count >= limit:
            break
        kept.append(group)
        count += size
    chosen = set(kept)
    return [u for u in units if u.group_id in chosen]


def _all_missing(folder: Path, missing: dict[str, str]) -> InputError:
    reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(Counter(missing.values()).items()))
    return InputError(
        folder,
        found=f"no image that can be used: {reasons}",
        expected="8-bit JPEG or PNG files; --to csv and jsonl need none",
    )
