"""Exports load in the software they are for, give the same vectors, and carry the data's terms."""

import json
from pathlib import Path

import pytest
import torch
from built import resealed
from peft import PeftModel
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

import nast.cli
from nast.errors import ModelError, UsageError
from nast.files import manifest_of, read_json, write_json
from nast.models.images import open_image
from nast.models.model_export import export_model
from nast.models.registry import PHANTOM, load_model, located, quiet
from nast.models.weights.clip_layout import OPENAI, to_transformers
from nast.training.lora import add_lora

TEXTS = ["There is no pneumothorax.", "There is severe edema.", "Small left pleural effusion."]
RUN = {"stage": "train", "objective": "nast", "layers": "uniform", "seed": 0}
TERMS = "PhysioNet Credentialed Health Data Use Agreement 1.5.0"


def make_run(base, folder, access="credentialed"):
    """What nast train leaves, with LoRA weights that change something."""
    model = load_model(base)
    add_lora(model, [2, 4])
    torch.manual_seed(0)
    for name, parameter in model.network.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.1)
    model.network.save_pretrained(folder / "lora", save_embedding_layers=False)
    write_json(folder / "run.json", {"base": base, "base_key": model.key})
    resealed(folder, access=access, terms=[TERMS], config=RUN)
    return f"run:{folder}"


@pytest.fixture(scope="module")
def run(tiny_clip, tmp_path_factory):
    return make_run(f"hf:{tiny_clip}", tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize("chosen", [False, True], ids=["asked", "chosen"])
@pytest.mark.parametrize("g", [0, 0.3, 1])
def test_a_share_of_a_run_lies_between_its_base_and_the_run(tiny_clip, g, chosen, tmp_path):
    """The weights are base + g (run - base), in the model and in both exports of it."""
    run = make_run(f"hf:{tiny_clip}", tmp_path / "run")
    if chosen:
        resealed(tmp_path / "run", g=g)
    spec = run if chosen else f"{run}@{g}"
    base, whole, model = (load_model(m) for m in (f"hf:{tiny_clip}", f"{run}@1", spec))
    ends = [
        dict(m.network.merge_and_unload().state_dict() if m is whole else m.network.state_dict())
        for m in (base, whole)
    ]
    texts = model.encode_texts(TEXTS)
    for to in ("peft", "hf"):
        export_model(model, to, tmp_path / to)
    between = load_model(f"hf:{tmp_path / 'hf'}").network.state_dict()
    for name, weight in ends[0].items():
        wanted = weight + g * (ends[1][name] - weight)
        assert torch.allclose(between[name], wanted, atol=1e-6), name
    with quiet():
        network = PeftModel.from_pretrained(CLIPModel.from_pretrained(tiny_clip), tmp_path / "peft")
    for name, weight in network.merge_and_unload().state_dict().items():
        assert torch.allclose(between[name], weight, atol=1e-6), name
    if g == 0:
        assert torch.equal(texts, base.encode_texts(TEXTS))
    assert (model.key == whole.key) is (g == 1)
    assert (model.g, model.name) == (g, "LoRA uniform" + ("" if chosen else f" @{g:g}"))


def test_a_share_is_one_and_a_folder_is_taken_by_its_name(run, tiny_clip, tmp_path):
    for share in ("1.5", "2"):
        with pytest.raises(UsageError, match=r"from 0 \(the base\) to 1"):
            load_model(f"{run}@{share}")
    odd = tmp_path / "run@0.5"
    odd.mkdir()
    assert load_model(make_run(f"hf:{tiny_clip}", odd)).g == 1
    assert load_model(f"run:{odd}@0.25").g == 0.25
    assert located(f"run:{odd}") == f"run:{odd}"
    assert located(f"pad:run:{odd}@0.25") == f"pad:run:{odd}@0.25"


def test_a_run_on_a_share_of_a_run_finds_its_base(run, tmp_path, monkeypatch):
    place = Path(run.removeprefix("run:"))
    monkeypatch.chdir(place.parent)
    base = f"run:{place.name}@0.5"
    assert located(base) == f"{run}@0.5"
    top = make_run(base, tmp_path / "top")
    record = read_json(tmp_path / "top" / "run.json")
    write_json(tmp_path / "top" / "run.json", record | {"base_at": located(base)})
    resealed(tmp_path / "top", access="open", terms=[], config=RUN)
    monkeypatch.chdir(tmp_path)
    assert load_model(top).g == 1


@pytest.fixture(scope="module")
def image(phantom):
    return sorted(phantom.rglob("*.jpg"))[0]


def test_hf_loads_in_plain_transformers(run, tiny_clip, image, tmp_path):
    model = load_model(run)
    texts, images = model.encode_texts(TEXTS), model.encode_images([image])
    assert (texts - load_model(f"hf:{tiny_clip}").encode_texts(TEXTS)).abs().max() > 1e-3
    export_model(model, "hf", tmp_path / "out")
    assert torch.allclose(model.encode_texts(TEXTS), texts, atol=1e-5), "merged in place"

    plain = CLIPModel.from_pretrained(tmp_path / "out").eval()
    batch = AutoTokenizer.from_pretrained(tmp_path / "out")(
        TEXTS, padding=True, return_tensors="pt"
    )
    found = torch.nn.functional.normalize(
        plain.get_text_features(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        ).pooler_output
    )
    assert torch.allclose(found, texts, atol=1e-5)
    pixels = AutoImageProcessor.from_pretrained(tmp_path / "out", backend="pil")(
        open_image(image), return_tensors="pt"
    )
    found = torch.nn.functional.normalize(plain.get_image_features(**pixels).pooler_output)
    assert torch.allclose(found, images, atol=1e-5)
    assert torch.allclose(
        load_model(f"hf:{tmp_path / 'out'}").encode_texts(TEXTS), texts, atol=1e-5
    )


@pytest.mark.parametrize("to", ["hf", "open-clip", "peft"])
def test_policy_and_terms_travel(to, run, tmp_path):
    export_model(load_model(run), to, tmp_path / "out")
    manifest = manifest_of(tmp_path / "out")
    assert manifest["access"] == "credentialed" and manifest["terms"] == [TERMS]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "**credentialed**" in card and TERMS in card and "not a medical device" in card
    assert json.loads((tmp_path / "out" / "model.json").read_text())["family"] == "hf"


def test_open_clip_folder_comes_back_equal(run, image, tmp_path):
    model = load_model(run)
    texts, images = model.encode_texts(TEXTS), model.encode_images([image])
    export_model(model, "open-clip", tmp_path)
    again = load_model(f"openclip:local-dir:{tmp_path}")
    assert torch.allclose(again.encode_texts(TEXTS), texts, atol=1e-6)
    assert torch.allclose(again.encode_images([image]), images, atol=1e-6)
    assert again.logit_scale == pytest.approx(model.logit_scale)
    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert "visual.conv1.weight" in checkpoint["state_dict"]
    assert "--force-quick-gelu" in (tmp_path / "README.md").read_text()


def test_conversion_and_its_inverse_are_exact():
    state = CLIPModel.from_pretrained(PHANTOM, dtype=torch.float32).state_dict()
    back = to_transformers(OPENAI.back(state))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[k], state[k]) for k in state)


