"""The contract test of a model passes on a good one and catches a bad one."""

import pytest
import torch

from nast.errors import ModelError
from nast.models.registry import load_model

try:
    from nast.models.check import check_model
except ModuleNotFoundError:
    from nast.tracing.check import check_model


def test_a_good_model(tiny_clip):
    found = check_model(load_model(f"hf:{tiny_clip}"))
    assert sum(v.startswith("ok") for v in found.values()) >= 4
    assert "cosine of the two sentences" in found


def test_vectors_that_are_not_of_unit_length(tiny_clip, monkeypatch):
    model = load_model(f"hf:{tiny_clip}")
    whole = model.encode_texts
    monkeypatch.setattr(model, "encode_texts", lambda texts: 2 * whole(texts))
    with pytest.raises(ModelError, match="unit vectors"):
        check_model(model)


def test_a_tower_that_is_not_the_model(tiny_clip, monkeypatch):
    model = load_model(f"hf:{tiny_clip}")
    tower = model.text_tower()
    monkeypatch.setattr(tower, "block", lambda layer, states: torch.roll(states, 1, dims=-1))
    monkeypatch.setattr(model, "text_tower", lambda: tower)
    with pytest.raises(ModelError, match="block by block"):
        check_model(model)
