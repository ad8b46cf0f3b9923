"""The page in a real browser: for everybody, without a network, closed where data are closed."""

import re
import shutil

import polars as pl
import pytest
from browsing import browser, serious_faults, sideways
from built import contextual_set, resealed

from nast.benchmark.build import build_benchmark
from nast.cli import run
from nast.evaluation import evaluate
from nast.items.table import read_items
from nast.models.registry import load_model
from nast.reporting.report import build_report
from nast.tracing.build import build_trace
from nast.tracing.trace_config import TraceConfig

NASTY = "<img src=x onerror=alert(1)>\u202e</script>"
NAME = "<script>alert(1)</script>"


def reported(root, facts, names=("base", "other"), access="open", **options):
    """A report on questions and claim sets, with a trace."""
    build_benchmark(facts, root / "questions", limit=8)
    shutil.copytree(contextual_set(facts), root / "claims")
    for name in ("questions", "claims"):
        resealed(root / name, access=access)
    models = [load_model(f"{name}=phantom") for name in names]
    evaluate(models, [root / "questions", root / "claims"], root / "scores")
    build_trace(models[0], facts, root / "trace", TraceConfig(aggregation="scope"))
    folders = [root / name for name in ("scores", "questions", "claims", "trace")]
    build_report(folders, root / "report", **options)
    return root / "report"


@pytest.fixture(scope="module")
def report(facts, tmp_path_factory):
    return reported(tmp_path_factory.mktemp("report"), facts)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1280])
def test_everybody_can_read_it(report, width, dark):
    with browser(width=width, dark=dark) as chromium:
        page = chromium.open(report / "report.html")
        assert sideways(page) <= 0
        assert serious_faults(page) == []
        assert chromium.faults == []


def test_filters_count_and_show(report):
    with browser() as chromium:
        page = chromium.open(report / "report.html")
        total = int(re.match(r"(\d+) of", page.inner_text("#b-count"))[1])
        counts = {}
        for kind in ("questions", "claims"):
            page.select_option("#b-set", kind)
            counts[kind] = int(re.match(r"(\d+) of", page.inner_text("#b-count"))[1])
        assert sum(counts.values()) == total and min(counts.values()) > 0
        page.select_option("#b-set", "questions")
        assert page.locator("#b-items article").count() == 6
        assert "claim set" not in page.inner_text("#b-items")
        page.get_by_role("button", name="Show more").press("Enter")
        assert page.locator("#b-items article").count() == 12
        assert page.locator("#b-items img").first.evaluate("film => film.naturalWidth") > 0
        page.select_option("#b-state", "repaired")
        assert page.inner_text("#b-count").startswith("0 of")


def texts_of(folder):
    """Every file of a folder as text, tables row by row."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.suffix == ".parquet":
            yield path.name, pl.read_parquet(path).write_csv()
        else:
            yield path.name, path.read_bytes().decode("latin-1")


def test_nothing_of_closed_data_is_in_any_file(facts, tmp_path):
    """Texts, ids and places of credentialed items, in every file that a report writes."""
    report = reported(tmp_path, facts, access="credentialed")
    items = pl.concat([read_items(tmp_path / name) for name in ("questions", "claims")])
    sentences = items["options"].explode().unique().to_list()
    ids = {*items["subject_id"], *items["study_id"], *items["image_path"].drop_nulls()}
    ids |= {*items["item_id"]}
    for name, text in texts_of(report):
        assert [s for s in sentences if s in text] == [], name
        assert [i for i in ids if re.search(rf"(?<![\w.]){re.escape(i)}(?!\w)", text)] == [], name
        assert "data:image/jpeg" not in text, name


def test_closed_data_are_shown_upon_a_word(facts, tmp_path, capsys):
    report = reported(tmp_path, facts, access="credentialed")
    folders = [str(tmp_path / name) for name in ("scores", "questions", "claims", "trace")]
    out = tmp_path / "shown"
    assert run(["report", *folders, "-o", str(out), "--with-images"]) == 0
    text = (out / "report.html").read_text()
    assert text.startswith("<!-- This page holds films and texts of credentialed data.")
    assert "must not leave this machine" in text
    assert read_items(tmp_path / "questions")["options"][0][0] in text
    # A picture by itself has no warning on it.
    assert not list((out / "figures").glob("figure1*"))
    assert not (report / "report.html").read_text().startswith("<!--")


def test_tables_in_markdown_for_an_issue(facts, tmp_path, capsys):
    reported(tmp_path, facts)
    capsys.readouterr()
    folders = [str(tmp_path / name) for name in ("scores", "questions", "claims")]
    assert run(["report", *folders, "-o", str(tmp_path / "md"), "--format", "md"]) == 0
    out = capsys.readouterr().out
    written = [(tmp_path / "md" / "tables" / f"table{n}.md").read_text().strip() for n in (1, 2, 3)]
    places = [out.index(text) for text in written]
    assert places == sorted(places) and places[0] == 0


def test_hostile_names_and_words_are_text(facts, tmp_path):
    folder = tmp_path / NASTY.replace("/", "")
    folder.mkdir()
    build_benchmark(facts, folder / "questions", limit=4)
    items = read_items(folder / "questions")
    hostile = pl.col("options").list.eval(pl.element() + NASTY)
    items.with_columns(hostile).write_parquet(folder / "questions" / "items.parquet")
    resealed(folder / "questions")
    models = [load_model("phantom"), load_model("other=phantom")]
    models[0].name = NAME
    evaluate(models, [folder / "questions"], folder / "scores")
    build_report([folder / "scores", folder / "questions"], folder / "report")
    assert "<img src=x" not in (folder / "report" / "report.html").read_text()
    with browser() as chromium:
        page = chromium.open(str(folder / "report" / "report.html").replace("%", "%25"))
        assert NASTY.split("\u202e")[0] in page.inner_text("#b-items")
        assert NAME in page.inner_text("#tables ~ div")
        assert chromium.faults == []
        assert page.locator("img[src=x]").count() == 0
