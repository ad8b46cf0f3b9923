"""Names and texts of others are escaped for LaTeX, spreadsheets, Markdown and terminals.

A name is what a user called a file, a reviewer a workbook, or a stranger a member of an archive.
"""

import csv
import io
import json
import re
import tarfile
import unicodedata

import pytest
from finished import right_scores, score_file
from PIL import Image

from nast.cli import run

# Tables of a report.

LATEX = {
    "_": (r"\_",),
    "%": (r"\%",),
    "&": (r"\&",),
    "#": (r"\#",),
    "$": (r"\$", r"\textdollar{}"),
    "{": (r"\{", r"\textbraceleft{}"),
    "}": (r"\}", r"\textbraceright{}"),
    "~": (r"\textasciitilde{}", r"\~{}", r"{\textasciitilde}"),
    "^": (r"\textasciicircum{}", r"\^{}", r"{\textasciicircum}"),
    "\\": (r"\textbackslash{}", r"{\textbackslash}", r"$\backslash$"),
    "<": (r"\textless{}", r"{\textless}", "$<$"),
    ">": (r"\textgreater{}", r"{\textgreater}", "$>$"),
    "|": (r"\textbar{}", r"{\textbar}", "$|$", r"$\vert$"),
}
"""Mark -> what LaTeX prints as that mark in any font; the last three are other marks in its own."""
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", " =1+1")
"""What a spreadsheet program takes for a formula (OWASP, CSV injection)."""
BRACKETS = ("[5pt] first", "* first")
"""After the end of a row, LaTeX takes these for the options of the line break."""
MARKDOWN = {
    "|": r"(?<!\\)\|",
    "`": r"(?<!\\)`",
    "<b>": "<b>",
    "<img src=x>": "<img",
    "![a](http:x)": r"!\[",
    "[a](http:x)": r"(?<!\\)\]\(",
    "**a**": r"(?<!\\)\*\*",
}
"""Text -> how it looks where Markdown would make something of it."""


@pytest.fixture(scope="module")
def tables(questions, tmp_path_factory):
    """The tables of a report on models with names of every kind: ending -> text of a file."""
    folder = tmp_path_factory.mktemp("names")
    names = [f"before{mark}after" for mark in LATEX]
    names += [f"md {text} end" for text in MARKDOWN if "/" not in text]
    names += [f"{text} cell" for text in (*FORMULAS, *BRACKETS)]
    rows = right_scores(questions)
    models = [score_file(rows, folder / f"{name}.csv") for name in dict.fromkeys(names)]
    for command in (
        ["evaluate", *models, str(questions), "-o", str(folder / "scores")],
        ["report", str(folder / "scores"), "-o", str(folder / "report")],
    ):
        if run(command):
            raise RuntimeError(f"nast {command[0]} failed")
    places = (folder / "report" / "tables").iterdir()
    return {p.suffix: p.read_text(encoding="utf-8") for p in places if p.stem == "questions"}


@pytest.mark.parametrize("mark", LATEX)
def test_latex_prints_the_mark(tables, mark):
    wanted = LATEX[mark]
    found = re.findall(r"before(.{1,24}?)after", tables[".tex"])
    assert any(way in found for way in wanted), found


@pytest.mark.parametrize("name", BRACKETS)
def test_latex_takes_no_name_for_an_option_of_the_line_before(tables, name):
    assert not any(
        re.match(rf"\s*{re.escape(name[0])}", line) for line in tables[".tex"].splitlines()
    )


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_takes_no_name_for_a_formula(tables, text):
    cells = [row[0] for row in csv.reader(io.StringIO(tables[".csv"]))]
    named = [c for c in cells if text.strip() in c]
    if not named:
        raise RuntimeError(f"no cell with {text!r}")
    assert not [c for c in named if c.lstrip(" \t\r").startswith(tuple("=+-@"))]


@pytest.mark.parametrize("text", MARKDOWN)
def test_markdown_makes_nothing_of_a_name(tables, text):
    lines = [line for line in tables[".md"].splitlines() if line.startswith("| md ")]
    names = [line.removeprefix("| md ").partition(" end")[0] for line in lines]
    assert not [name for name in names if re.search(MARKDOWN[text], name)]


