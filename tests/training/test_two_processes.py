"""A run on two processes is the run of one with the joint batch."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import torch
from built import contextual_set, question_set
from six_pairs import six_pairs

from nast.cli import run
from nast.files import manifest_of
from nast.layers import LayerWeights
from nast.models.registry import load_model
from nast.training.interpolation import FACTORS
from nast.training.lora import lora_by_layer
from nast.training.run import STATE
from nast.training.train_config import TrainConfig
from nast.training.trainer import fine_tune

CONFIG = TrainConfig(steps=3, captions=6, claims=6, warm_up=1, learning_rate=1e-4)
WEIGHTS = LayerWeights([1.0, 0.5, 0.0, 0.1], [2.5, 1.25, 0.0, 0.25])


def trained(tiny_clip):
    """Losses of each step, and LoRA's parameters afterwards."""
    model = load_model(f"hf:{tiny_clip}")
    history = fine_tune(model, *six_pairs(), WEIGHTS, CONFIG).history
    named = {n: p for g in lora_by_layer(model.network).values() for n, p in g.items()}
    return history, {n: p.detach().clone() for n, p in named.items()}


PROCESS = """
import json, sys
import torch
import torch.distributed as dist
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/.."]
from test_two_processes import trained
dist.init_process_group("gloo")
history, weights = trained(Path(sys.argv[2]))
place = f"{sys.argv[3]}/{dist.get_rank()}"
torch.save(weights, f"{place}.pt")
Path(f"{place}.json").write_text(json.dumps(history))
dist.destroy_process_group()
"""


def together(arguments, code):
    """Exit codes of the first and the second of two processes."""
    port = str(20_000 + (os.getpid() + time.monotonic_ns() // 10**9) % 20_000)
    running = []
    for rank in (0, 1):
        environment = os.environ | {
            "RANK": str(rank),
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "OMP_NUM_THREADS": "1",
        }
        running.append(
            subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=environment)
        )
    return [p.wait(timeout=300) for p in running]


COMMAND = """
import os, sys
from nast.cli import run
import nast.training.trainer as trainer

trainer.SAVE_SECONDS, save, last = 0.0, trainer.save_state, int(sys.argv[1])

def save_and_die(path, run):
    save(path, run)
    if len(run.history) == last:
        os._exit(9)

trainer.save_state = save_and_die
sys.exit(run(sys.argv[2:]))
"""


@pytest.mark.slow
def test_a_killed_command_goes_on_and_a_finished_one_returns(tiny_clip, facts, tmp_path):
    options = ["--steps", 4, "--captions", 8, "--claims", 2, "--vectors", tmp_path / "vectors"]
    sets = [contextual_set(facts), question_set(facts)]
    call = ["train", f"hf:{tiny_clip}", facts, *sets, *options, "-o"]
    assert together([2, *call, tmp_path / "two"], COMMAND)[0] == 9
    assert (tmp_path / "two" / STATE).is_file()
    assert together([0, *call, tmp_path / "two"], COMMAND) == [0, 0]
    assert together([0, *call, tmp_path / "two"], COMMAND) == [0, 0]
    other = [*map(str, call), str(tmp_path / "two"), "--rank", "2"]
    assert 0 not in together([0, *other], COMMAND), "both are refused another configuration"
    assert run([*map(str, call), str(tmp_path / "one")]) == 0
    losses = [pl.read_csv(tmp_path / name / "losses.csv") for name in ("two", "one")]
    assert len(losses[0]) == 4
    for name in losses[1].columns:
        assert losses[0][name].to_list() == pytest.approx(losses[1][name].to_list(), abs=1e-5)
    two, one = (manifest_of(tmp_path / name) for name in ("two", "one"))
    assert two["validation items"] == one["validation items"]
    item = 1 / min(two["validation items"].values())
    first, second = ({row["g"]: row for row in made["curve"]} for made in (two, one))
    assert set(FACTORS) <= first.keys() & second.keys()
    for g in FACTORS:
        assert first[g] == pytest.approx(second[g], abs=1.01 * item), "rounding turns one item"
    assert two["g"] in first


@pytest.mark.slow
def test_losses_and_weights_of_two_processes(tiny_clip, tmp_path):
    arguments = [str(Path(__file__).parent), str(tiny_clip), str(tmp_path)]
    assert together(arguments, PROCESS) == [0, 0]
    history, weights = trained(tiny_clip)
    for rank in (0, 1):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        for row, wanted in zip(found, history, strict=True):
            assert row == pytest.approx(wanted, abs=1e-5)
        saved = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, parameter in weights.items():
            assert torch.allclose(saved[name], parameter, atol=1e-5)
            if "lora_B" in name:
                assert parameter.abs().max() > 4e-5, "steps are larger than the tolerance"
