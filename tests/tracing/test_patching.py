"""The sweep against plain forward hooks, and what must hold by construction (causal CLIP)."""

import pytest
import torch
from peft import LoraConfig, get_peft_model

from nast.models.registry import load_model
from nast.tracing.patching import sweep, text_vector

TEXTS = ("There is no pleural effusion.", "There is severe pleural effusion.")


@pytest.fixture(scope="module")
def model(tiny_clip):
    return load_model(f"hf:{tiny_clip}")


@pytest.fixture(scope="module")
def pair(model):
    ids = [model.tokenize([t])[0][0] for t in TEXTS]
    assert ids[0].shape == ids[1].shape
    return ids


@pytest.fixture(scope="module")
def cue(pair):
    (place,) = (pair[0] != pair[1]).nonzero().flatten().tolist()
    return place


def sites(network):
    text = network.text_model
    return [text.embeddings, *text.encoder.layers]


@torch.no_grad()
def hooked(model, ids, layer=None, edit=None):
    """The text vector by transformers' own forward, one site's output edited by a hook."""
    hooks = []
    if layer is not None:
        hooks = [sites(model.network)[layer].register_forward_hook(lambda m, i, out: edit(out))]
    vector = model.text_features(ids[None], torch.ones_like(ids)[None])[0]
    for hook in hooks:
        hook.remove()
    return vector


def states(model, ids):
    kept = []
    for layer in range(5):
        hooked(model, ids, layer, lambda out: kept.append(out.clone()))
    return kept


def with_rows(donor, rows):
    def edit(out):
        out = out.clone()
        out[:, rows] = donor[:, rows]
        return out

    return edit


def test_equals_plain_hooks_at_every_site(model, pair):
    target, source = pair
    donor = states(model, source)
    found = sweep(model.text_tower(), target, source)
    assert found.shape == (5, len(target), 16)
    for layer in range(5):
        for position in range(len(target)):
            wanted = hooked(model, target, layer, with_rows(donor[layer], [position]))
            assert torch.allclose(found[layer, position], wanted, atol=1e-5), (layer, position)


def test_patching_all_rows_gives_the_source(model, pair):
    target, source = pair
    donor, wanted = states(model, source), hooked(model, source)
    for layer in range(5):
        vector = hooked(model, target, layer, with_rows(donor[layer], slice(None)))
        assert torch.allclose(vector, wanted, atol=1e-6)


@pytest.mark.parametrize("swap", [False, True])
def test_what_holds_by_construction(model, pair, cue, swap):
    target, source = pair[::-1] if swap else pair
    tower = model.text_tower()
    t, s = text_vector(tower, target), text_vector(tower, source)
    image = torch.nn.functional.normalize(torch.arange(16.0), dim=0)
    cte = (t - sweep(tower, target, source)) @ image / (image @ (t - s))
    end = int(tower.pooled_row(target[None]))
    assert cte[:, :cue].abs().max() < 1e-4, "before the cue both texts are equal"
    assert cte[0, cue] == pytest.approx(1, abs=1e-4)
    assert cte[0, cue + 1 :].abs().max() < 1e-4, "one token differs"
    assert cte[-1, end] == pytest.approx(1, abs=1e-4)
    assert cte[-1, :end].abs().max() < 1e-4, "only the pooled row is read"


def test_own_states_change_nothing(model, pair):
    tower = model.text_tower()
    found = sweep(tower, pair[0], pair[0])
    assert torch.allclose(found, text_vector(tower, pair[0]).expand_as(found), atol=1e-6)


def test_text_vector_is_that_of_the_model(model, pair):
    tower = model.text_tower()
    for text, ids in zip(TEXTS, pair, strict=True):
        assert torch.allclose(text_vector(tower, ids), model.encode_texts([text])[0], atol=1e-6)


def test_lora_is_traced_like_its_merged_weights(tiny_clip, pair):
    model = load_model(f"hf:{tiny_clip}")
    plain = sweep(model.text_tower(), *pair)
    target = r"text_model\..*\.(q_proj|k_proj|v_proj|out_proj)"
    config = LoraConfig(r=2, target_modules=target, init_lora_weights=False)
    torch.manual_seed(0)
    model.network = get_peft_model(model.network, config).eval()
    with_lora = sweep(model.text_tower(), *pair)
    model.network = model.network.merge_and_unload()
    merged = sweep(model.text_tower(), *pair)
    assert torch.allclose(with_lora, merged, atol=1e-5)
    assert not torch.allclose(with_lora, plain, atol=1e-3)


def test_unequal_lengths_are_refused(model, pair):
    with pytest.raises(ValueError, match="tokens"):
        sweep(model.text_tower(), pair[0], pair[1][1:])
