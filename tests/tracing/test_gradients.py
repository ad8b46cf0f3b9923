"""Gradient over parameter norm against a plain backward pass."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from pytest import approx
from torch.nn.functional import cross_entropy, normalize

from nast.models.registry import load_model
from nast.tracing.gradient_norms import gradient_norms
from nast.tracing.probes import Sample, make_probes


@pytest.fixture
def model(tiny_clip):
    return load_model(f"hf:{tiny_clip}")


def samples_of(model):
    random = torch.Generator().manual_seed(5)
    probes, _ = make_probes(model, ["Edema", "Pneumonia"])
    return [Sample(p, normalize(torch.randn(4, 16, generator=random), dim=-1)) for p in probes]


def loss_of(model, sample):
    texts = model.text_features(*model.tokenize([sample.probe.correct, sample.probe.foil]))
    scores = model.logit_scale * sample.images @ texts.T
    return cross_entropy(scores, torch.zeros(4, dtype=torch.long))


def test_equals_a_plain_backward_pass(model):
    samples = samples_of(model)
    table = gradient_norms(model, samples)
    assert len(table) == 4 * 4
    model.network.requires_grad_(True)
    loss_of(model, samples[1]).backward()
    for layer, block in enumerate(model.network.text_model.encoder.layers, 1):
        part = block.self_attn
        weights = [part.q_proj.weight, part.k_proj.weight, part.v_proj.weight, part.out_proj.weight]
        gradient, size = (
            sum(float(x.detach().square().sum()) for x in values) ** 0.5
            for values in ([w.grad for w in weights], weights)
        )
        row = table.filter(condition="Edema", subset="negation in foil", layer=layer)
        assert row["score"].item() == approx(gradient / size, rel=1e-4)


def test_weights_stay_frozen_and_lora_is_no_part_of_it(model):
    plain = gradient_norms(model, samples_of(model))
    assert not any(w.requires_grad or w.grad is not None for w in model.network.parameters())
    target = r"text_model\..*\.(q_proj|k_proj|v_proj|out_proj)"
    model.network = get_peft_model(model.network, LoraConfig(r=2, target_modules=target)).eval()
    model.network.requires_grad_(False)
    # A fresh LoRA has B = 0, so the loss is the same.
    again = gradient_norms(model, samples_of(model))
    assert again["score"].to_list() == approx(plain["score"].to_list(), rel=1e-4)
