"""Two towers written for plain transformers and plain peft, and read again."""

import copy
import json
from pathlib import Path

import pytest
import torch
import yaml
from peft import PeftModel
from tiny_models import TWO_TOWERS, loaded, two_tower, write_image
from transformers import AutoTokenizer, BertModel

from nast.errors import ModelError
from nast.models.families.spec import read_spec
from nast.models.families.two_tower import load_two_tower
from nast.models.model_export import export_model
from nast.models.registry import load_model, quiet
from nast.training.lora import add_lora, lora_by_layer

TEXTS = ["There is no pneumothorax.", "Small left pleural effusion!", "No EDEMA."]


def with_lora(model, scale=0.2):
    """A copy with LoRA weights that change something."""
    model = copy.deepcopy(model)
    before = model.encode_texts(TEXTS)
    add_lora(model, [2, 4])
    torch.manual_seed(0)
    for named in lora_by_layer(model.network).values():
        for parameter in named.values():
            parameter.data.normal_(0, scale)
    assert (model.encode_texts(TEXTS) - before).abs().max() > 1e-3
    return model


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [write_image(folder / f"{w}.png", w, h) for w, h in ((90, 70), (64, 200), (33, 33))]


@pytest.mark.parametrize("name", TWO_TOWERS)
def test_hf_export_loads_again_with_equal_vectors(name, images, tmp_path):
    model = with_lora(loaded(name))
    texts, pictures = model.encode_texts(TEXTS), model.encode_images(images)
    export_model(model, "hf", tmp_path)
    again = load_model(f"two-tower:{tmp_path / 'SPEC.yaml'}")
    assert torch.allclose(again.encode_texts(TEXTS), texts, atol=1e-6)
    assert torch.allclose(again.encode_images(images), pictures, atol=1e-6)
    assert again.logit_scale == model.logit_scale and again.max_tokens == model.max_tokens
    kept = ("pooling", "layers", "mask", "padding", "text rules", "preprocessing", "declared")
    assert {k: again.spec[k] for k in kept} == {k: model.spec[k] for k in kept}
    assert "two-tower:FOLDER/SPEC.yaml" in (tmp_path / "README.md").read_text()


def plain_states(bert, folder, model):
    """States of the texts one by one, by `forward` and tokenizer of transformers alone."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for text in TEXTS:
        words = text.lower() if "lower" in model.spec["text rules"] else text
        tokens = tokenizer(words, return_tensors="pt")
        found.append(bert(**tokens, output_hidden_states=True).hidden_states)
    return found


@torch.no_grad()
@pytest.mark.parametrize("name", ["medclip-vit", "cxr-clip-resnet"])
def test_the_text_encoder_is_a_plain_bert(name, tmp_path):
    model = with_lora(loaded(name))
    export_model(model, "peft", tmp_path / "peft")
    export_model(model, "hf", tmp_path / "hf")
    merged, loading = BertModel.from_pretrained(
        tmp_path / "hf" / "text", add_pooling_layer=False, output_loading_info=True
    )
    assert not any(loading[k] for k in ("missing_keys", "unexpected_keys"))
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    base = config["base_model_name_or_path"]
    assert Path(base) == tmp_path / "peft" / "base"
    bert = BertModel.from_pretrained(base, add_pooling_layer=False)
    bare = plain_states(bert.eval(), base, model)
    with quiet():
        adapted = PeftModel.from_pretrained(bert, tmp_path / "peft").eval()
    for plain, folder in ((merged.eval(), tmp_path / "hf" / "text"), (adapted, base)):
        states = plain_states(plain, folder, model)
        for text, own in zip(TEXTS, states, strict=True):
            vector = model.text.read(dict(enumerate(own)), torch.zeros(own[0].shape[:2]).long())
            assert torch.allclose(vector, model.encode_texts([text]), atol=1e-6)
    assert (states[0][-1] - bare[0][-1]).abs().max() > 1e-3


def test_peft_weights_are_only_those_that_were_trained(tmp_path):
    model = with_lora(loaded("cxr-clip-resnet"))
    export_model(model, "peft", tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert len(config["target_modules"]) == 8
    assert "encoder.layer.1.attention.self.query" in config["target_modules"]
    before = with_lora(loaded("cxr-clip-resnet")).encode_texts(TEXTS)
    # Equal weights at another place of the memory: a kernel may add in another order there.
    assert torch.allclose(model.encode_texts(TEXTS), before, atol=1e-6), "the run is as it was"


def test_a_model_without_lora_is_written_too(images, tmp_path):
    model = copy.deepcopy(loaded("own-vit"))
    export_model(model, "hf", tmp_path)
    again = load_model(f"two-tower:{tmp_path / 'SPEC.yaml'}")
    # Equal weights at another place of the memory: a kernel may add in another order there.
    assert torch.allclose(again.encode_texts(TEXTS), model.encode_texts(TEXTS), atol=1e-6)


def test_padding_stays_with_the_string(images, tmp_path):
    model = load_model(f"pad:two-tower:{two_tower('cxr-clip-resnet')}")
    export_model(model, "hf", tmp_path)
    again = load_model(f"pad:two-tower:{tmp_path / 'SPEC.yaml'}")
    assert torch.allclose(again.encode_images(images), model.encode_images(images), atol=1e-6)
    assert "`pad:two-tower:FOLDER/SPEC.yaml`" in (tmp_path / "README.md").read_text()


def test_keys_of_two_files_must_differ(tmp_path):
    export_model(copy.deepcopy(loaded("cxr-clip-resnet")), "hf", tmp_path)
    spec = yaml.safe_load((tmp_path / "SPEC.yaml").read_text())
    spec["text"]["weights"] = ["text", "text_head.safetensors", "text_head.safetensors"]
    (tmp_path / "SPEC.yaml").write_text(yaml.safe_dump(spec))
    with pytest.raises(ModelError, match=r"2 keys stand in two files, .*text_head\.0\.bias"):
        load_two_tower(str(tmp_path / "SPEC.yaml"), "x")
    spec["text"]["weights"] = []
    (tmp_path / "SPEC.yaml").write_text(yaml.safe_dump(spec))
    with pytest.raises(ModelError, match=r"'text\.weights': found a list of 0, expected a file"):
        read_spec(tmp_path / "SPEC.yaml")