def test_every_row_of_a_markdown_table_has_the_columns_of_its_header(tables):
    rows = [line for line in tables[".md"].splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


def test_the_page_shows_names_as_text(done, questions, tmp_path):
    model = score_file(right_scores(questions), tmp_path / "<script>alert(1)<b>.csv")
    done("evaluate", model, questions, "-o", tmp_path / "scores")
    done("report", tmp_path / "scores", "-o", tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "alert(1)" in page and "<script>" not in page


def test_a_name_with_dollars_is_drawn_as_it_is(call, questions, tmp_path):
    model = score_file(right_scores(questions), tmp_path / "a $\\frac{$ b.csv")
    if call("evaluate", model, questions, "-o", tmp_path / "scores")[0]:
        raise RuntimeError("no evaluation to report on")
    assert call("report", tmp_path / "scores", "-o", tmp_path / "report")[0] == 0
    (picture,) = (tmp_path / "report" / "figures").glob("figure3*.svg")
    assert "frac" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x","y")', "+1+1 opacity", "@SUM(1) opacity"])
def test_items_as_a_table_hold_no_formulas(done, tmp_path, text):
    """`--to csv` is for any table tool; the formats of peers hold texts as they are."""
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    items = {"1": {"filename": "x.png", "caption": text, "negative_caption": "no opacity"}}
    (tmp_path / "items.json").write_text(json.dumps(items))
    done(
        "benchmark",
        "import",
        tmp_path / "items.json",
        "--source",
        "sugar-crepe",
        "--image-root",
        tmp_path,
        "-o",
        tmp_path / "data",
    )
    done("benchmark", "export", tmp_path / "data", "--to", "csv", "-o", tmp_path / "out")
    rows = [
        row
        for file in (tmp_path / "out").glob("*.csv")
        for row in csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig")))
    ]
    cells = [cell for row in rows for cell in row if text[1:] in cell]
    if not cells:
        raise RuntimeError("the text is not there")
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@"))]


# The terminal.

HOSTILE = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;title\x07",
    "one byte": "\x9b31mred",
    "overwritten": "good\rbad",
    "erased": "good\x08\x08bad",
    "turned": "\u202edab",
    "isolated": "\u2066dab",
}
"""What it does to a terminal -> text."""
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def harmful(text):
    """Characters of a text that a terminal obeys or that turn it around."""
    return [c for c in text if c not in "\n" and (unicodedata.category(c) == "Cc" or c in BIDI)]


def large_member(folder, text, _):
    """A report in an archive that is too large to be one."""
    with tarfile.open(folder / "reports.tgz", "w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo(f"ecgen-radiology/{text}.xml")
        member.size = 17 * 2**20
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    return "facts", f"iu-xray:{folder / 'reports.tgz'}"


def member_that_is_no_report(folder, text, _):
    """A member of an archive that is no report, under two names."""
    with tarfile.open(folder / "reports.tgz", "w:gz") as archive:
        for place in ("a", "b"):
            member = tarfile.TarInfo(f"{place}/{text}.xml")
            member.size = 5
            archive.addfile(member, io.BytesIO(b"<xml>"))
    return "facts", f"iu-xray:{folder / 'reports.tgz'}"


def item_twice(folder, text, questions):
    """An item of a file of scores that has one option twice."""
    rows = right_scores(questions)
    rows = rows.head(2).with_columns(item=rows["item"].head(2) + text, option=0 * rows["option"][0])
    return "evaluate", score_file(rows, folder / "bad.csv"), questions


def item_without_a_number(folder, text, questions):
    """An item of a file of scores that has no score."""
    (folder / "bad.csv").write_text(f'item,option,score\n"x{text}",0,nan\n', encoding="utf-8")
    return "evaluate", f"scores:{folder / 'bad.csv'}", questions


def model_in_a_table(folder, text, questions):
    """The name of a model in the table that is printed."""
    return "evaluate", score_file(right_scores(questions), folder / f"{text}.csv"), questions


def file_that_is_not_there(folder, text, _):
    return "facts", f"chexpert:{folder / text}.csv"


def condition(folder, text, _):
    """A name in a table of conditions."""
    rows = json.dumps({f"Edema {text}": {"term": "edema", "colour": 1}})
    (folder / "conditions.yaml").write_text(rows, encoding="utf-8")
    (folder / "x.csv").write_text("Path\n", encoding="utf-8")
    return "facts", f"chexpert:{folder / 'x.csv'}", "--conditions", folder / "conditions.yaml"


def terms(folder, text, _):
    """The terms that a mapping states, as they are printed."""
    whole = {
        "layout": "wide",
        "columns": {"subject_id": "p", "study_id": "s"},
        "terms": text,
        "labels": {"Edema": "Edema"},
        "values": {"present": [1], "absent": [0]},
    }
    (folder / "x.mapping.yaml").write_text(json.dumps(whole), encoding="utf-8")
    (folder / "x.csv").write_text("p,s,Edema\n1,1,1\n2,2,0\n", encoding="utf-8")
    return "facts", f"table:{folder / 'x.csv'}"


def weights(folder, text, _):
    """The name of a weight in a checkpoint that belongs to no model."""
    import torch
    from safetensors.torch import save_file

    save_file({f"visual.{text}": torch.zeros(1)}, folder / "x.safetensors")
    return "models", "check", f"openclip:ViT-B-32:{folder / 'x.safetensors'}"


PLACES = (
    large_member,
    member_that_is_no_report,
    item_twice,
    item_without_a_number,
    model_in_a_table,
    file_that_is_not_there,
    condition,
    terms,
    weights,
)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_no_text_of_a_file_drives_the_terminal(call, questions, tmp_path, place, kind):
    arguments = place(tmp_path, HOSTILE[kind], questions)
    more = () if place is weights else ("-o", tmp_path / "out")
    _, out, err = call(*arguments, *more)
    if not out + err:
        raise RuntimeError("nothing was printed")
    assert harmful(out + err) == [], (out + err)[:400]
