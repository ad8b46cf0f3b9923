"""The adapter of Hugging Face CLIPModels against the model itself."""

import json
import shutil

import pytest
import torch
from transformers import CLIPModel

from nast.errors import ModelError, UsageError
from nast.models.base import DualEncoder
from nast.models.registry import KINDS, load_model

TEXTS = ["There is no pneumothorax.", "There is severe edema.", "Small left pleural effusion."]


@pytest.fixture(scope="module")
def model(tiny_clip) -> DualEncoder:
    return load_model(f"hf:{tiny_clip}", "tiny")


def test_vectors_are_those_of_transformers(model, tiny_clip):
    plain = CLIPModel.from_pretrained(tiny_clip).eval()
    ids, mask = model.tokenize(TEXTS)
    with torch.no_grad():
        wanted = plain.get_text_features(input_ids=ids, attention_mask=mask).pooler_output
    wanted = wanted / wanted.norm(dim=-1, keepdim=True)
    assert torch.allclose(model.encode_texts(TEXTS), wanted, atol=1e-6)


def test_padding_changes_nothing(model):
    alone = torch.cat([model.encode_texts([t]) for t in TEXTS])
    assert torch.allclose(model.encode_texts(TEXTS), alone, atol=1e-5)


def test_long_text_is_cut_and_counted(model):
    text = "no edema " * 60
    ids, mask = model.tokenize([text])
    assert ids.shape == mask.shape == (1, model.max_tokens)
    assert model.token_count(text) > model.max_tokens
    assert model.token_count(TEXTS[0]) == len(model.token_words(TEXTS[0]))


def test_nothing_is_trained_and_the_name_is_kept(model):
    assert model.name == "tiny"
    assert not any(p.requires_grad for p in model.network.parameters())
    assert not model.network.training
    assert model.logit_scale == pytest.approx(float(model.network.logit_scale.exp()))


def test_key_follows_weights_and_tokenizer(model, tiny_clip, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_clip, copy)
    assert load_model(f"hf:{copy}").key == model.key
    tokenizer = copy / "tokenizer.json"
    tokenizer.write_text(json.dumps(json.loads(tokenizer.read_text())))
    assert load_model(f"hf:{copy}").key != model.key


def test_legacy_end_token(model):
    tower = model.text_tower()
    ids = torch.tensor([[0, 5, 3, 1, 1], [0, 3, 7, 9, 3]])
    assert tower.pooled_row(ids).tolist() == [2, 1]
    tower._end = 2
    assert tower.pooled_row(ids).tolist() == [1, 3]


def test_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_model(f"hf:{tmp_path}")


def test_weights_that_do_not_fit_are_refused(tiny_clip, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "copy"
    shutil.copytree(tiny_clip, copy)
    weights = load_file(copy / "model.safetensors")
    del weights["text_model.final_layer_norm.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="final_layer_norm"):
        load_model(f"hf:{copy}")


@pytest.mark.parametrize("spec", ["", "hf:", "run:", "gpt", "openclip:ViT-B-32:x"])
def test_unknown_model_string(spec):
    with pytest.raises(UsageError, match="is not a model; write one of phantom"):
        load_model(spec)


def test_kinds_are_documented():
    assert set(KINDS) == {"phantom", "hf:FOLDER", "run:FOLDER"}
