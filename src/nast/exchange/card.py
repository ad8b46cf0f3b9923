"""The README.md of an export: what it is, whose terms bind it, how the peer is run on it."""

import re
from pathlib import Path
from typing import NamedTuple

from nast.access import ACCESS_CLASSES, RULES
from nast.exchange.material import Material
from nast.files import write_text

TITLE = "# Made by nast for "
_CLASS = re.compile(r"^\*\*Access class: (\w+)\.\*\*", re.MULTILINE)
_MARKUP = re.compile(r"([\\`*\[\]<>|])")


class Exported(NamedTuple):
    """What a format left behind.

    Attributes:
        counts: what was written and what was left out, by name.
        run: the commands that run the peer on it, given in the folder of the export.
        notes: what the reader must know about the peer's numbers.
    """

    counts: dict[str, int]
    run: list[str]
    notes: list[str]


def write_card(folder: Path, to: str, material: Material, written: Exported) -> None:
    """Write README.md; no place of this machine is in it.

    Args:
        folder: of the export.
        to: the format.
        material: what was exported.
        written: what the format left behind.
    """
    access = RULES.get(material.access, "open data: they may leave the machine under their terms")
    lines = [
        f"{TITLE}{to}",
        "",
        f"**Access class: {material.access}.** {access[0].upper()}{access[1:]}.",
        "",
        "**Terms of the sources**",
        "",
        *(f"- {_escaped(terms)}" for terms in material.terms or ["none recorded"]),
        "",
        "Questions, claims and captions are derived from these sources: their terms bind this "
        "folder and every copy of an image in it. The licence of the nast software does not. "
        "Patients, studies and items are named by keyed hashes; image paths are those of the "
        "source and may hold its ids.",
        "",
        f"Review of the words and items by experts: **{_escaped(material.review)}**.",
        "",
        "## What is in it",
        "",
        *(f"- {name}: {number:,}" for name, number in written.counts.items()),
        "",
        "## Run",
        "",
        "In this folder:",
        "",
        "```",
        *written.run,
        "```",
    ]
    lines += ["", *(f"- {note}" for note in written.notes)] if written.notes else []
    write_text(folder / "README.md", "\n".join(lines) + "\n")


def _escaped(text: str) -> str:
    """A text of others as one line of Markdown that shows it and nothing else."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _MARKUP.sub(r"\\\1", line)


def written_access(folder: Path) -> str | None:
    """The access class that the card of an export names; None where no such card lies there."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = _CLASS.search(text) if TITLE in text else None
    return found[1] if found and found[1] in ACCESS_CLASSES else None
