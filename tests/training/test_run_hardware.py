"""A run on a second device is that of the CPU; a run in bf16 says so."""

import pytest
import torch
from built import contextual_set
from far_device import far_device
from pytest import approx

from nast.layers import LayerWeights
from nast.models.hardware import key_at
from nast.models.registry import load_model
from nast.training.lora import lora_by_layer
from nast.training.run import build_run
from nast.training.train_config import TrainConfig
from nast.training.trainer import fine_tune

CONFIG = TrainConfig(steps=4, captions=4, claims=3, validate_every=2, learning_rate=1e-3)
WEIGHTS = LayerWeights([1.0, 0.0, 0.2, 0.0], [2.0, 0.0, 0.6, 0.0])


class StopError(Exception):
    pass


def run(model, batches, state=None, stop=None):
    """A training with a figure of the model's own vectors as validation, stopped after a step."""

    def validate():
        return {"validation": float(model.encode_texts(["no edema"])[0, 0])}

    def report(step, losses):
        if step == stop:
            raise StopError

    return fine_tune(model, *batches, WEIGHTS, CONFIG, report, validate, state)


def test_a_run_stopped_on_another_device_goes_on_there(tiny_clip, batches, tmp_path, monkeypatch):
    monkeypatch.setattr("nast.training.trainer.SAVE_SECONDS", 0.0)
    near, stopped, far = (load_model(f"hf:{tiny_clip}") for _ in range(3))
    wanted, state = run(near, batches), tmp_path / "state.safetensors"
    with far_device() as name:
        stopped.network.to(name)
        with pytest.raises(StopError):
            run(stopped, batches, state, stop=2)
        assert state.is_file()
        far.network.to(name)
        found = run(far, batches, state)
        weights = {n: p for g in lora_by_layer(far.network).values() for n, p in g.items()}
        assert {p.device for p in weights.values()} == {torch.device(name)}
    for row, expected in zip(found.history, wanted.history, strict=True):
        assert row == approx(expected, abs=1e-4)
    for measure, shares in wanted.meter.shares().items():
        assert found.meter.shares()[measure] == approx(shares, abs=1e-3)
    assert len(found.meter.steps) == len(wanted.meter.steps)
    for group in lora_by_layer(near.network).values():
        for parameter, values in group.items():
            assert torch.allclose(weights[parameter].near, values, atol=1e-4)
            assert found.best[parameter].shape == wanted.best[parameter].shape


def test_a_bf16_run_says_so_and_loads_in_either_precision(facts, tiny_clip, tmp_path):
    base, out = f"hf:{tiny_clip}", tmp_path / "run"
    model = load_model(base, precision="bf16")
    config = TrainConfig(steps=1, captions=4, claims=2)
    manifest = build_run(model, base, facts, contextual_set(facts), out, WEIGHTS, config)
    assert manifest["config"]["precision"] == "bf16"
    assert manifest["config"]["base_key"] == model.key
    assert manifest["machine"]["device"] == "cpu"
    plain, low = (load_model(f"run:{out}", precision=p) for p in ("float32", "bf16"))
    assert plain.key != low.key == key_at(plain.key, "bf16")
    assert not torch.equal(plain.encode_texts(["no edema"]), low.encode_texts(["no edema"]))
