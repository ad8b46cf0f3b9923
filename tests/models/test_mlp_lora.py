"""LoRA on the MLPs of every family: where it sits, what it changes, how it is saved and merged."""

import copy

import pytest
import torch
from built import resealed
from peft import PeftModel
from tiny_models import FAMILIES, TWO_TOWERS, loaded, place
from transformers import AutoTokenizer, CLIPModel

from nast.files import write_json
from nast.models.model_export import export_model
from nast.models.registry import load_model, merge, quiet
from nast.training.lora import add_lora, lora_by_layer

TEXTS = ["There is no pleural effusion.", "There is severe edema."]
LINEARS = {"mlp": 2, "all": 6}
"""Linear layers of a block: up and down, and q, k, v, out."""


def fresh(name, tiny_clip):
    if name in TWO_TOWERS:
        return copy.deepcopy(loaded(name))
    return load_model(place(name, tiny_clip), "tiny")


def filled(model, targets):
    """LoRA with weights that change something, on blocks 1 and 3."""
    add_lora(model, [1, 3], targets=targets)
    torch.manual_seed(0)
    with torch.no_grad():
        for named in lora_by_layer(model.network).values():
            for parameter in named.values():
                parameter.normal_(0, 0.2)
    return model


@pytest.mark.parametrize("targets", LINEARS)
@pytest.mark.parametrize("name", FAMILIES)
def test_fresh_lora_leaves_the_scores_and_sits_in_the_text_blocks(name, targets, tiny_clip):
    model = fresh(name, tiny_clip)
    before = model.encode_texts(TEXTS)
    add_lora(model, [1, 3], targets=targets)
    assert torch.equal(model.encode_texts(TEXTS), before)
    found = lora_by_layer(model.network)
    assert {block: len(named) for block, named in found.items()} == dict.fromkeys(
        (1, 3), 2 * LINEARS[targets]
    )
    trainable = [p for p in model.network.parameters() if p.requires_grad]
    assert len(trainable) == 4 * LINEARS[targets], "A and B, and nothing of the image tower"
    model.text_features(*model.tokenize(TEXTS)).sum().backward()
    assert all(p.grad is not None for p in trainable), "each lies on the way of a text"
    outputs = {n for n in found[1] if "lora_B" in n and ("fc" in n or "mediate" in n)}
    assert outputs, "the layer that widens is one of them"


@pytest.mark.parametrize("targets", LINEARS)
@pytest.mark.parametrize("name", ["clip", "siglip", "medclip-vit"])
def test_plain_peft_loads_it_and_merging_keeps_the_scores(name, targets, tiny_clip, tmp_path):
    model, base = filled(fresh(name, tiny_clip), targets), fresh(name, tiny_clip)
    model.network.save_pretrained(tmp_path, save_embedding_layers=False)
    wanted, names = model.encode_texts(TEXTS), list(base.network.state_dict())
    assert not torch.allclose(base.encode_texts(TEXTS), wanted, atol=1e-3)
    with quiet():
        base.network = PeftModel.from_pretrained(base.network, tmp_path).eval()
    assert torch.allclose(base.encode_texts(TEXTS), wanted, atol=1e-6)
    merge(model)
    assert torch.allclose(model.encode_texts(TEXTS), wanted, atol=1e-5)
    assert list(model.network.state_dict()) == names


def test_a_run_is_exported_with_its_mlp_merged(tiny_clip, tmp_path):
    run, base = tmp_path / "run", f"hf:{tiny_clip}"
    model = filled(load_model(base), "mlp")
    model.network.save_pretrained(run / "lora", save_embedding_layers=False)
    write_json(run / "run.json", {"base": base, "base_key": model.key})
    setting = {"stage": "train", "objective": "nast", "layers": "uniform", "seed": 0}
    resealed(run, config=setting)
    wanted = model.encode_texts(TEXTS)
    export_model(load_model(f"run:{run}"), "hf", tmp_path / "out")
    batch = AutoTokenizer.from_pretrained(tmp_path / "out")(
        TEXTS, padding=True, return_tensors="pt"
    )
    plain = CLIPModel.from_pretrained(tmp_path / "out").eval()
    found = plain.get_text_features(**{k: batch[k] for k in ("input_ids", "attention_mask")})
    found = torch.nn.functional.normalize(found.pooler_output)
    assert torch.allclose(found, wanted, atol=1e-5)
