"""The sweep against plain forward hooks, and what must hold by construction, for every tower."""

import copy
import re

import pytest
import torch
from built import text_vector
from peft import LoraConfig, get_peft_model

from nast.models.registry import load_model
from nast.tracing import packing, patching
from nast.tracing.packing import run_on_batched
from nast.tracing.patching import SITES, sweep

TEXTS = ("There is no pleural effusion.", "There is severe pleural effusion.")


@pytest.fixture(scope="module")
def pair(model):
    """Ids of the negated and the affirmative caption, and their mask."""
    ids, mask = model.tokenize(TEXTS)
    assert torch.equal(mask[0], mask[1])
    return ids[0], ids[1], mask[0]


@pytest.fixture(scope="module")
def cue(pair):
    (place,) = (pair[0] != pair[1]).nonzero().flatten().tolist()
    return place


def module(model, site, layer):
    """The module whose output is patched, found by its name in transformers."""
    named = dict(model.network.named_modules())
    bert = model.name == "bert"
    root = "text" if bert else "text_model"
    if layer == 0:
        return named[f"{root}.embeddings"]
    block = f"{root}.encoder.layer.{layer - 1}" if bert else f"{root}.encoder.layers.{layer - 1}"
    names = {
        "residual": "",
        "attention": ".attention.output.dense" if bert else ".self_attn.out_proj",
        "mlp": ".output.dense" if bert else ".mlp",
    }
    return named[block + names[site]]


@torch.no_grad()
def plain(model, ids, mask):
    """The text vector by transformers' own forward."""
    if model.name == "bert":
        read = model.network["text"](
            input_ids=ids[None], attention_mask=mask[None], output_hidden_states=False
        ).last_hidden_state[:, 0]
        vector = model.network["head"](read)[0]
    else:
        vector = model.network.get_text_features(input_ids=ids[None]).pooler_output[0]
    return vector / vector.norm()


def hooked(model, ids, mask, site, layer, edit):
    """The same, one module's output edited by a forward hook."""
    forward = plain if len(model.text.read_layers) == 1 else block_by_block
    hook = module(model, site, layer).register_forward_hook(lambda m, i, out: edit(out))
    try:
        return forward(model, ids, mask)
    finally:
        hook.remove()


def block_by_block(model, ids, mask):
    with torch.no_grad():
        return model.text_features(ids[None], mask[None])[0]


def donor(model, ids, mask, site, layer):
    kept = []
    hooked(model, ids, mask, site, layer, lambda out: kept.append(out.clone()))
    return kept[0]


def with_rows(states, rows):
    def edit(out):
        out = out.clone()
        out[:, rows] = states[:, rows]
        return out

    return edit


@pytest.mark.parametrize("site", SITES)
def test_equals_plain_hooks_at_every_layer_and_position(model, pair, site):
    target, source, mask = pair
    found = sweep(model.text, target, source, mask, sites=[site])[site]
    assert found.shape[:2] == (model.text.n_layers + 1, len(target))
    for layer in range(site != "residual", model.text.n_layers + 1):
        states = donor(model, source, mask, site, layer)
        for position in range(len(target)):
            edit = with_rows(states, [position])
            wanted = hooked(model, target, mask, site, layer, edit)
            assert (found[layer, position] - wanted).abs().max() < 1e-6, (layer, position)


@torch.no_grad()
@pytest.mark.parametrize("lora", [False, True])
def test_some_rows_of_a_block_are_those_of_the_whole_block(model, pair, lora):
    model = copy.deepcopy(model)
    if lora:
        torch.manual_seed(0)
        before = model.text_features(pair[0][None], pair[2][None])
        target = f"(?:{model.text.lora_path}|{model.text.mlp_path})"
        config = LoraConfig(r=2, target_modules=target, init_lora_weights=False)
        model.network = get_peft_model(model.network, config).eval()
        assert not torch.allclose(model.text_features(pair[0][None], pair[2][None]), before)
    tower, mask = model.text, pair[2].expand(2, -1).clone()
    mask[1, -2:] = 0
    states = tower.embed(torch.stack(pair[:2]))
    for rows in (torch.tensor([0]), torch.tensor([5, 2, 3])):
        for seen in (None, mask):
            whole = tower.block(1, states, seen)
            assert (tower.block(1, states, seen, rows) - whole[:, rows]).abs().max() < 1e-5


