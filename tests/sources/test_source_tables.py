"""Label tables as text: encodings, gzip, rows, ids. Damage is refused, and no cell is shown."""

import gzip
import os
import tracemalloc

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small import only_nast_errors

from nast.errors import InputError
from nast.sources.io import label_tables as tables
from nast.sources.io.label_tables import (
    labels_from,
    one_of,
    read_csv,
    read_text,
    refuse_duplicates,
    refuse_split_patients,
    whole_ids,
)

TABLE = b"id,name\n1,x\n2,y\n"
ROWS = [("1", "x"), ("2", "y")]
ENDLESS = 2**31


@pytest.fixture
def file(tmp_path):
    return tmp_path / "t.csv"


def rows(file, data, *columns, **options):
    file.write_bytes(data)
    return read_csv(file, list(columns or ("id", "name")), **options).rows()


def refusal(file, data, *columns, **options):
    """The message, without the path."""
    with pytest.raises(InputError) as error:
        rows(file, data, *columns, **options)
    return str(error.value).removeprefix(str(file))


@pytest.mark.parametrize(
    "data",
    [
        TABLE,
        TABLE.rstrip(),
        TABLE.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + TABLE,
        b"\xef\xbb\xbf" + TABLE.replace(b"\n", b"\r\n"),
        gzip.compress(TABLE),
        gzip.compress(b"\xef\xbb\xbf" + TABLE),
        gzip.compress(b"id,name\n1,x\n") + gzip.compress(b"2,y\n"),
        b'"id","name"\n"1","x"\n"2",y\n',
        b"id,name\n 1 , x\n2 ,y \n",
    ],
    ids=[
        "plain",
        "no last line end",
        "CRLF",
        "BOM",
        "BOM and CRLF",
        "gzip",
        "gzip and BOM",
        "two gzip members",
        "quotes",
        "blanks around cells",
    ],
)
def test_one_table_in_many_forms(file, data):
    assert rows(file, data) == ROWS


def test_a_mark_of_byte_order_is_no_text(file):
    file.write_bytes(b"\xef\xbb\xbf" + "ä\r\n".encode())
    assert read_text(file, "a text") == "ä\r\n"


def test_a_tab_may_part_cells(file):
    assert rows(file, TABLE.replace(b",", b"\t"), separator="\t") == ROWS
    assert "column 'id': found 1 others" in refusal(file, TABLE, separator="\t")


def test_columns_are_found_by_name(file):
    file.write_bytes(b"more,name,id\n,x,1\n5,y,2\n")
    table = read_csv(file, ["id", "name"])
    assert table.select("id", "name").rows() == ROWS
    assert table["more"].to_list() == ["", "5"]


def test_quoted_cells_hold_separators_line_ends_and_quotes(file):
    assert rows(file, b'id,name\n1,"a, b"\n2,"a\n\nb"\n3,"say ""no"""\n') == [
        ("1", "a, b"),
        ("2", "a\n\nb"),
        ("3", 'say "no"'),
    ]


@pytest.mark.parametrize("header", [b"id,name\n", b"id,name"])
def test_a_table_may_be_empty(file, header):
    assert rows(file, header) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (TABLE.decode().encode("utf-16"), "not UTF-8 (invalid start byte) in line 1"),
        ("id,name\n1,x\n2,Müller\n".encode("latin-1"), "not UTF-8 (invalid start byte) in line 3"),
        (b"", "found no table"),
        (b"\x1f", "column 'id'"),
    ],
    ids=["UTF-16", "latin-1", "empty", "the first byte of a gzip file"],
)
def test_other_encodings_are_refused(file, data, message):
    text = refusal(file, data)
    assert message in text
    assert "ller" not in text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"id,name\n1\n2,y\n", ", row 1: found 1 cells, expected 2, rows of equal length"),
        (b"id,name,c\n1,x,\n\n2,y\n", ", row 3: found 2 cells, expected 3"),
        (b"id,name,c\r\n1,x,\r\n2,y\r\n", ", row 2: found 2 cells, expected 3"),
        (b'id,name\n"1","x\ny"\n"2"\n', ", row 2: found 1 cells, expected 2"),
        (b'id,name\n"1,2"\n', ", row 1: found 1 cells, expected 2"),
        (b"id,name\n1,x,z\n", "a row with too many cells"),
        (b'id,name\n"1","x","z"\n', "a row with too many cells"),
        (b"id,name\n  \n1,x\n", ", row 1: found 1 cells"),
    ],
)
def test_rows_of_another_length_are_refused(file, data, message):
    assert message in refusal(file, data)


