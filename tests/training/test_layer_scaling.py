"""What a layer's scale does under AdamW and SGD, in both modes."""

import copy
import warnings

import pytest
import torch
from pytest import approx
from torch.utils._python_dispatch import TorchDispatchMode

from nast.layers import LayerWeights, uniform
from nast.models.registry import load_model
from nast.training.layer_scaling import layer_groups, scale_gradients
from nast.training.lora import add_lora, lora_by_layer
from nast.training.objectives import claim_loss
from nast.training.train_config import TrainConfig
from nast.training.trainer import fine_tune

SCALE = LayerWeights([1.0, 0.5, 0.1, 0.25], [1.0, 0.5, 0.1, 0.25])
EPS = 1e-3


@pytest.fixture
def start(model):
    torch.manual_seed(0)
    add_lora(model, [1, 2, 3, 4])
    return model


def run(start, claims, groups_of, optimizer_of, steps=6):
    """LoRA parameters by name after some steps of the claim loss."""
    model = copy.deepcopy(start)
    images = claims.images.to(next(model.network.parameters()).dtype)
    optimizer = optimizer_of(groups_of(model.network))
    ids, mask = model.tokenize([c for s in claims.claims for c in s])
    for _ in range(steps):
        vectors = model.text_features(ids, mask).reshape(6, 3, -1)
        cosines = torch.einsum("sd,skd->sk", images, vectors)
        claim_loss(cosines, claims.answers, 10).backward()
        scale_gradients(optimizer.param_groups)
        optimizer.step()
        optimizer.zero_grad()
    layers = lora_by_layer(model.network).values()
    return {n: p.detach() for named in layers for n, p in named.items()}


def adam(groups):
    return torch.optim.AdamW(groups, eps=EPS, weight_decay=0.0)


def groups(mode, weights=SCALE, rate=1e-2):
    return lambda network: layer_groups(network, weights, rate, mode)


def largest(first, second):
    return max(float((first[n] - second[n]).abs().max()) for n in first)


def test_adam_turns_a_gradient_factor_into_another_eps(start, batches):
    def other_eps(network):
        made = layer_groups(network, uniform(4), 1e-2, "gradient")
        return [{**g, "eps": EPS / SCALE.scale[g["layer"] - 1]} for g in made]

    scaled = run(start, batches[1], groups("gradient"), adam)
    divided = run(start, batches[1], other_eps, adam)
    assert largest(scaled, divided) < 1e-6
    assert largest(scaled, run(start, batches[1], groups("lr", uniform(4)), adam)) > 1e-5


def test_sgd_makes_both_modes_equal(start, batches):
    # At this rate single precision alone differs by 1e-5.
    start.network.double()
    by_rate = run(start, batches[1], groups("lr", rate=0.5), torch.optim.SGD)
    by_gradient = run(start, batches[1], groups("gradient", rate=0.5), torch.optim.SGD)
    assert largest(by_rate, by_gradient) < 1e-6
    assert largest(by_rate, run(start, batches[1], groups("lr", rate=0.0), torch.optim.SGD)) > 1e-4


@pytest.mark.parametrize("mode", ["lr", "gradient"])
def test_groups_cover_every_trainable_parameter_once(start, mode):
    made = layer_groups(start.network, SCALE, 0.1, mode)
    ids = [id(p) for g in made for p in g["params"]]
    trainable = [id(p) for p in start.network.parameters() if p.requires_grad]
    assert sorted(ids) == sorted(trainable)
    assert [g["layer"] for g in made] == [1, 2, 3, 4]
    assert [g["lr_scale"] * g["grad_scale"] for g in made] == approx(SCALE.scale)
    rates = [0.1 * s if mode == "lr" else 0.1 for s in SCALE.scale]
    assert [g["lr"] for g in made] == approx(rates)


def test_a_scheduler_keeps_the_ratios(start):
    optimizer = adam(layer_groups(start.network, SCALE, 0.1, "lr"))
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    assert [g["lr"] for g in optimizer.param_groups] == approx([0.05 * s for s in SCALE.scale])


class Operations(TorchDispatchMode):
    """Counts what torch is asked to compute."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, operation, types, given=(), named=None):
        self.number += 1
        return operation(*given, **(named or {}))


def test_scaling_adds_no_work_to_a_step(tiny_clip, batches):
    counts = {}
    for name, weights, mode in (
        ("uniform", uniform(4), "lr"),
        ("scaled", SCALE, "lr"),
        ("printed", SCALE, "gradient"),
    ):
        model = load_model(f"hf:{tiny_clip}")
        with warnings.catch_warnings(), Operations() as counter:
            warnings.filterwarnings("ignore", message="mode='gradient'")
            fine_tune(
                model, *batches, weights, TrainConfig(steps=3, captions=4, claims=3, mode=mode)
            )
        counts[name] = counter.number
    assert counts["scaled"] == counts["uniform"] > 100
    # The printed rule multiplies the gradients of three blocks: A and B of four weights, each step.
    assert counts["printed"] == counts["uniform"] + 3 * 3 * 8
