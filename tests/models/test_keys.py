"""The key of a model: of its files and settings alone, whatever was done before and wherever."""

import json
import os
import shutil
from pathlib import Path

import plain_clip
import pytest
import torch
from built import resealed
from safetensors.torch import load_file, save_file
from test_model_export import make_run
from test_openclip import BERT, IMAGE, bert_folder, config
from test_openclip_resnet_siglip import siglip_folder
from tiny_models import BERT as TINY_BERT
from tiny_models import TWO_TOWERS, siglip, two_tower, words, write_bert_tokenizer, write_image
from transformers import BertConfig, BertModel

from nast.files import read_json, write_json
from nast.models.families import minilm, openclip_config
from nast.models.families.openclip_config import Architecture
from nast.models.registry import load_model

TEXTS = ["No edema.", "There is no pleural effusion, and no severe left pneumonia is seen."]


@pytest.fixture
def small(monkeypatch):
    """ARCHs of the tiny sizes, for bare files."""
    layouts = openclip_config.ARCHITECTURES
    sizes = {"ViT-B-32": (128, 16), "CheXzero": (128, 16), "RN50": (4, 1), "BiomedCLIP": (64, 16)}
    quick = {"CheXzero": True, "BiomedCLIP": False}
    known = {n: Architecture(layouts[n].layout, s, quick.get(n)) for n, s in sizes.items()}
    monkeypatch.setattr(openclip_config, "ARCHITECTURES", layouts | known)
    monkeypatch.setattr(openclip_config, "CONTEXT", {"clip": 24, "bert": 30})


def bare(arch, weights):
    def write(folder):
        save_file(weights(), folder / "x.safetensors")
        return f"openclip:{arch}:{folder}/x.safetensors"

    return write


def with_bert(name, image):
    """The tensors of BiomedCLIP (`text`, `timm_image`) or of UniMed-CLIP."""
    made = plain_clip.Maker(3)
    made.bert(name, **BERT)
    getattr(made, image)(**IMAGE)
    return made.weights | {"logit_scale": torch.tensor(2.0)}


def beside_bert(arch, name, image):
    def write(folder):
        bert_folder(folder)
        return bare(arch, lambda: with_bert(name, image))(folder)

    return write


def clip_folder(folder, **text):
    config(folder, **text)
    save_file(plain_clip.clip_weights(), folder / "open_clip_model.safetensors")
    return f"openclip:local-dir:{folder}"


def own_words(folder):
    weights = plain_clip.clip_weights(vocabulary=20)
    bert_folder(folder)
    config(folder, hf_tokenizer_name="local", vocab_size=20)
    save_file(weights, folder / "open_clip_model.safetensors")
    return f"openclip:local-dir:{folder}"


def siglip_of_open_clip(folder):
    save_file(plain_clip.siglip_weights(), folder / "open_clip_model.safetensors")
    return siglip_folder(folder)


def copied(source, place):
    def write(folder):
        shutil.copytree(source(), folder, dirs_exist_ok=True)
        return place.format(folder=folder)

    return write


def padded_run(folder):
    place = siglip_of_open_clip(folder)
    return make_run(f"pad:{place}", folder / "run")


FAMILIES = {
    "siglip": copied(lambda: siglip("siglip"), "hf:{folder}"),
    "siglip2": copied(lambda: siglip("siglip2"), "hf:{folder}"),
    "openclip: bare": bare("ViT-B-32-quickgelu", plain_clip.clip_weights),
    "openclip: CheXzero": bare("CheXzero", lambda: plain_clip.clip_weights(grid=14)),
    "openclip: ResNet": bare("RN50-quickgelu", plain_clip.resnet_weights),
    "openclip: folder": clip_folder,
    "openclip: own tokenizer": own_words,
    "openclip: BiomedCLIP": beside_bert("BiomedCLIP", "text", "timm_image"),
    "openclip: UniMed-CLIP": beside_bert("UniMed-CLIP", "text_encoder", "clip_image"),
    "openclip: SigLIP": siglip_of_open_clip,
    **{
        n: copied(lambda n=n: two_tower(n).parent, f"two-tower:{{folder}}/{n}.yaml")
        for n in TWO_TOWERS
    },
    "pad:": lambda folder: f"pad:{clip_folder(folder)}",
    "run: of openclip": lambda folder: make_run(clip_folder(folder), folder / "run"),
    "run: of pad:": padded_run,
}
"""How a model of each family is written into a folder -> its MODEL string."""


def used(place, image):
    """A model that has read texts of several lengths, in every way, and an image."""
    model = load_model(place, "tiny")
    before = model.key
    model.encode_texts(TEXTS[:1])
    model.encode_texts(TEXTS)
    model.token_count(TEXTS[1] * 20)
    model.token_words(TEXTS[0])
    model.encode_images([image])
    assert model.key == before
    return model


def assert_key_stays(place, image):
    key = used(place, image).key
    for _ in range(2):
        # The tokenizer is padded and cut after the first pass, neither after the second.
        model = load_model(place)
        assert model.key == key
        model.encode_texts(TEXTS)
    model.token_count(TEXTS[0])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert load_model(place).key == key
    finally:
        torch.set_num_threads(threads)
    return key


