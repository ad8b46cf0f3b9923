"""Tiny random models of every kind of text tower, behind one tokenizer."""

import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    BertConfig,
    BertModel,
    SiglipConfig,
    SiglipModel,
)

from nast.models.bert import BertTextTower
from nast.models.contract import DualEncoder
from nast.models.families.hf import dual_encoder
from nast.models.registry import load_model

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "pad_token_id": 1,
}
KINDS = ["clip", "siglip", "bert cls", "bert mean of two layers", "phantom"]


def siglip(folder):
    """Bidirectional, 16 positions, all seen, the last one is read."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = {**TEXT, "vocab_size": len(tokenizer), "max_position_embeddings": 16}
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "image_size": 96,
        "patch_size": 32,
    }
    network = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    for name, weight in network.named_parameters():
        if name.startswith("text_model") and weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.2)
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    return dual_encoder(network, tokenizer, processor, "siglip", "0", "random")


def bert(folder, **reads):
    """Bidirectional, post-norm blocks, with a linear head."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=40, **TEXT)
    network = torch.nn.ModuleDict(
        {"text": BertModel(config, add_pooling_layer=False), "head": torch.nn.Linear(32, 16)}
    )
    for weight in network.parameters():
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.2)
    tower = BertTextTower(network["text"], network["head"], **reads)
    return DualEncoder("bert", "1", {}, network, tower, tokenizer, None, None, 20.0, 40)


@pytest.fixture(scope="session")
def models(tiny_clip):
    """Name -> loaded model; treat them as read-only."""
    torch.manual_seed(1)
    made = {
        "clip": load_model(f"hf:{tiny_clip}", "clip"),
        "siglip": siglip(tiny_clip),
        "bert cls": bert(tiny_clip, pooling="cls"),
        "bert mean of two layers": bert(tiny_clip, pooling="mean_masked", layers=(2, -1)),
        "phantom": load_model("phantom"),
    }
    assert list(made) == KINDS
    return made


@pytest.fixture(scope="session", params=KINDS)
def model(request, models):
    """Each model in turn."""
    return models[request.param]