def test_peft_loads_on_its_base(run, tiny_clip, tmp_path):
    model = load_model(run)
    texts = model.encode_texts(TEXTS)
    export_model(model, "peft", tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_clip)
    assert_peft(tmp_path, config, model, texts)
    assert torch.equal(model.encode_texts(TEXTS), texts)


def assert_peft(folder, config, model, texts):
    base = CLIPModel.from_pretrained(config["base_model_name_or_path"])
    with quiet():
        plain = PeftModel.from_pretrained(base, folder).eval()
    ids, mask = model.tokenize(TEXTS)
    found = plain.get_text_features(input_ids=ids, attention_mask=mask).pooler_output
    assert torch.allclose(torch.nn.functional.normalize(found), texts, atol=1e-5)


def test_lora_on_a_checkpoint_brings_its_base(run, tmp_path):
    export_model(load_model(run), "open-clip", tmp_path / "base")
    top = make_run(f"openclip:local-dir:{tmp_path / 'base'}", tmp_path / "run", "open")
    model = load_model(top)
    texts = model.encode_texts(TEXTS)
    export_model(model, "peft", tmp_path / "out")
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert Path(config["base_model_name_or_path"]) == tmp_path / "out" / "base"
    assert_peft(tmp_path / "out", config, model, texts)


def test_refusals(tiny_clip, tmp_path):
    model = load_model(f"hf:{tiny_clip}")
    with pytest.raises(UsageError, match="no LoRA weights"):
        export_model(model, "peft", tmp_path / "a")
    with pytest.raises(UsageError, match="choose hf, open-clip, peft"):
        export_model(model, "onnx", tmp_path / "b")
    model.network.config.text_config.hidden_act = "gelu"
    with pytest.raises(ModelError, match="not with gelu and quick_gelu"):
        export_model(model, "open-clip", tmp_path / "c")


def test_command(tmp_path, capsys):
    assert nast.cli.run(["models", "export", "phantom", "--to", "hf", "-o", str(tmp_path)]) == 0
    assert "access class open" in capsys.readouterr().out
    assert (tmp_path / "model.safetensors").is_file()
    assert "No data of nast" in (tmp_path / "README.md").read_text()
