"""Models on data folders: what is written, what is refused, and no patient id in what leaves."""

import shutil
from copy import copy

import polars as pl
import pytest
from built import contextual_set, question_set, resealed
from made_up import one

from nast.errors import InputError, UsageError
from nast.evaluation import METRICS, evaluate, score
from nast.files import read_table
from nast.items.table import read_items
from nast.models.registry import load_model
from nast.records import METRICS_SCHEMA, SCORE_TABLES
from nast.scoring.neutral import neutral_sentences
from nast.scoring.prompt_sets import SETS


@pytest.fixture(scope="module")
def model(tiny_clip):
    return load_model(f"hf:{tiny_clip}", "tiny")


@pytest.fixture(scope="module")
def other(tiny_clip):
    """Another model, as far as its name and its key say."""
    found = load_model(f"hf:{tiny_clip}", "other")
    found.key = "f" * 64
    return found


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture(scope="module")
def data(facts):
    return [question_set(facts), contextual_set(facts), facts]


@pytest.fixture(scope="module")
def made(model, vectors, data, tmp_path_factory):
    """A finished evaluation: its manifest and its folder."""
    out = tmp_path_factory.mktemp("scores") / "out"
    return evaluate([model], data, out, vectors=vectors), out


def table(out, name):
    return read_table(out / f"{name}.parquet", SCORE_TABLES[name])


# What is written.


def test_every_task_is_scored(made):
    out = made[1]
    assert set(table(out, "scores")["set"]) == {"questions", "claims"}
    hits = table(out, "hits")
    assert set(hits["reading"]) == {"lists", "unique", "strict", "fact"}
    assert set(hits["direction"]) == {"image to text", "text to image"}
    assert set(hits["model"]) == {"tiny", None}
    assert set(table(out, "pairs")["prompts"]) == set(SETS)
    assert not (out / "controls.parquet").exists() and not (out / "replies.parquet").exists()


def test_every_number_is_a_row(made):
    found = read_table(made[1] / METRICS, METRICS_SCHEMA)
    assert set(found["model"]) == {"tiny", None}
    rows = found.filter(model="tiny")
    forms = ("negated", "affirmative")
    wanted = {("choice", s, None, "accuracy", f) for s in ("questions", "claims") for f in forms}
    wanted |= {
        ("choice", "questions", None, "gap", None),
        ("choice", "claims", None, "gap", None),
        ("choice", "questions", None, "accuracy", "omitted"),
        ("retrieval", None, "unique", "R@1 gap", None),
        ("choice", "claims", None, "gap to all", None),
        ("retrieval", None, "unique", "R@5 gap to all", None),
        ("choice", "questions", None, "both right", None),
        ("choice", "claims", None, "group accuracy", "negated"),
        ("retrieval", None, "unique", "candidates", None),
    }
    assert wanted <= set(rows.select("task", "set", "reading", "statistic", "form").rows())
    assert len(rows.filter(statistic="gap", subset="denying", set="questions")) == 1
    assert len(rows.filter(statistic="chosen", subset="missed denial", form="negated")) == 1
    assert len(rows.filter(statistic="beats", subset="existence", form="negated")) == 1
    negated = {"task": "choice", "statistic": "accuracy", "form": "negated"}
    assert one(rows, set="questions", **negated)["chance"] == 0.25
    assert one(rows, set="claims", **negated)["chance"] == pytest.approx(0.2)
    tested = pl.col("statistic").str.ends_with("(McNemar)")
    complete = rows.filter(~tested).select("value", "low", "high", "n", "method")
    assert sum(complete.null_count().row(0)) == 0


def test_the_rows_of_every_table(made, data):
    """One for each item and option, query, side of a label, and neutral sentence."""
    manifest, out = made
    items = [read_items(folder).filter(split="test") for folder in data[:2]]
    options = sum(some["options"].list.len().sum() for some in items)
    assert len(table(out, "scores")) == options
    captions = pl.read_parquet(data[1] / "captions.parquet").filter(split="test")
    hits = table(out, "hits").filter(model="tiny")
    sizes = {key: len(part) for key, part in hits.group_by("reading", "direction")}
    asked = captions.select("image_path", "polarity").n_unique()
    assert sizes["unique", "image to text"] == sizes["strict", "image to text"] == asked
    assert sizes["unique", "text to image"] == captions["caption"].n_unique()
    assert sizes["strict", "text to image"] == len(captions)
    every = hits.filter(direction="image to text", reading="strict")
    assert set(every["size"]) == {len(captions)}
    # One ranking without a model answers the same queries.
    assert len(table(out, "hits")) == 2 * len(hits)
    studies = pl.read_parquet(data[2] / "studies.parquet").filter(split="test")
    pairs = table(out, "pairs")
    definite = [studies[c].is_in(["present", "absent"]).sum() for c in pairs["condition"].unique()]
    assert len(pairs.filter(prompts="prompt pairs")) == 2 * sum(definite)
    assert len(table(out, "neutral")) == sum(map(len, neutral_sentences().values()))
    total = sum(len(table(out, name)) for name in ("scores", "hits", "pairs", "neutral"))
    assert manifest["counts"] == {"rows": total}


def test_only_the_test_split(made, data):
    questions = read_items(data[0]).filter(split="test")
    scored = table(made[1], "scores").filter(set="questions")
    assert set(scored["item_id"]) == set(questions["item_id"])