def test_modules_act_where_one_row_of_the_last_block_is_run(model, pair):
    """A hook on any part of the last block changes the sweep as it changes the whole text."""
    target, _, mask = pair
    parts = [
        name
        for name, _ in model.network.named_modules()
        if (found := re.search(rf"(?:{model.text.lora_path}|{model.text.mlp_path})$", name))
        and model.text.n_layers - 1 in map(int, filter(None, found.groups()))
    ]
    assert len(parts) == 6
    plain = sweep(model.text, target, target, mask)["residual"][1, 3]
    for name in parts:
        hook = model.network.get_submodule(name).register_forward_hook(lambda m, i, out: 2 * out)
        try:
            wanted = block_by_block(model, target, mask)
            found = sweep(model.text, target, target, mask)["residual"]
        finally:
            hook.remove()
        assert (found - wanted).abs().max() < 1e-6, name
        assert (wanted - plain).abs().max() > 1e-5, name


def test_a_tower_of_one_block(tiny_clip):
    model = load_model(f"hf:{tiny_clip}")
    (ids, other), tower = model.tokenize(TEXTS)[0], model.text
    tower._blocks, tower.n_layers, tower.read_layers = tower._blocks[:1], 1, (1,)
    wanted = text_vector(tower, ids), text_vector(tower, other)
    for run_on in (packing.run_on_packed, run_on_batched):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(patching, "run_on_packed", run_on)
            found = sweep(tower, ids, other, sites=SITES)["residual"][1]
        assert (found[-1] - wanted[1]).abs().max() < 1e-6
        assert (found[:-1] - wanted[0]).abs().max() < 1e-6


def test_nothing_is_made_on_another_device_than_the_states(model, pair):
    """With another default device whatever is made without a device cannot meet the states."""
    wanted = sweep(model.text, *pair, sites=SITES)
    with torch.device("meta"):
        found = sweep(model.text, *pair, sites=SITES)
    for site in SITES:
        assert (found[site] - wanted[site]).abs().max() < 1e-6


def test_texts_may_differ_in_several_tokens(model):
    (target,), (mask,) = model.tokenize(TEXTS[:1])
    ids = target.clone()
    ids[2:5] = torch.stack([target[3], target[4], target[3]])
    places = (ids != target).nonzero().flatten().tolist()
    assert len(places) > 1
    found = sweep(model.text, target, ids, mask)["residual"]
    for layer in (0, 2):
        states = donor(model, ids, mask, "residual", layer)
        for position in range(len(target)):
            edit = with_rows(states, [position])
            wanted = hooked(model, target, mask, "residual", layer, edit)
            assert (found[layer, position] - wanted).abs().max() < 1e-6, (layer, position)


def test_all_sites_in_one_sweep_are_those_of_three(model, pair):
    together = sweep(model.text, *pair, sites=SITES)
    for site in SITES:
        alone = sweep(model.text, *pair, sites=[site])[site]
        assert (together[site] - alone).abs().max() < 1e-6


def test_patching_all_rows_gives_the_source(model, pair):
    target, source, mask = pair
    wanted = block_by_block(model, source, mask)
    for layer in range(min(model.text.read_layers) + 1):
        states = donor(model, source, mask, "residual", layer)
        vector = hooked(model, target, mask, "residual", layer, with_rows(states, slice(None)))
        assert (vector - wanted).abs().max() < 1e-6


