"""LoRA sits on the asked text blocks only, and changes nothing until it is trained."""

import pytest
import torch

from nast.errors import UsageError
from nast.training.lora import add_lora, lora_by_layer

TEXTS = ["There is no edema.", "There is severe pleural effusion."]


def test_a_rank_beyond_the_layers_is_refused(model):
    with pytest.raises(UsageError, match="rank is 33; it must be from 1 to 32"):
        add_lora(model, [1], rank=33)


def test_zero_b_leaves_the_scores(model):
    before = model.encode_texts(TEXTS)
    add_lora(model, [1, 2, 3, 4])
    assert torch.equal(model.encode_texts(TEXTS), before)
    assert not model.network.training


def test_only_the_asked_text_blocks(model):
    add_lora(model, [1, 3])
    found = lora_by_layer(model.network)
    assert list(found) == [1, 3]
    assert all(len(named) == 8 for named in found.values()), "A and B of q, k, v and out"
    trainable = [n for n, p in model.network.named_parameters() if p.requires_grad]
    assert all("text_model" in n and "lora_" in n for n in trainable)
    assert sorted(trainable) == sorted(n for named in found.values() for n in named)
    assert not any("vision" in n for n, _ in model.network.named_parameters() if "lora_" in n)


def test_ten_blocks_are_not_one(model):
    with pytest.raises(ValueError, match=r"[Tt]arget"):
        add_lora(model, [11])


def test_targets(model):
    add_lora(model, [2], targets="mlp")
    (named,) = lora_by_layer(model.network).values()
    assert len(named) == 4 and all(".layers.1.mlp.fc" in n for n in named)
    with pytest.raises(ValueError, match="'vision'; choose one of attention, mlp, all"):
        add_lora(model, [2], targets="vision")


def test_no_layer_is_an_error(model):
    with pytest.raises(ValueError, match="every layer weight is 0"):
        add_lora(model, [])
