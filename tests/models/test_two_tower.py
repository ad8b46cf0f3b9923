"""Two-tower models against the published formulas, written here a second time, and their specs."""

import copy
import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from peft import PeftModel
from tiny_models import BERT, SWIN, loaded, old_swin_weights, two_tower, words, write_image
from torch.nn import functional as F
from transformers import BertConfig, BertModel, SwinConfig, SwinModel

from nast.errors import ModelError
from nast.models.families.spec import (
    SPECS,
    ImageSection,
    PixelSection,
    ReadySection,
    TextSection,
    TowerSpec,
    read_spec,
)
from nast.models.images import open_image
from nast.models.named import named_models
from nast.models.registry import load_model
from nast.models.weights.checkpoints import read_tensors
from nast.models.weights.encoders import build_encoder
from nast.models.weights.resnet import ResNet
from nast.training.lora import add_lora, lora_by_layer

TEXTS = ["There is no pneumothorax.", "Small left pleural effusion.", "No edema."]


def bert_states(weights, prefix, ids, mask):
    """All hidden states by transformers' own forward."""
    bert = BertModel(BertConfig(vocab_size=len(words()), **BERT), add_pooling_layer=True).eval()
    own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    bert.load_state_dict({k: v for k, v in own.items() if k in bert.state_dict()})
    return bert(ids, attention_mask=mask, output_hidden_states=True).hidden_states


def linear(weights, name, x):
    return F.linear(x, weights[f"{name}.weight"].flatten(1), weights.get(f"{name}.bias"))


