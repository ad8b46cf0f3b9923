"""The README.md of an export: what it is, whose terms bind it, how the peer is run on it."""

import re
from collections.abc import Sequence
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
        front: YAML that the peer reads at the top of README.md.
    """

    counts: dict[str, int]
    run: Sequence[str]
    notes: Sequence[str] = ()
    front: str = ""


_CARD = """{title}{to}

**Access class: {access}.** {rule}.

**Terms of the sources**

{terms}

Questions, claims and captions are derived from these sources: their terms bind this folder and \
every copy of an image in it. The licence of the nast software does not. Patients, studies and \
items are named by keyed hashes; image paths are those of the source and may hold its ids.

Review of the words and items by experts: **{review}**.

## What is in it

{counts}

## Run

In this folder:

```
{run}
```
"""


def write_card(folder: Path, to: str, material: Material, written: Exported) -> None:
    """Write README.md for an export to a format; no place of this machine is in it."""
    rule = RULES.get(material.access, "open data: they may leave the machine under their terms")
    text = _CARD.format(
        title=TITLE,
        to=to,
        access=material.access,
        rule=rule[0].upper() + rule[1:],
        terms="\n".join(f"- {_escaped(terms)}" for terms in material.terms or ["none recorded"]),
        review=_escaped(material.review),
        counts="\n".join(f"- {name}: {number:,}" for name, number in written.counts.items()),
        run="\n".join(written.run),
    )
    notes = "".join(f"\n- {note}" for note in written.notes)
    front = f"---\n{written.front}---\n\n" if written.front else ""
    write_text(folder / "README.md", front + text + (f"{notes}\n" if notes else ""))


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
