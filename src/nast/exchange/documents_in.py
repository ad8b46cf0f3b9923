"""JSON Lines of ours, read back: what `nast benchmark export --to jsonl` and `lm-eval` write."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nast.errors import InputError, shown
from nast.exchange.fields import object_of, path_of, read_lines, text_of, texts_of, whole_of
from nast.exchange.imported import Choice, Record, Sentence
from nast.language.write.templates import FORMS
from nast.records import SPLITS


def read_documents(file: Path) -> Iterator[Record]:
    """Items and captions, one JSON object a line.

    An item has `image`, `answer` (from 0) and its texts, either as `options` or under the names of
    the forms `negated`, `affirmative`, `omitted`; a caption has `image` and `caption`. All else
    may be missing: `item_id` or `caption_id`, `group_id`, `subject_id`, `split` (else test),
    `kinds`, `kind`, `polarity`.

    Raises:
        InputError: a line is neither, or a field does not hold what it should.
    """
    for row, line in read_lines(file):
        item = object_of(line, file, row, ["image"])
        image = path_of(item["image"], file, row, "image")
        same = {
            "split": _split(item, file, row),
            "subject_id": _text(item, "subject_id", file, row),
        }
        if "caption" in item:
            yield Sentence(
                item_id=_text(item, "caption_id", file, row) or f"{row:06d}",
                image=image,
                text=text_of(item["caption"], file, row, "caption"),
                polarity=_polarity(item, file, row),
                kind=_text(item, "kind", file, row) or "other",
                **same,
            )
        else:
            yield from _choices(item, image, same, file, row)


def _choices(
    item: dict[str, Any], image: str, same: dict[str, Any], file: Path, row: int
) -> Iterator[Choice]:
    found = [form for form in ("options", *FORMS) if item.get(form) is not None]
    if not found:
        raise InputError(
            file,
            found="no options and no caption",
            row=row,
            expected=f"one of options, {', '.join(FORMS)}, caption",
        )
    for form in found:
        options = texts_of(item[form], file, row, form)
        if len(options) < 2:
            raise InputError(
                file, found=f"{len(options)} options", expected="two or more", row=row, column=form
            )
        object_of(item, file, row, ["answer"])
        answer = whole_of(item["answer"], file, row, "answer", len(options))
        yield Choice(
            item_id=_text(item, "item_id", file, row) or f"{row:06d}",
            image=image,
            options=options,
            answer=answer,
            kinds=_kinds(item, len(options), answer, file, row),
            form="" if form == "options" else form,
            group_id=_text(item, "group_id", file, row),
            **same,
        )


def _kinds(item: dict[str, Any], number: int, answer: int, file: Path, row: int) -> tuple[str, ...]:
    if item.get("kinds") is None:
        return tuple("truth" if i == answer else "other" for i in range(number))
    kinds = texts_of(item["kinds"], file, row, "kinds")
    if len(kinds) != number or kinds[answer] != "truth":
        raise InputError(
            file,
            found=f"{len(kinds)} kinds",
            row=row,
            column="kinds",
            expected=f"{number}, that of the answer being truth",
        )
    return kinds


def _polarity(item: dict[str, Any], file: Path, row: int) -> str:
    polarity = _text(item, "polarity", file, row)
    if polarity not in ("", "negated", "affirmative"):
        raise InputError(
            file,
            found=shown(polarity),
            expected="negated or affirmative",
            row=row,
            column="polarity",
        )
    return polarity


def _split(item: dict[str, Any], file: Path, row: int) -> str:
    split = _text(item, "split", file, row) or "test"
    if split not in SPLITS:
        raise InputError(
            file, found=shown(split), expected=", ".join(SPLITS), row=row, column="split"
        )
    return split


def _text(item: dict[str, Any], name: str, file: Path, row: int) -> str:
    return "" if item.get(name) is None else text_of(item[name], file, row, name)