@pytest.mark.parametrize(
    "data", [b'id,name\n1,"x\n', b'id,name\n1,"x\n2,y\n', b'id,name\n"1"2,x\n']
)
def test_quotes_that_do_not_end_are_refused(file, data):
    assert "no table" in refusal(file, data)


def test_a_cut_gzip_is_refused_at_every_byte(file):
    whole = gzip.compress(TABLE * 50)
    for cut in range(2, len(whole)):
        assert "ends early or is damaged" in refusal(file, whole[:cut]), cut


@pytest.mark.parametrize("place", [2, 3, 12, 20, -5, -1])
def test_a_damaged_gzip_is_refused(file, place):
    data = bytearray(gzip.compress(TABLE * 50, mtime=0))
    data[place] ^= 255
    assert "ends early or is damaged, expected a whole file; fetch it again" in refusal(file, data)


def test_what_follows_a_gzip_file_is_refused(file):
    assert "damaged" in refusal(file, gzip.compress(TABLE) + b"1,x\n")


@pytest.mark.parametrize("start", [b"", TABLE], ids=["at once", "after a table"])
def test_one_endless_line_is_refused_before_it_fills_the_memory(file, start):
    file.write_bytes(start)
    os.truncate(file, ENDLESS)  # Zeros that take no place on the disk.
    tracemalloc.start()
    with pytest.raises(InputError, match="found a line of more than 16 MiB"):
        read_csv(file, ["id"])
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()


def test_one_endless_line_in_gzip_is_refused(file, monkeypatch):
    monkeypatch.setattr(tables, "LONGEST_LINE", 2**20)
    data = gzip.compress(TABLE + b"1" * 2**23, 1)
    tracemalloc.start()
    assert "a line of more than 1 MiB" in refusal(file, data)
    assert tracemalloc.get_traced_memory()[1] < 6 * 2**20
    tracemalloc.stop()


def test_many_short_lines_are_no_endless_one(file, monkeypatch):
    monkeypatch.setattr(tables, "LONGEST_LINE", 2**20 + 10)
    data = b"id,name\n" + b"12345678,x\n" * 300_000
    assert len(rows(file, data)) == 300_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file or directory, expected a table"),
        (lambda p: p.mkdir(), "is a directory, expected a table"),
        (lambda p: p.symlink_to(p), "too many levels of symbolic links"),
        (lambda p: p.symlink_to(p.parent / "gone"), "no such file"),
    ],
    ids=["missing", "a folder", "a loop of links", "a broken link"],
)
def test_what_is_no_file_is_refused(file, make, message):
    make(file)
    with pytest.raises(InputError, match=message):
        read_csv(file, ["id"])


@pytest.mark.parametrize(
    "data",
    [
        b"10000032,Doe\n10000033,Roe\n",
        b"subject_10000032,Doe\nsubject_10000033,Roe\n",
        b"study_id,subject_id\r10000032,10000033\r",
        "10000032,subject_id\n10000032,x\n".encode("utf-16-le"),
    ],
    ids=["numbers", "ids like the column's name", "line ends of old Macs", "UTF-16 without mark"],
)
def test_a_table_without_its_header_does_not_show_its_first_row(file, data):
    text = refusal(file, data, "subject_id")
    assert text.startswith(", column 'subject_id': found ")
    assert "1000003" not in text
    assert "Doe" not in text


def test_a_heading_that_is_almost_right_is_named(file):
    text = refusal(file, b"Subject ID,name\n1,x\n", "subject_id")
    assert (
        text == ", column 'subject_id': found 2 others, such as 'subject id', expected the column"
    )


