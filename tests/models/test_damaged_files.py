"""Every reader of a file of a model, with cut, flipped and foreign bytes: one line, or a model.

A file of numbers with another bit is still one; what its manifest or its own hash says is another
matter. No damage may end in an error of Python's, or in a message of several lines.
"""

import json
import random
import shutil
import warnings
from pathlib import Path

import plain_clip
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_model_export import make_run
from test_openclip import bert_folder, config
from test_openclip_resnet_siglip import siglip_folder
from tiny_models import siglip, two_tower, write_image

from nast.errors import NastError
from nast.folders import seal_folder
from nast.models.families.spec import read_spec
from nast.models.registry import load_model
from nast.models.weights.checkpoints import read_tensors

FOREIGN = {
    "empty": b"",
    "page": b"<!DOCTYPE html><html>not found</html>",
    "zeros": bytes(64),
    "list": b"[1, 2]",
    "table": b"{}",
    "text": b'"x"',
    "null": b"null",
    "number": b"3",
    "deep": b"[" * 100_000,
    "deep table": b'{"a":' * 50_000,
    "latin": b'{"a": "\xe9"}',
    "numbers as texts": b'{"model_type": 3, "text_config": "x", "vision_config": []}',
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
    "yaml tag": b"!!python/object/apply:os.system ['true']",
    "yaml loop": b"&a [*a]",
    "zip": b"PK\x05\x06" + bytes(18),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(30),
    "huge header": b"\xff\xff\xff\xff\xff\xff\xff\x7f{}",
}


BINARY = ("empty", "page", "zeros", "pointer", "zip", "huge header")
"""What takes the place of weights."""


def open_clip(folder):
    bert_folder(folder)
    config(folder, hf_tokenizer_name="local", vocab_size=20)
    file = folder / "open_clip_model.safetensors"
    save_file(plain_clip.clip_weights(vocabulary=20, width=64), file)
    said = json.loads((folder / "open_clip_config.json").read_text())
    said["model_cfg"]["vision_cfg"]["width"] = said["model_cfg"]["text_cfg"]["width"] = 64
    said["model_cfg"]["text_cfg"]["heads"] = 1
    (folder / "open_clip_config.json").write_text(json.dumps(said))
    return f"openclip:local-dir:{folder}"


def open_siglip(folder):
    save_file(plain_clip.siglip_weights(), folder / "open_clip_model.safetensors")
    return siglip_folder(folder)


def transformers(folder):
    shutil.copytree(siglip("siglip"), folder, dirs_exist_ok=True)
    return f"hf:{folder}"


def pickled(folder):
    transformers(folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return f"hf:{folder}"


def pair(name):
    def write(folder):
        shutil.copytree(two_tower(name).parent, folder, dirs_exist_ok=True)
        return f"two-tower:{folder}/{name}.yaml"

    return write


def run(folder):
    place = make_run(transformers(folder / "base"), folder / "run")
    return f"pad:{place}"


FAMILIES = {
    "hf": transformers,
    "hf .bin": pickled,
    "open_clip": open_clip,
    "open_clip's SigLIP": open_siglip,
    "pair": pair("own-dinov2"),
}


def tried(action, what):
    """What `action` makes, or None where it refused in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return action()
        except NastError as error:
            assert "\n" not in str(error) and len(str(error)) < 1500, what
        # An error of Python's names the mutation that leads to it.
        except BaseException as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    return None


def mutations(content, seed, flips):
    """Name -> other bytes."""
    draw = random.Random(seed)
    for part in (0.1, 0.5, 0.98):
        yield f"cut at {part}", content[: int(len(content) * part)]
    text = content.lstrip()[:1] in (b"{", b"[") or content[:1].isalpha()
    others = [(n, c) for n, c in FOREIGN.items() if text or n in BINARY]
    # Of two files of one kind each gets half of them.
    yield from others[seed % 2 :: 2] if text else others
    for n in range(flips):
        # Headers and settings stand at the beginning of a file.
        place = draw.randrange(min(len(content), 400 if n % 2 else len(content)))
        changed = bytearray(content)
        changed[place] ^= 1 << draw.randrange(8)
        yield f"bit at {place}", bytes(changed)


def files_of(folder, family):
    """Of a family that shares its other files with one before, the weights alone."""
    pattern = "*.bin" if family.endswith(".bin") else "*"
    return sorted(p for p in folder.rglob(pattern) if p.is_file())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_damaged_file_of_a_model(family, tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    place, image = FAMILIES[family](folder), write_image(tmp_path / "a.png")
    load_model(place)
    refused = 0
    for number, file in enumerate(files_of(folder, family)):
        whole = file.read_bytes()
        for name, content in mutations(whole, number, flips=4):
            file.write_bytes(content)
            what = f"{file.name}, {name}"
            model = tried(lambda: load_model(place), what)
            refused += model is None
            if model is not None:
                tried(lambda m=model: m.encode_texts(["no edema", "severe left effusion"]), what)
                tried(lambda m=model: m.encode_images([image]), what)
        file.unlink()
        tried(lambda: load_model(place), f"{file.name}, missing")
        file.write_bytes(whole)
    load_model(place)
    assert refused > 9


def test_a_run_whose_manifest_is_made_again_for_damaged_files(tmp_path):
    """As a copy by hand may be: its LoRA weights and its record are looked at all the same."""
    place, folder = run(tmp_path), tmp_path / "run"
    made = json.loads((folder / "manifest.json").read_text())
    for number, name in enumerate(
        ("run.json", "lora/adapter_config.json", "lora/adapter_model.safetensors")
    ):
        whole = (folder / name).read_bytes()
        for what, content in mutations(whole, number, flips=2):
            (folder / name).write_bytes(content)
            seal_folder(folder, made)
            tried(lambda: load_model(place), f"{name}, {what}")
            (folder / "manifest.json").write_text(json.dumps(made))
            tried(lambda: load_model(place), f"{name}, {what}, sealed")
        (folder / name).write_bytes(whole)
    seal_folder(folder, made)
    load_model(place)


WEIGHTS = {"visual.proj": torch.arange(6.0).reshape(2, 3), "logit_scale": torch.tensor(4.6)}


class Script(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("logit_scale", WEIGHTS["logit_scale"])

    def forward(self, x):
        return x + self.logit_scale


@pytest.mark.parametrize("kind", ["safetensors", "zip", "old", "script"])
def test_a_damaged_file_of_weights(kind, tmp_path):
    path = tmp_path / ("x.safetensors" if kind == "safetensors" else "x.pt")
    if kind == "safetensors":
        save_file(WEIGHTS, path)
    elif kind == "script":
        torch.jit.script(Script()).save(str(path))
    else:
        torch.save({"state_dict": WEIGHTS}, path, _use_new_zipfile_serialization=kind == "zip")
    for name, content in mutations(path.read_bytes(), 0, flips=150):
        path.write_bytes(content)
        tried(lambda: read_tensors(path), f"{kind}, {name}")


def test_a_damaged_specification(tmp_path):
    path = Path(pair("own-vit")(tmp_path).removeprefix("two-tower:"))
    for name, content in mutations(path.read_bytes(), 0, flips=60):
        path.write_bytes(content)
        tried(lambda: read_spec(path), name)
