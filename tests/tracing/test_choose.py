"""Choices of layers by name, on a trace written by hand."""

import json

import numpy as np
import polars as pl
import pytest
from pytest import approx

from nast.errors import InputError, UsageError
from nast.files import write_table
from nast.layers import AGGREGATIONS, layer_weights, uniform
from nast.models.registry import load_model
from nast.tracing.aggregate import (
    LAYER_SCORES_SCHEMA,
    PAIR_SCORES_SCHEMA,
    layer_scores,
    merged,
    within_noise,
)
from nast.tracing.build import build_trace
from nast.tracing.choose import choose_layers
from nast.tracing.trace import trace as trace_model
from nast.tracing.trace_config import TraceConfig

SCORES = [0.1, 0.9, 0.5, 0.3]
CONDITIONS = ("Edema", "Fracture", "Pneumonia", "Pneumothorax", "Atelectasis")
SUBSETS = ("negation in caption", "negation in foil")
PROFILES = {"gradnorm": [0.2, 0.4, 0.1, 0.3], "cue": [0.9, 0.6, 0.3, 0.0]}
"""Mean score of each block; `drop` is noise around 0."""


@pytest.fixture
def trace(tmp_path):
    weights = layer_weights(SCORES)
    data = {
        "score": SCORES,
        "alpha": weights.alpha,
        "scale": weights.scale,
        "floor": 0.05,
        "renorm": "mean",
        "within_noise": False,
    }
    (tmp_path / "layer_weights.json").write_text(json.dumps(data))
    return tmp_path


@pytest.fixture
def profiles(trace):
    """The trace with the scores of three aggregations, none of which is the one it chose."""
    rng, rows = np.random.default_rng(5), []
    for name in (*PROFILES, "drop"):
        for i, condition in enumerate(CONDITIONS):
            for sign, subset in zip((1, -1), SUBSETS, strict=True):
                # Conditions and subsets lie around the mean, which stays what it is.
                moved = [m + sign * 0.01 * (i + 1) for m in PROFILES.get(name, [])]
                scores = moved or rng.normal(0, 0.3, 4).tolist()
                rows += [
                    (name, condition, subset, block, score, None, None)
                    for block, score in enumerate(scores, 1)
                ]
    pairs = pl.DataFrame(rows, schema=PAIR_SCORES_SCHEMA, orient="row")
    write_table(trace / "layer_scores.parquet", layer_scores(pairs), LAYER_SCORES_SCHEMA)
    return trace


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_of_one_trace_is_a_choice(profiles, name):
    found = choose_layers(name, 4, profiles)
    assert found.scale == approx(layer_weights(PROFILES[name]).scale)
    assert sum(found.scale) == approx(4), "equal budget"
    nast = choose_layers("nast", 4, profiles)
    assert nast.scale == approx(layer_weights(SCORES).scale), "the trace's choice stays"
    sharp = choose_layers(name, 4, profiles, beta=3.0)
    assert sharp.scale == approx(layer_weights(PROFILES[name], beta=3.0).scale)


def test_the_rule_is_that_of_the_trace(profiles):
    file = profiles / "layer_weights.json"
    rule = {"norm": "max", "floor": 0.0, "renorm": "max", "beta": 2.0}
    file.write_text(json.dumps(json.loads(file.read_text()) | rule))
    found = choose_layers("gradnorm", 4, profiles)
    # Auto-RGN divides by the largest and freezes nothing.
    assert found.alpha == approx([0.5, 1.0, 0.25, 0.75])
    assert found.scale == approx([0.25, 1.0, 0.0625, 0.5625])


@pytest.mark.parametrize("name", ["nast", "gradnorm", "reversed"])
def test_the_papers_rule_has_no_floor_and_no_mean(profiles, name):
    scores = PROFILES.get(name, SCORES)
    plain = layer_weights(scores, floor=0.0, renorm="max").scale
    found = choose_layers(name, 4, profiles, protocol="paper").scale
    assert found == (plain[::-1] if name == "reversed" else plain)
    assert min(found) == 0 and max(found) == 1