def test_ids_that_a_spreadsheet_saved_as_floats_are_mended(file):
    file.write_bytes(b"id,name\n10000032.0,x\n10000033.,x\n10000034,x\n00012.00,x\n")
    table = whole_ids(read_csv(file, ["id"]), file, ["id"])
    assert table["id"].to_list() == ["10000032", "10000033", "10000034", "00012"]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("", "a blank"),
        ("  ", "a blank"),
        (".0", "a blank"),
        ("1.5", "'1.5'"),
        ("-1", "'-1'"),
        ("1e7", "'1e7'"),
        ("s50414267", "text of 9 characters"),
        ("1 0", "'1 0'"),
        ("10000032.5", "text of 10 characters"),
        ("٣", r"'\u0663'"),
    ],
)
def test_other_ids_are_refused_and_long_ones_not_shown(file, cell, shown):
    file.write_text(f"id,name\n1,x\n{cell},y\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        whole_ids(read_csv(file, ["id"]), file, ["id"])
    text = str(error.value).removeprefix(str(file))
    assert text == f", row 2, column 'id': found {shown}, expected a whole number"


def test_a_blank_line_is_a_row_without_an_id(file):
    file.write_bytes(b"id,name\n1,x\n\n2,y\n")
    with pytest.raises(InputError, match="row 2, column 'id': found a blank"):
        whole_ids(read_csv(file, ["id"]), file, ["id"])


def test_a_second_row_of_a_key_names_both(file):
    file.write_bytes(b"id,name\n1,x\n2,y\n1,y\n2,y\n1,x\n")
    table = read_csv(file, ["id", "name"])
    with pytest.raises(InputError, match="row 3: found the same id as row 1, expected each once"):
        refuse_duplicates(table, file, ["id"])
    with pytest.raises(InputError, match="row 4: found the same id and name as row 2"):
        refuse_duplicates(table, file, ["id", "name"])
    refuse_duplicates(table[:2], file, ["id"])


def test_labels_are_four_words(file):
    cells = ["1", "1.0", "0", "0.0", "-1", "-1.0", ""]
    table = pl.DataFrame({"Edema": cells})
    names = ["present", "present", "absent", "absent", "uncertain", "uncertain", "not_mentioned"]
    assert table.select(*labels_from(table, file, ["Edema"])).rows() == [(n,) for n in names]


@pytest.mark.parametrize("cell", ["2", "1.00", "+1", "NaN", "nan", "-0", "true", "Yes"])
def test_another_label_is_refused(file, cell):
    with pytest.raises(
        InputError, match=r"row 2, column 'Edema': found .*expected 1, 0, -1 or blank"
    ):
        labels_from(pl.DataFrame({"Edema": ["1", cell]}), file, ["Edema"])


def test_one_of_shows_short_cells_only(file):
    table = pl.DataFrame({"split": ["train", "dev", "patient 17"]})
    with pytest.raises(InputError, match="row 2, column 'split': found 'dev', expected train"):
        one_of(table, file, "split", ["train"], "train")
    with pytest.raises(InputError, match="row 2, column 'split': found text of 10 characters"):
        one_of(table[::2], file, "split", ["train"], "train")


def test_patients_in_two_splits_are_counted_not_named(file):
    table = pl.DataFrame(
        {
            "subject_id": ["p17", "p17", "p18", "p18", "p19"],
            "split": ["train", "test", "test", "train", "train"],
        }
    )
    with pytest.raises(InputError) as error:
        refuse_split_patients(table, file)
    assert "found 2 patients in two splits (test and train)" in str(error.value)
    assert "p17" not in str(error.value)
    refuse_split_patients(table[2:3].vstack(table[4:]), file)


pieces = st.sampled_from(
    [b",", b"\n", b"\r\n", b'"', b"id", b"1", b"\xff", b"\xc3\xbc", b"\0", b" "]
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.lists(pieces, max_size=20).map(b"".join), st.booleans())
@example(b'id\n"', False)
@example(b'"id\n', False)
@example(b'id,"', False)
@example(b"", True)
def test_any_bytes_raise_only_our_errors(tmp_path_factory, data, headed):
    file = tmp_path_factory.mktemp("t") / "t.csv"
    file.write_bytes(b"id,name\n" * headed + data)
    only_nast_errors(lambda: whole_ids(read_csv(file, ["id"]), file, ["id"]))
    file.write_bytes(gzip.compress(data))
    only_nast_errors(lambda: read_csv(file, ["id"]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5))
def test_what_a_csv_writer_writes_is_read_cell_by_cell(tmp_path_factory, cells):
    """But for blanks around a cell, and line ends, which polars keeps as they are."""
    file = tmp_path_factory.mktemp("t") / "t.csv"
    text = pl.DataFrame(cells, schema={"id": pl.String, "name": pl.String}, orient="row")
    text.write_csv(file, quote_style="always")
    assert read_csv(file, ["id", "name"]).rows() == text.select(pl.all().str.strip_chars()).rows()


def test_a_required_column_stands_once(tmp_path):
    (tmp_path / "t.csv").write_text("id,Edema,Edema\n1,0,1\n")
    with pytest.raises(InputError, match="column 'Edema': found a column twice"):
        read_csv(tmp_path / "t.csv", ["id", "Edema"])
    assert read_csv(tmp_path / "t.csv", ["id"])["id"].to_list() == ["1"]
