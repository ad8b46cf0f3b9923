"""The gradient of a step: one pass, several parts and several processes give the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nast.models.registry import load_model
from nast.training.lora import add_lora, lora_by_layer
from nast.training.step import accumulate

WORDS = [
    "edema",
    "no edema",
    "pneumonia",
    "no pneumonia",
    "a large pleural effusion",
    "no fracture",
    "left pneumothorax",
]


def loss_of(vectors):
    """Every text against every other: no part of it can be had from a part of the texts."""
    return (5 * vectors @ vectors.T).logsumexp(dim=1).sum()


def gradients(tiny_clip, chunk):
    torch.manual_seed(0)
    model = load_model(f"hf:{tiny_clip}")
    add_lora(model, [1, 3])
    named = {n: p for g in lora_by_layer(model.network).values() for n, p in g.items()}
    with torch.no_grad():
        for parameter in named.values():
            parameter.normal_(std=0.1)
    accumulate(model, WORDS, loss_of, chunk)
    return {n: p.grad for n, p in named.items()}


@pytest.mark.parametrize("chunk", [1, 3, 6])
def test_parts_give_the_gradient_of_the_whole(tiny_clip, chunk):
    whole, parts = gradients(tiny_clip, 7), gradients(tiny_clip, chunk)
    assert any(g.abs().max() > 1e-3 for g in whole.values())
    for name, gradient in whole.items():
        assert torch.allclose(parts[name], gradient, atol=1e-5)


PROCESS = """
import sys
import torch
import torch.distributed as dist
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_step_gradients import gradients
dist.init_process_group("gloo")
found = gradients(Path(sys.argv[2]), 2)
torch.save(found, f"{sys.argv[3]}/{dist.get_rank()}.pt")
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_give_the_gradient_of_one(tiny_clip, tmp_path):
    arguments = [str(Path(__file__).parent), str(tiny_clip), str(tmp_path)]
    running = []
    for rank in (0, 1):
        environment = os.environ | {
            "RANK": str(rank),
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(20_000 + os.getpid() % 20_000),
            "OMP_NUM_THREADS": "1",
        }
        running.append(
            subprocess.Popen([sys.executable, "-c", PROCESS, *arguments], env=environment)
        )
    assert [p.wait(timeout=300) for p in running] == [0, 0]
    whole = gradients(tiny_clip, 7)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, gradient in whole.items():
            assert torch.allclose(found[name], gradient, atol=1e-5)
