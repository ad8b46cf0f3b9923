"""ResNet CLIPs and SigLIPs in open_clip's layout against the published formulas."""

import json

import numpy as np
import plain_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from nast.errors import ModelError, UsageError
from nast.models.families import openclip_config
from nast.models.families.openclip_config import Architecture
from nast.models.images import open_image
from nast.models.model_export import export_model
from nast.models.registry import load_model
from nast.tracing.check import check_model
from nast.training.lora import add_lora, lora_by_layer

TEXTS = ["There is no pneumothorax.", "Severe edema", "No “left” pleural eﬀusion is seen."]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    paths = []
    for n, (width, height) in enumerate([(80, 99), (128, 64), (67, 67)]):
        paths.append(folder / f"{n}.png")
        Image.fromarray(rng.integers(0, 255, (height, width), dtype=np.uint8)).save(paths[-1])
    return paths


@pytest.fixture
def rn50(monkeypatch):
    """RN50 in the tiny size of `plain_clip.resnet_weights`."""
    known = openclip_config.ARCHITECTURES
    small = {"RN50": Architecture(known["RN50"].layout, (4, 1))}
    monkeypatch.setattr(openclip_config, "ARCHITECTURES", known | small)
    monkeypatch.setattr(openclip_config, "CONTEXT", {"clip": 24})


def assert_vectors(model, images, text, image):
    """`text` and `image`: the formulas, of token ids and of pixels."""
    ids, _ = model.tokenize(TEXTS)
    assert torch.allclose(model.encode_texts(TEXTS), text(ids), atol=1e-5)
    pixels = model.pixels([open_image(p) for p in images])["pixel_values"]
    assert torch.allclose(model.encode_images(images), image(pixels), atol=1e-5)


def assert_resnet(model, weights, activation, images):
    assert_vectors(
        model,
        images,
        lambda ids: plain_clip.clip_text(weights, ids, activation),
        lambda pixels: plain_clip.resnet_image(weights, pixels),
    )
    assert model.logit_scale == pytest.approx(np.exp(3.0))


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_resnet_of_a_folder(activation, images, tmp_path):
    vision = {"image_size": 64, "layers": [1, 2, 1, 1], "width": 4, "patch_size": None}
    text = {"context_length": 24, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 2}
    config = {
        "embed_dim": 16,
        "quick_gelu": activation == "quick_gelu",
        "vision_cfg": vision,
        "text_cfg": text,
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    weights = plain_clip.resnet_weights()
    save_file(weights, tmp_path / "open_clip_model.safetensors")
    model = load_model(f"openclip:local-dir:{tmp_path}", "tiny")
    assert_resnet(model, weights, activation, images)
    assert model.spec["activation"] == activation and model.spec["family"] == "openclip"
    assert model.spec["class"] == "ClipWithResNet"
    check_model(model)
    with pytest.raises(ModelError, match=r"ResNet.*--to open-clip"):
        export_model(model, "hf", tmp_path / "hf")
    export_model(model, "open-clip", tmp_path / "out")
    again = load_model(f"openclip:local-dir:{tmp_path / 'out'}")
    # Equal weights at another place of the memory: a kernel may add in another order there.
    assert torch.allclose(again.encode_texts(TEXTS), model.encode_texts(TEXTS), atol=1e-6)
    assert torch.allclose(again.encode_images(images), model.encode_images(images), atol=1e-6)


def test_resnet_of_a_bare_file(images, tmp_path, rn50):
    """OpenAI's own files are in half precision; old ones do not count batches."""
    weights = plain_clip.resnet_weights()
    half = {k: v.half().float() if v.is_floating_point() else v for k, v in weights.items()}
    saved = {k: v.half() for k, v in weights.items() if "num_batches" not in k}
    torch.save(saved, tmp_path / "RN50.pt")
    model = load_model(f"openclip:RN50-quickgelu:{tmp_path / 'RN50.pt'}")
    assert_resnet(model, half, "quick_gelu", images)
    with pytest.raises(UsageError, match="width 4 and blocks in its third stage: 1, expected 80"):
        load_model(f"openclip:RN50x4-quickgelu:{tmp_path / 'RN50.pt'}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"visual.layer2.1.bn3.running_var": None}, r"layer2\.1\.bn3\.running_var"),
        ({"visual.layer2.1.conv9.weight": torch.ones(2)}, r"1 unexpected .*conv9"),
        ({"visual.attnpool.c_proj.weight": torch.ones(16, 9)}, "weights do not fit"),
        ({"visual.attnpool.q_proj.bias": None}, r"q_proj\.bias"),
        ({"ln_final.bias": None}, r"final_layer_norm\.bias"),
    ],
)
def test_a_resnet_fits_exactly(change, words, tmp_path, rn50):
    weights = plain_clip.resnet_weights() | change
    torch.save({k: v for k, v in weights.items() if v is not None}, tmp_path / "RN50.pt")
    with pytest.raises(ModelError, match=words):
        load_model(f"openclip:RN50-quickgelu:{tmp_path / 'RN50.pt'}")


