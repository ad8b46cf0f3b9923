"""A review file that came back is read within bounds, whoever put whatever there."""

import os
import re
import resource
import subprocess
import sys
import zipfile

import pytest
from openpyxl import load_workbook

from nast.cli import run

SECONDS = 10
"""Of the processor; a review of this size takes two, most of them to start."""
ADDRESSES, HELD = 4 * 2**30, 2**30
"""Bytes that a process may ask for, and that it may use; a review uses a quarter of that."""
CHECKS = (
    "Faithful to the labels",
    "Differs only in polarity",
    "Natural wording",
    "Exactly one right option",
)
SHEET = "xl/worksheets/sheet4.xml"
"""The last sheet, of questions."""


COMMAND = """
import os
from nast.cli import main
try:
    main()
finally:
    # What a process has held since it began: its rusage counts the memory of its parent.
    with open("/proc/self/status") as status, open(os.environ["HELD"], "w") as held:
        held.write(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


@pytest.fixture(scope="module")
def review(questions, tmp_path_factory):
    """A review as it is exported, with the reviewer's name."""
    folder = tmp_path_factory.mktemp("review") / "out"
    if run(["benchmark", "review", "export", str(questions), "-o", str(folder)]):
        raise RuntimeError("no review to begin with")
    return folder


@pytest.fixture
def returned(review, tmp_path):
    """A workbook as a reviewer would send it back: a name, and one row filled in."""
    book = load_workbook(review / "review.xlsx")
    book.worksheets[0]["B2"] = "A"
    page = book["Option sets"]
    for cell, head in zip(page[2], page[1], strict=True):
        if head.value == "Verdict" or head.value in CHECKS:
            cell.value = "accept" if head.value == "Verdict" else "yes"
    book.save(tmp_path / "A.xlsx")
    return tmp_path / "A.xlsx"


@pytest.fixture
def bounded(questions, tmp_path):
    """Import a review file in a process of bounded time and memory: exit code and what it said."""

    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))

    def _bounded(file):
        command = [
            sys.executable,
            "-c",
            COMMAND,
            "benchmark",
            "review",
            "import",
            questions,
            file,
            "-o",
            tmp_path / "imported",
        ]
        held = tmp_path / "held"
        done = subprocess.run(
            command,
            preexec_fn=limits,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"POLARS_MAX_THREADS": "1", "HELD": str(held)},
        )
        used = int(held.read_text()) * 1024 if held.is_file() else 0
        return done.returncode, done.stdout, used

    return _bounded


def check(code, said, used):
    """Done, or refused in one line, within the bounds; a negative code is a signal."""
    assert code == 0 or (code == 1 and said.startswith("nast: ")), (code, said[-300:])
    assert "Traceback" not in said and "MemoryError" not in said
    assert 0 < used < HELD, f"{used:,} bytes were held"


def changed(file, place, change):
    """Change one part of a workbook, as a program that knows its format can."""
    with zipfile.ZipFile(file) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in parts.items():
            book.writestr(name, change(data) if name == place else data)


def stray_cell(where, text="x"):
    """A cell far from the others: with a blank in it, or with a format alone."""
    row = re.sub(r"\D", "", where)
    value = f'<c r="{where}" t="inlineStr"><is><t>{text}</t></is></c>'
    cell = value if text else f'<c r="{where}" s="1"/>'

    def change(file):
        added = f'<row r="{row}">{cell}</row></sheetData>'.encode()
        changed(file, SHEET, lambda data: data.replace(b"</sheetData>", added))

    return change


def stated_size(file):
    """A sheet that says of itself that it is full."""
    changed(
        file,
        SHEET,
        lambda data: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', data),
    )


def grown(place, before, filler):
    """A part that is small in the archive and does not end when it is read."""

    def change(file):
        with zipfile.ZipFile(file) as book:
            parts = {name: book.read(name) for name in book.namelist()}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
            for name, data in parts.items():
                if name != place:
                    book.writestr(name, data)
                    continue
                head, mark, tail = data.partition(before)
                with book.open(name, "w", force_zip64=True) as part:
                    part.write(head)
                    for _ in range(1536):
                        part.write(filler * (2**20 // len(filler)))
                    part.write(mark + tail)

    return change


def blanks(file):
    grown(SHEET, b"</sheetData>", b" ")(file)


def rows(file):
    grown(SHEET, b"</sheetData>", b"<row></row>")(file)


def theme(file):
    grown("xl/theme/theme1.xml", b"</a:theme>", b" ")(file)


def styles(file):
    grown("xl/styles.xml", b"</styleSheet>", b" ")(file)


@pytest.mark.slow
def test_a_plain_review_stays_within_the_bounds(bounded, returned):
    code, said, used = bounded(returned)
    assert code == 0, said
    check(code, said, used)


@pytest.mark.parametrize(
    "where",
    [
        "XFD5000",
        *(pytest.param(w, marks=pytest.mark.slow) for w in ("XFD1048576", "ZZ300000")),
    ],
)
@pytest.mark.parametrize("text", ["x", pytest.param("", marks=pytest.mark.slow)])
def test_a_stray_cell_far_away(bounded, returned, where, text):
    stray_cell(where, text)(returned)
    check(*bounded(returned))


@pytest.mark.slow
def test_a_sheet_that_calls_itself_full(bounded, returned):
    stated_size(returned)
    check(*bounded(returned))


@pytest.mark.slow
@pytest.mark.parametrize("part", [blanks, rows, theme, styles])
def test_a_workbook_that_grows_when_it_is_read(bounded, returned, part):
    part(returned)
    check(*bounded(returned))


def test_a_workbook_of_four_gigabytes(bounded, returned):
    """It takes no room on the disk."""
    os.truncate(returned, 2**32)
    check(*bounded(returned))
