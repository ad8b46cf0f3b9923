"""Checkpoints of open_clip against the published formulas, and refusals that teach."""

import json

import numpy as np
import plain_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import BertTokenizer

from nast.errors import ModelError, UsageError
from nast.models.families import openclip_config
from nast.models.families.openclip_config import Architecture
from nast.models.families.openclip_images import chexzero_pixels, image_processor
from nast.models.images import open_image
from nast.models.model_export import export_model
from nast.models.registry import load_model
from nast.tracing.check import check_model

TEXTS = ["There is no pneumothorax.", "Severe edema", "No “left” pleural eﬀusion is seen."]
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "no",
    "severe",
    "there",
    "is",
    "edema",
    "pneumo",
    "##thorax",
    ".",
    "effusion",
]
BERT = {"width": 128, "layers": 2, "embed": 16, "vocabulary": 20, "positions": 32}
IMAGE = {"width": 64, "layers": 2, "embed": 16, "patch": 16, "grid": 2}


def config(folder, quick=False, **text):
    """A folder's open_clip_config.json for the sizes of `plain_clip.clip_weights`."""
    model = {
        "embed_dim": 16,
        "quick_gelu": quick,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 128, "patch_size": 16},
        "text_cfg": {
            "context_length": 24,
            "vocab_size": 49408,
            "width": 128,
            "heads": 2,
            "layers": 2,
        }
        | text,
    }
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": model, "preprocess_cfg": {"mean": [0.5, 0.4, 0.3]}})
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    paths = []
    for n, (width, height) in enumerate([(40, 53), (64, 32), (33, 33)]):
        paths.append(folder / f"{n}.png")
        Image.fromarray(rng.integers(0, 255, (height, width), dtype=np.uint8)).save(paths[-1])
    return paths


@pytest.fixture
def tiny(monkeypatch):
    """ARCHs of the tiny sizes, for bare files."""
    layouts = openclip_config.ARCHITECTURES
    small = {
        "ViT-B-32": Architecture(layouts["ViT-B-32"].layout, (128, 16)),
        "CheXzero": Architecture(layouts["CheXzero"].layout, (128, 16), True),
        "BiomedCLIP": Architecture(layouts["BiomedCLIP"].layout, (64, 16), False),
    }
    monkeypatch.setattr(openclip_config, "ARCHITECTURES", layouts | small)
    monkeypatch.setattr(openclip_config, "CONTEXT", {"clip": 24, "bert": 30})


def pixels(model, images):
    return model.pixels([open_image(p) for p in images])["pixel_values"]


def assert_clip(model, weights, activation, images):
    ids, _ = model.tokenize(TEXTS)
    wanted = plain_clip.clip_text(weights, ids, activation)
    assert torch.allclose(model.encode_texts(TEXTS), wanted, atol=1e-5)
    wanted = plain_clip.clip_image(weights, pixels(model, images), activation)
    assert torch.allclose(model.encode_images(images), wanted, atol=1e-5)
    assert model.logit_scale == pytest.approx(float(weights["logit_scale"].exp()))


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_folder_gives_the_vectors_of_the_formulas(activation, images, tmp_path):
    weights = plain_clip.clip_weights()
    config(tmp_path, quick=activation == "quick_gelu")
    save_file(weights, tmp_path / "open_clip_model.safetensors")
    model = load_model(f"openclip:local-dir:{tmp_path}", "tiny")
    assert_clip(model, weights, activation, images)
    assert model.spec["activation"] == activation and model.spec["family"] == "openclip"
    assert list(model.spec["preprocessing"]["image_mean"]) == [0.5, 0.4, 0.3]
    assert model.max_tokens == 24 and model.name == "tiny"
    assert len(model.tokenize(["no edema " * 40])[0][0]) == 24
    check_model(model)


def test_custom_text_prefix_and_old_keys(images, tmp_path, tiny):
    weights = plain_clip.clip_weights()
    towers = {
        k if k.startswith(("visual.", "logit")) else f"text.{k}": v for k, v in weights.items()
    }
    old = {"text.attn_mask": torch.ones(3, 3), "logit_scale": weights["logit_scale"].reshape(1)}
    file = tmp_path / "x.pt"
    torch.save({"state_dict": {f"module.{k}": v for k, v in (towers | old).items()}}, file)
    assert_clip(load_model(f"openclip:ViT-B-32-quickgelu:{file}"), weights, "quick_gelu", images)