@pytest.mark.parametrize("swap", [False, True])
def test_what_holds_by_construction(model, pair, cue, swap):
    source, target, mask = (pair[1], pair[0], pair[2]) if swap else pair
    tower = model.text
    t, s = text_vector(tower, target, mask), text_vector(tower, source, mask)
    image = torch.nn.functional.normalize(torch.arange(1.0, len(t) + 1), dim=0)
    cte = (t - sweep(tower, target, source, mask)["residual"]) @ image / (image @ (t - s))
    assert cte[0, cue] == pytest.approx(1, abs=1e-4), "one token differs"
    assert cte[0, [p for p in range(len(target)) if p != cue]].abs().max() < 1e-4
    if tower.causal:
        assert cte[:, :cue].abs().max() < 1e-4, "before the cue both texts are equal"
    read = tower.pooled_row(target[None], mask[None])
    if read is not None:
        others = [p for p in range(len(target)) if p != int(read)]
        assert cte[-1, int(read)] == pytest.approx(1, abs=1e-4)
        assert cte[-1, others].abs().max() < 1e-4, "only the pooled row is read"


def test_own_states_change_nothing(model, pair):
    target, _, mask = pair
    for found in sweep(model.text, target, target, mask, sites=SITES).values():
        assert (found - text_vector(model.text, target, mask)).abs().max() < 1e-6


@pytest.mark.parametrize("kind", ["clip", "bert cls", "bert mean of two layers", "phantom"])
def test_padding_changes_nothing_where_it_is_not_seen(models, kind):
    model = models[kind]
    longer = [*TEXTS, "There is no pleural effusion and no large pneumothorax."]
    short, padded = model.tokenize(TEXTS), model.tokenize(longer)
    length = short[0].shape[1]
    assert padded[0].shape[1] > length
    wanted = sweep(model.text, *short[0], short[1][0], sites=SITES)
    found = sweep(model.text, *padded[0][:2], padded[1][0], sites=SITES)
    for site in SITES:
        assert (found[site][:, :length] - wanted[site]).abs().max() < 1e-6


def test_packed_copies_equal_a_growing_batch(models, monkeypatch):
    tower = models["clip"].text
    ids = models["clip"].tokenize(TEXTS)[0]
    packed = sweep(tower, *ids, sites=SITES)
    monkeypatch.setattr(packing, "ROWS", 1)
    split = sweep(tower, *ids, sites=SITES)
    monkeypatch.setattr(patching, "run_on_packed", run_on_batched)
    batched = sweep(tower, *ids, sites=SITES)
    for site in SITES:
        assert (packed[site] - batched[site]).abs().max() < 1e-6
        assert (split[site] - batched[site]).abs().max() < 1e-6


def test_positions_that_are_not_asked_for_are_nan(model, pair, cue):
    found = sweep(model.text, *pair, positions=[0, cue])["residual"]
    whole = sweep(model.text, *pair)["residual"]
    assert (found[:, [0, cue]] - whole[:, [0, cue]]).abs().max() < 1e-6
    assert found.isnan().any(-1).sum() == (len(pair[0]) - 2) * len(found)


def test_lora_is_traced_like_its_merged_weights(tiny_clip):
    model = load_model(f"hf:{tiny_clip}")
    ids = model.tokenize(TEXTS)[0]
    before = sweep(model.text, *ids, sites=SITES)
    target = r"text_model\..*\.(q_proj|k_proj|v_proj|out_proj)"
    config = LoraConfig(r=2, target_modules=target, init_lora_weights=False)
    torch.manual_seed(0)
    model.network = get_peft_model(model.network, config).eval()
    with_lora = sweep(model.text, *ids, sites=SITES)
    model.network = model.network.merge_and_unload()
    merged = sweep(model.text, *ids, sites=SITES)
    for site in SITES:
        assert torch.allclose(with_lora[site], merged[site], atol=1e-5)
        assert not torch.allclose(with_lora[site], before[site], atol=1e-3)


def test_what_makes_no_sense_is_refused(models):
    model = models["clip"]
    ids = model.tokenize(TEXTS)[0]
    with pytest.raises(ValueError, match="tokens"):
        sweep(model.text, ids[0], ids[1][1:])
    with pytest.raises(ValueError, match="choose from residual, attention, mlp"):
        sweep(model.text, *ids, sites=["heads"])