def resnet(weights, prefix, x):
    """ResNet by its equations: the last feature map (B, C, h, w)."""
    w = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}

    def norm(x, name):
        return F.batch_norm(
            x, *(w[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        )

    x = F.max_pool2d(
        F.relu(norm(F.conv2d(x, w["conv1.weight"], stride=2, padding=3), "bn1")), 3, 2, 1
    )
    for stage in range(1, 5):
        name, stride = f"layer{stage}.0", 1 if stage == 1 else 2
        y = F.relu(norm(F.conv2d(x, w[f"{name}.conv1.weight"]), f"{name}.bn1"))
        y = F.conv2d(y, w[f"{name}.conv2.weight"], stride=stride, padding=1)
        y = F.relu(norm(y, f"{name}.bn2"))
        y = norm(F.conv2d(y, w[f"{name}.conv3.weight"]), f"{name}.bn3")
        short = F.conv2d(x, w[f"{name}.downsample.0.weight"], stride=stride)
        x = F.relu(y + norm(short, f"{name}.downsample.1"))
    return x


def swin_tokens(weights, prefix, x):
    """The last hidden state (B, N, d) of a Swin, its keys renamed as transformers 5 has them."""
    network = SwinModel(SwinConfig(**SWIN)).eval()
    renamed = {}
    for key, value in weights.items():
        if key.startswith(prefix) and "relative_position_index" not in key:
            key = key.removeprefix(prefix).replace("attention.output.dense", "attention.o_proj")
            for old, new in (
                ("self.query", "q_proj"),
                ("self.key", "k_proj"),
                ("self.value", "v_proj"),
                ("intermediate.dense", "mlp.fc1"),
                ("output.dense", "mlp.fc2"),
                ("attention.self.rel", "attention.relative_position_bias.rel"),
            ):
                key = key.replace(old, new)
            renamed[key] = value
    network.load_state_dict(renamed)
    return network(x).last_hidden_state


def biovil_text(weights, ids, mask):
    """dense, GELU, LayerNorm (eps 1e-12), dense on the CLS state."""
    x = linear(
        weights,
        "cls_projection_head.dense_to_hidden",
        bert_states(weights, "bert.", ids, mask)[-1][:, 0],
    )
    name = "cls_projection_head.LayerNorm"
    x = F.layer_norm(F.gelu(x), (16,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)
    return linear(weights, "cls_projection_head.dense_to_output", x)


def biovil_image(weights, pixels):
    """The mean over patches of the projected patches (1x1 convolutions)."""
    x = resnet(weights, "encoder.encoder.", pixels)
    if "encoder.missing_previous_emb" in weights:
        x = F.conv2d(x, weights["encoder.backbone_to_vit.weight"])
        missing = weights["encoder.missing_previous_emb"].repeat(len(x), 1, *x.shape[2:])
        x = torch.cat([x, missing], dim=1)
    x = F.conv2d(x, weights["projector.model.0.weight"])
    x = F.relu(
        F.batch_norm(
            x,
            *(
                weights[f"projector.model.1.{k}"]
                for k in ("running_mean", "running_var", "weight", "bias")
            ),
        )
    )
    x = F.conv2d(x, weights["projector.model.3.weight"], weights["projector.model.3.bias"])
    return x.mean(dim=(2, 3))


def medclip_text(weights, ids, mask):
    """Mean over positions of hidden states 1, 2 and the last; mean of the three; projection."""
    states = bert_states(weights, "text_model.model.", ids, mask)
    x = torch.stack([states[1], states[2], states[-1]]).permute(1, 0, 2, 3).mean(2).mean(1)
    return linear(weights, "text_model.projection_head", x)


def medclip_image(weights, pixels):
    if "vision_model.projection_head.weight" in weights:
        x = swin_tokens(weights, "vision_model.model.", pixels).mean(dim=1)
        return linear(weights, "vision_model.projection_head", x)
    return linear(
        weights,
        "vision_model.model.fc",
        resnet(weights, "vision_model.model.", pixels).mean(dim=(2, 3)),
    )


def cxr_clip_text(weights, ids, mask):
    """The state of the last token, then a linear layer."""
    states = bert_states(weights, "text_encoder.text_encoder.", ids, mask)[-1]
    return linear(
        weights, "text_projection.projection", states[torch.arange(len(ids)), mask.sum(-1) - 1]
    )


def cxr_clip_image(weights, pixels):
    if "image_encoder.resnet.conv1.weight" in weights:
        x = resnet(weights, "image_encoder.resnet.", pixels).mean(dim=(2, 3))
    else:
        x = swin_tokens(weights, "image_encoder.image_encoder.", pixels)[:, 0]
    return linear(weights, "image_projection.projection", x)


FORMULAS = {
    "biovil": (biovil_text, biovil_image),
    "biovil-t": (biovil_text, biovil_image),
    "medclip-vit": (medclip_text, medclip_image),
    "medclip-resnet": (medclip_text, medclip_image),
    "cxr-clip-swin": (cxr_clip_text, cxr_clip_image),
    "cxr-clip-resnet": (cxr_clip_text, cxr_clip_image),
}


@pytest.mark.parametrize("name", FORMULAS)
@torch.no_grad()
def test_equals_the_published_formulas(name):
    spec, (text, image) = two_tower(name), FORMULAS[name]
    model, weights = loaded(name), {}
    for file in spec.parent.glob("*.[bpt]*"):
        if file.is_file():
            weights |= read_tensors(file)
    for ids, mask in (model.tokenize([t]) for t in TEXTS):
        wanted = F.normalize(text(weights, ids, mask), dim=-1)
        assert torch.allclose(model.text_features(ids, mask), wanted, atol=1e-5)
    side = model.spec["preprocessing"]["size"]
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(model.image(pixels), image(weights, pixels), atol=1e-4)


def test_declarations_and_scales():
    models = {name: loaded(name) for name in FORMULAS}
    declared = {
        name: [line.split(":")[0] for line in m.spec["declared"]] for name, m in models.items()
    }
    several = ["padding matters", "reads several layers", "reads every position"]
    assert declared == {n: several if n.startswith("medclip") else [] for n in FORMULAS}
    assert models["medclip-vit"].text.read_layers == (1, 2, 4)
    assert models["biovil"].logit_scale == 20
    assert models["cxr-clip-swin"].logit_scale == pytest.approx(torch.tensor(3.0).exp().item())
    assert models["medclip-vit"].spec["trained_on"] == ["CheXpert", "MIMIC-CXR"]


def test_medclip_scale_is_clamped(tmp_path):
    spec = copied("medclip-vit", tmp_path)
    weights = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    torch.save(weights | {"module.logit_scale": torch.tensor(9.0)}, tmp_path / "pytorch_model.bin")
    assert load_model(f"two-tower:{spec}").logit_scale == 100


def test_biovil_drops_the_full_stop_and_every_model_its_case():
    biovil, medclip = (loaded(n) for n in ("biovil", "medclip-vit"))
    assert biovil.token_words("No edema.") == biovil.token_words("No edema")
    assert medclip.token_words("No EDEMA.") == ["[CLS]", "no", "edema", ".", "[SEP]"]


def test_the_resnet_is_resnet_50():
    with torch.device("meta"):
        sizes = [p.numel() for p in ResNet().parameters()]
    assert (len(sizes), sum(sizes)) == (159, 23_508_032)


@torch.no_grad()
def test_old_swin_names_are_converted_number_for_number():
    torch.manual_seed(0)
    weights, pixels = old_swin_weights("p."), torch.randn(1, 3, 32, 32)
    own = {k.removeprefix("p."): v for k, v in weights.items()}
    found = build_encoder("swin", SWIN, own, "x").eval()(pixels).last_hidden_state
    assert torch.allclose(found, swin_tokens(weights, "p.", pixels), atol=1e-6)


def test_names_that_nobody_converts_are_refused():
    own = {k.replace("blocks", "block"): v for k, v in old_swin_weights("").items()}
    with pytest.raises(ModelError, match=r"keys missing .*unexpected"):
        build_encoder("swin", SWIN, own, "x")
    with pytest.raises(ModelError, match=r"x: weights do not fit"):
        build_encoder("swin", SWIN | {"embed_dim": 16}, old_swin_weights(""), "x")


def copied(name, folder):
    shutil.copytree(two_tower(name).parent, folder, dirs_exist_ok=True)
    return folder / f"{name}.yaml"


def edited(folder, changes):
    """A copy of the specification of CXR-CLIP with some keys set, or removed (None)."""
    spec = copied("cxr-clip-swin", folder)
    data = yaml.safe_load(spec.read_text())
    for path, value in changes.items():
        section, _, name = path.rpartition(".")
        where = data[section] if section else data
        where[name] = value
        if value is None:
            del where[name]
    spec.write_text(yaml.safe_dump(data))
    return f"two-tower:{spec}"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "text.pooling",
            "clss",
            r"line \d+, key 'text\.pooling': found .*, expected one of cls, cls_tanh",
        ),
        ("text.poling", "cls", r"'text\.poling': found an unknown key, expected 'pooling'"),
        ("text.head", None, r"'text\.head': found nothing, expected a list of layers"),
        ("text.head", ["tanh"], r"'text\.head': found a list of 1, expected .*gelu, relu"),
        ("text.head", [{"linear": "text_projection.fc"}], "no key 'text_projection.fc.weight'"),
        ("text.rules", ["upper"], r"'text\.rules': .*expected a list of 'lower'"),
        ("text.mask", "none", r"text\.padding: found 'longest', expected 'fixed' or 'own"),
        ("text.prefix", "text_encoder.", r"keys missing .*unexpected"),
        ("text.weights", "x.bin", r"text\.weights: found no file .*x\.bin"),
        ("text.tokenizer", "nowhere", "no such folder, and not of the form OWNER/NAME"),
        ("text.max_tokens", "77", r"'text\.max_tokens': found '77', expected a number of tokens"),
        (
            "image.encoder",
            "vgg",
            r"'image\.encoder': .*one of vit, swin, dinov2, clip, efficientnet, resnet",
        ),
        ("preprocessing.geometry", "zoom", r"'preprocessing\.geometry': .*crop, pad, square"),
        ("preprocessing.range", 2, r"'preprocessing\.range': found 2, expected 1 or 255"),
        ("scale", {"key": "temperature"}, r"scale\.key: found no key 'temperature'"),
        ("scale", 0, "key 'scale': found 0, expected a number"),
    ],
)
def test_errors_name_file_key_found_and_expected(tmp_path, path, value, message):
    with pytest.raises(ModelError, match=message):
        load_model(edited(tmp_path, {path: value}))


