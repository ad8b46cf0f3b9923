"""Small question folders, and review files filled in as reviewers would."""

from functools import cache

from openpyxl import load_workbook

from nast.benchmark.build import build_benchmark
from nast.items.review.sheets import CHECKS, FIRST

YES = {**dict.fromkeys(CHECKS.values(), "yes"), "Verdict": "accept"}


@cache
def small_set(facts):
    """Questions in three groups of each split."""
    folder = facts.with_name("questions to review")
    build_benchmark(facts, folder, limit=3)
    return folder


def fill(review, path, name, answers, accept=()):
    """Save a filled copy of an exported review.

    `answers`: id -> column -> text, on top of four times yes and accept; `accept`: ids that get
    those alone.
    """
    answers = {**{i: {} for i in accept}, **answers}
    book = load_workbook(review / "review.xlsx")
    book[FIRST]["B2"] = name
    for page in book.worksheets[1:]:
        header = [cell.value for cell in page[1]]
        for row in page.iter_rows(min_row=2):
            if row[0].value in answers:
                given = YES | answers[row[0].value]
                for cell, column in zip(row, header, strict=True):
                    if column in given:
                        cell.value = given[column]
    book.save(path)
    return path


def rows_of(review, name):
    """The rows of an exported sheet as dictionaries."""
    page = load_workbook(review / "review.xlsx")[name]
    header, *rows = ([cell or "" for cell in row] for row in page.iter_rows(values_only=True))
    return [dict(zip(header, row, strict=True)) for row in rows]


def first_page(review):
    """The lines of the first page: label -> text."""
    page = load_workbook(review / "review.xlsx")[FIRST]
    return dict(page.iter_rows(values_only=True))