@pytest.mark.parametrize("family", FAMILIES)
def test_a_key_is_of_files_and_settings(family, tmp_path, small, monkeypatch):
    image = write_image(tmp_path / "a.png")
    folder = tmp_path / "here"
    folder.mkdir()
    place = FAMILIES[family](folder)
    key = assert_key_stays(place, image)
    # Elsewhere, and named from another working folder.
    shutil.move(folder, tmp_path / "there")
    if family.startswith("run:"):
        recorded = read_json(tmp_path / "there/run/run.json")
        recorded["base"] = recorded["base"].replace(str(folder), str(tmp_path / "there"))
        write_json(tmp_path / "there/run/run.json", recorded)
        resealed(tmp_path / "there/run")
    monkeypatch.chdir(tmp_path / "there")
    assert load_model(place.replace(str(folder), str(tmp_path / "there"))).key == key
    if not family.startswith("run:"):
        assert load_model(place.replace(str(folder), ".")).key == key


def test_the_key_of_the_models_that_ship(tiny_clip, tmp_path, monkeypatch):
    image = write_image(tmp_path / "a.png")
    assert_key_stays("phantom", image)
    assert_key_stays(f"hf:{tiny_clip}", image)
    folder = tmp_path / "minilm"
    write_bert_tokenizer(folder)
    sizes = BertConfig(vocab_size=len(words()), **TINY_BERT | {"max_position_embeddings": 128})
    BertModel(sizes, add_pooling_layer=False).save_pretrained(folder)
    head = load_file(minilm.HEAD)
    rows = head["2.weight"].shape[0]
    head["2.weight"], head["2.bias"] = head["2.weight"][:32], head["2.bias"][:32]
    assert rows > 32
    save_file({k: v.contiguous() for k, v in head.items()}, tmp_path / "head.safetensors")
    monkeypatch.setattr(minilm, "minilm_folder", lambda: folder)
    monkeypatch.setattr(minilm.load_minilm, "__defaults__", (tmp_path / "head.safetensors",))
    assert_key_stays("phantom-minilm", image)


CHANGES = {
    "weights": ("openclip: own tokenizer", lambda f: flip(f / "open_clip_model.safetensors")),
    "tokenizer": ("openclip: own tokenizer", lambda f: swap_words(f / "tokenizer.json")),
    "settings": (
        "openclip: own tokenizer",
        lambda f: set_value(
            f / "open_clip_config.json", "preprocess_cfg", {"mean": [0.5, 0.4, 0.2]}
        ),
    ),
    "clean": ("openclip: SigLIP", lambda f: set_text(f, tokenizer_kwargs={"clean": "lower"})),
    "words": ("own-vit", lambda f: swap_lines(f / "tokenizer" / "vocab.txt")),
    "tower": ("own-vit", lambda f: flip(f / "image" / "model.safetensors")),
}


def flip(file):
    """The last bit of a file of tensors: a number of the last one."""
    content = bytearray(file.read_bytes())
    content[-4] ^= 1
    file.write_bytes(bytes(content))


def set_value(file, key, value):
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))


def set_text(folder, **values):
    said = json.loads((folder / "open_clip_config.json").read_text())
    said["model_cfg"]["text_cfg"] |= values
    (folder / "open_clip_config.json").write_text(json.dumps(said))


def swap_words(file):
    said = json.loads(file.read_text())
    table = said["model"]["vocab"]
    table["no"], table["edema"] = table["edema"], table["no"]
    file.write_text(json.dumps(said))


def swap_lines(file):
    lines = file.read_text().split("\n")
    lines[5], lines[6] = lines[6], lines[5]
    file.write_text("\n".join(lines))


@pytest.mark.parametrize("change", CHANGES)
def test_what_decides_a_vector_changes_the_key(change, tmp_path, small):
    family, edit = CHANGES[change]
    place = FAMILIES[family](tmp_path)
    before = load_model(place).key
    edit(tmp_path)
    assert load_model(place).key != before


@pytest.mark.parametrize("family", ["siglip", "own-vit", "openclip: own tokenizer"])
def test_what_decides_no_vector_leaves_the_key(family, tmp_path, small):
    """What an export or the hub's cache puts beside the files."""
    place = FAMILIES[family](tmp_path)
    before = load_model(place).key
    for folder in (tmp_path, tmp_path / "tokenizer"):
        if folder.is_dir():
            (folder / "README.md").write_text("A model.")
            write_json(folder / "manifest.json", {"inputs": {str(tmp_path): "0"}, "version": "9"})
    if family == "own-vit":
        # Weights that the cache holds now, and did not before.
        save_file({"a": torch.ones(1)}, tmp_path / "tokenizer" / "model.safetensors")
    assert load_model(place).key == before


def test_keys_do_not_hold_paths(tmp_path):
    """Two copies of one pair, the second named by absolute paths."""
    place = FAMILIES["own-vit"](tmp_path)
    file = Path(place.removeprefix("two-tower:"))
    text = file.read_text()
    for name in ("text.safetensors", "tokenizer"):
        text = text.replace(f": {name}\n", f": {tmp_path / name}\n")
    assert text.count(str(tmp_path)) == 2
    other = tmp_path / "other" / "spec.yaml"
    other.parent.mkdir()
    shutil.copytree(tmp_path / "image", other.parent / "image")
    other.write_text(text)
    assert load_model(f"two-tower:{os.path.relpath(other)}").key == load_model(place).key
