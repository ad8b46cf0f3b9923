"""A tokenizer or preprocessing that is missing or is another model's is refused."""

import json
import shutil

import plain_clip
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from test_openclip import bert_folder, config
from test_openclip_resnet_siglip import siglip_folder
from tiny_models import siglip, two_tower
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from nast.errors import ModelError
from nast.models.registry import PHANTOM, load_model


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def only(folder, *words, pad="<pad>"):
    """A tokenizer that knows these words, and one token for all others."""
    table = {word: n for n, word in enumerate(("<unk>", "<pad>", "<end>", *words))}
    tokenizer = Tokenizer(models.WordLevel(table, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, unk_token="<unk>", eos_token="<end>"
    ).save_pretrained(folder)


def families(folder, tiny_clip):
    """Folder of the tokenizer, and MODEL, of one model of each kind."""
    places = {}
    for name, source in (("clip", tiny_clip), ("siglip", siglip("siglip"))):
        shutil.copytree(source, folder / name)
        places[name] = (folder / name, f"hf:{folder / name}")
    shutil.copytree(two_tower("own-vit").parent, folder / "pair")
    places["two-tower"] = (folder / "pair/tokenizer", f"two-tower:{folder / 'pair/own-vit.yaml'}")
    (folder / "open").mkdir()
    bert_folder(folder / "open")
    config(folder / "open", hf_tokenizer_name="local", vocab_size=20)
    weights = plain_clip.clip_weights(vocabulary=20)
    save_file(weights, folder / "open/open_clip_model.safetensors")
    places["openclip"] = (folder / "open", f"openclip:local-dir:{folder / 'open'}")
    (folder / "open-siglip").mkdir()
    place = siglip_folder(folder / "open-siglip")
    save_file(plain_clip.siglip_weights(), folder / "open-siglip/open_clip_model.safetensors")
    places["open siglip"] = (folder / "open-siglip", place)
    return places


KINDS = ("clip", "siglip", "two-tower", "openclip", "open siglip")


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_that_tells_no_texts_apart(kind, tiny_clip, tmp_path):
    folder, place = families(tmp_path, tiny_clip)[kind]
    for prefix in ("", "pad:"):
        load_model(prefix + place)
    (folder / "vocab.txt").unlink(missing_ok=True)
    only(folder)
    for prefix in ("", "pad:"):
        with pytest.raises(ModelError, match="tokenizer: "):
            load_model(prefix + place)
    # One word of the three that differ is as good as none: "no edema" is "severe edema".
    only(folder, "effusion", "edema")
    with pytest.raises(ModelError, match=r"equal .* of 'severe edema' and 'no edema'"):
        load_model(place)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_whose_files_are_missing(kind, tiny_clip, tmp_path):
    folder, place = families(tmp_path, tiny_clip)[kind]
    for name in ("tokenizer.json", "vocab.txt"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(ModelError, match=r"no tokenizer.*vocab\.txt|no tokenizer\.json or vocab"):
        load_model(place)


@pytest.mark.parametrize("names", [["tokenizer.json"], ["tokenizer.json", "tokenizer_config.json"]])
def test_a_clip_without_its_vocabulary(names, tmp_path):
    """transformers makes a CLIPTokenizer without words of it: every text is start and end."""
    shutil.copytree(PHANTOM, tmp_path / "x")
    for name in names:
        (tmp_path / "x" / name).unlink()
    found = "none of its files" if len(names) == 2 else "tokenizer_config.json"
    with pytest.raises(ModelError, match=f"no tokenizer: found {found}, expected tokenizer.json"):
        load_model(f"hf:{tmp_path / 'x'}")
    # Half of a pair of files is none.
    (tmp_path / "x/vocab.json").write_text('{"a": 0}')
    with pytest.raises(ModelError, match=r"vocab\.json, expected .*vocab\.json with merges\.txt"):
        load_model(f"hf:{tmp_path / 'x'}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_with_more_words_than_the_model(kind, tiny_clip, tmp_path):
    folder, place = families(tmp_path, tiny_clip)[kind]
    (folder / "vocab.txt").unlink(missing_ok=True)
    only(folder, "no", "severe", "edema", "effusion", *(f"w{n}" for n in range(900)))
    with pytest.raises(ModelError, match=r"tokenizer: .*9\d\d? .*embeddings"):
        load_model(place)


def test_padding_beyond_the_embeddings(tiny_clip, tmp_path):
    """A special token that the vocabulary lacks gets a new id behind it."""
    folder, place = families(tmp_path, tiny_clip)["openclip"]
    file = folder / "tokenizer_config.json"
    file.write_text(file.read_text().replace("[PAD]", "[OTHER]"))
    with pytest.raises(ModelError, match="tokenizer: BertTokenizer has ids up to 20 and the model"):
        load_model(place)


def test_a_tokenizer_with_far_fewer_words_is_asked_about(tiny_clip, tmp_path):
    folder, place = families(tmp_path, tiny_clip)["siglip"]
    only(folder, "no", "severe", "edema", "effusion")
    with pytest.warns(UserWarning, match="has 7 tokens and the model 554 embeddings"):
        load_model(place)


def test_an_end_token_that_stands_before_the_text(tiny_clip, tmp_path):
    """A causal tower that reads its first position has seen nothing of the text."""
    folder, place = families(tmp_path, tiny_clip)["clip"]
    said = json.loads((folder / "config.json").read_text())
    for end in (2, 400):
        # 2 keeps its old meaning, the largest id of a row.
        said["text_config"]["eos_token_id"] = end
        (folder / "config.json").write_text(json.dumps(said))
        if end == 2:
            load_model(place)
            continue
        with pytest.raises(ModelError, match="up to the token that the model reads"):
            load_model(place)


def test_a_tokenizer_that_cannot_pad(tiny_clip, tmp_path):
    folder, place = families(tmp_path, tiny_clip)["siglip"]
    only(folder, "no", "severe", "edema", "effusion", pad=None)
    with pytest.raises(ModelError, match=r"cannot read a text: ValueError: .*padding token"):
        load_model(place)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_preprocessing_of_another_model(kind, tiny_clip, tmp_path):
    folder, place = families(tmp_path, tiny_clip)[kind]
    file = folder / "preprocessor_config.json"
    whole = file.read_text()
    for values, words in (
        (
            {"size": {"height": 64, "width": 64}, "crop_size": {"height": 64, "width": 64}},
            r"shape \(3, 64, 64\) and the image tower takes",
        ),
        ({"do_resize": False, "do_center_crop": False}, r"shape \(3, 50, 70\)"),
        ({"image_mean": "grey"}, "preprocessing: ValueError"),
        ({"image_mean": [0.5]}, "preprocessing: ValueError"),
        ({"size": "big"}, "no image processor"),
        ({"image_processor_type": "Wrong"}, "no image processor"),
    ):
        file.write_text(whole)
        change(file, **values)
        with pytest.raises(ModelError, match=words) as error:
            load_model(place)
        assert "\n" not in str(error.value)
    file.unlink()
    with pytest.raises(ModelError, match=r"no preprocessor_config\.json, which says how images"):
        load_model(place)


def test_preprocessing_of_another_size_in_a_specification(tmp_path):
    shutil.copytree(two_tower("own-vit").parent, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "own-vit.yaml"
    spec = yaml.safe_load(file.read_text())
    spec["preprocessing"]["size"] = 48
    file.write_text(yaml.safe_dump(spec))
    with pytest.raises(ModelError, match=r"shape \(3, 48, 48\) .* takes \(3, 32, 32\)"):
        load_model(f"two-tower:{file}")


def test_a_scale_that_is_a_list_of_one(tiny_clip, tmp_path):
    """Older code saved CLIP's scale with a shape, newer code SigLIP's without one."""
    for name, source in (("clip", tiny_clip), ("siglip", siglip("siglip"))):
        folder = tmp_path / name
        shutil.copytree(source, folder)
        weights = load_file(folder / "model.safetensors")
        wanted = load_model(f"hf:{source}")
        other = {
            k: v.reshape(() if v.dim() else (1,))
            for k, v in weights.items()
            if k in ("logit_scale", "logit_bias")
        }
        assert other
        save_file(weights | other, folder / "model.safetensors", metadata={"format": "pt"})
        found = load_model(f"hf:{folder}")
        assert (found.logit_scale, found.logit_bias) == (wanted.logit_scale, wanted.logit_bias)
        (folder / "model.safetensors").unlink()
        torch.save(weights | other, folder / "pytorch_model.bin")
        assert load_model(f"hf:{folder}").logit_scale == wanted.logit_scale
        save_file(
            weights | {"logit_scale": torch.ones(2)},
            folder / "model.safetensors",
            metadata={"format": "pt"},
        )
        with pytest.raises(ModelError, match=r"logit_scale has shape \[2\], expected \["):
            load_model(f"hf:{folder}")


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_no_numbers(kind, tiny_clip, tmp_path):
    folder, model = families(tmp_path, tiny_clip)[kind]
    file = sorted((folder if kind != "two-tower" else folder.parent).rglob("*.safetensors"))[0]
    weights = load_file(file)
    name = max(weights, key=lambda n: weights[n].ndim)
    save_file(weights | {name: torch.full_like(weights[name], torch.nan)}, file)
    with pytest.raises(ModelError, match="no numbers"):
        load_model(model)