def test_heads_that_do_not_fit(tmp_path):
    head = [{"linear": "image_projection.projection"}, {"append": "logit_scale"}]
    with pytest.raises(ModelError, match="text vectors of 16 and image vectors of 17 numbers"):
        load_model(edited(tmp_path, {"scale": 5, "image.head": head}))
    with pytest.raises(ModelError, match=r"image\.head: found layers that do not fit"):
        load_model(edited(tmp_path, {"scale": 5, "image.head": head[::-1]}))


def test_a_file_that_is_no_specification(tmp_path):
    (tmp_path / "a.yaml").write_text("text: [")
    with pytest.raises(ModelError, match="no YAML"):
        load_model(f"two-tower:{tmp_path / 'a.yaml'}")
    with pytest.raises(
        ModelError, match=r"no such specification; shipped with nast: biovil-t\.yaml"
    ):
        load_model(f"two-tower:{tmp_path / 'b.yaml'}")


def test_a_shipped_specification_looks_for_files_in_the_named_folder(tmp_path):
    with pytest.raises(ModelError, match=rf"found no file {tmp_path}.*model\.safetensors"):
        load_model(f"two-tower:{tmp_path / 'biovil-t.yaml'}")


def test_named_models_have_their_specifications():
    named = {m.model.partition(":")[2] for m in named_models() if m.model.startswith("two-tower:")}
    shipped = {p.name for p in SPECS.glob("*.yaml")}
    assert named <= shipped