def test_the_name_decides_the_activation_and_warns(images, tmp_path, tiny):
    weights = plain_clip.clip_weights()
    file = tmp_path / "negclip.pth"
    torch.save(weights, file)
    quick = load_model(f"openclip:ViT-B-32-quickgelu:{file}")
    with pytest.warns(UserWarning, match="need openclip:ViT-B-32-quickgelu"):
        plain = load_model(f"openclip:ViT-B-32:{file}")
    assert (quick.spec["activation"], plain.spec["activation"]) == ("quick_gelu", "gelu")
    assert quick.key != plain.key
    assert (quick.encode_texts(TEXTS) - plain.encode_texts(TEXTS)).abs().max() > 1e-3


class Archive(torch.nn.Module):
    """What OpenAI's archives hold: the weights as parameters, and a program."""

    def __init__(self, weights, activation):
        super().__init__()
        self.activation = activation
        for name, value in weights.items():
            *path, last = name.split(".")
            place = self
            for part in path:
                if not hasattr(place, part):
                    place.add_module(part, torch.nn.Module())
                place = getattr(place, part)
            place.register_parameter(last, torch.nn.Parameter(value.half()))
        self.register_buffer("input_resolution", torch.tensor(32))

    def forward(self, x):
        return self.activation(x) + self.logit_scale


def test_an_archive_names_its_own_activation(images, tmp_path, tiny):
    weights = plain_clip.clip_weights()
    file = tmp_path / "ViT-B-32.pt"
    for activation, right, wrong in (
        (plain_clip.quick_gelu, "ViT-B-32-quickgelu", "ViT-B-32"),
        (torch.nn.functional.gelu, "ViT-B-32", "ViT-B-32-quickgelu"),
    ):
        torch.jit.trace(Archive(weights, activation), torch.ones(2)).save(str(file))
        half = {k: v.half().float() for k, v in weights.items()}
        name = "quick_gelu" if "quick" in right else "gelu"
        assert_clip(load_model(f"openclip:{right}:{file}"), half, name, images)
        with pytest.raises(UsageError, match=f"write openclip:{right}:"):
            load_model(f"openclip:{wrong}:{file}")


def bert_folder(folder):
    words = WORDS + [f"x{n}" for n in range(20 - len(WORDS))]
    BertTokenizer(vocab={w: n for n, w in enumerate(words)}).save_pretrained(folder)


@pytest.mark.parametrize("arch", ["BiomedCLIP", "UniMed-CLIP"])
def test_bert_beside_a_vit(arch, images, tmp_path, tiny):
    made = plain_clip.Maker(3)
    name = "text" if arch == "BiomedCLIP" else "text_encoder"
    made.bert(name, **BERT)
    (made.timm_image if arch == "BiomedCLIP" else made.clip_image)(**IMAGE)
    weights = made.weights | {"logit_scale": torch.tensor(2.0)}
    old = {f"{name}.transformer.embeddings.position_ids": torch.arange(32)[None]}
    torch.save(weights | old, tmp_path / "model.bin")
    with pytest.raises(ModelError, match="no tokenizer"):
        load_model(f"openclip:{arch}:{tmp_path / 'model.bin'}")
    bert_folder(tmp_path)
    model = load_model(f"openclip:{arch}:{tmp_path / 'model.bin'}")
    ids, mask = model.tokenize(TEXTS)
    assert not mask.bool().all()
    wanted = plain_clip.bert_text(weights, ids, mask, name)
    assert torch.allclose(model.encode_texts(TEXTS), wanted, atol=1e-5)
    if arch == "BiomedCLIP":
        wanted = plain_clip.timm_image(weights, pixels(model, images))
    else:
        wanted = plain_clip.clip_image(weights, pixels(model, images), "quick_gelu")
    assert torch.allclose(model.encode_images(images), wanted, atol=1e-5)
    assert model.logit_scale == pytest.approx(np.exp(2.0)) and model.max_tokens == 30
    check_model(model)
    export_model(model, "hf", tmp_path / "hf")
    again = load_model(f"two-tower:{tmp_path / 'hf' / 'SPEC.yaml'}")
    texts = [*TEXTS, "NO eﬀusion &amp; “edema”"]
    assert torch.allclose(again.encode_texts(texts), model.encode_texts(texts), atol=1e-6)
    assert torch.allclose(again.encode_images(images), model.encode_images(images), atol=1e-6)


