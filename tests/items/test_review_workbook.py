"""Texts go into a workbook and come back exactly; nothing in them is a formula."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from nast.errors import InputError
from nast.items.review.returned import FORMULA, read_returned
from nast.items.review.sheets import FIRST, SHEETS, Row, Sheet
from nast.items.review.workbook import check_text, write_workbook

ROOM = 2**23

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


def sheet(cells, name="Option sets"):
    rows = [
        Row(
            f"set:{n}",
            {"Id": f"set:{n}", "Must say": text, "Version": "v"},
            {"Corrected": text},
            frozenset(),
        )
        for n, text in enumerate(cells)
    ]
    return Sheet(name, rows)


def written(folder, cells):
    first = [("Title", ""), ("Your name", ""), ("Access class", cells[0])]
    sheets = [sheet(cells, name) for name in SHEETS]
    write_workbook(folder / "review.xlsx", first, sheets)
    return folder / "review.xlsx"


@settings(max_examples=10, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6))
@example(NASTY)
def test_texts_come_back(tmp_path_factory, cells):
    folder = tmp_path_factory.mktemp("sheet")
    found = read_returned(written(folder, cells), ROOM)
    assert found.first("Access class") == cells[0]
    (_, header), *lines = found.sheets["Option sets"]
    assert header == list(sheet(cells).header)
    assert [row[1] for _, row in lines] == cells
    assert [number for number, _ in lines] == [n + 2 for n in range(len(cells))]


def test_no_cell_is_a_formula(tmp_path):
    book = written(tmp_path, NASTY)
    page = load_workbook(book)["Option sets"]
    assert {c.data_type for row in page.iter_rows() for c in row if c.value} == {"s"}
    quoted = {row[1].value for row in page.iter_rows() if row[1].quotePrefix}
    assert quoted == {t for t in NASTY if t[0] in "=+-@\t"}


def test_a_typed_formula_is_seen(tmp_path):
    book = written(tmp_path, ["x"])
    changed = load_workbook(book)
    changed["Option sets"]["H2"] = "=A1"
    changed.save(book)
    _, (_, row) = read_returned(book, ROOM).sheets["Option sets"]
    assert row[7] == FORMULA


@pytest.mark.parametrize("text", ["a\x07", "a\rb", "_x000D_", "x005F_", "a" * 32_768, "\ud800"])
def test_what_would_not_come_back_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="a cell of the review file"):
        written(tmp_path, [text])
    assert not (tmp_path / "review.xlsx").exists()
    assert check_text("a" * 32_767)


def test_cells_that_are_filled_in_are_yellow_and_offered(tmp_path):
    book = written(tmp_path, ["one", "two"])
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
    yellow = {name for name, cell in row.items() if cell.fill.fgColor.rgb == "00FFF7D6"}
    assert yellow == {*header[3:]}
    assert page.freeze_panes == "B2"
    offers = {str(v.sqref): v.formula1 for v in page.data_validations.dataValidation}
    assert offers.pop("H2:H3") == '"accept,edit,reject"'
    assert offers == {f"{letter}2:{letter}3": '"yes,no"' for letter in "DEFG"}
    first = load_workbook(book)[FIRST]
    assert [first[place].fill.fgColor.rgb == "00FFF7D6" for place in ("B2", "B3")] == [True, False]


def test_files_that_cannot_be_read(tmp_path):
    book = written(tmp_path, ["x"])
    (tmp_path / "broken.xlsx").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="no workbook that can be read"):
        read_returned(tmp_path / "broken.xlsx", ROOM)
    with pytest.raises(InputError, match="no such file"):
        read_returned(tmp_path / "absent.xlsx", ROOM)
    changed = load_workbook(book)
    del changed["Phrases"]
    changed.save(book)
    with pytest.raises(InputError, match="no sheet 'Phrases'"):
        read_returned(book, ROOM)
    with pytest.raises(InputError, match="found a folder"):
        read_returned(tmp_path, ROOM)


def test_a_file_beyond_its_room_is_refused(tmp_path):
    path = written(tmp_path, ["word " * 900] * 3)
    with pytest.raises(InputError, match="bytes or cells, unpacked, expected at most 9,000"):
        read_returned(path, 9000)
    assert read_returned(path, ROOM)


def test_cells_far_away(tmp_path):
    """A format is no text; a text is kept with its row, and the rows between take no room."""
    book = written(tmp_path, ["x"])
    changed = load_workbook(book)
    changed["Option sets"]["XFD1000000"].number_format = "@"
    changed["Phrases"]["C900000"] = "stray"
    changed.save(book)
    found = read_returned(book, ROOM).sheets
    assert len(found["Option sets"]) == 2
    assert found["Phrases"][-1] == (900000, ["", "", "stray"])
