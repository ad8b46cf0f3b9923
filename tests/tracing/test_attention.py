"""Attention per head against transformers' eager attention, and selectivity by a plain loop."""

import copy

import pytest
import torch

from nast.tracing.probes import make_probes
from nast.tracing.selectivity import negator_attention

CONDITIONS = ["Edema", "Pneumonia", "Pleural Effusion"]


@pytest.fixture(scope="module")
def eager(model):
    """Ids and mask (B, T) -> attention weights (L, B, heads, T, T) as transformers has them."""
    network = copy.deepcopy(model.network).double()
    text = network["text"] if model.name == "bert" else network.text_model
    text.set_attn_implementation("eager")

    @torch.no_grad()
    def weights(ids, mask):
        # SigLIP is run as it was trained: its padding is seen.
        seen = {"attention_mask": mask} if model.name == "bert" else {}
        found = text(input_ids=ids, output_attentions=True, **seen).attentions
        assert len(found) == model.text.n_layers
        return torch.stack(found)

    return weights


@torch.no_grad()
def test_weights_equal_eager_attention(model, eager, request):
    # In double precision: in single, rounding over twelve blocks is 1e-6 on some kernels.
    request.addfinalizer(model.network.float)
    model.network.double()
    ids, mask = model.tokenize(["There is no edema.", "There is severe pleural effusion."])
    tower = model.text
    states, wanted = tower.embed(ids), eager(ids, mask)
    if tower.causal:
        mask[:] = 1  # Rows behind the end token are computed, but nothing reads them.
    for layer in range(1, tower.n_layers + 1):
        found = tower.attention(layer, states, mask)
        assert (found - wanted[layer - 1]).abs().max() < 1e-6
        assert torch.allclose(found.sum(-1), found.new_ones(found.shape[:-1]), atol=1e-5)
        states = tower.block(layer, states, mask)


def test_selectivity_equals_a_plain_loop(model, eager):
    probes, _ = make_probes(model, CONDITIONS)
    table = negator_attention(model, probes[::2])
    assert len(table) == len(CONDITIONS) * model.text.n_layers * model.text.n_heads
    found = {row[:3]: row[3] for row in table.rows()}
    for probe in probes[::2]:
        ids = torch.stack([probe.correct_ids, probe.foil_ids])
        attention, p = eager(ids, probe.mask.expand(2, -1)), probe.position
        later = range(p + 1 if model.text.causal else 0, ids.shape[1])
        for layer, (no, severe) in enumerate(attention, 1):
            for head in range(model.text.n_heads):
                most = max(float(no[head, t, p] - severe[head, t, p]) for t in later if t != p)
                assert found[probe.condition, layer, head + 1] == pytest.approx(most, abs=1e-5)


def test_the_order_of_a_pair_does_not_matter(models):
    probes, _ = make_probes(models["clip"], CONDITIONS)
    one, other = (negator_attention(models["clip"], probes[i::2]) for i in (0, 1))
    # The rows of a batch are swapped: a kernel may add in another order for its last rows.
    assert one.drop("selectivity").equals(other.drop("selectivity"))
    assert one["selectivity"].to_list() == pytest.approx(other["selectivity"].to_list(), abs=1e-6)
