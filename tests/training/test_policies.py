"""Layer policies by name, on a trace written by hand."""

import json

import pytest
from pytest import approx

from nast.errors import UsageError
from nast.training.policies import layer_policy
from nast.weighting import layer_weights

SCORES = [0.1, 0.9, 0.5, 0.3]


@pytest.fixture
def trace(tmp_path):
    weights = layer_weights(SCORES)
    data = {"score": SCORES, "alpha": weights.alpha, "scale": weights.scale, "floor": 0.05,
            "renorm": "mean", "within_noise": False}  # fmt: skip
    (tmp_path / "layer_weights.json").write_text(json.dumps(data))
    return tmp_path


def test_policies_of_a_trace(trace):
    scale = {n: layer_policy(n, 4, trace).scale
             for n in ("uniform", "nast", "reversed", "random", "front-2", "top-2")}  # fmt: skip
    assert scale["uniform"] == [1, 1, 1, 1]
    assert scale["nast"] == approx(layer_weights(SCORES).scale)
    assert scale["reversed"] == scale["nast"][::-1]
    assert sorted(scale["random"]) == sorted(scale["nast"])
    assert scale["front-2"] == [2, 2, 0, 0] and scale["top-2"] == [0, 2, 2, 0]
    for values in scale.values():
        assert sum(values) == approx(4), "equal budget"


def test_beta_sharpens_the_profile(trace):
    flat, sharp = (layer_policy("nast", 4, trace, beta=b).scale for b in (0.0, 4.0))
    assert flat == approx([1, 1, 1, 1])
    assert sharp[1] > layer_policy("nast", 4, trace).scale[1]


def test_a_profile_within_its_noise_stays_uniform(trace):
    file = trace / "layer_weights.json"
    data = json.loads(file.read_text()) | {"within_noise": True, "alpha": [1] * 4, "scale": [1] * 4}
    file.write_text(json.dumps(data))
    assert layer_policy("nast", 4, trace, beta=2.0).scale == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "words"),
    [("nast", "follows a trace"), ("front-5", "has 4 blocks"), ("front-0", "has 4 blocks"),
     ("sideways", "no such policy")],
)  # fmt: skip
def test_what_cannot_be_is_said(name, words):
    with pytest.raises(UsageError, match=words):
        layer_policy(name, 4)


def test_a_file_by_hand(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"alpha": [1, 0, 0, 1], "scale": [2, 0, 0, 2]}')
    assert layer_policy(str(path), 4).scale == [2, 0, 0, 2]
