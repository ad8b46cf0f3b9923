"""Numbers that a paper printed stand beside one's own, marked as what they are."""

import polars as pl
import pytest
from browsing import browser

from nast.cli import run
from nast.errors import InputError
from nast.reporting.printed import beside_printed, read_printed
from nast.reporting.report import build_report
from nast.reporting.shown import shown_rows
from nast.reporting.tables import Table
from nast.reporting.written import markdown

PAPER = """
source: A paper, Table 1
note: MIMIC-CXR, another gallery
table1:
  base: {Claim accuracy: 21.5}
  ConCLIP: {Claim accuracy: 30}
table3:
  base: {Claim accuracy: -4.25}
"""


@pytest.fixture
def table():
    rows = [("base", "0.412 [0.380, 0.447]"), ("chance", "0.200")]
    return Table("table1", "Claims", ("Model", "Claim accuracy"), rows)


def written(tmp_path, text=PAPER):
    path = tmp_path / "printed.yaml"
    path.write_text(text)
    return path


def test_it_stands_behind_the_number_of_its_row_and_column(table, tmp_path):
    made, other = beside_printed([table, table._replace(name="questions")], written(tmp_path))
    assert made.rows == [
        ("base", "0.412 [0.380, 0.447], printed 21.5"),
        ("chance", "0.200"),
    ]
    assert made.title == "Claims; printed: A paper, Table 1: MIMIC-CXR, another gallery"
    assert "printed 21.5" in markdown(made)
    assert other.rows == table.rows


@pytest.mark.parametrize(
    "edit, says",
    [
        (("21.5", "121.5"), "line 5, key 'table1.base.Claim accuracy': found 121.5, expected per"),
        (("21.5", "much"), "line 5"),
        (("table3", "table9"), "line 7, key 'table9': found an unknown key"),
        (("source: A paper, Table 1", ""), "key 'source': found nothing"),
        (("base: {Claim", "base: {Claims"), "line 5, key 'table1.base.Claims accuracy': found the"),
        (("base:", "bse:"), "found no row that this report has, expected names of its rows: base"),
    ],
)
def test_a_mistake_in_the_file_is_named(edit, says, table, tmp_path):
    path = written(tmp_path, PAPER.replace(*edit))
    with pytest.raises(InputError) as raised:
        beside_printed([table], path)
    assert says in str(raised.value)


def test_a_number_keeps_its_decimals_and_chance_may_have_one(table, tmp_path):
    row = "  chance: {Claim accuracy: 20}\n"
    text = PAPER.replace("21.5", "21.55").replace("table3:", f"{row}table3:")
    path = written(tmp_path, text)
    (made,) = beside_printed([table], path)
    assert made.rows[0][1].endswith("printed 21.55")
    assert made.rows[1] == ("chance", "0.200, printed 20.0")
    shown = shown_rows(made)
    assert [row.cells[1].words for row in shown] == ["printed 21.55", "printed 20.0"]


def test_a_column_that_another_data_set_lacks_is_no_mistake(table, tmp_path):
    other = Table("table1", "Lists", ("Model", "R@1"), [("base", "0.3")], "other")
    made = beside_printed([table, other], written(tmp_path))
    assert "printed" in made[0].rows[0][1] and made[1].rows == other.rows


def test_numbers_may_be_left_out(tmp_path):
    path = written(tmp_path, "source: A paper\ntable1:\n  base: {R@1: 3}\n")
    assert read_printed(path).table3 == {}


def test_a_report_prints_them_and_the_page_can_hide_them(evaluation, runs, tmp_path, capsys):
    path = written(tmp_path)
    out = tmp_path / "report"
    said = ["report", str(evaluation), *map(str, runs), "-o", str(out), "--printed", str(path)]
    assert run(said) == 0
    assert "printed 21.5" in capsys.readouterr().out
    rows = pl.read_csv(out / "tables" / "table1.csv")
    assert rows.filter(Model="base")["Claim accuracy"].item().endswith(", printed 21.5")
    # Other numbers in the file make another report.
    written(tmp_path, PAPER.replace("21.5", "22.5"))
    assert run(said) == 2
    with browser() as chromium:
        page = chromium.open(out / "report.html")
        shown = page.locator(".printed")
        assert shown.first.is_visible() and shown.count() == 2
        page.uncheck("#printed")
        assert not shown.first.is_visible()


def test_a_report_without_them_has_no_switch(evaluation, tmp_path):
    build_report([evaluation], tmp_path / "report")
    assert 'id="printed"' not in (tmp_path / "report" / "report.html").read_text()
