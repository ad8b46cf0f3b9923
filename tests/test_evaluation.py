"""Models on data folders: resume, bad images, and no patient id in what leaves the machine."""

import shutil

import polars as pl
import pytest
from built import contextual_set, question_set, resealed

from nast.errors import InputError, UsageError
from nast.evaluation import evaluate, whole_groups
from nast.files import read_json, read_table
from nast.models.registry import load_model
from nast.records import SCORES_SCHEMA
from nast.scoring.prompt_sets import SETS


@pytest.fixture(scope="module")
def model(tiny_clip):
    return load_model(f"hf:{tiny_clip}", "tiny")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def scored(model, store, facts, tmp_path_factory):
    out = tmp_path_factory.mktemp("scores") / "out"
    data = [question_set(facts), contextual_set(facts), facts]
    return evaluate([model], data, out, store=store), data, out


def test_every_task_is_scored(scored):
    _, _, out = scored
    scores = read_table(out / "scores.parquet", SCORES_SCHEMA)
    figures = read_json(out / "metrics.json")
    ways = {
        f"retrieval {way}{reading}"
        for way in ("image to text", "text to image")
        for reading in ("", " strict", " fact")
    }
    assert set(scores["task"]) == {"questions", "claims", *ways, *SETS}
    assert {"tiny", "blind"} == set(figures)
    wanted = {
        f"{t}/accuracy/{f}"
        for t in ("questions", "claims")
        for f in ("negated", "affirmative", "gap")
    }
    wanted |= {
        "questions/accuracy/omitted",
        "retrieval image to text/R@1/gap",
        "claims/accuracy/gap to all",
        "retrieval image to text/R@5/gap to all",
        "questions/pairs/both right",
        "questions/accuracy/gap/denying",
        "questions/wrong/negated/missed denial",
        "claims/pairwise/negated/existence",
        "claims/group accuracy/negated",
        "retrieval image to text/gallery",
    }
    assert wanted <= set(figures["tiny"])
    assert figures["tiny"]["questions/accuracy/negated"]["chance"] == 0.25
    assert figures["tiny"]["claims/accuracy/negated"]["chance"] == pytest.approx(0.2)
    for figure in figures["tiny"].values():
        assert {"value", "interval", "n", "method"} <= set(figure)


def test_only_the_test_split(scored, facts):
    _, data, out = scored
    scores = read_table(out / "scores.parquet", SCORES_SCHEMA).filter(task="questions")
    questions = pl.read_parquet(data[0] / "questions.parquet").filter(split="test")
    assert set(scores["item_id"]) == set(questions["question_id"])


def test_no_raw_subject_id(scored, facts):
    _, _, out = scored
    raw = set(pl.read_parquet(facts / "studies.parquet")["subject_id"])
    found = set(pl.read_parquet(out / "scores.parquet")["subject"])
    assert raw and found
    assert not raw & found
    assert all(len(s) == 16 for s in found)


def test_second_call_does_nothing(scored, model, store, monkeypatch):
    manifest, data, out = scored
    before = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    monkeypatch.setattr(model, "encode_texts", None)
    monkeypatch.setattr(model, "encode_images", None)
    assert evaluate([model], data, out, store=store) == manifest
    assert {p: p.stat().st_mtime_ns for p in out.iterdir()} == before


def test_another_configuration_needs_fresh(scored, model, store):
    _, data, out = scored
    with pytest.raises(UsageError, match="--fresh"):
        evaluate([model], data, out, store=store, seed=1)


def test_same_seed_same_scores(scored, model, store, tmp_path):
    _, data, out = scored
    evaluate([model], data, tmp_path / "again", store=store)
    for name in ("scores.parquet", "metrics.json"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


def test_whole_groups_loses_every_member():
    table = pl.DataFrame({"group_id": ["a", "a", "b", "b"], "image_path": ["1", "2", "3", "4"]})
    assert whole_groups(table, {"1", "3", "4"})["image_path"].to_list() == ["3", "4"]
    assert whole_groups(table.drop("group_id"), {"1"})["image_path"].to_list() == ["1"]


@pytest.fixture
def broken(facts, tmp_path):
    """A copy of the questions in which one image of the test split is broken."""
    copy = tmp_path / "questions"
    shutil.copytree(question_set(facts), copy)
    table = pl.read_parquet(copy / "questions.parquet")
    path = table.filter(split="test")["image_path"][0]
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    table = table.with_columns(pl.col("image_path").replace({path: str(bad)}))
    table.write_parquet(copy / "questions.parquet")
    resealed(copy)
    return copy, str(bad), table.filter(split="test")


def test_more_bad_images_than_allowed(broken, model, store, tmp_path):
    with pytest.raises(InputError, match="1 images that cannot be read"):
        evaluate([model], [broken[0]], tmp_path / "out", store=store)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_bad_images_are_counted_and_their_groups_left_out(broken, model, store, tmp_path):
    folder, bad, table = broken
    manifest = evaluate([model], [folder], tmp_path / "out", max_bad=1, store=store)
    # Their number only: paths of MIMIC hold patient ids.
    assert manifest["bad_images"] == 1
    lost = set(table.filter(pl.col("image_path") == bad)["group_id"])
    found = set(pl.read_parquet(tmp_path / "out" / "scores.parquet")["group_id"])
    assert lost
    assert found == set(table["group_id"]) - lost


def test_nothing_left_is_an_input_error(broken, model, store, tmp_path):
    folder, bad, _ = broken
    table = pl.read_parquet(folder / "questions.parquet").with_columns(image_path=pl.lit(bad))
    table.write_parquet(folder / "questions.parquet")
    resealed(folder)
    with pytest.raises(InputError):
        evaluate([model], [folder], tmp_path / "out", max_bad=1, store=store)


def test_split_without_items(model, store, facts, tmp_path):
    with pytest.raises(InputError, match="no items of the no split"):
        evaluate([model], [question_set(facts)], tmp_path / "out", split="no", store=store)


def test_unfinished_folder(model, tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match=r"no manifest\.json"):
        evaluate([model], [tmp_path / "data"], tmp_path / "out")
