"""Small question folders, and review files filled in as reviewers would."""

import csv
from functools import cache

from openpyxl import load_workbook

from nast.benchmark.build import build_benchmark
from nast.items.review.rows import CHECKS, FIRST
from nast.items.review.workbook import csv_name

YES = {**dict.fromkeys(CHECKS.values(), "yes"), "Verdict": "accept"}
SHEETS = ("Phrases", "Option sets", "Questions")


@cache
def small_set(facts):
    """Questions in three groups of each split."""
    folder = facts.with_name("questions to review")
    build_benchmark(facts, folder, limit=3)
    return folder


def fill(review, path, name, answers, accept=()):
    """Save a filled copy of an exported review: a workbook if `path` is one, else CSV files.

    `answers`: id -> column -> text, on top of four times yes and accept; `accept`: ids that get
    those alone.
    """
    answers = {**{i: {} for i in accept}, **answers}
    answers = {i: {**YES, **given} for i, given in answers.items()}
    return (fill_workbook if path.suffix == ".xlsx" else fill_csv)(review, path, name, answers)


def fill_workbook(review, path, name, answers):
    book = load_workbook(review / "review.xlsx")
    book[FIRST]["B2"] = name
    for page in book.worksheets[1:]:
        header = [cell.value for cell in page[1]]
        for row in page.iter_rows(min_row=2):
            given = answers.get(row[0].value, {})
            for cell, column in zip(row, header, strict=True):
                if column in given and cell.value != "n/a":
                    cell.value = given[column]
    book.save(path)
    return path


def fill_csv(review, path, name, answers):
    path.mkdir(parents=True)
    for sheet in (FIRST, *SHEETS):
        header, *rows = read_rows(review / "csv" / csv_name(sheet))
        if sheet == FIRST:
            rows[0][1] = name or ""
        for row in rows:
            given = answers.get(row[0], {}) if sheet != FIRST else {}
            row[:] = [
                (given[c] or "") if c in given and text != "n/a" else text
                for c, text in zip(header, row, strict=True)
            ]
        write_rows(path / csv_name(sheet), [header, *rows])
    return path


def read_rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def write_rows(path, rows, **form):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, **form).writerows(rows)


def rows_of(review, name):
    """The rows of an exported sheet as dictionaries."""
    header, *rows = read_rows(review / "csv" / csv_name(name))
    return [dict(zip(header, row, strict=True)) for row in rows]
