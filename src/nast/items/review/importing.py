"""Filled review files -> a new version of the question set, with what the reviewers found."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from nast.benchmark.card import data_card
from nast.errors import InputError, NastError, UsageError
from nast.facts.conditions import CONDITIONS, use_table
from nast.files import read_json, write_json, write_table, write_text
from nast.folders import stage
from nast.items.audit import audit_questions, leaks_of
from nast.items.review.apply import Revision, counts_of, faults_of, revised, revision_of
from nast.items.review.decisions import Decision, decisions_of
from nast.items.review.export import opened
from nast.items.review.first_page import BUILD, DRAWN, SEED, Origin
from nast.items.review.ratings import (
    Review,
    another_build,
    origin_of,
    problem,
    report_of,
    review_of,
)
from nast.items.review.record import record_of, review_section
from nast.items.review.returned import Returned, files_of, read_returned
from nast.items.review.sheets import OPTION_SETS, PHRASES, QUESTIONS, Sheet, build_id, sheets_of
from nast.items.review.table import changed, write_conditions
from nast.records import QUESTIONS_SCHEMA
from nast.sources.collect import TABLE

NAMES = (PHRASES, OPTION_SETS, QUESTIONS)
REVIEW = "review.json"


def import_review(
    folder: Path, files: Sequence[Path], out: Path, *, seed: int = 0, fresh: bool = False
) -> dict[str, Any]:
    """Apply filled review files to a question set; the set itself is left as it is.

    Decisions follow `decisions.RULE`. A rejected row drops every group of questions that is built
    on it; corrections change the words of all questions that show them. The table of conditions
    with corrected phrases and classes is in use afterwards.

    Args:
        folder: the one that the files were exported from.
        files: one per reviewer: a workbook, or a folder of CSV files.
        out: gets `questions.parquet`, `conditions.yaml`, `audit.json`, `README.md` (the data card)
            and `review.json` (reviewers, decisions, dissent, comments, agreement).
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
    manifest, questions = opened(folder)
    sheets, reviews = _reviews(files, questions)
    decisions, problems = decisions_of(sheets, reviews)
    places = {
        r.id: f"sheet {s.name!r}, row {r.id!r}, all reviewers together"
        for s in sheets
        for r in s.rows
    }
    problems += faults_of(sheets, decisions, places)
    if problems:
        raise NastError(report_of(problems))
    revision = revision_of(sheets, decisions)
    if len(revision.dropped) == questions["group_id"].n_unique():
        raise NastError(
            "every question is built on something that was rejected: nothing is left. "
            "Change the phrases (nast facts --conditions) and build again"
        )
    earlier = _earlier(folder)
    record = record_of(sheets, reviews, decisions, revision, questions, earlier, seed)
    config = manifest["config"] | {"review": record["round"]}
    inputs = [Path(folder), *(f for path in files for f in files_of(Path(path)))]
    make = partial(
        _write, manifest, revised(questions, revision, record["round"]), revision, record
    )
    return stage(out, config, inputs, make, fresh=fresh)


def _reviews(files: Sequence[Path], questions: pl.DataFrame) -> tuple[list[Sheet], list[Review]]:
    """The sheets as they went out and every reviewer's ratings, by name."""
    build = build_id(questions)
    problems: list[str] = []
    returned = [r for path in files if (r := _read(Path(path), problems)) is not None]
    sheets: list[Sheet] = []
    reviews: list[Review] = []
    drawn: Origin | None = None
    for file in returned:
        origin = origin_of(file, (BUILD, DRAWN, SEED))
        if origin is None or origin.build != build:
            problems.append(another_build(file, build))
            continue
        if drawn is None:
            drawn, sheets = origin, sheets_of(questions, origin.number, origin.seed)
        if origin != drawn:
            problems.append(
                problem(
                    str(file.path),
                    "another draw of questions than in the first file",
                    "copies of one exported file",
                )
            )
            continue
        review, found = review_of(file, sheets)
        corrections = {i: Decision(r.verdict, r.edits) for i, r in review.ratings.items()}
        places = {i: r.place for i, r in review.ratings.items()}
        problems += found or faults_of(sheets, corrections, places)
        if review.reviewer and review.reviewer in {r.reviewer for r in reviews}:
            problems.append(
                problem(
                    str(file.path),
                    "the reviewer of another file again",
                    "one file per reviewer, each with another name",
                )
            )
        reviews.append(review)
    if problems:
        raise NastError(report_of(problems))
    return sheets, sorted(reviews, key=lambda r: r.reviewer)


def _read(path: Path, problems: list[str]) -> Returned | None:
    try:
        return read_returned(path, NAMES)
    except InputError as error:
        problems.append(str(error))
        return None


def _earlier(folder: Path) -> dict[str, Any] | None:
    path = Path(folder) / REVIEW
    return read_json(path) if path.is_file() else None


def _write(
    manifest: dict[str, Any],
    questions: pl.DataFrame,
    revision: Revision,
    record: dict[str, Any],
    out: Path,
) -> dict[str, Any]:
    use_table(changed(revision.changes))
    write_conditions(out / TABLE, CONDITIONS)
    audit = audit_questions(questions, manifest["config"]["seed"])
    counts = manifest["counts"] | counts_of(questions)
    write_table(out / "questions.parquet", questions, QUESTIONS_SCHEMA)
    write_json(out / "audit.json", audit)
    write_json(out / REVIEW, record)
    # The terms name the sources; the card asks whether labelers made the labels.
    source = manifest | {"sources": [t.partition(":")[0] for t in manifest["terms"]]}
    card = data_card(questions, counts, audit, source, manifest["config"], record["status"])
    write_text(out / "README.md", card + "\n" + review_section(record))
    return {"counts": counts, "leaks": leaks_of(audit), "review": record["status"]}
