"""The model that ships: small, single-token cues, and biased towards affirmative words."""

import polars as pl
import pytest

from nast.benchmark.build import build_benchmark
from nast.evaluation import evaluate
from nast.files import read_json, read_table
from nast.models.registry import PHANTOM, load_model
from nast.paper.recipe import RECIPES, read_recipe
from nast.phantom.patients import patients
from nast.phantom.pretrain.clip import PretrainConfig
from nast.records import METRICS_SCHEMA
from nast.tracing.check import check_model


@pytest.fixture(scope="module")
def model():
    return load_model("phantom")


def test_it_is_small_and_deep(model):
    assert (PHANTOM / "model.safetensors").stat().st_size <= 16e6
    assert model.text.n_layers == 12
    assert read_json(PHANTOM / "phantom.json")["negation_rate"] == PretrainConfig().negation_rate


def test_cues_are_single_tokens(model):
    words = model.token_words("There is no severe pneumothorax.")
    assert words[1:-1] == ["there", "is", "no", "severe", "pneumothorax", "."]


def test_it_keeps_the_contract(model):
    assert [f for f in check_model(model) if f.verdict != "ok"] == []


def test_demo_patients_are_not_those_of_pretraining():
    pretrained = {s.subject_id for s in patients(PretrainConfig().patients, PretrainConfig().seed)}
    for name in ("demo.yaml", "demo-quick.yaml"):
        drawn = read_recipe(RECIPES / name).phantom
        assert not pretrained & {s.subject_id for s in patients(drawn.patients, drawn.seed)}
        assert not {s.seed for s in patients(500, drawn.seed)} & {
            s.seed for s in patients(500, PretrainConfig().seed)
        }


def test_it_has_an_affirmative_bias(model, facts, tmp_path):
    """The demo's 500 patients give a gap of 29 points; these 60 are enough to see 15."""
    build_benchmark(facts, tmp_path / "questions", limit=40)
    evaluate([model], [tmp_path / "questions"], tmp_path / "scores", split="all")
    metrics = read_table(tmp_path / "scores" / "metrics.parquet", METRICS_SCHEMA)
    whole = metrics.filter(
        pl.col("condition").is_null() & pl.col("subset").is_null(), set="questions"
    )
    (gap,) = whole.filter(statistic="gap").iter_rows(named=True)
    assert gap["value"] >= 0.15 and gap["low"] > 0
    accuracy = whole.filter(statistic="accuracy", form="affirmative")
    assert accuracy["value"].item() > 0.5