def test_an_aggregation_within_its_noise_is_uniform_and_says_so(profiles):
    with pytest.warns(UserWarning, match="drop profile of .* within its noise: uniform"):
        assert choose_layers("drop", 4, profiles, beta=2.0).scale == [1, 1, 1, 1]


def test_a_profile_that_the_trace_lacks(profiles):
    with pytest.raises(InputError, match=r"layer_scores\.parquet.*no score of attention"):
        choose_layers("attention", 4, profiles)


@pytest.mark.filterwarnings("ignore:.*within its noise", "ignore:all layers")
def test_one_trace_serves_all_choices(facts, tmp_path, monkeypatch):
    """A profile of another choice's trace is what the same trace would have made of it."""
    made = []

    def kept(*given, **options):
        made.append(trace_model(*given, **options))
        return made[-1]

    monkeypatch.setattr("nast.tracing.build.trace", kept)
    config = TraceConfig(aggregation="scope", beta=0.5)
    build_trace(load_model("phantom"), facts, tmp_path, config)
    (tables,) = made
    noisy = [name for name in AGGREGATIONS if within_noise(tables.pairs, name)]
    assert "cue" in noisy and len(noisy) < len(AGGREGATIONS), "both branches are seen"
    for name in AGGREGATIONS:
        scores = merged(tables.scores, name)["score"].to_list()
        wanted = uniform(12) if name in noisy else layer_weights(scores, beta=0.5)
        assert choose_layers(name, 12, tmp_path) == wanted
    assert choose_layers("nast", 12, tmp_path) == choose_layers("scope", 12, tmp_path)


def test_choices_of_a_trace(trace):
    names = ("uniform", "nast", "reversed", "random", "front-2", "top-2")
    found = {n: choose_layers(n, 4, trace) for n in names}
    assert [w.name for w in found.values()] == [names[0], "nast/chosen", *names[2:]]
    scale = {n: w.scale for n, w in found.items()}
    assert scale["uniform"] == [1, 1, 1, 1]
    assert scale["nast"] == approx(layer_weights(SCORES).scale)
    assert scale["reversed"] == scale["nast"][::-1]
    assert sorted(scale["random"]) == sorted(scale["nast"])
    assert scale["front-2"] == [2, 2, 0, 0] and scale["top-2"] == [0, 2, 2, 0]
    for values in scale.values():
        assert sum(values) == approx(4), "equal budget"


def test_beta_sharpens_the_profile(trace):
    flat, sharp = (choose_layers("nast", 4, trace, beta=b).scale for b in (0.0, 4.0))
    assert flat == approx([1, 1, 1, 1])
    assert sharp[1] > choose_layers("nast", 4, trace).scale[1]


def test_a_profile_within_its_noise_stays_uniform(trace):
    file = trace / "layer_weights.json"
    data = json.loads(file.read_text()) | {"within_noise": True, "alpha": [1] * 4, "scale": [1] * 4}
    file.write_text(json.dumps(data))
    for name in ("nast", "reversed", "random"):
        with pytest.warns(UserWarning, match="within its noise: uniform weights"):
            assert choose_layers(name, 4, trace, beta=2.0).scale == [1, 1, 1, 1]


def test_a_trace_of_another_model_is_said(trace, tiny_clip):
    model, file = load_model(f"hf:{tiny_clip}"), trace / "layer_weights.json"
    known = json.loads(file.read_text()) | {"model": "another", "model_key": "0" * 64}
    file.write_text(json.dumps(known))
    with pytest.warns(UserWarning, match="is a trace of another, not of hf:"):
        choose_layers("nast", 4, trace, model=model)
    file.write_text(json.dumps(known | {"model_key": model.key}))
    choose_layers("nast", 4, trace, model=model)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nast", "follows a trace"),
        ("gradnorm", "follows a trace"),
        ("front-5", "has 4 blocks"),
        ("front-0", "has 4 blocks"),
        ("sideways", "no such choice"),
    ],
)
def test_what_cannot_be_is_said(name, words):
    with pytest.raises(UsageError, match=words):
        choose_layers(name, 4)


def test_a_file_by_hand(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"alpha": [1, 0, 0, 1], "scale": [2, 0, 0, 2]}')
    assert choose_layers(str(path), 4).scale == [2, 0, 0, 2]
