"""Trackers get numbers by step, through whatever package stands behind the name."""

import sys
import types

import pytest

from nast.errors import UsageError
from nast.training.sinks import open_sink


def test_wandb_is_offline(monkeypatch, tmp_path):
    calls = []
    run = types.SimpleNamespace(log=lambda numbers, step: calls.append((step, numbers)))
    module = types.SimpleNamespace(init=lambda **given: calls.append(given) or run)
    monkeypatch.setitem(sys.modules, "wandb", module)
    open_sink("wandb", tmp_path)(3, {"loss": 0.5})
    assert calls == [
        {"project": "nast", "dir": str(tmp_path), "mode": "offline"},
        (3, {"loss": 0.5}),
    ]


def test_trackio(monkeypatch, tmp_path):
    calls = []
    module = types.SimpleNamespace(
        init=lambda **given: calls.append(given),
        log=lambda numbers, step: calls.append((step, numbers)),
    )
    monkeypatch.setitem(sys.modules, "trackio", module)
    open_sink("trackio", tmp_path)(1, {"loss": 2.0})
    assert calls == [{"project": "nast"}, (1, {"loss": 2.0})]


def test_tensorboard(monkeypatch, tmp_path):
    calls = []

    class SummaryWriter:
        def __init__(self, folder):
            calls.append(folder)

        def add_scalar(self, *given):
            calls.append(given)

    module = types.SimpleNamespace(SummaryWriter=SummaryWriter)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    open_sink("tensorboard", tmp_path)(2, {"loss": 1.0, "claim": 0.5})
    assert calls == [str(tmp_path), ("loss", 1.0, 2), ("claim", 0.5, 2)]


def test_what_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="pip install wandb"):
        open_sink("wandb", tmp_path)
    with pytest.raises(UsageError, match="choose one of tensorboard"):
        open_sink("notebook", tmp_path)
