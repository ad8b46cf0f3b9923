"""What an error may show of a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nast.errors import InputError, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2", "'2'"),
        ("dev", "'dev'"),
        ("2.5", "'2.5'"),
        ("a b", "'a b'"),
        (-1, "'-1'"),
        (True, "text of 4 characters"),
        (None, "text of 4 characters"),
        ("", "a blank"),
        (" \t\n", "a blank"),
        ("          ", "a blank"),
        ("é", r"'\xe9'"),
        ("\0", r"'\x00'"),
        ("\ud800", r"'\ud800'"),
        ("it's", "text of 4 characters"),
        ("NaN?", "text of 4 characters"),
        ("10000032", "a number of 8 digits"),
        (10000032, "a number of 8 digits"),
        ("1000", "a number of 4 digits"),
        ("10.0", "text of 4 characters"),
        ("-1000", "text of 5 characters"),
        ("Mr Doe coughs", "text of 13 characters"),
    ],
)
def test_short_cells_are_shown_and_long_ones_described(value, text):
    assert shown(value) == text


@given(st.text(min_size=4))
def test_a_long_cell_shows_its_length_only(value):
    assert shown(value) in (
        "a blank",
        f"a number of {len(value)} digits",
        f"text of {len(value)} characters",
    )


@given(st.text(max_size=3))
def test_a_short_cell_keeps_to_one_plain_line(value):
    assert shown(value).isascii() and shown(value).isprintable()


def test_a_message_names_file_row_and_column():
    error = InputError("t.csv", found="'x'", expected="1 or 0", row=3, column="Edema")
    assert str(error) == "t.csv, row 3, column 'Edema': found 'x', expected 1 or 0"
    assert (str(error.file), error.row, error.column) == ("t.csv", 3, "Edema")
    assert str(InputError("t.csv", found="nothing", expected="rows")) == (
        "t.csv: found nothing, expected rows"
    )
