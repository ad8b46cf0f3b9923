"""A review file as a page: one HTML file for a browser, which needs nothing else."""

import json
from collections.abc import Mapping, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from nast.errors import visible
from nast.files import write_text
from nast.items.review.sheets import (
    ACCEPT,
    CANNOT_TELL,
    CHECKS,
    COMMENT,
    EDIT,
    FIRST,
    ID,
    REJECT,
    VERDICT,
    VERSION,
    Sheet,
)
from nast.items.review.workbook import CLASSES, NAME, Lines

PAGE, WORKBOOK = "review.html", "review.xlsx"
SIDE, SMALL = 1024, 256
"""Pixels of the longer side of a film: about those of a screen, and those of a workbook's cell."""
CHECKS_TITLE = "THE FOUR CHECKS (yes or no)"
"""From here on the words of the workbook's first page hold for the page too."""
NAMES = {
    "accept": ACCEPT,
    "reject": REJECT,
    "edit": EDIT,
    "cannotTell": CANNOT_TELL,
    "id": ID,
    "version": VERSION,
    "verdict": VERDICT,
    "comment": COMMENT,
    "first": FIRST,
    "name": NAME,
}
"""Words of the spreadsheet that the page uses too, so that its decisions read like one."""


def write_page(
    path: Path,
    first: Lines,
    origin: Lines,
    sheets: Sequence[Sheet],
    films: Mapping[str, str],
    warning: str,
) -> None:
    """Write the page of a review.

    Args:
        path: the HTML file.
        first: lines of the workbook's first page: whose terms bind the file, and what to do.
        origin: what the file was made from, for the file that comes back.
        sheets: what is asked; the questions come first here.
        films: image path -> JPEG as base64; a question without one is shown without a film.
        warning: what the file holds and where it may go; its first line.
    """
    places = {name: number for number, name in enumerate(films)}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nast.items.review"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    data = {
        "names": NAMES,
        "checks": CHECKS,
        "classes": CLASSES,
        "origin": [value for _, value in origin],
        "origins": origin,
        "films": list(films.values()),
        "sheets": [_plain(sheet, places) for sheet in reversed(sheets)],
    }
    page = environment.get_template("page.html.j2").render(
        # Autoescape leaves no `>`, without which the comment of the first line goes on.
        warning=visible(warning),
        style=Markup(_part("page.css")),
        script=Markup(_part("page.js")),
        side=SIDE,
        first=[(label, text) for label, text in first if label and text],
        how=list(dropwhile(lambda text: text != CHECKS_TITLE, (t for n, t in first if not n))),
        # A `<` could end the element that holds the values.
        data=Markup(json.dumps(data).replace("<", "\\u003c")),
    )
    write_text(path, page)


def _plain(sheet: Sheet, places: Mapping[str, int]) -> dict[str, Any]:
    """A sheet as plain values; the path of an image only where its film is not on the page."""
    rows = []
    for row in sheet.rows:
        film = places.get(row.fixed.get("Image", ""), -1)
        hidden = {ID, VERSION, "Option set", *(["Image"] if film >= 0 else [])}
        shown = {name: text for name, text in row.fixed.items() if name not in hidden}
        version = row.fixed[VERSION]
        values = {"id": row.id, "version": version, "fixed": shown, "edits": row.edits}
        rows.append({**values, "film": film})
    return {"name": sheet.name, "verdicts": sheet.verdicts, "rows": rows}


def _part(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")
