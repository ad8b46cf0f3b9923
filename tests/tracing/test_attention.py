"""Attention per head against transformers' eager attention, and selectivity by a plain loop."""

import pytest
import torch
from transformers import CLIPModel

from nast.models.registry import load_model
from nast.tracing.attention import negator_attention
from nast.tracing.probes import make_probes

CONDITIONS = ["Edema", "Pneumonia", "Pleural Effusion"]


@pytest.fixture(scope="module")
def eager(tiny_clip):
    """Text ids (B, T) -> attention weights (L, B, heads, T, T) as transformers computes them."""
    network = CLIPModel.from_pretrained(tiny_clip, attn_implementation="eager").eval()

    @torch.no_grad()
    def weights(ids):
        found = network.text_model(input_ids=ids, output_attentions=True).attentions
        assert len(found) == 4
        return torch.stack(found)

    return weights


@pytest.fixture(scope="module")
def model(tiny_clip):
    return load_model(f"hf:{tiny_clip}")


@torch.no_grad()
def test_weights_equal_eager_attention(model, eager):
    ids, _ = model.tokenize(["There is no edema.", "There is severe edema."])
    tower = model.text_tower()
    states, wanted = tower.embed(ids), eager(ids)
    for layer in range(1, 5):
        found = tower.attention(layer, states)
        assert torch.allclose(found, wanted[layer - 1], atol=1e-5)
        assert torch.allclose(found.sum(-1), torch.ones(2, 4, ids.shape[1]), atol=1e-5)
        states = tower.block(layer, states)


def test_selectivity_equals_a_plain_loop(model, eager):
    probes, _ = make_probes(model, CONDITIONS)
    table = negator_attention(model, probes)
    negated = [p for p in probes if p.subset == "caption"]
    assert len(table) == 16
    for layer, head, value in table.rows():
        total = 0.0
        for probe in negated:
            no, severe = (eager(i[None])[layer - 1, 0, head - 1]
                          for i in (probe.correct_ids, probe.foil_ids))  # fmt: skip
            p = probe.position
            total += max(float(no[t, p] - severe[t, p]) for t in range(p + 1, len(no)))
        assert value == pytest.approx(total / len(negated), abs=1e-5)
