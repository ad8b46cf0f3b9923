"""From layer scores to a learning-rate scale per block, by hand."""

import pytest
from pytest import approx

from nast.errors import InputError
from nast.models.registry import load_model
from nast.store import read_json
from nast.weighting import build_trace, layer_weights, read_layer_weights, uniform

CAPTION = [0.71, 0.62, 0.48, 0.04, 0.03, 0.04, 0.04, 0.02, 0.02, 0.00, 0.00, 0.00]
FOIL = [0.90, 0.86, 0.69, 0.18, 0.12, 0.10, 0.09, 0.06, 0.05, 0.01, 0.01, 0.00]
"""CTE at the negator after blocks 1-12: negation in caption, in foil (Quantmeyer 2024)."""


def test_min_max_with_floor():
    weights = layer_weights([0.2, 0.6, 0.4], floor=0.1, renorm="max")
    assert weights.alpha == approx([0.1, 1.0, 0.55])
    assert weights.scale == approx(weights.alpha)


def test_renorm_mean_keeps_the_mean_step():
    weights = layer_weights([0.2, 0.6, 0.4], floor=0.1)
    assert weights.scale == approx([0.1 / 0.55, 1 / 0.55, 1.0])
    assert sum(weights.scale) == approx(3)


def test_beta_sharpens():
    weights = layer_weights([0, 1, 0.5], floor=0.0, beta=2, renorm="max")
    assert weights.scale == approx([0, 1, 0.25])


def test_beta_zero_is_uniform():
    assert layer_weights([0.2, 0.6, 0.4], beta=0).scale == approx([1, 1, 1])


def test_equal_scores_give_uniform_with_a_warning():
    with pytest.warns(UserWarning, match="same score"):
        weights = layer_weights([0.3] * 4)
    assert weights == uniform(4)


def test_published_profile():
    merged = [(c + f) / 2 for c, f in zip(CAPTION, FOIL, strict=True)]
    alpha = layer_weights(merged, floor=0.0, renorm="max").alpha
    assert [round(a, 1) for a in alpha[:3]] == [1.0, 0.9, 0.7]
    assert all(a < 0.15 for a in alpha[3:])
    assert alpha[-1] == 0


@pytest.mark.parametrize(
    ("scores", "options"),
    [([0.1, float("nan")], {}), ([0, 1], {"beta": -1}), ([0, 1], {"renorm": "sum"})],
)
def test_what_makes_no_sense_is_refused(scores, options):
    with pytest.raises(ValueError, match=r"beta|renorm"):
        layer_weights(scores, **options)


def test_file_written_by_hand(tmp_path):
    path = tmp_path / "layer_weights.json"
    path.write_text('{"alpha": [1, 0.5], "scale": [1, 0]}')
    assert read_layer_weights(path) == ([1.0, 0.5], [1.0, 0.0])


@pytest.mark.parametrize(
    "text", ["{}", '{"alpha": [1], "scale": [1, 1]}', "[1, 2]", "nonsense",
             '{"alpha": ["much"], "scale": [1]}']
)  # fmt: skip
def test_bad_file_is_an_input_error(tmp_path, text):
    path = tmp_path / "layer_weights.json"
    path.write_text(text)
    with pytest.raises(InputError, match="layer_weights"):
        read_layer_weights(path)


@pytest.mark.filterwarnings("ignore:all layers")
def test_build_trace_leaves_a_readable_profile(tiny_clip, facts, tmp_path):
    model = load_model(f"hf:{tiny_clip}", "tiny")
    # A random tower has no profile to speak of; it gets uniform weights, and says so.
    with pytest.warns(UserWarning, match="within its noise"):
        manifest = build_trace(model, facts, tmp_path / "trace")
    data = read_json(tmp_path / "trace" / "layer_weights.json")
    weights = read_layer_weights(tmp_path / "trace" / "layer_weights.json")
    assert data["layers"] == [1, 2, 3, 4]
    assert data["model_key"] == model.key
    assert data["within_noise"] and weights.scale == [1, 1, 1, 1]
    names = {p.name for p in (tmp_path / "trace").iterdir()}
    assert {"trace.parquet", "attention.parquet", "layer_scores.parquet"} <= names
    phantom = load_model("phantom")
    build_trace(phantom, facts, tmp_path / "phantom", aggregation="scope")
    found = read_json(tmp_path / "phantom" / "layer_weights.json")
    assert not found["within_noise"]
    assert found["scale"] == approx(layer_weights(found["score"]).scale)
    before = (tmp_path / "trace" / "manifest.json").stat().st_mtime_ns
    again = build_trace(model, facts, tmp_path / "trace")
    assert again == manifest
    assert (tmp_path / "trace" / "manifest.json").stat().st_mtime_ns == before
