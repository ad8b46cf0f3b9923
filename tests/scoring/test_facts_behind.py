"""The facts behind captions are found by what they hold, or missed aloud."""

import shutil

import polars as pl
import pytest
from built import contextual_set

from nast.evaluation import evaluate
from nast.models.registry import load_model
from nast.scoring.score import NO_FACTS


@pytest.fixture
def tree(facts, tmp_path):
    """Facts and claims side by side, as a user has them."""
    for folder in (facts, contextual_set(facts)):
        shutil.copytree(folder, tmp_path / folder.name)
    (tmp_path / "elsewhere").mkdir()
    return tmp_path


def scored(tiny_clip, data, out):
    """The readings of retrieval, and the model's notes."""
    made = evaluate([load_model(f"hf:{tiny_clip}", "tiny")], data, out)
    hits = pl.read_parquet(out / "hits.parquet")
    readings = set(hits["reading"])
    # The ranking without a model reads what the models read.
    assert set(hits.filter(pl.col("model").is_null())["reading"]) == readings
    return readings, made["notes"].get("tiny", {})


ALL = {"unique", "strict", "fact", "lists"}


def test_from_every_working_folder(tree, tiny_clip, monkeypatch):
    monkeypatch.chdir(tree / "elsewhere")
    readings, notes = scored(tiny_clip, ["../contextual"], tree / "a")
    assert readings == ALL and not notes
    # The same data under another path are the same data: nothing is scored again.
    before = (tree / "a" / "manifest.json").stat().st_mtime_ns
    monkeypatch.chdir(tree)
    scored(tiny_clip, ["contextual"], tree / "a")
    assert (tree / "a" / "manifest.json").stat().st_mtime_ns == before


def test_facts_that_moved_are_found_beside_or_missed_aloud(tree, tiny_clip):
    shutil.move(tree / "facts", tree / "moved")
    readings, notes = scored(tiny_clip, [tree / "contextual"], tree / "a")
    assert readings == ALL - {"fact"}
    assert notes == {NO_FACTS: ["contextual"]}
    readings, notes = scored(tiny_clip, [tree / "contextual", tree / "moved"], tree / "b")
    assert readings == ALL and not notes


def test_other_facts_are_not_taken_for_them(tree, tiny_clip):
    shutil.rmtree(tree / "facts")
    shutil.copytree(tree / "contextual", tree / "facts")
    _, notes = scored(tiny_clip, [tree / "contextual"], tree / "a")
    assert NO_FACTS in notes
