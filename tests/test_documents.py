"""What the first pages tell people to type works, and shows what they say it shows."""

import io
import os
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser

import nast
from nast.cli import run
from nast.reporting.glossary import glossary_of

ROOT = Path(__file__).parents[1]
DECIMAL = r"[+-]?\d+\.\d+"
NEAR = 0.02
"""Another processor may round a score otherwise, which turns the answer of one item."""


def same(said, shown):
    """Whether an output is the one that is shown, where `...` stands for anything."""
    said, shown = (" ".join(text.split()) for text in (said, shown))
    parts = re.split(rf"({DECIMAL}|\.\.\.)", shown)
    pattern = "".join(
        ".*?"
        if part == "..."
        else f"({DECIMAL})"
        if re.fullmatch(DECIMAL, part)
        else re.escape(part)
        for part in parts
    )
    found = re.fullmatch(pattern.replace(r"\ .*?", r"(?:\ .*?)?"), said, re.DOTALL)
    if not found:
        return False
    wanted = [float(part) for part in parts if re.fullmatch(DECIMAL, part)]
    return all(abs(float(a) - b) <= NEAR for a, b in zip(found.groups(), wanted, strict=True))


def called(line):
    """What a command of nast prints."""
    words = shlex.split(line, comments=True)
    assert words[0] == "nast", line
    out = io.StringIO()
    with redirect_stdout(out):
        assert run(words[1:]) == 0, line
    return out.getvalue()


def console(example):
    """Commands after `$`, each with its output."""
    for block in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        line, _, shown = block.partition("\n")
        said = called(line)
        assert same(said, shown), f"{line}\nprinted\n{said}"


class Python:
    """Blocks of Python in one namespace; a block of text after one is what it printed."""

    def __init__(self):
        self.names, self.printed = {"nast": nast}, None

    def run(self, example):
        out = io.StringIO()
        with redirect_stdout(out):
            exec(compile(example.parsed, "<document>", "exec"), self.names)
        self.printed = out.getvalue()

    def compare(self, example):
        assert self.printed is not None
        assert same(self.printed, example.parsed), self.printed


def examples_of(document):
    python = Python()
    parsers = [
        CodeBlockParser("console", console),
        CodeBlockParser("python", python.run),
        CodeBlockParser("text", python.compare),
    ]
    return list(Sybil(parsers).parse(ROOT / document).examples())


def test_outputs_are_compared():
    assert same("a 0.412 b\n\nc", "a 0.41 b c") and same("x\ny 3 z", "...\ny 3 z\n...")
    assert not same("a 0.45 b", "a 0.41 b") and not same("a 3 b", "a 4 b") and not same("b", "a")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore:no part of this run's change")
def test_the_quickstart_can_be_typed(workplace):
    examples = examples_of("docs/quickstart.md")
    assert len(examples) > 8
    for example in examples:
        example.evaluate()
    assert (workplace / "report" / "report.html").is_file()


@pytest.mark.filterwarnings("ignore:no part of this run's change")
def test_the_readme_can_be_typed(workplace):
    """Its chain of commands on fewer patients and steps, and its lines of Python."""
    text = (ROOT / "README.md").read_text()
    lines = re.search(r"```\n(nast phantom tree .*?)```", text, re.DOTALL)[1].splitlines()
    assert len(lines) > 7
    for line in lines:
        line = line.replace("--patients 200", "--patients 60")
        line += " --steps 2 --captions 8 --claims 4" if line.startswith("nast train") else ""
        called(
            line.partition("   #")[0] + (line[line.rindex(" --steps") :] if "train" in line else "")
        )
    (python,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(
        compile(
            python.replace("weights=weights)", "weights=weights, steps=2, captions=8)"),
            "<README>",
            "exec",
        ),
        {"nast": nast},
    )
    assert os.path.isfile("report/report.html")


def test_every_public_name_is_on_its_page():
    """Nothing is public without a place in the documents, and nothing stands there twice."""
    named = re.findall(r"^::: ([\w.]+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert len(named) == len(set(named))
    objects = {f"{module}.{name}" for name, module in nast._PUBLIC.items()}
    # A table of data is explained where its class is.
    assert objects - {"nast.facts.conditions.CONDITIONS"} <= set(named)


def test_every_page_is_in_the_contents():
    contents = (ROOT / "mkdocs.yml").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert {name for name in pages if name not in contents} == set()


def test_every_word_of_a_report_is_in_the_glossary(tmp_path):
    page = (ROOT / "docs" / "glossary.md").read_text()
    joined = SimpleNamespace(
        metrics=pl.DataFrame({"protocol": ["default"]}), claims="5", margin=0.01, reading="unique"
    )
    for word in glossary_of(joined, "6"):
        assert re.search(rf"^\| .*{re.escape(word)}[ ,|]", page, re.MULTILINE), word


def test_the_notebook_runs(workplace):
    """In a kernel of its own, with fewer patients and steps; tables and pictures are shown."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    text = (ROOT / "examples" / "tour.ipynb").read_text()
    assert "patients, steps = 120, 20" in text
    notebook = nbformat.reads(text.replace("steps = 120, 20", "steps = 60, 2"), as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not kept"
    done = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [
        kind
        for cell in done.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    ]
    assert shown.count("text/html") >= 5 and "image/png" in shown
