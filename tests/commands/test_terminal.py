"""Tables on a terminal: in the order of the paper, in eighty columns, names as they are."""

import pytest

from nast.commands.terminal import print_tables
from nast.reporting.tables import Table
from nast.reporting.written import write_tables

SHARE = "0.412 [0.380, 0.447]"


@pytest.fixture
def tables(tmp_path):
    """Tables of every shape, one with a name that a terminal library would read as a style."""
    rows = [("[bold]odd[/] name", SHARE, SHARE), ("chance", "0.250", "-")]
    made = [
        Table("drift", "Drift", ("Models", "cosine"), [("a against b", "0.998 [0.997, 0.999]")]),
        Table("verdicts", "Claims", ("Claim", "Here"), [("No harm", "words " * 40)]),
        Table("table2", "The same in affirmative words", ("Model", "R@1", "Claims"), rows),
        Table("table1", "Negated", ("Model", "R@1", "Claims"), rows, data="set"),
    ]
    write_tables(made, tmp_path)
    return tmp_path


def test_tables_stand_in_the_order_of_reading_in_eighty_columns(tables, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_tables(tables)
    out = capsys.readouterr().out
    places = [out.index(name) for name in ("table1-set:", "table2:", "verdicts:", "drift:")]
    assert places == sorted(places)
    assert max(map(len, out.splitlines())) <= 80


def test_shares_are_per_cent_with_their_interval_beneath(tables, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_tables(tables)
    lines = capsys.readouterr().out.splitlines()
    row = next(n for n, line in enumerate(lines) if "[bold]odd[/] name" in line)
    assert "41.2" in lines[row] and "[38.0, 44.7]" in lines[row + 1]
    assert any("0.998" in line for line in lines), "a cosine is no share"


def test_a_narrow_terminal_breaks_no_number(tables, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_tables(tables)
    assert "[38.0, 44.7]" in capsys.readouterr().out
