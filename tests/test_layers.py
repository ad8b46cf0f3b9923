"""From layer scores to a learning-rate scale per block, by hand."""

import pytest
from pytest import approx

from nast.errors import InputError
from nast.files import read_json, read_table
from nast.layers import (
    AGGREGATIONS,
    LayerWeights,
    Profile,
    controls,
    layer_weights,
    only,
    read_layer_weights,
    reordered,
    uniform,
)
from nast.models.registry import load_model
from nast.tracing.aggregate import LAYER_SCORES_SCHEMA
from nast.tracing.build import build_trace
from nast.tracing.choose import choose_layers
from nast.tracing.trace_config import TraceConfig

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
    ("beta", "top3", "top5"), [(0.4, 53.3, 69.2), (0.5, 59.7, 74.2), (1, 83.5, 90.9)]
)
def test_published_profile_predicts_table_4(beta, top3, top5):
    """Rates alpha ** beta by the published CTE; Table 4 has 52.6 and 69.3 per cent."""
    merged = [(c + f) / 2 for c, f in zip(CAPTION, FOIL, strict=True)]
    scale = sorted(layer_weights(merged, beta=beta, floor=0.0).scale, reverse=True)
    assert 100 * sum(scale[:3]) / sum(scale) == approx(top3, abs=1)
    assert 100 * sum(scale[:5]) / sum(scale) == approx(top5, abs=1)


def test_published_profile_moves_at_block_4():
    for profile, drop in ((CAPTION, 0.44), (FOIL, 0.51)):
        drops = [a - b for a, b in zip([1.0, *profile], profile, strict=False)]
        assert drops[3] == approx(drop) == approx(max(drops))
        # min-max of the CTE itself leaves this block a fifth or less of the step.
        assert layer_weights(profile, floor=0.0, renorm="max").alpha[3] <= 0.2
        assert layer_weights(drops, floor=0.0, renorm="max").alpha[3] == 1


def test_other_norms():
    assert layer_weights([0.2, 0.6, -0.4], norm="max", floor=0.0, renorm="max").alpha == approx(
        [1 / 3, 1, 0]
    )
    shares = layer_weights([0.2, 0.6, 0.0], norm="sum", floor=0.0)
    assert shares.alpha == approx([0.25, 0.75, 0])
    assert shares.scale == approx([0.75, 2.25, 0])
    assert layer_weights([0.2, 0.6, 0.0], norm="sum", floor=0.0, renorm="max").scale[1] == 1
    with pytest.warns(UserWarning, match="same score"):
        assert layer_weights([-0.1, -0.2], norm="max") == uniform(2)


@pytest.mark.parametrize(
    ("scores", "options"),
    [
        ([0.1, float("nan")], {}),
        ([0, 1], {"beta": -1}),
        ([0, 1], {"renorm": "sum"}),
        ([0, 1], {"norm": "softmax"}),
        ([0, 1], {"floor": 2}),
    ],
)
def test_what_makes_no_sense_is_refused(scores, options):
    with pytest.raises(ValueError, match=r"beta|renorm|norm|floor"):
        layer_weights(scores, **options)


def test_controls_have_the_total_step_of_the_profile():
    scores = [0.1, 0.9, 0.5, 0.3]
    weights = layer_weights(scores)
    found = controls(weights, scores, k=2, seed=4)
    assert list(found) == ["uniform", "reversed", "random", "front-2", "top-2"]
    assert all(sum(c.scale) == approx(4) for c in found.values())
    assert found["reversed"].scale == weights.scale[::-1]
    assert sorted(found["random"].scale) == sorted(weights.scale)
    assert found["random"] == controls(weights, scores, k=2, seed=4)["random"]
    assert found["front-2"] == LayerWeights([1, 1, 0, 0], [2, 2, 0, 0])
    assert found["top-2"].scale == [0, 2, 2, 0]
    assert len({tuple(controls(weights, scores, seed=s)["random"].scale) for s in range(9)}) > 1


def test_order_and_choice_of_blocks():
    assert reordered(layer_weights([0, 1, 0.5], floor=0, renorm="max"), [2, 3, 1]).scale == [
        1,
        0.5,
        0,
    ]
    assert only(4, [2]) == LayerWeights([0, 1, 0, 0], [0, 4, 0, 0])