def test_lora_on_the_text_of_a_resnet_clip(images, tmp_path, rn50):
    """Its export is what open_clip reads; plain peft has no class to put it on."""
    torch.save(plain_clip.resnet_weights(), tmp_path / "RN50.pt")
    model = load_model(f"openclip:RN50-quickgelu:{tmp_path / 'RN50.pt'}")
    texts, before = model.encode_texts(TEXTS), model.encode_images(images)
    add_lora(model, [2])
    for parameter in lora_by_layer(model.network)[2].values():
        parameter.data.normal_(0, 0.1)
    assert not torch.allclose(model.encode_texts(TEXTS), texts, atol=1e-3)
    assert torch.equal(model.encode_images(images), before)
    with pytest.raises(ModelError, match=r"ResNet.*--to open-clip"):
        export_model(model, "peft", tmp_path / "peft")
    texts = model.encode_texts(TEXTS)
    export_model(model, "open-clip", tmp_path / "out")
    again = load_model(f"openclip:local-dir:{tmp_path / 'out'}")
    assert torch.allclose(again.encode_texts(TEXTS), texts, atol=1e-5)


WORDS = [
    "<pad>",
    "</s>",
    "<unk>",
    "no",
    "left",
    "pleural",
    "effusion",
    "is",
    "seen",
    "severe",
    "edema",
    "there",
    "pneumothorax",
]
SIGLIP_TEXT = {
    "context_length": 12,
    "vocab_size": 30,
    "hf_tokenizer_name": "local",
    "width": 96,
    "heads": 12,
    "layers": 2,
    "no_causal_mask": True,
    "proj_bias": True,
    "pool_type": "last",
    "tokenizer_kwargs": {"clean": "canonicalize"},
    "norm_kwargs": {"eps": 1e-6},
}
SIGLIP_VISION = {
    "image_size": 32,
    "timm_model_name": "vit_base_patch16_siglip_224",
    "timm_model_pretrained": False,
    "timm_pool": "map",
    "timm_proj": "none",
}


def siglip_folder(folder, vision=None, **text):
    model = {
        "embed_dim": 96,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": SIGLIP_VISION | (vision or {}),
        "text_cfg": SIGLIP_TEXT | text,
    }
    model["text_cfg"] = {k: v for k, v in model["text_cfg"].items() if v != "left out"}
    pixels = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": model, "preprocess_cfg": pixels})
    )
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    ).save_pretrained(folder)
    return f"openclip:local-dir:{folder}"


