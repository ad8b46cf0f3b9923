"""A cell as a reader sees it: per cent, the interval apart, words behind it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nast.reporting.latex import latex
from nast.reporting.numbers import cell
from nast.reporting.shown import ShownCell, per_cent, shown_cell, shown_rows
from nast.reporting.tables import Table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.412 [0.380, 0.447]", ShownCell("41.2", "[38.0, 44.7]", number=True)),
        ("-0.030 [-0.050, +0.010]", ShownCell("−3.0", "[−5.0, +1.0]", number=True)),
        ("0.250", ShownCell("25.0", number=True)),
        ("-0.000 [-0.001, +0.000]", ShownCell("0.0", "[−0.1, +0.0]", number=True)),
        (
            "+0.120 [+0.100, +0.140], p < 0.001",
            ShownCell("+12.0", "[+10.0, +14.0]", "p < 0.001", number=True),
        ),
        ("62.0 ± 1.2", ShownCell("62.0 ± 1.2")),
        ("-", ShownCell("-")),
        ("0.5 mm", ShownCell("0.5 mm")),
        ("minus base +0.000 [+0.000, +0.000]", ShownCell("minus base +0.0 [+0.0, +0.0]")),
        (
            "lr 0.125 less a 0.500 -0.031 [-0.050, -0.010], p 0.002, over 3 seeds [-0.090, +0.020]",
            ShownCell(
                "lr 0.125 less a 0.500 −3.1 [−5.0, −1.0], p 0.002, over 3 seeds [−9.0, +2.0]"
            ),
        ),
        ("rank correlation +0.79, margin 0.010", ShownCell("rank correlation +0.79, margin 1.0")),
    ],
)
def test_a_share_is_per_cent_and_words_are_left(text, shown):
    assert shown_cell(text) == shown


@given(st.floats(-1, 1), st.floats(0, 0.5), st.booleans())
def test_every_number_of_a_table_is_shown_to_a_tenth_of_a_point(value, reach, sign):
    """What `numbers.cell` writes is read back: 0.0005 for its three decimals, 0.0005 for ours."""
    row = {"value": value, "low": value - reach, "high": min(value + reach, 1.0), "n": 1}
    shown = shown_cell(cell(row, sign=sign))
    assert shown.number and not shown.words
    found = float(shown.text.replace("\N{MINUS SIGN}", "-")) / 100
    assert abs(found - value) <= 0.0010001


def test_a_model_whose_name_looks_like_a_number_keeps_it():
    table = Table("table1", "a caption", ("Model", "R@1"), [("0.500", "0.300"), ("b", "0.200")])
    first = shown_rows(table)[0].cells
    assert (first[0].text, first[1].text, first[1].best) == ("0.500", "30.0", True)
    assert "\n0.500 & " in latex(table)


def test_cosines_are_no_shares():
    table = Table("drift", "a caption", ("Models", "cosine"), [("a", "-0.998 [-0.999, 0.997]")])
    cell = shown_rows(table)[0].cells[1]
    assert (cell.text, cell.interval) == ("−0.998", "[−0.999, 0.997]")


def test_no_zero_has_a_minus():
    assert per_cent("-0.0004") == "0.0" and per_cent("+0.000") == "+0.0"
    assert per_cent(-0.0006) == "−0.1"


def test_rows_without_a_model_are_last_and_never_the_best():
    table = Table(
        "table1",
        "a caption",
        ("Model", "R@1"),
        [("blind", "0.900 [0.800, 0.950]"), ("a", "0.300"), ("b", "0.400"), ("chance", "0.350")],
    )
    rows = shown_rows(table)
    assert [row.cells[0].text for row in rows] == ["a", "b", "blind", "chance"]
    assert [row.apart for row in rows] == [False, False, True, True]
    assert [row.cells[1].best for row in rows] == [False, True, False, False]


def test_the_best_gap_is_the_one_nearest_to_nothing():
    rows = [("a", "+0.200", "+0.100"), ("b", "-0.050", "+0.300")]
    table = Table("questions", "a caption", ("Model", "Gap", "Negated"), rows)
    shown = shown_rows(table)
    assert [[cell.best for cell in row.cells] for row in shown] == [
        [False, False, False],
        [False, True, True],
    ]
    assert not any(c.best for r in shown_rows(table._replace(name="drift")) for c in r.cells[2:])
