"""Checkpoint files of every wrapping are read as data or refused."""

import argparse
import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from nast.errors import ModelError
from nast.models.checkpoints import read_tensors, read_weights, recognise
from nast.models.torchscript import has_quick_gelu, is_torchscript

WEIGHTS = {"visual.proj": torch.arange(6.0).reshape(2, 3), "logit_scale": torch.tensor(4.6)}


def assert_read(path):
    found = read_tensors(path)
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[k].float(), WEIGHTS[k]) for k in WEIGHTS)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: w,
        lambda w: {"state_dict": w, "epoch": 3, "optimizer": {"state": {}}},
        lambda w: {"model": w, "args": argparse.Namespace(lr=1e-6, name="conclip")},
        lambda w: {"state_dict": {f"module.{k}": v for k, v in w.items()}},
        lambda w: {"model": {"state_dict": w}},
    ],
    ids=["bare", "state_dict", "Namespace", "module.", "nested"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_containers(wrap, zipped, tmp_path):
    path = tmp_path / "x.pt"
    torch.save(wrap(WEIGHTS), path, _use_new_zipfile_serialization=zipped)
    assert_read(path)


def test_safetensors(tmp_path):
    save_file(WEIGHTS, tmp_path / "x.safetensors")
    assert_read(tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"\x00" * 30)
    with pytest.raises(ModelError, match="a broken safetensors file"):
        read_tensors(tmp_path / "x.safetensors")


def test_half_precision_becomes_single(tmp_path):
    torch.save({k: v.half() for k, v in WEIGHTS.items()}, tmp_path / "x.pt")
    assert read_weights(tmp_path / "x.pt")["visual.proj"].dtype == torch.float32


class Scripted(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Module()
        self.visual.register_parameter("proj", torch.nn.Parameter(WEIGHTS["visual.proj"]))
        self.register_buffer("logit_scale", WEIGHTS["logit_scale"])
        self.sizes = [3, 4]

    def forward(self, x):
        return x * torch.sigmoid(1.702 * x) + self.logit_scale + self.sizes[0]


def test_torchscript_is_read_without_running_it(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    torch.jit.script(Scripted()).save(str(path))
    monkeypatch.setattr(torch.jit, "load", None)
    assert is_torchscript(path) and has_quick_gelu(path)
    assert_read(path)


class Evil:
    def __reduce__(self):
        return (print, ("the file ran",))


def test_a_file_that_wants_to_run_code(tmp_path, capsys):
    path = tmp_path / "x.pt"
    torch.save({"state_dict": WEIGHTS, "callback": Evil()}, path)
    with pytest.raises(ModelError, match=r"wants to run code .*print"):
        read_tensors(path)
    archive = tmp_path / "y.pt"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("y/data.pkl", pickle.dumps(Evil()))
        file.writestr("y/constants.pkl", b"")
    assert is_torchscript(archive)
    with pytest.raises(ModelError, match=r"cannot be read without running it .*builtins\.print"):
        read_tensors(archive)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>Google Drive - Virus scan warning", "a web page instead"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "a pointer of Git LFS"),
        (b"PK\x03\x04 cut short", "fetch it again|is damaged"),
        (b"", "fetch it again|is damaged"),
    ],
)
def test_what_a_download_can_be_instead(content, words, tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words):
        read_tensors(path)


def test_missing_or_empty(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        read_tensors(tmp_path / "x.pt")
    torch.save({"weights": {"a": 1}, "epoch": 2}, tmp_path / "x.pt")
    with pytest.raises(ModelError, match="no tensors; first keys: weights, epoch"):
        read_tensors(tmp_path / "x.pt")
    torch.save([1, 2], tmp_path / "x.pt")
    with pytest.raises(ModelError, match="holds a list"):
        read_tensors(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["visual.trunk.layer1.0.conv1.weight"], "first keys: visual.trunk.layer1"),
        (["backbone.a", "head.b"], "image tower is of no known layout; first keys: backbone.a"),
        (["visual.conv1.weight", "visual.class_embedding", "encoder.x"], "text tower is of no"),
    ],
)
def test_unknown_layouts_list_what_was_found(keys, words, tmp_path):
    with pytest.raises(ModelError, match=words) as error:
        recognise(dict.fromkeys(keys, torch.ones(1)), tmp_path / "x.pt")
    assert "Known: image tower: visual.conv1.weight" in str(error.value)