def test_no_raw_id_in_what_is_written(made, facts):
    studies = pl.read_parquet(facts / "studies.parquet")
    raw = {*studies["subject_id"], *studies["study_id"], *studies["image_path"]}
    for name in ("scores", "hits", "pairs", "neutral", "metrics"):
        rows = pl.read_parquet(made[1] / f"{name}.parquet")
        words = rows.select(pl.col(pl.String))
        assert not raw & {value for column in words for value in column.unique()}
        if "subject" in rows.columns:
            assert all(len(subject) == 16 for subject in rows["subject"].unique())


def test_the_order_of_models_changes_no_rows(model, other, vectors, data, tmp_path):
    orders = {"one": [model, other], "two": [other, model]}
    for name, models in orders.items():
        evaluate(models, data, tmp_path / name, vectors=vectors, limit=8)
    for name in ("scores", "hits", "pairs", "neutral"):
        found = [table(tmp_path / out, name) for out in orders]
        for who in ("tiny", "other"):
            assert found[0].filter(model=who).equals(found[1].filter(model=who))
    items = [table(tmp_path / out, "scores").group_by("model").len()["len"] for out in orders]
    assert len(set(items[0])) == 1 and sorted(items[0]) == sorted(items[1])


# A folder that is there.


def test_the_same_call_does_nothing(made, model, data, vectors, monkeypatch):
    manifest, out = made
    before = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    monkeypatch.setattr(model, "encode_texts", None)
    monkeypatch.setattr(model, "encode_images", None)
    assert evaluate([model], data, out, vectors=vectors) == manifest
    assert {p: p.stat().st_mtime_ns for p in out.iterdir()} == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"gallery": "full"}, {"ties": "negbench"}])
def test_another_configuration_needs_fresh(made, model, data, vectors, change):
    with pytest.raises(UsageError, match="--fresh"):
        evaluate([model], data, made[1], vectors=vectors, **change)


def test_other_models_weights_or_data_need_fresh(made, model, other, data, vectors):
    changed = copy(model)
    changed.key = "0" * 64
    for models, folders in (
        ([other], data),
        ([model, other], data),
        ([changed], data),
        ([model], data[:2]),
    ):
        with pytest.raises(UsageError, match="--fresh"):
            evaluate(models, folders, made[1], vectors=vectors)
    assert evaluate([model], data, made[1], vectors=vectors) == made[0]


def test_same_seed_same_bytes(made, model, data, vectors, tmp_path):
    evaluate([model], data, tmp_path / "again", vectors=vectors)
    for name in (*SCORE_TABLES, "metrics"):
        first = made[1] / f"{name}.parquet"
        again = tmp_path / "again" / first.name
        assert first.exists() == again.exists()
        assert not first.exists() or first.read_bytes() == again.read_bytes()


# What is refused.


@pytest.mark.parametrize("name", ["blind", "chance"])
def test_names_of_rows_that_are_no_model(model, data, tmp_path, name):
    called = copy(model)
    called.name = name
    with pytest.raises(UsageError, match=f"'{name}' is the name of a row"):
        evaluate([called], data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_gallery_that_is_none(model, data):
    """It is refused before a model works."""
    with pytest.raises(UsageError, match="gallery"):
        score([model], data, gallery="some")


def test_two_models_of_one_name(model, data, tmp_path):
    with pytest.raises(UsageError, match=r"tiny stands for two models.*NAME=MODEL"):
        evaluate([model, model], data, tmp_path / "out")


def test_split_without_items(model, data, tmp_path):
    with pytest.raises(InputError, match="no items of the no split"):
        evaluate([model], data[:1], tmp_path / "out", split="no")


def test_unfinished_folder(model, tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match=r"no manifest\.json"):
        evaluate([model], [tmp_path / "data"], tmp_path / "out")


# Images that cannot be read.


@pytest.fixture
def broken(data, tmp_path):
    """A copy of the questions in which one image of the test split is broken."""
    copied = shutil.copytree(data[0], tmp_path / "questions")
    rows = read_items(copied)
    path = rows.filter(split="test")["image_path"][0]
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    rows = rows.with_columns(pl.col("image_path").replace({path: str(bad)}))
    rows.write_parquet(copied / "items.parquet")
    return resealed(copied), str(bad), rows.filter(split="test")


def test_more_bad_images_than_allowed(broken, model, vectors, tmp_path):
    with pytest.raises(InputError, match="1 images that cannot be read"):
        evaluate([model], [broken[0]], tmp_path / "out", vectors=vectors)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_bad_images_are_counted_and_their_groups_left_out(broken, model, vectors, tmp_path):
    folder, bad, rows = broken
    manifest = evaluate([model], [folder], tmp_path / "out", max_bad=1, vectors=vectors)
    # Their number only: paths of MIMIC hold patient ids.
    assert manifest["bad_images"] == 1
    lost = set(rows.filter(image_path=bad)["group_id"])
    assert lost
    assert set(table(tmp_path / "out", "scores")["group_id"]) == set(rows["group_id"]) - lost


def test_nothing_left_is_an_input_error(broken, model, vectors, tmp_path):
    folder, bad, _ = broken
    rows = read_items(folder).with_columns(image_path=pl.lit(bad))
    rows.write_parquet(folder / "items.parquet")
    with pytest.raises(InputError, match="no item that can be scored"):
        evaluate([model], [resealed(folder)], tmp_path / "out", max_bad=1, vectors=vectors)
