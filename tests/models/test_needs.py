"""What a model needs is named before anything is loaded, with where it comes from."""

import shutil

import pytest
import yaml
from test_model_export import make_run
from tiny_models import two_tower

from nast.cli import run
from nast.models.families.spec import SPECS
from nast.models.needs import needs_of
from nast.models.registry import load_model


def missing(spec):
    return {need.what: need.mend for need in needs_of(spec) if need.size is None}


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    """A hub's cache that holds nothing."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


def test_a_folder_of_transformers_has_weights_configuration_and_tokenizer(tiny_clip, tmp_path):
    found = {need.what: need for need in needs_of(f"CLIP=hf:{tiny_clip}")}
    assert set(found) == {"weights", "configuration", "tokenizer"}
    assert found["weights"].size == (tiny_clip / "model.safetensors").stat().st_size
    assert not missing(f"hf:{tiny_clip}")
    folder = shutil.copytree(tiny_clip, tmp_path / "half")
    (folder / "tokenizer.json").unlink()
    assert set(missing(f"hf:{folder}")) == {"tokenizer"}


def test_a_hub_name_that_is_not_cached_says_how_to_get_it():
    assert "`hf download openai/clip-vit-base-patch32`" in "".join(
        missing("hf:openai/clip-vit-base-patch32").values()
    )
    assert "hf download a/b`" in missing("pad:hf:a/b@main")["weights and tokenizer"]


def test_a_checkpoint_of_a_known_name_says_where_it_is_published(tmp_path):
    file = tmp_path / "negclip.pth"
    assert "Google Drive" in missing(f"openclip:ViT-B-32-quickgelu:{file}")["weights"]
    file.write_bytes(b"12345")
    (need,) = needs_of(f"openclip:ViT-B-32-quickgelu:{file}")
    assert (need.what, need.size) == ("weights", 5)
    absent = missing(f"openclip:BiomedCLIP:{tmp_path / 'biomed'}")
    assert set(absent) == {"weights", "tokenizer"}
    assert "BiomedBERT" in absent["tokenizer"]


def test_a_shipped_specification_names_its_files_and_its_tokenizer(tmp_path):
    """MedCLIP's tokenizer is one of the hub: the message says what to put where."""
    absent = missing(f"two-tower:{tmp_path / 'medclip-vit.yaml'}")
    named = yaml.safe_load((SPECS / "medclip-vit.yaml").read_text())["text"]["tokenizer"]
    assert set(absent) == {"weights", "tokenizer"}
    assert "github.com/RyanWangZf/MedCLIP" in absent["weights"]
    assert f"`hf download {named}`" in absent["tokenizer"]
    assert str(tmp_path / named) in absent["tokenizer"]


@pytest.mark.parametrize("place", ["owner/Some_BERT", "Some_BERT"])
def test_a_tokenizer_beside_the_weights_is_taken_before_the_hub(place, tmp_path):
    """The specification names one of the hub, and the hub is not asked."""
    spec = (
        shutil.copytree(two_tower("medclip-resnet").parent, tmp_path / "m") / "medclip-resnet.yaml"
    )
    said = yaml.safe_load(spec.read_text())
    inside = spec.parent / said["text"]["tokenizer"]
    said["text"]["tokenizer"] = "owner/Some_BERT"
    spec.write_text(yaml.safe_dump(said))
    assert set(missing(f"two-tower:{spec}")) == {"tokenizer"}
    target = spec.parent / place
    target.mkdir(parents=True)
    for file in [p for p in inside.iterdir() if p.is_file()]:
        shutil.copy(file, target)
    assert not missing(f"two-tower:{spec}")
    assert load_model(f"two-tower:{spec}").encode_texts(["no edema"]).shape[0] == 1


def test_a_run_needs_its_weights_and_its_base(tiny_clip, tmp_path):
    spec = make_run(f"hf:{tiny_clip}", tmp_path / "run")
    assert [need.what for need in needs_of(f"{spec}@0.5")] == [
        "run",
        "weights",
        "configuration",
        "tokenizer",
    ]
    shutil.rmtree(tmp_path / "run" / "lora")
    assert set(missing(spec)) == {"run"}


def test_a_run_that_is_not_there_is_not_the_working_folder(tiny_clip, tmp_path, monkeypatch):
    make_run(f"hf:{tiny_clip}", tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    (need,) = needs_of("run:elsewhere")
    assert (need.what, need.place, need.size) == ("run", "elsewhere", None)


def test_models_of_packages_need_nothing():
    assert needs_of("phantom") == needs_of("base=phantom-minilm") == []


def test_the_models_of_a_recipe_are_checked_at_once(tiny_clip, tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    text = f"phantom: {{patients: 60}}\nbase: CLIP=hf:{tiny_clip}\n"
    recipe.write_text(text)
    assert run(["models", "check", "--recipe", str(recipe)]) == 0
    said = capsys.readouterr().out
    assert "CLIP, traced and fine-tuned" in said and "everything is there" in said
    recipe.write_text(text + "rivals: {NegCLIP: openclip:ViT-B-32-quickgelu:no/negclip.pth}\n")
    assert run(["models", "check", "--recipe", str(recipe)]) == 1
    out, err = capsys.readouterr()
    assert "missing  no/negclip.pth" in out and "get it: NegCLIP: Google Drive" in out
    assert "1 parts of models missing" in err
    assert run(["models", "check"]) == 2
    assert run(["models", "check", "phantom", "--recipe", str(recipe)]) == 2
    recipe.write_text(text + "rivals: {NegCLIP: negclip.pth}\n")
    assert run(["models", "check", "--recipe", str(recipe)]) == 2
