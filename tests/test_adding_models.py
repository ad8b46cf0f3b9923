"""Another model costs only that model; nothing that changed is taken for what it was."""

from copy import copy

import polars as pl
import pytest
from built import contextual_set, question_set

import nast.evaluation as module
from nast.errors import UsageError
from nast.evaluation import evaluate
from nast.files import read_json
from nast.models.registry import load_model


@pytest.fixture(scope="module")
def models(tiny_clip):
    first, second = (load_model(f"hf:{tiny_clip}", n) for n in ("first", "second"))
    second.key = "f" * 64
    return first, second


@pytest.fixture
def asked(monkeypatch):
    """Names of the models that are scored."""
    names = []
    score = module.score_model

    def counted(model, *rest):
        names.append(model.name)
        return score(model, *rest)

    monkeypatch.setattr(module, "score_model", counted)
    return names


def test_a_model_is_added_and_the_others_are_kept(models, facts, tmp_path, asked):
    data = [question_set(facts)]
    evaluate([models[0]], data, tmp_path / "out")
    before = read_json(tmp_path / "out" / "metrics.json")
    evaluate([models[1]], data, tmp_path / "out")
    assert asked == ["first", "second"]
    together = read_json(tmp_path / "out" / "metrics.json")
    assert together["first"] == before["first"]
    assert set(together) == {"first", "second"}
    # Both were scored already: nothing is done.
    evaluate(list(models), data, tmp_path / "out")
    assert asked == ["first", "second"]
    evaluate(list(models), data, tmp_path / "apart")
    for name in ("scores.parquet", "metrics.json", "comparisons.json"):
        found = [(tmp_path / place / name).read_bytes() for place in ("out", "apart")]
        assert found[0] == found[1]


def test_other_settings_or_weights_are_refused(models, facts, tmp_path):
    data = [question_set(facts)]
    evaluate([models[0]], data, tmp_path / "out")
    for change in ({"seed": 1}, {"gallery": "full"}, {"protocol": "negbench"}):
        with pytest.raises(UsageError, match="--fresh"):
            evaluate([models[1]], data, tmp_path / "out", **change)
    with pytest.raises(UsageError, match="--fresh"):
        evaluate([models[1]], [contextual_set(facts)], tmp_path / "out")
    other = copy(models[0])
    other.key = "0" * 64
    with pytest.raises(UsageError, match="--fresh"):
        evaluate([other], data, tmp_path / "out")
    with pytest.raises(UsageError, match="two models"):
        evaluate([models[0], models[0]], data, tmp_path / "new")
    with pytest.raises(UsageError, match="negbench"):
        evaluate([models[0]], data, tmp_path / "new", protocol="peers")


def test_top_ten_are_stored_by_number(models, facts, tmp_path):
    evaluate([models[0]], [contextual_set(facts)], tmp_path / "out")
    scores = pl.read_parquet(tmp_path / "out" / "scores.parquet")
    queries = scores.filter(task="retrieval image to text", option=1)
    texts = pl.read_parquet(contextual_set(facts) / "captions.parquet").filter(split="test")
    size = texts["caption"].n_unique()
    assert set(queries["gallery"]) == {size}
    assert set(queries["top"].list.len()) == {min(10, size)}
    assert queries["top"].list.max().max() < size
