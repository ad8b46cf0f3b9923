"""Items of other projects as rows of `claims.parquet` and `captions.parquet`."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.exchange.items import IMPORTED
from nast.exchange.places import Box, crop, parts_of, subject_of
from nast.language.read.parse import cues
from nast.records import CAPTIONS_SCHEMA, CLAIMS_SCHEMA


class Choice(NamedTuple):
    """One multiple-choice item as its file has it.

    Attributes:
        item_id: unique in the file.
        image: the path that the file records.
        options: their words.
        answer: index of the right one.
        kinds: per option `truth`, or what the source calls it.
        form: negated, affirmative or omitted, where the file says so.
        group_id: of a balanced group, where the file says so.
        split: of the item.
        subject_id: of the patient, where the file says so.
        box: the part of the image that is meant, where it is not all of it.
    """

    item_id: str
    image: str
    options: tuple[str, ...]
    answer: int
    kinds: tuple[str, ...]
    form: str = ""
    group_id: str = ""
    split: str = "test"
    subject_id: str = ""
    box: Box | None = None


class Sentence(NamedTuple):
    """One caption of an image as its file has it; `polarity` where the file says so."""

    item_id: str
    image: str
    text: str
    polarity: str = ""
    kind: str = "other"
    split: str = "test"
    subject_id: str = ""


Record = Choice | Sentence


class Tables(NamedTuple):
    """What can be scored, and the account of the rest.

    Attributes:
        claims: `CLAIMS_SCHEMA` rows.
        captions: `CAPTIONS_SCHEMA` rows.
        missing: recorded path of an image -> why it cannot be used.
        counts: items and captions read, kept, and left out by reason.
    """

    claims: pl.DataFrame
    captions: pl.DataFrame
    missing: dict[str, str]
    counts: dict[str, int]


def tables_of(
    records: Sequence[Record],
    find: Callable[[str], Path | None],
    name: str,
    crops: Path,
    equal_options: bool = False,
) -> Tables:
    """Rows that `nast evaluate` scores.

    An item is left out, with its whole group, when its image is missing or when two of its
    options are equal: then it has no single answer, except by a peer's rule for ties.

    Args:
        records: as read.
        find: recorded path -> file, or None.
        name: of the source, for `construction`.
        crops: folder for the parts of images that items with a box are about.
        equal_options: keep items with equal options.
    """
    found = {path: find(path) for path in sorted({r.image for r in records})}
    subjects = _subjects(found)
    missing = {path: "no such file" for path, image in found.items() if image is None}
    choices = [r for r in records if isinstance(r, Choice)]
    sentences = [r for r in records if isinstance(r, Sentence)]
    kept, counts = _usable(choices, found, missing, crops, equal_options)
    form = _polarity([" ".join(c.options) for c in choices])
    claims = [_claim(c, c.form or form, name) | _keys(c, place, subjects) for c, place in kept]
    polarity = _polarity([s.text for s in sentences])
    captions = [
        _caption(s, s.polarity or polarity) | _keys(s, image, subjects)
        for s in sentences
        if (image := found[s.image])
    ]
    counts["captions"] = len(sentences)
    counts["captions left out, no image"] = len(sentences) - len(captions)
    return Tables(
        pl.DataFrame(claims, schema=CLAIMS_SCHEMA),
        pl.DataFrame(captions, schema=CAPTIONS_SCHEMA),
        missing,
        {what: n for what, n in counts.items() if n},
    )


def _usable(
    choices: Sequence[Choice],
    found: dict[str, Path | None],
    missing: dict[str, str],
    crops: Path,
    equal_options: bool,
) -> tuple[list[tuple[Choice, Path]], Counter[str]]:
    """Items with their images, and the account; adds broken images to `missing`."""
    placed = [(c, _place(c, found[c.image], crops / f"{n:06d}.png")) for n, c in enumerate(choices)]
    broken = {c.image for c, place in placed if place is None and found[c.image]}
    missing |= dict.fromkeys(broken, "no image that can be read")
    lost = {_group(c) for c, place in placed if place is None}
    alike = [c for c in choices if len(set(c.options)) < len(c.options) and not equal_options]
    unclear = {_group(c) for c in alike} - lost
    bad = lost | unclear
    kept = [(c, place) for c, place in placed if place and _group(c) not in bad]
    counts = Counter({"items": len(choices)})
    counts["items left out, no image"] = sum(_group(c) in lost for c in choices)
    counts["items left out, two equal options"] = sum(_group(c) in unclear for c in choices)
    return kept, counts


def _group(choice: Choice) -> str:
    return choice.group_id or choice.item_id


def _place(choice: Choice, image: Path | None, target: Path) -> Path | None:
    if image is None or choice.box is None:
        return image
    return target.absolute() if crop(image, choice.box, target) else None


def _subjects(paths: Iterable[str]) -> dict[str, str]:
    """Recorded path -> patient; where one name is that of several files, the whole path."""
    named = {path: subject_of(path) for path in paths}
    images = Counter(named.values())
    folders = {path: set(parts_of(path)[:-1]) for path in named}
    return {
        path: subject if subject in folders[path] or images[subject] == 1 else path
        for path, subject in named.items()
    }


def _polarity(texts: Sequence[str]) -> str:
    """One word for a whole file, so that its figure is the one that its authors report."""
    return "negated" if sum(bool(cues(t)) for t in texts) * 2 > len(texts) else "affirmative"


def _keys(record: Record, image: Path, subjects: dict[str, str]) -> dict[str, Any]:
    return {
        "subject_id": record.subject_id or subjects[record.image],
        "study_id": parts_of(record.image)[-1].partition(".")[0],
        "split": record.split,
        "image_path": str(image),
    }


def _claim(choice: Choice, form: str, name: str) -> dict[str, Any]:
    return {
        "set_id": f"{choice.item_id}-{form}",
        "group_id": _group(choice),
        "form": form,
        "conditions": [],
        "kinds": list(choice.kinds),
        "claims": list(choice.options),
        "facts": [[] for _ in choice.options],
        "answer": choice.answer,
        "construction": f"{IMPORTED}{name}",
        "realiser": "imported",
    }


def _caption(sentence: Sentence, polarity: str) -> dict[str, Any]:
    return {
        "caption_id": sentence.item_id,
        "condition": "",
        "kind": sentence.kind,
        "polarity": polarity,
        "caption": sentence.text,
        "fact": None,
    }