def test_a_tensor_that_is_missing_left_over_or_of_another_size(tmp_path):
    config(tmp_path)
    file = tmp_path / "open_clip_model.safetensors"
    weights = plain_clip.clip_weights()
    block = "visual.transformer.resblocks.1."
    for change, words in (
        ({f"{block}ln_1.weight": None}, "layer_norm1"),
        ({"visual.attn_pool.query": torch.ones(2)}, "no layer of CLIP: visual.attn_pool.query"),
        ({f"{block}ls_1.gamma": torch.ones(2)}, "ls_1.gamma"),
        ({"ln_final.weight": torch.ones(7)}, "ln_final|final_layer_norm|do not fit"),
        ({"logit_bias": torch.ones(2)}, r"logit_bias has shape \[2\], expected one finite"),
        ({"logit_bias": torch.tensor(torch.nan)}, "logit_bias .* expected one finite number"),
        ({"visual.proj": None}, r"no tensor 'visual\.proj'"),
        ({"visual.positional_embedding": torch.ones(17, 128)}, "images of 64, .* image_size 32"),
        ({"visual.positional_embedding": torch.ones(7, 128)}, "a square of patches"),
        ({"token_embedding.weight": torch.ones(500, 128)}, "500 token embeddings"),
        ({"positional_embedding": torch.ones(20, 128)}, "20 text positions, expected 24"),
    ):
        save_file({k: v for k, v in (weights | change).items() if v is not None}, file)
        with pytest.raises(ModelError, match=words):
            load_model(f"openclip:local-dir:{tmp_path}")


@pytest.mark.parametrize("shape", [(), (1,)])
def test_the_bias_of_a_clip_that_was_trained_with_a_sigmoid_loss(shape, images, tmp_path):
    """It is added to every score, so vectors and order are those of the same CLIP without."""
    weights = plain_clip.clip_weights()
    config(tmp_path)
    said = json.loads((tmp_path / "open_clip_config.json").read_text())
    said["model_cfg"]["init_logit_bias"] = -10
    (tmp_path / "open_clip_config.json").write_text(json.dumps(said))
    file = tmp_path / "open_clip_model.safetensors"
    save_file(weights | {"logit_bias": torch.full(shape, -9.5)}, file)
    model = load_model(f"openclip:local-dir:{tmp_path}")
    assert model.logit_bias == model.spec["logit bias"] == -9.5
    assert_clip(model, weights, "gelu", images)
    export_model(model, "open-clip", tmp_path / "out")
    made = json.loads((tmp_path / "out/open_clip_config.json").read_text())
    assert made["model_cfg"]["init_logit_bias"] == -9.5, "open_clip makes room for it"
    assert load_model(f"openclip:local-dir:{tmp_path / 'out'}").logit_bias == -9.5
    save_file(weights, file)
    assert load_model(f"openclip:local-dir:{tmp_path}").logit_bias == 0


def test_an_arch_that_the_weights_contradict(tmp_path, tiny):
    file = tmp_path / "x.safetensors"
    save_file(plain_clip.clip_weights(), file)
    with pytest.raises(UsageError, match="width 128 and patches of 16, expected 1024 and 14"):
        load_model(f"openclip:ViT-L-14-quickgelu:{file}")
    with pytest.raises(UsageError, match=r"clip \+ clip towers .* expected timm \+ bert"):
        load_model(f"openclip:BiomedCLIP:{file}")
    with pytest.raises(UsageError, match=r"no such ARCH; write ViT-B-32, .* local-dir"):
        load_model(f"openclip:ViT-H-14:{file}")
    with pytest.raises(UsageError, match=r"clip \+ clip towers .* expected resnet \+ clip"):
        load_model(f"openclip:RN50:{file}")
    for place in ("ViT-B-32-quickgelu", f"local-dir:{file}"):
        with pytest.raises(UsageError, match="write openclip:ARCH:CHECKPOINT"):
            load_model(f"openclip:{place}")


