"""A run on two processes is the run of one with the joint batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from six_pairs import six_pairs

from nast.models.registry import load_model
from nast.training.config import TrainConfig
from nast.training.lora import lora_by_layer
from nast.training.trainer import train
from nast.weighting import LayerWeights

CONFIG = TrainConfig(steps=3, captions=6, claims=6, warm_up=1)
WEIGHTS = LayerWeights([1.0, 0.5, 0.0, 0.1], [2.5, 1.25, 0.0, 0.25])


def trained(tiny_clip):
    """Losses of each step, and LoRA's parameters afterwards."""
    model = load_model(f"hf:{tiny_clip}")
    history = train(model, *six_pairs(), WEIGHTS, CONFIG).history
    named = {n: p for g in lora_by_layer(model.network).values() for n, p in g.items()}
    return history, {n: p.detach().clone() for n, p in named.items()}


PROCESS = """
import json, sys
import torch
import torch.distributed as dist
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_two_processes import trained
dist.init_process_group("gloo")
history, weights = trained(Path(sys.argv[2]))
place = f"{sys.argv[3]}/{dist.get_rank()}"
torch.save(weights, f"{place}.pt")
Path(f"{place}.json").write_text(json.dumps(history))
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_losses_and_weights_of_two_processes(tiny_clip, tmp_path):
    arguments = [str(Path(__file__).parent), str(tiny_clip), str(tmp_path)]
    running = []
    for rank in (0, 1):
        environment = os.environ | {
            "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(20_000 + (os.getpid() + 7) % 20_000), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        running.append(subprocess.Popen([sys.executable, "-c", PROCESS, *arguments],
                                        env=environment))  # fmt: skip
    assert [p.wait(timeout=300) for p in running] == [0, 0]
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
