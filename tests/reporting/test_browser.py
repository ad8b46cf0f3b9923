"""The browser of items: what models chose on open data, and a page that runs by itself."""

import json
import re
import shutil
import subprocess

import polars as pl
import pytest
from built import contextual_set, resealed

from nast.benchmark.build import build_benchmark
from nast.evaluation import evaluate
from nast.files import read_table
from nast.items.table import read_items
from nast.models.images import film
from nast.models.registry import load_model
from nast.records import SCORES_SCHEMA
from nast.reporting.browser import MOST, QUALITY, SIDE, browsed_items
from nast.reporting.report import build_report


@pytest.fixture(scope="module")
def scored(facts, tmp_path_factory):
    root = tmp_path_factory.mktemp("browser")
    build_benchmark(facts, root / "questions", limit=6)
    shutil.copytree(contextual_set(facts), root / "claims")
    models = [load_model("base=phantom"), load_model("other=phantom")]
    evaluate(models, [root / "questions", root / "claims"], root / "scores")
    return root


def folders(root):
    return {"benchmark": [root / "questions"], "contextual": [root / "claims"]}


def test_choices_are_those_of_the_scores(scored):
    made = browsed_items([scored / "scores"], folders(scored), ["base", "other"])
    scores = read_table(scored / "scores" / "scores.parquet", SCORES_SCHEMA)
    items = pl.concat([read_items(scored / name) for name in ("questions", "claims")])
    items = items.filter(split="test")
    assert (made["models"], made["model"]) == (["base", "other"], "other")
    assert 0 < len(made["items"]) <= MOST
    assert {item["set"] for item in made["items"]} == {"questions", "claims"}
    for item in made["items"]:
        for form, shown in item["forms"].items():
            own = items.filter(pl.col("form") == form, pl.col("set") == item["set"])
            ids = own.filter(pl.col("options") == shown["options"])["item_id"].to_list()
            table = scores.filter(pl.col("item_id").is_in(ids), model="base")
            best = table.sort("score").group_by("item_id").last()["option"].to_list()
            assert shown["chosen"]["base"][0] in [*best, None]
            assert shown["chosen"]["base"][1] >= 0


def test_items_on_which_models_differ_come_first(scored, tmp_path):
    scores = read_table(scored / "scores" / "scores.parquet", SCORES_SCHEMA)
    wrong = scores.filter(pl.col("answer"), model="base", form="negated", set="questions")
    best = scores.filter(model="base", form="negated").sort("score").group_by("item_id").last()
    failing = best.filter(~pl.col("answer"))["item_id"].to_list()
    mended = sorted(set(failing) & set(wrong["item_id"]))[-1]
    better = pl.col("model").eq("other") & pl.col("item_id").eq(mended)
    score = pl.when(better).then(pl.col("answer").cast(pl.Float64)).otherwise("score")
    folder = shutil.copytree(scored / "scores", tmp_path / "scores")
    scores.with_columns(score=score).write_parquet(folder / "scores.parquet")
    resealed(folder)
    first = browsed_items([folder], folders(scored), ["base", "other"])["items"][0]
    form = first["forms"]["negated"]
    assert form["chosen"]["other"][0] == form["answer"] != form["chosen"]["base"][0]
    assert (
        form["options"]
        == read_items(scored / "questions").filter(item_id=mended)["options"][0].to_list()
    )


def test_credentialed_items_are_not_shown(facts, tmp_path):
    secret = shutil.copytree(facts, tmp_path / "facts")
    resealed(secret, access="credentialed")
    build_benchmark(secret, tmp_path / "questions", limit=4)
    evaluate([load_model("phantom")], [tmp_path / "questions"], tmp_path / "scores")
    where = {"benchmark": [tmp_path / "questions"]}
    assert browsed_items([tmp_path / "scores"], where, ["phantom"]) is None
    build_report([tmp_path / "scores", tmp_path / "questions"], tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    option = read_items(tmp_path / "questions")["options"][0][0]
    assert "See it happen" not in page and option not in page


def test_a_film_is_small_and_a_missing_one_is_none(phantom, tmp_path):
    text = film(sorted(phantom.rglob("*.jpg"))[0], SIDE, QUALITY)
    assert 1_000 < len(text) < 12_000
    assert film(tmp_path / "nothing.jpg", SIDE, QUALITY) == ""


def test_what_an_option_says_cannot_end_the_script(scored, tmp_path):
    """The values stand in an element of their own, in which no tag begins."""
    build_report([scored / "scores", scored / "questions", scored / "claims"], tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    (values,) = re.findall(r'<script type="application/json" id="items">(.*?)</script>', page)
    assert "<" not in values
    found = json.loads(values)
    assert found["models"] == ["base", "other"] and found["items"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_the_page_shows_items_in_a_browser(scored, tmp_path):
    build_report([scored / "scores", scored / "questions", scored / "claims"], tmp_path / "out")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    page = tmp_path / "out" / "report.html"
    done = subprocess.run([*command, f"file://{page}"], capture_output=True, text=True, timeout=120)
    assert done.stdout.count('<article class="item">') == 6
    assert "items, the first 6 shown" in done.stdout
    assert done.stdout.count('src="data:image/jpeg;base64,') == 6