def test_a_configuration_that_is_not_understood(tmp_path):
    with pytest.raises(ModelError, match="no weights; expected one of open_clip_model"):
        load_model(f"openclip:local-dir:{tmp_path}")
    save_file(plain_clip.clip_weights(), tmp_path / "open_clip_model.safetensors")
    with pytest.raises(ModelError, match=r"no open_clip_config\.json"):
        load_model(f"openclip:local-dir:{tmp_path}")
    config(tmp_path, pool_type="eos", eos_id=2)
    with pytest.raises(ModelError, match="eos_id is 2"):
        load_model(f"openclip:local-dir:{tmp_path}")
    config(tmp_path, no_causal_mask=True)
    with pytest.raises(ModelError, match=r"text_cfg\.no_causal_mask is True"):
        load_model(f"openclip:local-dir:{tmp_path}")
    config(tmp_path, quick=True)
    with pytest.raises(UsageError, match="says quick_gelu true"):
        load_model(f"openclip:ViT-B-32:{tmp_path}")


def test_chexzero_preprocessing(tmp_path, tiny):
    """White film of 200 x 100: black bars, Lanczos, and a scale of 0 to 255."""
    white = Image.new("RGB", (200, 100), (255, 255, 255))
    found = chexzero_pixels([white])["pixel_values"]
    assert found.shape == (1, 3, 224, 224)
    assert found[0, :, 112, 112].tolist() == pytest.approx([(255 - 101.48761) / 83.43944] * 3)
    assert found[0, :, 10, 112].tolist() == pytest.approx([-101.48761 / 83.43944] * 3)
    save_file(plain_clip.clip_weights(), tmp_path / "small.safetensors")
    with pytest.raises(ModelError, match=r"shape \(3, 224, 224\) and .* takes \(3, 32, 32\)"):
        load_model(f"openclip:CheXzero:{tmp_path / 'small.safetensors'}")
    save_file(plain_clip.clip_weights(grid=14), tmp_path / "best.safetensors")
    model = load_model(f"openclip:CheXzero:{tmp_path / 'best.safetensors'}")
    assert model.pixels is chexzero_pixels and model.spec["activation"] == "quick_gelu"


def test_the_middle_is_cut_as_torchvision_cuts_it():
    """A rest of 3 pixels: 2 above and 1 below, where transformers leaves 1 above."""
    rows = np.repeat(np.arange(35, dtype=np.uint8)[:, None], 32, axis=1)
    settings = {
        "mean": [0.0],
        "std": [1 / 255],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    settings = {k: v * 3 if isinstance(v, list) else v for k, v in settings.items()}
    processor = image_processor(32, settings)
    found = processor([Image.fromarray(rows).convert("RGB")], return_tensors="pt")["pixel_values"]
    assert found[0, 0, :, 0].round().tolist() == list(range(2, 34))
    with pytest.raises(ModelError, match="resize_mode 'stretch'"):
        image_processor(32, settings | {"resize_mode": "stretch"})


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((50, 100), (0, 8, 32, 16)),
        ((64, 43), (5, 0, 22, 32)),
        ((40, 57), (0, 5, 32, 22)),
        ((32, 32), (0, 0, 32, 32)),
    ],
)
def test_the_longest_side_is_resized_and_the_rest_filled(size, box):
    """64 x 43 becomes 32 x 21.5, rounded to the even 22; 40 x 57 becomes 22.5 x 32, also 22."""
    settings = {
        "mean": [0.0] * 3,
        "std": [1 / 255] * 3,
        "interpolation": "bilinear",
        "resize_mode": "longest",
        "fill_color": 7,
    }
    image = Image.new("RGB", size, (200, 200, 200))
    found = image_processor(32, settings)([image], return_tensors="pt")["pixel_values"][0, 0]
    wanted = torch.full((32, 32), 7.0)
    top, left, height, width = box
    wanted[top : top + height, left : left + width] = 200
    assert torch.equal(found.round(), wanted)
