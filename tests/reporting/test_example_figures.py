"""Figure 1 shows a question that the first model gets right in affirmative words alone."""

import shutil

import polars as pl
import pytest
from built import resealed

from nast.benchmark.build import build_benchmark
from nast.evaluation import evaluate
from nast.files import read_table
from nast.items.table import read_items
from nast.models.registry import load_model
from nast.records import SCORES_SCHEMA
from nast.reporting.example_figures import draw_example, find_example


@pytest.fixture(scope="module")
def scored(facts, tmp_path_factory):
    """Questions, and an evaluation of the phantom model under two names."""
    root = tmp_path_factory.mktemp("example")
    build_benchmark(facts, root / "questions", limit=8)
    models = [load_model("base=phantom"), load_model("other=phantom")]
    evaluate(models, [root / "questions"], root / "scores")
    return root


def test_the_first_model_is_right_in_affirmative_words_alone(scored):
    found = find_example([scored / "scores"], [scored / "questions"], ["base", "other"])
    scores = read_table(scored / "scores" / "scores.parquet", SCORES_SCHEMA)
    items = read_items(scored / "questions")
    for form, right in (("negated", False), ("affirmative", True)):
        row = found.items[form]
        assert row["pair_id"] == found.items["negated"]["pair_id"] and row["form"] == form
        options = scores.filter(item_id=row["item_id"], model="base").sort("option")
        best = options["score"].arg_max()
        assert found.chosen[form] == {"base": best, "other": best}
        assert (best == row["answer"]) is right
    assert found.image == type(found.image)(items.filter(item_id=row["item_id"])["image_path"][0])


def test_a_question_that_another_model_gets_right_is_preferred(scored, tmp_path):
    """The other model is made right on one more question that the base fails."""
    scores = read_table(scored / "scores" / "scores.parquet", SCORES_SCHEMA)
    first = find_example([scored / "scores"], [scored / "questions"], ["base"])
    answers = read_items(scored / "questions").select("item_id", "pair_id", "form")
    table = scores.join(answers.select("item_id", "pair_id"), on="item_id")
    chosen = table.sort("score").unique(["item_id", "model"], keep="last")
    hits = chosen.filter(model="base").pivot("form", index="pair_id", values="answer")
    failing = hits.filter(~pl.col("negated"), pl.col("affirmative"))["pair_id"].sort().to_list()
    assert first.items["negated"]["pair_id"] == failing[0] and len(failing) > 1
    mended = failing[-1]
    ids = answers.filter(pair_id=mended)["item_id"].to_list()
    better = pl.col("model").eq("other") & pl.col("item_id").is_in(ids)
    score = pl.when(better).then(pl.col("answer").cast(pl.Float64)).otherwise("score")
    folder = shutil.copytree(scored / "scores", tmp_path / "scores")
    scores.with_columns(score=score).write_parquet(folder / "scores.parquet")
    resealed(folder)
    found = find_example([folder], [scored / "questions"], ["base", "other"])
    assert found.items["negated"]["pair_id"] == mended


def test_the_picture_has_every_model_and_every_option(scored, tmp_path):
    path = draw_example(
        [scored / "scores"], [scored / "questions"], ["base", "other", "other @1"], tmp_path
    )
    assert {p.name for p in tmp_path.iterdir()} == {f"figure1.{k}" for k in ("svg", "png", "pdf")}
    text = path.read_text()
    found = find_example([scored / "scores"], [scored / "questions"], ["base", "other"])
    assert "<image" in text and "other @1" not in text
    for form in ("negated", "affirmative"):
        for option in found.items[form]["options"]:
            assert option.split()[0] in text


def test_no_film_of_credentialed_data_is_shown(facts, tmp_path):
    secret = shutil.copytree(facts, tmp_path / "facts")
    resealed(secret, access="credentialed")
    build_benchmark(secret, tmp_path / "questions", limit=4)
    evaluate([load_model("phantom")], [tmp_path / "questions"], tmp_path / "scores")
    where = [tmp_path / "scores"], [tmp_path / "questions"], ["phantom"], tmp_path / "figures"
    assert draw_example(*where) is None and not (tmp_path / "figures").exists()


def test_questions_that_were_not_scored_are_no_example(scored, facts, tmp_path):
    build_benchmark(facts, tmp_path / "others", limit=3, seed=5)
    assert find_example([scored / "scores"], [tmp_path / "others"], ["base"]) is None
    assert find_example([scored / "scores"], [scored / "questions"], []) is None