def test_file_written_by_hand(tmp_path):
    path = tmp_path / "layer_weights.json"
    path.write_text('{"alpha": [1, 0.5], "scale": [1, 0]}')
    assert read_layer_weights(path) == LayerWeights([1.0, 0.5], [1.0, 0.0])


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"alpha": [1], "scale": [1, 1]}',
        "[1, 2]",
        "nonsense",
        '{"alpha": ["much"], "scale": [1]}',
    ],
)
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
    assert {"uniform.json", "reversed.json", "random.json", "front-3.json", "top-3.json"} == {
        p.name for p in (tmp_path / "trace" / "controls").iterdir()
    }
    assert read_layer_weights(tmp_path / "trace" / "controls" / "uniform.json") == uniform(4)
    assert set(
        read_table(tmp_path / "trace" / "layer_scores.parquet", LAYER_SCORES_SCHEMA)["aggregation"]
    ) == set(AGGREGATIONS)
    phantom = load_model("phantom")
    build_trace(phantom, facts, tmp_path / "phantom", TraceConfig(aggregation="scope"))
    found = read_json(tmp_path / "phantom" / "layer_weights.json")
    assert not found["within_noise"]
    assert found["scale"] == approx(layer_weights(found["score"]).scale)
    before = (tmp_path / "trace" / "manifest.json").stat().st_mtime_ns
    again = build_trace(model, facts, tmp_path / "trace")
    assert again == manifest
    assert (tmp_path / "trace" / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.filterwarnings("ignore:.*within its noise")
def test_the_papers_protocol(facts, tmp_path):
    model = load_model("phantom")
    manifest = build_trace(model, facts, tmp_path / "paper", TraceConfig(protocol="paper"))
    found = read_json(tmp_path / "paper" / "layer_weights.json")
    rule = {"protocol": "paper", "norm": "minmax", "floor": 0.0, "renorm": "max", "beta": 1.0}
    assert rule.items() <= found.items() and rule.items() <= manifest["config"].items()
    assert found["trace"]["tau"] is None
    assert found["trace"]["samples above tau"] == found["trace"]["samples"]
    # The phantom's `cue` is within its noise, which the paper does not look at.
    assert found["within_noise"] and min(found["scale"]) == 0 and max(found["scale"]) == 1
    assert found["scale"] == layer_weights(found["score"], floor=0.0, renorm="max").scale
    literal = choose_layers("nast", 12, tmp_path / "paper", protocol="paper")
    assert literal == read_layer_weights(tmp_path / "paper" / "layer_weights.json")


@pytest.mark.filterwarnings("ignore:.*within its noise")
def test_options_beside_the_protocol_win(facts, tmp_path):
    model = load_model("phantom")
    config = TraceConfig(protocol="paper", aggregation="drop", floor=0.2, norm="max")
    build_trace(model, facts, tmp_path, config)
    found = read_json(tmp_path / "layer_weights.json")
    assert (found["floor"], found["norm"], found["renorm"]) == (0.2, "max", "max")
    assert min(found["scale"]) == approx(0.2) and max(found["scale"]) == 1
    for name in ("nast", "drop"):
        assert choose_layers(name, 12, tmp_path, protocol="paper").scale == approx(found["scale"])


def test_a_profile_within_its_noise_is_uniform_unless_the_paper_is_followed():
    noisy = Profile("cue", [0.2, 0.6, 0.4], within_noise=True, of="tiny")
    with pytest.warns(UserWarning, match="the cue profile of tiny is within its noise: uniform"):
        assert layer_weights(noisy) == uniform(3)
    with pytest.warns(UserWarning, match="the paper's rule scales it all the same"):
        found = layer_weights(noisy, protocol="paper")
    assert found == layer_weights(noisy.score, floor=0.0, renorm="max")
    assert (found.name, found.beta, found.protocol) == ("cue", 1.0, "paper")


def test_weights_of_a_profile_know_where_they_come_from():
    found = layer_weights(Profile("scope", [0.2, 0.6, 0.4]), beta=0.5)
    assert found == layer_weights([0.2, 0.6, 0.4], beta=0.5)
    assert (found.name, found.beta) == ("scope", 0.5)
    assert layer_weights([0.2, 0.6]).name == "given" and uniform(2).name == "uniform"
