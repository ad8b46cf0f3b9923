"""LoRA weights of peft alone are no model, and are called what they are."""

import shutil

import plain_clip
import pytest
import yaml
from safetensors.torch import save_file
from test_openclip import config
from tiny_models import two_tower

from nast.errors import ModelError
from nast.models.registry import load_model
from nast.training.lora import add_lora


@pytest.fixture(scope="module")
def adapter(tiny_clip, tmp_path_factory):
    """What `save_pretrained` of peft leaves."""
    model = load_model(f"hf:{tiny_clip}")
    add_lora(model, [2])
    folder = tmp_path_factory.mktemp("peft")
    model.network.save_pretrained(folder, save_embedding_layers=False)
    return folder


WORDS = r"LoRA weights of peft .*merge_and_unload\(\).*run:FOLDER"


@pytest.mark.parametrize(
    "place", ["hf:{}", "pad:hf:{}", "openclip:local-dir:{}", "openclip:ViT-B-32-quickgelu:{}"]
)
def test_a_folder_of_peft(place, adapter):
    with pytest.raises(ModelError, match=WORDS):
        load_model(place.format(adapter))


def test_beside_a_whole_model_it_is_still_refused(adapter, tiny_clip, tmp_path):
    """transformers would load the base that the adapter names, from wherever that is."""
    shutil.copytree(tiny_clip, tmp_path / "hf")
    (tmp_path / "open").mkdir()
    config(tmp_path / "open")
    save_file(plain_clip.clip_weights(), tmp_path / "open/open_clip_model.safetensors")
    for place in ("hf:{}/hf", "openclip:local-dir:{}/open"):
        load_model(place.format(tmp_path))
        folder = tmp_path / place.rpartition("/")[2]
        shutil.copy(adapter / "adapter_config.json", folder)
        with pytest.raises(ModelError, match=WORDS):
            load_model(place.format(tmp_path))


def test_in_a_specification(adapter, tmp_path):
    shutil.copytree(two_tower("own-vit").parent, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "own-vit.yaml"
    spec = yaml.safe_load(file.read_text())
    for given in (str(adapter), str(adapter / "adapter_model.safetensors")):
        spec["text"]["weights"] = given
        file.write_text(yaml.safe_dump(spec))
        with pytest.raises(ModelError, match=r"LoRA weights of peft.*merge_and_unload\(\)"):
            load_model(f"two-tower:{file}")


def test_the_file_alone(adapter):
    with pytest.raises(ModelError, match=r"LoRA weights of peft.*merge_and_unload\(\)"):
        load_model(f"openclip:ViT-B-32-quickgelu:{adapter / 'adapter_model.safetensors'}")
