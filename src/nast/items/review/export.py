"""The review file of a question set: a workbook, and its sheets as CSV."""

from pathlib import Path
from typing import Any

import polars as pl

from nast.benchmark.card import review_status
from nast.errors import UsageError
from nast.files import manifest_of, read_table
from nast.folders import stage
from nast.items.review.first_page import Origin, first_page
from nast.items.review.sheets import build_id, sheets_of
from nast.items.review.table import use_table_of
from nast.items.review.workbook import write_csv_twins, write_workbook
from nast.records import QUESTIONS_SCHEMA


def export_review(
    folder: Path, out: Path, *, number: int = 100, seed: int = 0, fresh: bool = False
) -> dict[str, Any]:
    """Write the review file of a question set: a workbook, and its sheets as CSV.

    Args:
        folder: of `nast benchmark build` or `nast benchmark review import`. Its table of conditions
            is in use afterwards.
        out: gets `review.xlsx` and `csv/`.
        number: questions drawn, spread over conditions, number of denials and surface form.
        seed: of the draw.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `counts` has the rows of each sheet.

    Raises:
        InputError: the folder has no questions, or another table of conditions made them.
        UsageError: the number is not positive.
    """
    if number < 1:
        raise UsageError(f"--questions is {number}; it must be 1 or more")
    config = {"stage": "review", "questions": number, "seed": seed}

    def make(target: Path) -> dict[str, Any]:
        manifest, questions = opened(folder)
        sheets = sheets_of(questions, number, seed)
        status = review_status(manifest)
        origin = Origin(build_id(questions), number, seed)
        page = first_page(manifest, status, origin)
        write_csv_twins(target / "csv", page, sheets)
        write_workbook(target / "review.xlsx", page, sheets)
        return {"counts": {s.name: len(s.rows) for s in sheets}, "review": status}

    return stage(out, config, [folder], make, fresh=fresh)


def opened(folder: Path) -> tuple[dict[str, Any], pl.DataFrame]:
    """The manifest and questions of a folder, whose table of conditions is now in use."""
    manifest = manifest_of(folder)
    questions = read_table(Path(folder) / "questions.parquet", QUESTIONS_SCHEMA)
    use_table_of(folder, manifest)
    return manifest, questions
