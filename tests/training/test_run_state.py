"""A run that was killed goes on bit for bit."""

import math
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from nast.errors import InputError
from nast.layers import LayerWeights
from nast.models.registry import load_model
from nast.training.lora import lora_by_layer
from nast.training.train_config import TrainConfig
from nast.training.trainer import fine_tune

CONFIG = TrainConfig(steps=8, captions=4, claims=3, validate_every=2, learning_rate=1e-3)
WEIGHTS = LayerWeights([1.0, 0.5, 0.2, 0.1], [2.0, 1.0, 0.6, 0.4])


class StopError(Exception):
    pass


def weights_of(model):
    return {n: p.detach() for g in lora_by_layer(model.network).values() for n, p in g.items()}


def run(tiny_clip, batches, state=None, stop=None):
    """A training whose validation figures go up and down; stopped by an error after a step."""
    model = load_model(f"hf:{tiny_clip}")

    def validate():
        # As good as random, and decided by the weights alone.
        moved = sum(float(p.double().abs().sum()) for p in weights_of(model).values())
        return {"validation": math.sin(1e4 * moved)}

    def report(step, losses):
        if step == stop:
            raise StopError

    return model, fine_tune(model, *batches, WEIGHTS, CONFIG, report, validate, state)


def test_stopped_and_unstopped_runs_are_equal(tiny_clip, batches, tmp_path, monkeypatch):
    monkeypatch.setattr("nast.training.trainer.SAVE_SECONDS", 0.0)
    whole, wanted = run(tiny_clip, batches)
    state = tmp_path / "state.safetensors"
    for stop in (2, 3, 6):
        with pytest.raises(StopError):
            run(tiny_clip, batches, state, stop)
    assert state.is_file()
    model, found = run(tiny_clip, batches, state)
    assert found.history == wanted.history
    assert found.meter.shares() == wanted.meter.shares() and found.meter.steps == wanted.meter.steps
    for name, parameter in weights_of(whole).items():
        assert torch.equal(weights_of(model)[name], parameter)
        assert torch.equal(found.best[name], wanted.best[name])
    figures = [row["validation"] for row in found.history if "validation" in row]
    assert len(figures) == 4 and max(figures) != figures[-1], "best and last are not one"
    assert not all(torch.equal(found.best[n], p) for n, p in weights_of(model).items())


def test_patience_ends_a_run(tiny_clip, batches):
    model = load_model(f"hf:{tiny_clip}")
    config = TrainConfig(steps=50, captions=4, claims=3, validate_every=1, patience=2)
    figures = iter([0.5, 0.6, 0.6, 0.4, 0.9])
    found = fine_tune(model, *batches, WEIGHTS, config, validate=lambda: {"v": next(figures)})
    assert [row["v"] for row in found.history] == [0.5, 0.6, 0.6, 0.4]


def test_patience_goes_on_where_it_was(tiny_clip, batches, tmp_path):
    state = tmp_path / "state.safetensors"
    config = TrainConfig(steps=50, captions=4, claims=3, validate_every=1, patience=3)

    def go_on(figures, stop=None):
        figures, model = iter(figures), load_model(f"hf:{tiny_clip}")

        def report(step, losses):
            if step == stop:
                raise StopError

        return fine_tune(
            model, *batches, WEIGHTS, config, report, lambda: {"v": next(figures)}, state
        )

    with pytest.raises(StopError):
        go_on([0.6, 0.5, 0.4], stop=3)
    # The third step was not saved: it is done again.
    history = go_on([0.4, 0.3, 0.9]).history
    assert [row["v"] for row in history] == [0.6, 0.5, 0.4, 0.3]


def test_the_steps_stand_in_a_tensor_for_headers_are_bounded(tiny_clip, batches, tmp_path):
    state = tmp_path / "state.safetensors"
    with pytest.raises(StopError):
        run(tiny_clip, batches, state, stop=3)
    with safe_open(state, "pt") as file:
        assert file.get_tensor("meter/steps").shape == (2 * 4, 5)
        assert "product" not in file.metadata()["numbers"]


def test_a_damaged_state_is_named(tiny_clip, batches, tmp_path):
    """Cut, foreign, of another rank, or with another bit: a run would go on as another one."""
    state = tmp_path / "state.safetensors"
    with pytest.raises(StopError):
        run(tiny_clip, batches, state, stop=3)
    whole = state.read_bytes()
    start = int.from_bytes(whole[:8], "little") + 8
    flipped = [
        whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :]
        for n in (3, 20, 200, start, start + 99, len(whole) - 1)
    ]
    others = [b"", b"{}", bytes(64), whole[:-40], whole[:start], *flipped]
    with safe_open(state, "pt") as file:
        said = dict(file.metadata())
    others.append(save({"lora/x": torch.ones(1)}, said))
    model = load_model(f"hf:{tiny_clip}")
    for content in others:
        state.write_bytes(content)
        with pytest.raises(InputError, match=r"no state of this run .*delete the file") as error:
            fine_tune(model, *batches, WEIGHTS, CONFIG, validate=lambda: {"v": 0.0}, state=state)
        assert "\n" not in str(error.value)
        model = load_model(f"hf:{tiny_clip}")
    state.write_bytes(whole)
    other = TrainConfig(**{**asdict(CONFIG), "rank": 4})
    with pytest.raises(InputError, match="other blocks or ranks"):
        fine_tune(model, *batches, WEIGHTS, other, validate=lambda: {"v": 0.0}, state=state)


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[1:2]
import nast.training.trainer as trainer
from nast.models.registry import load_model
from six_pairs import six_pairs
from test_run_state import CONFIG, WEIGHTS

trainer.SAVE_SECONDS = 0.0

def report(step, losses):
    print(step, flush=True)
    if step == 5:
        time.sleep(600)

trainer.fine_tune(load_model(f"hf:{sys.argv[2]}"), *six_pairs(), WEIGHTS, CONFIG, report,
              lambda: {"v": 0.0}, Path(sys.argv[3]))
"""


@pytest.mark.slow
def test_kill_9(tiny_clip, batches, tmp_path):
    state = tmp_path / "state.safetensors"
    arguments = [Path(__file__).parent, tiny_clip, state]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    next(line for line in process.stdout if line.strip() == "5")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    models = [load_model(f"hf:{tiny_clip}") for _ in range(2)]
    found = [
        fine_tune(model, *batches, WEIGHTS, CONFIG, validate=lambda: {"v": 0.0}, state=place)
        for model, place in zip(models, (state, None), strict=True)
    ]
    assert found[0].history == found[1].history
    for name, parameter in weights_of(models[1]).items():
        assert torch.equal(weights_of(models[0])[name], parameter)