@pytest.mark.parametrize(
    ("name", "act", "image", "text"),
    [
        ("vit_base_patch16_siglip_224", None, "gelu", "gelu"),
        ("vit_base_patch16_siglip_224", {"approximate": "tanh"}, "gelu", "tanh"),
        ("vit_base_patch32_siglip_256", {"approximate": "tanh"}, "tanh", "tanh"),
    ],
)
def test_siglip_gives_the_vectors_of_the_formulas(name, act, image, text, images, tmp_path):
    weights = plain_clip.siglip_weights()
    place = siglip_folder(tmp_path, {"timm_model_name": name}, act_kwargs=act)
    save_file(weights, tmp_path / "open_clip_model.safetensors")
    model = load_model(place, "tiny")
    ids, _ = model.tokenize(TEXTS)
    assert ids[2].tolist() == [3, 4, 5, 6, 7, 8, *[0] * 6], "lower case, no punctuation, padded"
    assert_vectors(
        model,
        images,
        lambda ids: plain_clip.siglip_text(weights, ids, text, 1e-6),
        lambda pixels: plain_clip.siglip_image(weights, pixels, image),
    )
    assert model.logit_scale == pytest.approx(np.exp(2.0)) and model.logit_bias == -7
    check_model(model)
    export_model(model, "hf", tmp_path / "hf")
    again = load_model(f"hf:{tmp_path / 'hf'}")
    assert torch.allclose(again.encode_texts(TEXTS), model.encode_texts(TEXTS), atol=1e-6)
    assert torch.allclose(again.encode_images(images), model.encode_images(images), atol=1e-6)
    with pytest.raises(ModelError, match="open_clip"):
        export_model(model, "open-clip", tmp_path / "open-clip")


@pytest.mark.parametrize(
    ("vision", "text", "words"),
    [
        ({"timm_model_name": "vit_base_patch16_siglip_gap_224"}, {}, "hf:google/siglip"),
        ({"timm_model_name": "vit_base_patch16_224"}, {}, r"vision_cfg\.timm_pool is 'map'"),
        ({"timm_pool": "avg"}, {}, r"vision_cfg\.timm_pool is 'avg'"),
        ({"image_size": 64}, {}, "images of 32, .* image_size 64"),
        ({}, {"pool_type": "first"}, r"text_cfg\.pool_type is 'first'"),
        ({}, {"no_causal_mask": "left out"}, r"no text_cfg\.no_causal_mask"),
        ({}, {"norm_kwargs": {"bias": False}}, "expected eps alone"),
        ({}, {"act_kwargs": {"approximate": "none"}}, r"text_cfg\.act_kwargs"),
        ({}, {"tokenizer_kwargs": {"clean": "canonicalize", "strip_sep_token": True}}, "strip_sep"),
    ],
)
def test_a_siglip_that_is_not_understood(vision, text, words, tmp_path):
    place = siglip_folder(tmp_path, vision, **text)
    save_file(plain_clip.siglip_weights(), tmp_path / "open_clip_model.safetensors")
    with pytest.raises(ModelError, match=words):
        load_model(place)


def test_a_siglip_fits_exactly(tmp_path):
    place = siglip_folder(tmp_path)
    weights, file = plain_clip.siglip_weights(), tmp_path / "open_clip_model.safetensors"
    for change, words in (
        ({"visual.trunk.attn_pool.norm.bias": None}, r"head\.layernorm\.bias"),
        ({"visual.trunk.blocks.1.attn.q_norm.weight": torch.ones(8)}, "no layer of SigLIP"),
        ({"visual.head.proj.weight": torch.ones(8, 8)}, "no layer of SigLIP"),
        ({"text.text_projection.bias": None}, r"no tensor 'text_projection\.bias'"),
        ({"text.cls_emb": torch.ones(8)}, "cls_emb"),
    ):
        save_file({k: v for k, v in (weights | change).items() if v is not None}, file)
        with pytest.raises(ModelError, match=words):
            load_model(place)
    with pytest.raises(UsageError, match=r"siglip \+ clip towers"):
        load_model(f"openclip:ViT-B-16:{file}")
