"""Three file formats with the same cells, in which names of others make nothing happen."""

import csv

import pytest

from nast.errors import visible
from nast.reporting.joined import join_evaluations
from nast.reporting.tables import Table, tables_of
from nast.reporting.written import markdown, write_tables


def table(*names):
    return Table("t", "a caption", ("Model", "R@1"), [(name, "0.1") for name in names])


def test_formats_agree(evaluation, tmp_path):
    tables = tables_of(join_evaluations([evaluation]), {"a": [{m: [1.0] for m in MEASURES}]})
    write_tables(tables, tmp_path)
    for made in tables:
        expected = [list(made.header), *map(list, made.rows)]
        with open(tmp_path / f"{made.name}.csv", newline="") as file:
            assert list(csv.reader(file)) == expected
        header, _, *body = (tmp_path / f"{made.name}.md").read_text().splitlines()[2:]
        assert [line[2:-2].split(" | ") for line in (header, *body)] == expected


MEASURES = ("parameters", "product", "gradient")


def test_latex_and_csv_escape_names(tmp_path):
    made = Table("t", "a caption", ("Model", "R@1"), [('hf:/a_b#1 & "c"', "50 %")])
    write_tables([made], tmp_path)
    tex = (tmp_path / "t.tex").read_text()
    assert r"hf:/a\_b\#1 \& " in tex
    assert r"50 \%" in tex
    with open(tmp_path / "t.csv", newline="") as file:
        assert list(csv.reader(file))[1] == ['hf:/a_b#1 & "c"', "50 %"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-1+1", "'-1+1"),
        ("-", "-"),
        ("+0.412 [+0.380, +0.447]", "+0.412 [+0.380, +0.447]"),
        ("-0.412 [-0.480, -0.347], p 0.030", "-0.412 [-0.480, -0.347], p 0.030"),
        ("25.0 ± 0.0", "25.0 ± 0.0"),
    ],
)
def test_a_spreadsheet_gets_numbers_and_no_formulas(text, cell, tmp_path):
    write_tables([table(text)], tmp_path)
    with open(tmp_path / "t.csv", newline="") as file:
        assert list(csv.reader(file))[1][0] == cell


def test_markdown_shows_names_as_they_are():
    lines = markdown(table("a|b `c` *d* _e_ [f](g) <h>")).splitlines()
    assert lines[-1] == r"| a\|b \`c\` \*d\* \_e\_ \[f\](g) &lt;h&gt; | 0.1 |"
    # Intervals keep their brackets.
    assert "| 0.1 [0.0, 0.2] |" in markdown(Table("t", "", ("a",), [("0.1 [0.0, 0.2]",)]))


def test_what_drives_a_terminal_is_shown_as_a_question_mark(tmp_path):
    text = "a\x1b[31mb\rc\u202ed"
    assert visible(text) == "a?[31mb?c?d"
    made = Table("t", text, ("Model",), [(text,)])
    write_tables([made], tmp_path)
    for kind in ("csv", "md", "tex"):
        found = (tmp_path / f"t.{kind}").read_text()
        assert not set(found) & set("\x1b\r\u202e")
