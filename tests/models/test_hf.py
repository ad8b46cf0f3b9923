"""The adapter of Hugging Face CLIPModels against the model itself."""

import json
import shutil

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import siglip, write_image
from transformers import CLIPModel

from nast.errors import ModelError, UsageError
from nast.models.contract import DualEncoder
from nast.models.registry import KINDS, load_model
from nast.models.weights.model_folders import hub_folder
from nast.tracing.probes import make_probes, roles
from nast.tracing.selectivity import negator_attention

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
    tower = model.text
    ids = torch.tensor([[0, 5, 3, 1, 1], [0, 3, 7, 9, 3]])
    assert tower.pooled_row(ids).tolist() == [2, 1]
    tower._end = 2
    assert tower.pooled_row(ids).tolist() == [1, 3]


def test_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_model(f"hf:{tmp_path}")


def test_weights_that_do_not_fit_are_refused(tiny_clip, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_clip, copy)
    weights = load_file(copy / "model.safetensors")
    del weights["text_model.final_layer_norm.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="final_layer_norm"):
        load_model(f"hf:{copy}")


def test_constant_buffers_of_old_files_are_let_through(tiny_clip, tmp_path):
    copy = changed(
        tiny_clip, tmp_path, {"text_model.embeddings.position_ids": torch.arange(64)[None]}
    )
    # Equal weights at another place of the memory: a kernel may add in another order there.
    vectors = [load_model(f"hf:{place}").encode_texts(TEXTS) for place in (copy, tiny_clip)]
    assert torch.allclose(*vectors, atol=1e-6)
    copy = changed(tiny_clip, tmp_path, {"text_model.extra": torch.zeros(2)})
    with pytest.raises(ModelError, match=r"1 unexpected .*text_model\.extra"):
        load_model(f"hf:{copy}")
    copy = changed(tiny_clip, tmp_path, {"visual_projection.weight": torch.zeros(3, 3)})
    with pytest.raises(ModelError, match="do not fit the CLIPModel"):
        load_model(f"hf:{copy}")


def changed(folder, tmp_path, tensors):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    weights = load_file(folder / "model.safetensors") | tensors
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


def test_old_weights_are_read_as_tensors_only(tiny_clip, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_clip, copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no \.safetensors"):
        load_model(f"hf:{copy}")
    torch.save(load_file(tiny_clip / "model.safetensors"), copy / "pytorch_model.bin")
    found, wanted = load_model(f"hf:{copy}"), load_model(f"hf:{tiny_clip}")
    assert torch.allclose(found.encode_texts(TEXTS), wanted.encode_texts(TEXTS), atol=1e-6)
    assert found.key != wanted.key


@pytest.mark.parametrize("name", ["siglip", "siglip2"])
@torch.no_grad()
def test_siglip_is_that_of_transformers(name, tmp_path):
    model = load_model(f"hf:{siglip(name)}")
    path = write_image(tmp_path / "a.png")
    pixels = model.pixels([Image.open(path).convert("RGB")])
    ids, mask = model.tokenize(TEXTS)
    assert ids.shape == (3, 40) and 0 < int(mask.sum()) < mask.numel()
    wanted = model.network(input_ids=ids, **pixels)
    cosines = model.encode_images([path]) @ model.encode_texts(TEXTS).T
    logits = model.logit_scale * cosines + model.logit_bias
    assert torch.allclose(logits, wanted.logits_per_image, atol=1e-4)
    assert (model.logit_scale, model.logit_bias) == (pytest.approx(7.389, abs=1e-3), -3)
    assert model.text.pooled_row(ids).tolist() == [39] * 3
    assert list(model.text_rules) == model.spec["text rules"] == ["lower"]
    assert torch.equal(model.encode_texts(["No EDEMA"]), model.encode_texts(["no edema"]))


def test_the_last_position_of_siglip_is_the_end():
    model = load_model(f"hf:{siglip('siglip')}")
    probe = make_probes(model, ["Edema", "Pneumonia"])[0][0]
    found = [r.role for r in roles(probe, model)]
    n = int(probe.mask.sum())
    assert found[: n - 1] == [
        "start",
        *["before cue"] * 2,
        "cue",
        *["finding"] * (n - 6),
        "full stop",
    ]
    assert found[n - 1 :] == ["padding"] * (40 - n) + ["end"]
    assert len(negator_attention(model, [probe])) == 3 * 4


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "no such folder, and not of the form OWNER/NAME"),
        ("nast-tests/no-such-model", r"the hub gives none .*hf download nast-tests/no-such-model"),
    ],
)
def test_a_place_that_is_neither_folder_nor_cached(place, message, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=message):
        load_model(f"hf:{place}")


