"""What tables call runs, and NAME=MODEL."""

import pytest

from nast.naming import run_name, run_setting, split_name


def manifest(**config):
    setting = {"stage": "train", "objective": "nast", "layers": "uniform", "mode": "lr", "seed": 3}
    return {"config": {**setting, **config}, "g": 1.0}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({}, "LoRA uniform"),
        ({"layers": "nast/scope"}, "NAST (lr)"),
        ({"layers": "nast/cue", "beta": 1.0}, "NAST (lr)"),
        ({"layers": "nast/cue", "beta": 0.5}, "NAST (lr, beta 0.5)"),
        ({"layers": "scope", "beta": 1.0}, "NAST (lr, scope)"),
        ({"layers": "nast/cue", "mode": "gradient"}, "NAST (gradient)"),
        ({"layers": "nast/cue", "mode": "gradient", "rule": "paper"}, "NAST (as printed)"),
        (
            {"layers": "nast/cue", "mode": "gradient", "rule": "paper", "protocol": "paper"},
            "NAST (as printed)",
        ),
        ({"layers": "nast/cue", "rule": "paper"}, "NAST (lr, paper)"),
        ({"layers": "reversed", "beta": 1.0}, "NAST (lr, reversed)"),
        ({"layers": "random", "beta": 1.0}, "NAST (lr, random)"),
        ({"layers": "front-3"}, "NAST (lr, front-3)"),
        ({"layers": "top-3", "mode": "gradient"}, "NAST (gradient, top-3)"),
        ({"protocol": "paper", "rule": "paper"}, "LoRA uniform (paper)"),
        ({"objective": "clip"}, "CLIP (retrained)"),
        ({"objective": "negclip"}, "NegCLIP (retrained)"),
        ({"objective": "conclip"}, "ConCLIP (retrained)"),
        ({"objective": "negbench", "published": True}, "NegBench (retrained, published)"),
        ({"objective": "negclip", "layers": "front-3"}, "NegCLIP (retrained, front-3)"),
        (
            {"objective": "clip", "layers": "reversed", "mode": "gradient"},
            "CLIP (retrained, gradient, reversed)",
        ),
    ],
)
def test_a_setting_has_one_name_for_all_seeds(config, name):
    assert run_name(manifest(**config)) == name
    assert run_name(manifest(**config, seed=7)) == name
    assert run_setting(manifest(**config, seed=7)).seed == 7


def test_other_stages_are_no_runs():
    assert run_setting({"config": {"stage": "trace"}}) is None
    with pytest.raises(ValueError, match="another stage"):
        run_name({"config": {"stage": "trace"}})


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("phantom", (None, "phantom")),
        ("base=phantom", ("base", "phantom")),
        ("My CLIP=openclip:ViT-B-32:a=b.pt", ("My CLIP", "openclip:ViT-B-32:a=b.pt")),
        ("hf:a=b", (None, "hf:a=b")),
        ("./a=b", (None, "./a=b")),
        ("v1.0=phantom", (None, "v1.0=phantom")),
        ("=phantom", (None, "=phantom")),
    ],
)
def test_name_of_a_model(argument, parts):
    assert split_name(argument) == parts
