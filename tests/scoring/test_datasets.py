"""Two data sets of one kind: figures of their own, never one number."""

import shutil

import polars as pl
import pytest
from built import contextual_set, question_set, resealed
from made_up import one
from scripted import says, serving

from nast.errors import UsageError
from nast.evaluation import evaluate
from nast.folders import identity
from nast.items.table import read_items
from nast.models.registry import load_model
from nast.scoring.chat import chat_model
from nast.scoring.score_file import read_score_file


@pytest.fixture(scope="module")
def models(tiny_clip):
    first, second = (load_model(f"hf:{tiny_clip}", n) for n in ("first", "second"))
    second.key = "f" * 64
    return first, second


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture(scope="module")
def data(facts, tmp_path_factory):
    """Questions, claim sets, and a second folder of questions with half of the groups."""
    half = tmp_path_factory.mktemp("half") / "half"
    shutil.copytree(question_set(facts), half)
    table = read_items(half)
    groups = table["group_id"].unique(maintain_order=True).gather_every(2).to_list()
    table.filter(pl.col("group_id").is_in(groups)).write_parquet(half / "items.parquet")
    resealed(half)
    return [question_set(facts), half, contextual_set(facts)]


@pytest.fixture(scope="module")
def together(models, data, vectors, tmp_path_factory):
    out = tmp_path_factory.mktemp("together") / "out"
    return evaluate(list(models), data, out, vectors=vectors, controls=True), out


def test_each_data_set_has_the_numbers_of_a_run_of_its_own(
    together, models, data, vectors, tmp_path
):
    metrics = pl.read_parquet(together[1] / "metrics.parquet")
    for folder in data:
        out = tmp_path / folder.name
        evaluate(list(models), [folder], out, vectors=vectors, controls=True)
        alone = pl.read_parquet(out / "metrics.parquet").filter(data=folder.name)
        here = metrics.filter(data=folder.name)
        assert {"first", "second"} <= set(alone["model"])
        assert len(alone.drop_nulls("control")) and len(alone.drop_nulls("reference"))
        assert here.equals(alone)
        for name in ("scores", "controls", "hits"):
            if (out / f"{name}.parquet").is_file():
                found = pl.read_parquet(together[1] / f"{name}.parquet").filter(data=folder.name)
                assert found.equals(pl.read_parquet(out / f"{name}.parquet"))
    # What is measured on no data set: neutral sentences.
    rest = metrics.filter(pl.col("data").is_null())
    assert set(rest["task"]) == {"neutral"}
    assert set(metrics["data"].drop_nulls()) == {folder.name for folder in data}


def test_the_manifest_names_the_data(together, data):
    found = together[0]["data"]
    assert {name: set(kinds) for name, kinds in found.items()} == {
        data[0].name: {"questions"},
        "half": {"questions"},
        data[2].name: {"claims", "captions", "candidates"},
    }
    assert found["half"]["questions"] == identity(data[1])
    assert found["half"]["questions"] in together[0]["inputs"].values()


def test_one_name_for_two_folders_is_refused(models, data, tmp_path):
    second = tmp_path / data[0].name
    shutil.copytree(data[0], second)
    with pytest.raises(UsageError, match="tell them apart by the name of the folder"):
        evaluate([models[0]], [data[0], second], tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_scores_of_a_file_are_not_lent_to_another_data_set(data, tmp_path):
    table = read_items(data[0]).filter(split="test", form="negated")
    rows = [(i, option, float(option)) for i in table["item_id"] for option in range(4)]
    file = tmp_path / "other.csv"
    pl.DataFrame(rows, schema=["item", "option", "score"], orient="row").write_csv(file)
    with pytest.raises(UsageError, match="cannot tell them apart"):
        evaluate([read_score_file(f"scores:{file}")], data, tmp_path / "out")


def test_a_margin_that_is_none(models, data, tmp_path):
    with pytest.raises(UsageError, match="--margin is 1"):
        evaluate([models[0]], data, tmp_path / "out", margin=1)


def test_replies_that_choose_nothing_count_for_their_data_set(data, tmp_path):
    """Both data sets have items of one id; only the words of the second are not answered."""
    other = tmp_path / "other"
    shutil.copytree(data[1], other)
    table = read_items(other)
    said = pl.col("options").list.eval(pl.element() + " indeed")
    said = pl.when(pl.col("form") == "negated").then(said).otherwise("options")
    table.with_columns(options=said).write_parquet(other / "items.parquet")
    resealed(other)
    out = tmp_path / "out"

    def answer(messages):
        return "no idea" if "indeed" in str(messages) else "A"

    with serving(says(answer)) as (address, _):
        made = evaluate([chat_model(f"chat:{address}#m")], [data[1], other], out, limit=8)
    metrics = pl.read_parquet(out / "metrics.parquet")
    of = {"model": "m (letters)", "task": "replies", "set": "questions", "statistic": "unparsed"}
    shares = {
        (d, f): one(metrics, **of, data=d, form=f)["value"]
        for d in ("half", "other")
        for f in ("negated", "affirmative")
    }
    assert shares == {
        ("half", "negated"): 0,
        ("half", "affirmative"): 0,
        ("other", "negated"): 1,
        ("other", "affirmative"): 0,
    }
    replies = pl.read_parquet(out / "replies.parquet").filter(outcome="unparsed")
    assert set(replies["data"]) == {"other"} and set(replies["form"]) == {"negated"}
    assert len(made["notes"]["m (letters)"]["unparsed, counted as wrong"]) == len(replies)
