"""A question set -> the review file; filled review files -> a new version of the question set."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.access import RULES
from nast.errors import AccessError, InputError, NastError, UsageError, shown
from nast.facts.conditions import TABLE, Conditions, conditions_of
from nast.files import manifest_of, read_json, write_json, write_table, write_text
from nast.items.audit import audit_table, leaks_of
from nast.items.card import review_status
from nast.items.review.decisions import decisions_of
from nast.items.review.page import PAGE, WORKBOOK, write_page
from nast.items.review.ratings import Review, problem, review_of
from nast.items.review.record import record_of, review_section
from nast.items.review.returned import Returned, read_returned, room_for
from nast.items.review.revision import (
    faults_of,
    reviewed_counts,
    revised,
    revision_of,
    write_conditions,
)
from nast.items.review.sheets import FIRST, ID, VERSION, Sheet, build_id, sheets_of
from nast.items.review.workbook import NAME, write_workbook
from nast.items.table import FILE, read_items
from nast.records import ITEMS_SCHEMA
from nast.stages import stage

REVIEW = "review.json"
BUILD, DRAWN, SEED = "Build", "Questions drawn", "Seed"
"""Labels of the first page under which a file says what it was made from."""
SHOWN = 40
"""Problems that a message lists; the rest are counted."""


class Reviewed(NamedTuple):
    """A folder of questions: its manifest, items and table of conditions."""

    manifest: dict[str, Any]
    items: pl.DataFrame
    conditions: Conditions


def open_questions(folder: Path) -> Reviewed:
    """Read a folder of questions.

    Raises:
        InputError: it has no items, or others than questions in both forms.
    """
    manifest, items = manifest_of(folder), read_items(folder)
    forms = [set(items.filter(form=form)["pair_id"]) for form in ("negated", "affirmative")]
    if set(items["set"]) != {"questions"} or forms[0] != forms[1]:
        raise InputError(
            Path(folder) / FILE,
            found="other items than questions in their negated and affirmative form",
            expected="a folder of nast benchmark build: claim sets and imported items are not "
            "reviewed this way",
        )
    return Reviewed(manifest, items, conditions_of(folder))


def export_review(
    folder: Path,
    out: Path,
    *,
    number: int = 100,
    seed: int = 0,
    page: bool = False,
    film: Callable[[Path], str] | None = None,
    with_images: bool = False,
    fresh: bool = False,
) -> dict[str, Any]:
    """Write the review file of a question set: a workbook, or a page for a browser.

    Args:
        folder: of `nast benchmark build` or `nast benchmark review import`.
        out: gets `review.xlsx` or `review.html`.
        number: questions drawn.
        seed: of the draw.
        page: write the page, which holds the films, instead of the workbook.
        film: an image as JPEG in base64, which stands above this room.
        with_images: the user's word that films of data which are not open may be in the file.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `counts` has the rows of each sheet, `file` the name of what was written.

    Raises:
        AccessError: a page of data that are not open, without the user's word.
        InputError: the folder has no questions, or another table of conditions made them.
        UsageError: the number is not positive.
    """
    if number < 1:
        raise UsageError(f"--questions is {number}; it must be 1 or more")
    access = manifest_of(folder)["access"]
    if page and access != "open" and not with_images:
        raise AccessError(
            f"the page would hold the films of {access} data: {RULES[access]}. If everyone who "
            "gets the file may see them, say so with --with-images; the workbook (without --page) "
            "holds no film"
        )

    def make(target: Path) -> dict[str, Any]:
        manifest, items, conditions = open_questions(folder)
        sheets = sheets_of(items, number, seed, conditions)
        origin = [(BUILD, build_id(items)), (DRAWN, str(number)), (SEED, str(seed))]
        first = _first_page(manifest)
        shown = access == "open" or with_images
        films = _films(sheets, film) if shown else {}
        if page:
            write_page(target / PAGE, first, origin, sheets, films, _warning(manifest, len(films)))
        else:
            write_workbook(target / WORKBOOK, [*first, *origin], sheets, films)
        counts = {sheet.name: len(sheet.rows) for sheet in sheets}
        review = review_status(manifest)
        return {"counts": counts, "review": review, "file": PAGE if page else WORKBOOK}

    config = {"stage": "review", "questions": number, "seed": seed, "page": page}
    config |= {"images": True} if with_images else {}
    return stage(out, config, [folder], make, fresh=fresh)


def _films(sheets: Sequence[Sheet], film: Callable[[Path], str] | None) -> dict[str, str]:
    """Image path -> film, of the questions whose image can be read."""
    places = {row.fixed.get("Image", "") for sheet in sheets for row in sheet.rows} - {""}
    found = {place: film(Path(place)) for place in sorted(places)} if film else {}
    return {place: text for place, text in found.items() if text}


def _warning(manifest: dict[str, Any], films: int) -> str:
    """What a page holds and where it may go, in one line."""
    access = manifest["access"]
    terms = "".join(f"; {terms}" for terms in manifest.get("terms", []))
    rule = "it must not leave this machine, nor be sent to anyone who may not see these data"
    rule = "it may be passed on under their terms" if access == "open" else rule
    drawn = " that the program has drawn" if manifest["phantom"] else ""
    return (
        f"A review page with {films} films{drawn} and what their labels say; {access} data{terms}; "
        f"{rule}"
    )


def _first_page(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Whose terms bind the file, and what is to be done: (label, text) lines."""
    rule = RULES.get(manifest["access"], "they may be passed on under their terms")
    how = Path(__file__).with_name("first_page.txt").read_text(encoding="utf-8").splitlines()
    return [
        ("Review of MedNega-CXR questions", ""),
        (NAME, ""),
        ("Access class", f"{manifest['access']}: {rule}"),
        *(("Terms", terms) for terms in manifest.get("terms", [])),
        ("Review so far", review_status(manifest)),
        *(("", line) for line in how),
    ]