@pytest.mark.parametrize(
    "place",
    [
        "../clip",
        "models/",
        "/models/clip",
        "a/b/c",
        "-a/b",
        ".a/b",
        "./a",
        "a//b",
        "",
        "a/..",
        "a b/c",
    ],
)
def test_a_mistyped_path_is_never_asked_of_the_hub(place, no_hub):
    with pytest.raises(ModelError, match="no such folder"):
        hub_folder(place)
    assert not no_hub


def test_a_mistyped_folder_of_a_folder_is_not_asked_of_the_hub(no_hub, tmp_path, monkeypatch):
    (tmp_path / "models" / "clip").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"models/ is one here, so the hub is not asked.*@main"):
        hub_folder("models/clpi")
    assert not no_hub
    with pytest.raises(ModelError, match="the hub gives none"):
        hub_folder("models/clpi@main")
    assert no_hub == [True, False], "the cache first, then the hub"


@pytest.mark.parametrize("offline", [True, False])
def test_the_hub_is_asked_for_what_is_not_cached_and_a_line_says_so(
    no_hub, offline, monkeypatch, tmp_path, caplog
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    with pytest.raises(ModelError, match="the hub gives none"):
        hub_folder("typo/name")
    said = "typo/name is neither a folder here nor in the cache: asking the Hugging Face hub for it"
    assert [said in line for line in caplog.messages] == ([] if offline else [True])


@pytest.mark.parametrize("place", ["a--b/c", "a/b..c", "a/b.git", "a/" + "b" * 200])
def test_ids_that_the_hub_has_never(place, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="the hub gives none"):
        hub_folder(place)


@pytest.fixture
def no_hub(monkeypatch):
    """A hub that has nothing; gives, for each request, whether only the cache was asked."""
    asked = []

    def nothing(*_, local_files_only, **__):
        asked.append(local_files_only)
        raise LocalEntryNotFoundError("nothing here")

    monkeypatch.setattr("huggingface_hub.snapshot_download", nothing)
    return asked


def test_a_hub_id_that_is_cached(tiny_clip, monkeypatch, tmp_path):
    snapshot = tmp_path / "models--someone--tiny" / "snapshots" / "abc123"
    shutil.copytree(tiny_clip, snapshot)
    refs = tmp_path / "models--someone--tiny" / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc123")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path))
    assert load_model("hf:someone/tiny").key == load_model(f"hf:{tiny_clip}").key


def test_a_folder_of_another_class(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelError, match=r"found model_type 'bert', expected one of clip, siglip"):
        load_model(f"hf:{tmp_path}")


@pytest.mark.parametrize("spec", ["", "hf:", "run:", "pad:", "pad:x", "two-tower:", "chat:x"])
def test_unknown_model_string(spec):
    with pytest.raises(UsageError, match="is not a model; write one of phantom"):
        load_model(spec)


def test_kinds_are_documented():
    assert set(KINDS) == {
        "phantom",
        "phantom-minilm",
        "hf:PLACE",
        "openclip:ARCH:FILE",
        "two-tower:SPEC.yaml",
        "run:FOLDER",
        "run:FOLDER@G",
        "pad:MODEL",
        "draft:MODEL",
    }


def test_a_pointer_in_the_place_of_weights_is_named(tiny_clip, tmp_path):
    folder = tmp_path / "clip"
    shutil.copytree(tiny_clip, folder)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (folder / "model.safetensors").write_text(pointer)
    with pytest.raises(ModelError, match=r"model\.safetensors: a pointer of Git LFS"):
        load_model(f"hf:{folder}")
