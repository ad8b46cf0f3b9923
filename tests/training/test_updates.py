"""Update shares of Table 4, on LoRA changed by hand."""

import torch
from pytest import approx

from nast.training.lora import add_lora, lora_by_layer
from nast.training.updates import UpdateMeter


def test_shares_of_a_known_change(model):
    add_lora(model, [1, 3])
    meter = UpdateMeter(model.network, 4)
    for layer, size in ((1, 3.0), (3, 1.0)):
        name, first = next(
            (n, p) for n, p in lora_by_layer(model.network)[layer].items() if "lora_A" in n
        )
        with torch.no_grad():
            first[0, 0] += size
        assert "lora_A" in name
    shares = meter.shares()
    assert shares["parameters"] == approx([0.75, 0, 0.25, 0])
    # B is still zero, so the weights themselves have not changed, and no step was counted.
    assert shares["product"] == shares["gradient"] == [0, 0, 0, 0]


def test_gradients_are_added_over_steps(model):
    add_lora(model, [2, 4])
    meter = UpdateMeter(model.network, 4)
    groups = []
    for layer, size in ((2, 2.0), (4, 6.0)):
        first = next(iter(lora_by_layer(model.network)[layer].values()))
        first.grad = torch.zeros_like(first)
        first.grad[0, 0] = size
        groups.append({"params": [first], "layer": layer})
    for _ in range(2):
        meter.before(groups)
        with torch.no_grad():
            groups[0]["params"][0][0, 0] += 3.0
        meter.after()
    assert meter.shares()["gradient"] == approx([0, 0.25, 0, 0.75])
    assert meter.shares()["parameters"] == approx([0, 1, 0, 0])
    assert meter.steps == [
        {
            "step": step,
            "block": block,
            "parameters": approx(moved, abs=1e-4),
            "product": 0,
            "gradient": size,
        }
        for step in (1, 2)
        for block, moved, size in ((2, 3.0, 2.0), (4, 0.0, 6.0))
    ]


def test_the_change_of_the_product_in_each_step(model):
    """B A goes from 0 to B A' in the first step, and from there to B' A'' in the second."""
    add_lora(model, [2], rank=3, targets="all")
    meter = UpdateMeter(model.network, 4)
    named = lora_by_layer(model.network)[2]
    pairs = [(named[n.replace("lora_A", "lora_B")], a) for n, a in named.items() if "lora_A" in n]
    assert len(pairs) == 6

    def products():
        return torch.cat([(b.detach() @ a.detach()).double().flatten() for b, a in pairs])

    wanted, torch_rng = [], torch.Generator().manual_seed(3)
    for _ in range(2):
        before = products()
        meter.before([{"params": [], "layer": 2}])
        with torch.no_grad():
            for parameter in named.values():
                parameter += 0.01 * torch.randn(parameter.shape, generator=torch_rng)
        meter.after()
        wanted.append(float((products() - before).norm()))
    assert [row["product"] for row in meter.steps] == approx(wanted, rel=1e-4)
    assert wanted[0] != approx(wanted[1], rel=1e-2)