def import_review(
    folder: Path,
    files: Sequence[Path],
    out: Path,
    card: Callable[..., str],
    *,
    seed: int = 0,
    fresh: bool = False,
) -> dict[str, Any]:
    """Apply filled review files to a question set; the set itself is left as it is.

    Decisions follow `decisions.RULE`. A rejected row drops every group of questions that is built
    on it; a corrected phrase changes all questions that hold it.

    Args:
        folder: the one that the files were exported from.
        files: workbooks or decisions of a page, one per reviewer.
        out: gets `items.parquet`, `conditions.yaml`, `audit.json`, `README.md` (the data card) and
            `review.json` (reviewers, decisions, dissent, comments, agreement).
        card: writes the data card: `nast.benchmark.card.data_card`, which stands above this room.
        seed: of the bootstrap.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest, with counts and the status of the review.

    Raises:
        InputError: the folder has no questions.
        NastError: something in the files is wrong; the message lists all of it, and nothing is
            written.
        UsageError: no file is given.
    """
    if not files:
        raise UsageError("give the filled review files, one per reviewer")
    manifest, items, conditions = questions = open_questions(folder)
    sheets, reviews = _reviews([Path(f) for f in files], questions)
    decisions, problems = decisions_of(sheets, reviews)
    _refuse([*problems, *faults_of(items, decisions, conditions)])
    revision = revision_of(decisions, conditions)
    if len(revision.dropped) == items["group_id"].n_unique():
        raise NastError(
            "every question is built on something that was rejected: nothing is left. "
            "Change the phrases (nast facts --conditions) and build again"
        )
    earlier = read_json(Path(folder) / REVIEW) if (Path(folder) / REVIEW).is_file() else None
    record = record_of(sheets, reviews, decisions, revision, items, earlier, seed)
    how, status = manifest["config"], record["status"]

    def make(target: Path) -> dict[str, Any]:
        left, table = revised(items, revision, record["round"]), revision.conditions
        audit = audit_table(left, how["seed"], table)
        counts = manifest["counts"] | reviewed_counts(left, table)
        write_table(target / FILE, left, ITEMS_SCHEMA)
        write_conditions(target / TABLE, table)
        write_json(target / "audit.json", audit)
        write_json(target / REVIEW, record)
        # The terms name the sources; the card asks whether labelers made the labels.
        source = manifest | {"sources": [t.partition(":")[0] for t in manifest["terms"]]}
        text = card(left, counts, audit, source, how, status, conditions=table)
        write_text(target / "README.md", text + "\n" + review_section(record))
        return {"counts": counts, "leaks": leaks_of(audit), "review": status}

    inputs = [Path(folder), *map(Path, files)]
    return stage(out, how | {"review": record["round"]}, inputs, make, fresh=fresh)


def _reviews(files: Sequence[Path], questions: Reviewed) -> tuple[list[Sheet], list[Review]]:
    """The sheets as they went out and every reviewer's ratings, by name."""
    _, items, conditions = questions
    build, room = build_id(items), room_for(items)
    problems: list[str] = []
    sheets: list[Sheet] = []
    drawn: list[str] = []
    reviews: dict[str, Review] = {}
    for path in files:
        try:
            file = read_returned(path, room)
        except InputError as error:
            problems.append(str(error))
            continue
        theirs, *draw = (file.first(label).strip() for label in (BUILD, DRAWN, SEED))
        if theirs != build or not all(n.isdecimal() and n.isascii() and len(n) < 20 for n in draw):
            problems.append(_another_build(file, build, sheets_of(items, 1, 0, conditions)))
            continue
        if not drawn:
            drawn, (number, seed) = draw, map(int, draw)
            sheets = sheets_of(items, number, seed, conditions)
        if draw != drawn:
            found = "another draw of questions than in the first file"
            problems.append(problem(path, found, "copies of one exported file"))
            continue
        review, wrong = review_of(file, sheets)
        problems += wrong
        if review.reviewer in reviews:
            wanted = "one file per reviewer, each with another name"
            problems.append(problem(path, "the reviewer of another file again", wanted))
        reviews[review.reviewer] = review
    _refuse(problems)
    return sheets, [reviews[name] for name in sorted(reviews)]


def _another_build(file: Returned, build: str, sheets: Sequence[Sheet]) -> str:
    """The problem of a file that other questions were exported to, and which rows have changed."""
    stale = []
    for sheet in sheets:
        versions = {cells.get(ID): cells.get(VERSION) for _, cells in file.lines(sheet.name)}
        now = {row.id: row.fixed[VERSION] for row in sheet.rows if row.id in versions}
        stale += [i for i, version in now.items() if versions[i] != version]
    said = f" ({len(stale)} rows have changed, the first of them {stale[0]!r})" if stale else ""
    return problem(
        f"{file.path}, sheet {FIRST!r}, line {BUILD!r}",
        shown(file.first(BUILD)),
        f"{build!r}: the file was made from another build of the questions{said}; import it with "
        "the folder it was exported from",
    )


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        lines = [f"{len(problems)} problems in the review files; nothing was written"]
        lines += [f"  {p}" for p in problems[:SHOWN]]
        lines += [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise NastError("\n".join(lines))