def test_a_tokenizer_of_another_model(tmp_path):
    place = edited(tmp_path, {"text.rules": []})
    (tmp_path / "tokenizer/vocab.txt").write_text(
        "\n".join([*words(), *(f"w{i}" for i in range(9))])
    )
    with pytest.raises(ModelError, match=r"tokenizer: found .* tokens for .* embeddings"):
        load_model(place)
    (tmp_path / "tokenizer/vocab.txt").write_text("\n".join(words()[:5]))
    with pytest.raises(ModelError, match="0 in 'no effusion'"):
        load_model(place)


def test_a_tokenizer_with_code_of_its_own_is_read_as_bert(tmp_path):
    place = edited(tmp_path, {"text.rules": []})
    code = {"AutoTokenizer": ["configuration_cxrbert.CXRBertTokenizer", None]}
    settings = {"tokenizer_class": "CXRBertTokenizer", "do_lower_case": True, "auto_map": code}
    (tmp_path / "tokenizer/tokenizer_config.json").write_text(json.dumps(settings))
    assert load_model(place).token_words("No edema") == ["[CLS]", "no", "edema", "[SEP]"]


def test_the_key_follows_specification_and_weights(tmp_path):
    first = load_model(edited(tmp_path, {"licence": "mine", "name": "x"}))
    assert first.key == loaded("cxr-clip-swin").key
    assert load_model(edited(tmp_path, {"text.max_tokens": 20})).key != first.key


def test_images_of_any_shape_go_in(tmp_path):
    model = loaded("biovil-t")
    paths = [write_image(tmp_path / f"{w}.png", w, h) for w, h in ((90, 70), (64, 200), (33, 33))]
    vectors = model.encode_images(paths)
    assert vectors.shape == (3, 16)
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(3), atol=1e-5)


def test_lora_of_two_towers_is_saved_and_loaded_again(tmp_path):
    first, second = (copy.deepcopy(loaded("medclip-vit")) for _ in range(2))
    add_lora(first, [2, 4])
    with torch.no_grad():
        for named in lora_by_layer(first.network).values():
            for parameter in named.values():
                parameter.normal_()
    first.network.save_pretrained(tmp_path, save_embedding_layers=False)
    wanted = first.encode_texts(TEXTS)
    assert not torch.allclose(second.encode_texts(TEXTS), wanted, atol=1e-3)
    second.network = PeftModel.from_pretrained(second.network, tmp_path).eval()
    assert torch.allclose(second.encode_texts(TEXTS), wanted, atol=1e-6)


def test_the_documented_examples_have_every_key(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    whole, ready = (part.split("```")[0] for part in text.split("```yaml\n")[1:3])
    (tmp_path / "a.yaml").write_text(whole)
    read_spec(tmp_path / "a.yaml")
    given = yaml.safe_load(whole)
    assert set(given) == set(TowerSpec.model_fields)
    sections = {"text": TextSection, "image": ImageSection, "preprocessing": PixelSection}
    for part, section in sections.items():
        assert set(given[part]) == set(section.model_fields)
    image = yaml.safe_load(ready)["image"]
    assert set(image) == set(ReadySection.model_fields)
    del given["preprocessing"]
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(given | {"image": image}))
    read_spec(tmp_path / "b.yaml")


def test_an_efficientnet_is_the_mean_of_its_last_map(tmp_path):
    """As transformers' own pooling, which averages over height and width."""
    model = loaded("own-efficientnet")
    image = write_image(tmp_path / "a.png")
    tower = model.network["image"]
    pixels = model.pixels([open_image(image)])["pixel_values"]
    with torch.no_grad():
        pooled = tower.encoder(pixels).pooler_output
        wanted = F.normalize(tower.head(pooled), dim=-1)
    torch.testing.assert_close(model.encode_images([image]), wanted, atol=1e-6, rtol=0)
