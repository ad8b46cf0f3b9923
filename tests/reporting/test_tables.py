"""Tables from figures; the three file formats hold the same cells."""

import csv

import pytest
from pytest import approx

from nast.reporting.report import updates_by_policy
from nast.reporting.tables import Table, cell, tables_of, write_tables


@pytest.fixture
def tables(metrics, runs):
    return {t.name: t for t in tables_of(metrics, updates_by_policy(runs))}


def number(text):
    return float(text.split()[0])


def test_table_3_is_table_2_minus_table_1(tables, metrics):
    negated, affirmative, gap = (
        {r[0]: number(r[-1]) for r in tables[name].rows if r[0] != "chance"}
        for name in ("table1", "table2", "table3")
    )
    assert list(gap) == list(metrics) == ["base", "LoRA uniform", "NAST (lr)"]
    for model in gap:
        assert gap[model] == approx(affirmative[model] - negated[model], abs=1.1e-3)


def test_values_are_those_of_the_metrics(tables, metrics):
    for row in tables["table1"].rows[:-1]:
        assert row[-1] == cell(metrics[row[0]]["claims/accuracy/negated"])
    assert tables["table1"].rows[-1] == ("chance", "-", "-", "0.200")
    assert tables["table1"].caption == "Negated captions and claims (40 claim sets)"


def test_update_shares_by_hand(tables):
    rows = {r[0]: r[1:] for r in tables["table4"].rows}
    assert rows["LoRA uniform"][:2] == ("25.0 ± 0.0", "41.7 ± 0.0")
    assert rows["NAST (lr)"][:2] == ("100.0", "100.0")


def test_cells():
    figure = {"value": 0.41234, "interval": [0.38, 0.4471], "n": 3}
    assert cell(figure) == "0.412 [0.380, 0.447]"
    assert cell(figure, sign=True) == "+0.412 [+0.380, +0.447]"
    assert cell(None) == cell({**figure, "n": 0}) == "-"


def test_formats_agree(tables, tmp_path):
    write_tables(list(tables.values()), tmp_path)
    for table in tables.values():
        expected = [list(table.header), *map(list, table.rows)]
        with open(tmp_path / f"{table.name}.csv", newline="") as file:
            assert list(csv.reader(file)) == expected
        header, _, *body = (tmp_path / f"{table.name}.md").read_text().splitlines()[2:]
        assert [line[2:-2].split(" | ") for line in (header, *body)] == expected
        tex = (tmp_path / f"{table.name}.tex").read_text()
        rows = [x.removesuffix(r" \\") for x in tex.splitlines() if x.endswith(r"\\")]
        assert [[c.replace(r"$\pm$", "±") for c in x.split(" & ")] for x in rows] == expected


def test_latex_and_csv_escape_names(tmp_path):
    table = Table("t", "a caption", ("Model", "R@1"), [('hf:/a_b#1 & "c"', "50 %")])
    write_tables([table], tmp_path)
    tex = (tmp_path / "t.tex").read_text()
    assert r"hf:/a\_b\#1 \& " in tex
    assert r"50 \%" in tex
    with open(tmp_path / "t.csv", newline="") as file:
        assert list(csv.reader(file))[1] == ['hf:/a_b#1 & "c"', "50 %"]


def test_nothing_scored_makes_no_table():
    assert tables_of({"base": {}}, {}) == []
