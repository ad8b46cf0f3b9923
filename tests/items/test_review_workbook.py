"""Texts go into workbook and CSV and come back exactly; nothing in them is a formula."""

import pytest
from filled import read_rows, write_rows
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from nast.errors import InputError
from nast.items.review.first_page import FIRST
from nast.items.review.returned import FORMULA, read_returned
from nast.items.review.sheets import Row, Sheet
from nast.items.review.workbook import (
    check_text,
    guarded,
    unguarded,
    write_csv_twins,
    write_workbook,
)

NASTY = [
    "=1+1",
    "+1",
    "-no effusion",
    "@SUM(A1)",
    "'tis",
    "'=1",
    "#N/A",
    "007",
    "1e5",
    "TRUE",
    "a\nb",
    " x ",
    "\tx",
    "<&>",
    "Müller 胸部 🫁",
    '=LINK("x","y")',
    "=",
    "''",
]
texts = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"),
        exclude_characters="\ufffe\uffff",
        include_characters="\n\t=+-@'\",",
    ),
    max_size=40,
).filter(lambda t: "_x" not in t and "x005F_" not in t)


def sheet(cells):
    rows = [
        Row(
            f"set:{n}",
            {"Id": f"set:{n}", "Must say": text, "Version": "v"},
            ("faithful",),
            {"Corrected": text},
            frozenset(),
            None,
        )
        for n, text in enumerate(cells)
    ]
    return Sheet("Option sets", ("Id", "Must say", "Version"), ("Corrected",), rows)


def written(folder, cells):
    first = [("Title", ""), ("Your name", ""), ("Access class", cells[0])]
    write_workbook(folder / "review.xlsx", first, [sheet(cells)])
    write_csv_twins(folder / "csv", first, [sheet(cells)])
    return folder / "review.xlsx", folder / "csv"


@settings(max_examples=10, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6))
@example(NASTY)
def test_texts_come_back(tmp_path_factory, cells):
    folder = tmp_path_factory.mktemp("sheet")
    for path in written(folder, cells):
        found = read_returned(path, ["Option sets"])
        assert found.first["Access class"] == cells[0]
        assert found.headers["Option sets"] == list(sheet(cells).header)
        assert [line.cells["Must say"] for line in found.lines["Option sets"]] == cells
        assert [line.number for line in found.lines["Option sets"]] == [
            n + 2 for n in range(len(cells))
        ]


def test_no_cell_is_a_formula(tmp_path):
    book, folder = written(tmp_path, NASTY)
    page = load_workbook(book)["Option sets"]
    assert {c.data_type for row in page.iter_rows() for c in row if c.value} == {"s"}
    quoted = {row[1].value for row in page.iter_rows() if row[1].quotePrefix}
    assert quoted == {t for t in NASTY if t[0] in "=+-@\t"}
    cells = [cell for row in read_rows(folder / "option_sets.csv") for cell in row]
    assert not [c for c in cells if c.startswith(("=", "+", "-", "@", "\t"))]


@given(texts)
def test_unguarded_reverses_guarded(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_what_a_person_typed_is_left_alone():
    assert unguarded("'tis") == "'tis" and unguarded("- odd") == "- odd"


def test_a_typed_formula_is_seen(tmp_path):
    book, _ = written(tmp_path, ["x"])
    changed = load_workbook(book)
    changed["Option sets"]["H2"] = "=A1"
    changed.save(book)
    line = read_returned(book, ["Option sets"]).lines["Option sets"][0]
    assert line.cells["Verdict"] == FORMULA


@pytest.mark.parametrize("text", ["a\x07", "a\rb", "_x000D_", "x005F_", "a" * 32_768, "\ud800"])
def test_what_would_not_come_back_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="a cell of the review file"):
        written(tmp_path, [text])
    assert not (tmp_path / "review.xlsx").exists()
    assert check_text("a" * 32_767, "here")


def test_cells_that_are_filled_in_are_open_yellow_and_offered(tmp_path):
    book, _ = written(tmp_path, ["one", "two"])
    page = load_workbook(book)["Option sets"]
    header = [cell.value for cell in page[1]]
    assert header == [
        "Id",
        "Must say",
        "Version",
        "Faithful to the labels",
        "Differs only in polarity",
        "Natural wording",
        "Exactly one right option",
        "Verdict",
        "Corrected",
        "Comment",
    ]
    row = dict(zip(header, page[2], strict=True))
    open_ = {name for name, cell in row.items() if not cell.protection.locked}
    assert open_ == {"Faithful to the labels", "Verdict", "Corrected", "Comment"}
    assert all(row[n].fill.fgColor.rgb == "00FFF7D6" for n in open_)
    assert row["Natural wording"].value == "n/a"
    assert page.protection.sheet and page.freeze_panes == "B2"
    offers = {str(v.sqref): v.formula1 for v in page.data_validations.dataValidation}
    assert offers == {"D2:D3": '"yes,no"', "H2:H3": '"accept,edit,reject"'}
    first = load_workbook(book)[FIRST]
    assert not first["B2"].protection.locked and first["B3"].protection.locked


def test_semicolons_and_carriage_returns_of_other_programs(tmp_path):
    _, folder = written(tmp_path, ["a; b", "c\nd"])
    for path in folder.glob("*.csv"):
        write_rows(path, read_rows(path), delimiter=";", lineterminator="\r\n")
    found = read_returned(folder, ["Option sets"]).lines["Option sets"]
    assert [line.cells["Must say"] for line in found] == ["a; b", "c\nd"]


def test_files_that_cannot_be_read(tmp_path):
    book, folder = written(tmp_path, ["x"])
    (tmp_path / "broken.xlsx").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="no workbook that can be read"):
        read_returned(tmp_path / "broken.xlsx", ["Option sets"])
    with pytest.raises(InputError, match="no such file"):
        read_returned(tmp_path / "absent.xlsx", ["Option sets"])
    with pytest.raises(InputError, match="no sheet 'Phrases'"):
        read_returned(book, ["Phrases"])
    (folder / "option_sets.csv").write_bytes("Id;Müller".encode("latin-1"))
    with pytest.raises(InputError, match="a file saved as CSV UTF-8"):
        read_returned(folder, ["Option sets"])
