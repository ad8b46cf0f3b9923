"""One page that needs no other file and says only what its intervals allow."""

import re
import shutil

import polars as pl
import pytest
from evaluated import data_folder, evaluated

from nast.errors import UsageError
from nast.files import read_table
from nast.records import METRICS_SCHEMA
from nast.reporting.numbers import cell, corrected
from nast.reporting.report import build_report
from nast.reporting.shown import shown_cell


@pytest.fixture(scope="module")
def report(evaluation, runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "out"
    build_report([evaluation, *runs], out)
    return out


def test_page_is_self_contained(report):
    page = (report / "report.html").read_text()
    loads = (
        r"<link|<script[^>]*\bsrc|<img|<iframe|@import|url\(\s*['\"]?http|fetch\(|XMLHttp|import\("
    )
    assert not re.search(loads, page)
    # Pictures of matplotlib name the vocabularies of their metadata.
    named = set(re.findall(r"https?://[^\s\"'<)]*", page))
    known = ("http://www.w3.org/", "http://purl.org/dc/", "http://creativecommons.org/")
    assert not {n for n in named if not n.startswith((*known, "https://matplotlib.org/"))}
    targets = re.findall(r"href=\"([^\"]*)\"", page)
    assert all(t.startswith("#") for t in targets)


def test_page_holds_every_table_and_figure(report):
    page = (report / "report.html").read_text()
    for name in ("table1", "table2", "table3", "table4", "questions"):
        cells = (report / "tables" / f"{name}.csv").read_text().splitlines()[1]
        for text in cells[1:-1].split('","'):
            cell = shown_cell(text)
            interval = f'<span class="iv">{cell.interval}</span>' if cell.interval else ""
            assert f">{cell.text}{interval}</td>" in page
    assert "<svg" in page
    assert (report / "figures" / "figure3.svg").is_file()
    assert (report / "figures" / "figure3.png").is_file()
    assert "the top 3 and top 5 of 12 blocks would hold 25.0 and 41.7" in page
    assert "<b>Update shares.</b>" in page
    shares = pl.read_csv(report / "figures" / "update_shares.csv").filter(step=2, blocks="top 3")
    assert shares["model"].to_list() == ["LoRA uniform", "NAST (lr)"]
    assert shares["parameters"].to_list() == pytest.approx([0.25, 1.0])


def test_models_keep_the_order_they_were_scored_in(report):
    lines = (report / "tables" / "table1.csv").read_text().splitlines()
    names = [line.split('"')[1] for line in lines[1:]]
    assert names == ["base", "LoRA uniform", "NAST (lr)", "chance"]


def test_findings_start_from_the_base(report):
    page = (report / "report.html").read_text()
    sentences = re.findall(r"<li>(.*)</li>", page)
    assert sentences[0].startswith("base, claim sets: ")
    assert "an affirmative bias" in sentences[0]


def test_the_page_prints_the_corrected_p(report, metrics):
    page = (report / "report.html").read_text()
    rows = metrics.drop_nulls("reference").filter(
        set="claims", form="negated", statistic="accuracy", model="NAST (lr)", reference="base"
    )
    assert rows["p_holm"].item() > rows["p"].item()
    assert "p is corrected over all pairs (Holm)" in page
    row = rows.row(0, named=True)
    change = shown_cell(f"{cell(row, sign=True)}, {corrected(row)}")
    assert f'{change.text}<span class="iv">{change.interval}</span>' in page
    assert f'<span class="more">{change.words}</span>' in page and change.words.startswith("p ")


def test_metrics_are_those_of_the_evaluation(report, metrics):
    assert read_table(report / "metrics.parquet", METRICS_SCHEMA).equals(metrics)


def test_same_folders_same_bytes(report, evaluation, runs, tmp_path):
    build_report([evaluation, *runs], tmp_path / "again")
    for name in ("report.html", "metrics.parquet", "tables/table1.csv", "figures/figure3.svg"):
        assert (tmp_path / "again" / name).read_bytes() == (report / name).read_bytes()


def test_needs_an_evaluation(runs, tmp_path):
    with pytest.raises(UsageError, match="at least one folder of nast evaluate"):
        build_report(runs, tmp_path / "out")


def test_a_model_in_two_evaluations_is_refused(evaluation, tmp_path):
    shutil.copytree(evaluation, tmp_path / "second")
    with pytest.raises(UsageError, match=r"base.* in two evaluations of the same data"):
        build_report([evaluation, tmp_path / "second"], tmp_path / "out")


def test_the_page_says_which_gallery_was_ranked(report, items, scores, records, tmp_path):
    page = (report / "report.html").read_text()
    assert "all distinct captions, of both polarities" in page
    data = data_folder(tmp_path / "d", items)
    asked = {"gallery": "sampled:50"}
    place = evaluated(tmp_path / "scores", [data], records, scores=scores, asked=asked)
    build_report([place], tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "the gallery sampled:50" in page and "all distinct captions" not in page
