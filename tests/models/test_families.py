"""What must hold for every family: the seven self-tests of an adapter, and the sweep by hooks."""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from built import text_vector
from tiny_models import FAMILIES, TWO_TOWERS, loaded, place, two_tower, write_image

from nast.errors import ModelError
from nast.models.contract import text_vectors
from nast.models.registry import load_model
from nast.models.weights.checkpoints import read_tensors
from nast.tracing.check import check_model
from nast.tracing.patching import SITES, sweep
from nast.training.lora import add_lora, lora_by_layer

TEXTS = [
    "There is no pleural effusion.",
    "There is a pleural effusion.",
    "No edema.",
    "There is severe right pneumonia, a small left pleural effusion.",
]
GOLDEN = Path(__file__).with_name("golden.json")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tiny_clip):
    name = request.param
    return name, loaded(name) if name in TWO_TOWERS else load_model(place(name, tiny_clip), "tiny")


@pytest.fixture(scope="module")
def model(family):
    return family[1]


@pytest.fixture(scope="module")
def pair(model):
    """Ids of two texts that differ in one token in the middle, and their mask."""
    ids, mask = model.tokenize(TEXTS[:1])
    other = ids[0].clone()
    other[3] = ids[0][4]
    assert other[3] != ids[0][3]
    return ids[0], other, mask[0]


def residual(model, *texts):
    """Unit vectors (L+1, T, D) of the sweep over the outputs of blocks."""
    return sweep(model.text, *texts)["residual"]


def sites(model):
    """The modules whose outputs are layers 0..L, found by the path that LoRA uses."""
    blocks = model.text.lora_path.split(r"\.(\d+)")[0].replace("\\", "")
    *parent, _, _ = blocks.split(".")
    embeddings = model.network.get_submodule(".".join([*parent, "embeddings"]))
    return [embeddings, *model.network.get_submodule(blocks)]


@torch.no_grad()
def hooked(model, ids, mask, layer, edit):
    """The vector by `text_features`, one layer's output edited by a plain forward hook."""
    return hooked_at(model, ids, mask, sites(model)[layer], edit)


@torch.no_grad()
def hooked_at(model, ids, mask, module, edit):
    hook = module.register_forward_hook(lambda m, i, out: edit(out))
    try:
        return model.text_features(ids[None], mask[None])[0]
    finally:
        hook.remove()


def outputs(model, ids, mask):
    kept = []
    for layer in range(model.text.n_layers + 1):
        hooked(model, ids, mask, layer, lambda out: kept.append(out.clone()))
    return kept


def with_rows(donor, rows):
    def edit(out):
        out = out.clone()
        out[:, rows] = donor[:, rows]
        return out

    return edit


def test_own_states_change_nothing(model, pair):
    target, _, mask = pair
    found = residual(model, target, target, mask)
    assert torch.allclose(found, text_vector(model.text, target, mask).expand_as(found), atol=1e-5)


def test_the_sweep_equals_plain_hooks(model, pair):
    target, source, mask = pair
    donor, found = outputs(model, source, mask), residual(model, target, source, mask)
    for layer in range(len(donor)):
        for row in {0, 3, 4, int(mask.sum()) - 1, len(target) - 1}:
            wanted = hooked(model, target, mask, layer, with_rows(donor[layer], [row]))
            assert torch.allclose(found[layer, row], wanted, atol=1e-5), (layer, row)


def writes(model):
    """Site -> the modules that write to the stream, by their names in transformers."""
    paths = {
        "attention": r"(?:self_attn\.out_proj|attention\.output\.dense)",
        "mlp": r"(?:\.mlp|(?<!attention)\.output\.dense)",
    }
    stem = model.text.lora_path.split(r"(\d+)")[0]
    return {
        site: [
            m
            for name, m in model.network.named_modules()
            if re.fullmatch(rf"{stem}\d+.*?{path}", name)
        ]
        for site, path in paths.items()
    }


def test_patches_of_what_attention_and_mlp_write_equal_plain_hooks(model, pair):
    target, source, mask = pair
    found, kept = sweep(model.text, target, source, mask, sites=SITES), []
    for site, modules in writes(model).items():
        assert len(modules) == model.text.n_layers
        for layer, module in enumerate(modules, 1):
            hooked_at(model, source, mask, module, lambda out: kept.append(out.clone()))
            for row in (3, 4, int(mask.sum()) - 1):
                wanted = hooked_at(model, target, mask, module, with_rows(kept[-1], [row]))
                assert torch.allclose(found[site][layer, row], wanted, atol=1e-5), (site, layer)


def test_all_positions_give_the_source_or_the_specification_says_why(model, pair):
    target, source, mask = pair
    donor, wanted = outputs(model, source, mask), text_vector(model.text, source, mask)
    first = model.text.read_layers[0]
    several = any("several layers" in line for line in model.spec["declared"])
    assert several == (len(model.text.read_layers) > 1)
    for layer in range(len(donor)):
        vector = hooked(model, target, mask, layer, with_rows(donor[layer], slice(None)))
        assert torch.allclose(vector, wanted, atol=1e-5) == (layer <= first or not several)


