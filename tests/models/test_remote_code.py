"""A folder's own code is never run, whatever its files ask for and whatever is typed."""

import ast
import builtins
import json
import shutil
from pathlib import Path

import pytest
import yaml
from test_model_export import make_run
from tiny_models import siglip, two_tower

import nast
from nast.errors import ModelError
from nast.folders import seal_folder
from nast.models.registry import load_model

EVIL = """
from pathlib import Path
Path({mark!r}).write_text("ran")

class Evil:
    def __init__(self, *given, **more):
        pass

    @classmethod
    def from_pretrained(cls, *given, **more):
        return cls()
"""
CODE = {
    name: "evil.Evil" for name in ("AutoConfig", "AutoModel", "AutoImageProcessor", "AutoProcessor")
}
CODE["AutoTokenizer"] = ["evil.Evil", "evil.Evil"]


@pytest.fixture(autouse=True)
def mark(tmp_path, monkeypatch):
    """The file that hostile code writes. Whoever asks a question is told yes, and found out."""
    asked = []
    monkeypatch.setattr(builtins, "input", lambda *_: asked.append(1) or "y")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ran"
    yield path
    assert not path.exists(), "the folder's code ran"
    assert not asked, "somebody was asked whether to run it"


def hostile(folder, file, mark, **more):
    (folder / "evil.py").write_text(EVIL.format(mark=str(mark)))
    path = folder / file
    said = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(said | {"auto_map": CODE} | more))


KINDS = {
    "config.json": {"model_type": "evil"},
    "preprocessor_config.json": {"image_processor_type": "Evil"},
    "tokenizer_config.json": {"tokenizer_class": "Evil"},
}


@pytest.mark.parametrize("file", KINDS)
@pytest.mark.parametrize("own", [False, True], ids=["beside a known class", "instead of one"])
def test_a_folder_of_transformers(file, own, mark, tmp_path):
    folder = tmp_path / "x"
    shutil.copytree(siglip("siglip"), folder)
    wanted = load_model(f"hf:{folder}").encode_texts(["no edema"])
    hostile(folder, file, mark, **(KINDS[file] if own else {}))
    try:
        found = load_model(f"hf:{folder}").encode_texts(["no edema"])
    except ModelError as error:
        assert own and "\n" not in str(error)
    else:
        # With a class of transformers named beside it, the code is left where it is.
        assert (found == wanted).all()


def test_a_processor_that_only_the_folder_knows(mark, tmp_path):
    folder = tmp_path / "x"
    shutil.copytree(siglip("siglip"), folder)
    hostile(folder, "preprocessor_config.json", mark, image_processor_type="Evil")
    with pytest.raises(ModelError, match="no image processor"):
        load_model(f"hf:{folder}")


@pytest.mark.parametrize("part", ["tokenizer", "text", "image"])
def test_a_specification(part, mark, tmp_path):
    shutil.copytree(two_tower("own-vit").parent, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "own-vit.yaml"
    spec = yaml.safe_load(file.read_text())
    if part == "tokenizer":
        hostile(tmp_path / "tokenizer", "tokenizer_config.json", mark, tokenizer_class="Evil")
        hostile(tmp_path / "tokenizer", "config.json", mark)
    else:
        folder = tmp_path / f"{part}-config"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(spec[part]["config"]))
        hostile(folder, "config.json", mark, model_type="evil")
        spec[part]["config"] = folder.name
        file.write_text(yaml.safe_dump(spec))
    load_model(f"two-tower:{file}").encode_texts(["no edema"])


@pytest.mark.parametrize("where", ["hf", "two-tower"])
def test_attention_of_the_hub_is_code_too(where, tmp_path):
    if where == "hf":
        shutil.copytree(siglip("siglip"), tmp_path / "x")
        file, place = tmp_path / "x/config.json", f"hf:{tmp_path / 'x'}"
        said = json.loads(file.read_text())
        said["text_config"]["_attn_implementation"] = "someone/kernel"
        file.write_text(json.dumps(said))
    else:
        shutil.copytree(two_tower("own-vit").parent, tmp_path, dirs_exist_ok=True)
        file = tmp_path / "own-vit.yaml"
        spec, place = yaml.safe_load(file.read_text()), f"two-tower:{file}"
        spec["text"]["config"]["attn_implementation"] = "someone/kernel"
        file.write_text(yaml.safe_dump(spec))
    with pytest.raises(ModelError, match="names code of the hub, which is not run"):
        load_model(place)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"auto_mapping": {"base_model_class": "Evil", "parent_library": "evil"}}, None),
        ({"base_model_name_or_path": "someone/evil", "revision": "main"}, None),
        ({"megatron_config": {"a": 1}, "megatron_core": "evil"}, "megatron_config is set"),
        ({"use_dora": True}, "use_dora is set"),
        ({"rank_pattern": {"q_proj": 4}}, "rank_pattern is set"),
        ({"modules_to_save": ["logit_scale"]}, "modules_to_save is set"),
        ({"peft_type": "XLORA"}, "no configuration of LoRA"),
        ({"target_modules": "nothing"}, "do not fit the base"),
        ({"r": 3}, "do not fit the base"),
        ({"r": "eight"}, "LoRA"),
        ({"target_modules": r".*text_model.*\.0\.self_attn\.q_proj"}, "do not fit"),
    ],
)
def test_lora_weights_of_a_run(change, words, mark, tiny_clip, tmp_path):
    folder = tmp_path / "run"
    place = make_run(f"hf:{tiny_clip}", folder)
    wanted = load_model(place).encode_texts(["no edema"])
    (tmp_path / "evil.py").write_text(EVIL.format(mark=str(mark)))
    file = folder / "lora/adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    seal_folder(folder, json.loads((folder / "manifest.json").read_text()))
    if words is None:
        assert (load_model(place).encode_texts(["no edema"]) == wanted).all()
        return
    with pytest.raises(ModelError, match=words) as error:
        load_model(place)
    assert "\n" not in str(error.value)


def calls(name):
    """Every call of a method in the package: file, and the words of the call."""
    for path in sorted(Path(nast.__file__).parent.rglob("*.py")):
        source = path.read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) == name:
                yield path, ast.get_source_segment(source, node)


@pytest.mark.parametrize(
    ("name", "expected", "least"),
    [
        ("from_pretrained", ("**SAFELY", "trust_remote_code=False", "where"), 5),
        ("load", ("weights_only=True",), 1),
    ],
)
def test_every_call_says_it(name, expected, least):
    found = [(p, c) for p, c in calls(name) if name != "load" or c.startswith("torch.load")]
    assert len(found) >= least
    assert not [(p.name, c) for p, c in found if not any(words in c for words in expected)]


def test_every_picture_is_opened_by_named_decoders():
    found = [(p, c) for p, c in calls("open") if c.startswith("Image.open")]
    assert found and not [(p.name, c) for p, c in found if "formats=" not in c]