def test_after_the_last_block_only_the_row_that_is_read_matters(model, pair):
    target, source, mask = pair
    last = residual(model, target, source, mask)[-1]
    read = model.text.pooled_row(target[None], mask[None])
    declared = any("every position" in line for line in model.spec["declared"])
    assert declared == (read is None)
    own, other = (text_vector(model.text, i, mask) for i in (target, source))
    for row, vector in enumerate(last):
        if read is None:
            assert not torch.allclose(vector, other, atol=1e-4)
        else:
            assert torch.allclose(vector, other if row == int(read) else own, atol=1e-5)


def test_a_vector_does_not_depend_on_its_batch(model):
    alone = torch.cat([model.encode_texts([t]) for t in TEXTS])
    assert torch.allclose(model.encode_texts(TEXTS), alone, atol=1e-5)
    assert torch.allclose(alone.norm(dim=-1), torch.ones(4), atol=1e-5)


@torch.no_grad()
def test_padding_matters_where_it_is_said(model):
    padded, _ = text_vectors(model.text, *model.tokenize(TEXTS[2:]))
    same = torch.allclose(padded, model.encode_texts(TEXTS[2:3])[0], atol=1e-4)
    declared = any("padding matters" in line for line in model.spec["declared"])
    assert declared == model.text.padding_matters == (not same)


def test_golden_vectors(family, tmp_path):
    """Stored from the first run; a change of any number of a family shows here."""
    name, model = family
    image = model.encode_images([write_image(tmp_path / "a.png")])[0, :4]
    found = [model.encode_texts(TEXTS[:1])[0, :4].tolist(), image.tolist()]
    wanted = json.loads(GOLDEN.read_text())[name]
    assert torch.allclose(torch.tensor(found), torch.tensor(wanted), atol=1e-4), found


def test_the_checks_pass_and_the_specification_is_plain(model):
    check_model(model)
    assert json.loads(json.dumps(model.spec))["declared"] == model.spec["declared"]
    assert {
        "family",
        "source",
        "class",
        "activation",
        "pooling",
        "padding",
        "max tokens",
        "preprocessing",
        "logit scale",
        "logit bias",
    } <= set(model.spec)
    assert not model.network.training
    assert not any(p.requires_grad for p in model.network.parameters())


def test_attention_is_of_real_tokens(model, pair):
    ids, _, mask = pair
    weights = model.text.attention(1, model.text.embed(ids[None]), mask[None])
    assert weights.shape == (1, model.text.n_heads, len(ids), len(ids))
    assert torch.allclose(weights.sum(-1), torch.ones(weights.shape[:-1]), atol=1e-5)
    if model.text.causal:
        assert not weights[0, :, 0, 1:].any()


def test_fresh_lora_leaves_the_scores_and_sits_in_the_text_blocks(model):
    model = copy.deepcopy(model)
    before = model.encode_texts(TEXTS)
    add_lora(model, [1, 3])
    assert torch.equal(model.encode_texts(TEXTS), before)
    found = lora_by_layer(model.network)
    assert list(found) == [1, 3]
    assert all(len(named) == 8 for named in found.values()), "A and B of q, k, v and out"
    trainable = [p for p in model.network.parameters() if p.requires_grad]
    model.text_features(*model.tokenize(TEXTS)).sum().backward()
    assert all(p.grad is not None for p in trainable)
    assert len(trainable) == 16


@pytest.mark.parametrize("name", TWO_TOWERS)
def test_a_key_too_few_or_too_many(name, tmp_path):
    shutil.copytree(two_tower(name).parent, tmp_path, dirs_exist_ok=True)
    spec = yaml.safe_load((tmp_path / f"{name}.yaml").read_text())
    given = spec["text"]["weights"]
    file = tmp_path / ("pytorch_model.bin" if given == "." else given)
    for part in ("text", "image"):
        if spec[part]["weights"] == given:
            spec[part]["weights"] = "changed.bin"
    (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(spec))
    weights = read_tensors(file)
    lost = next(k for k in weights if k.endswith("layer.2.output.dense.weight"))
    changed = {k: v for k, v in weights.items() if k != lost}
    torch.save(changed, tmp_path / "changed.bin")
    with pytest.raises(ModelError, match=r"1 keys missing .*layer\.2\.output\.dense"):
        load_model(f"two-tower:{tmp_path / name}.yaml")
    torch.save(weights | {"text_model.extra.weight": torch.zeros(2)}, tmp_path / "changed.bin")
    with pytest.raises(ModelError, match=r"1 unexpected .*text_model\.extra"):
        load_model(f"two-tower:{tmp_path / name}.yaml")
