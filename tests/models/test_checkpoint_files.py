"""Checkpoint files of every wrapping are read as data or refused."""

import argparse
import pickle
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nast.errors import ModelError
from nast.models.weights.checkpoints import read_tensors, read_weights, recognise
from nast.models.weights.numpy_names import BOXED
from nast.models.weights.torchscript import has_quick_gelu, is_torchscript

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
        lambda w: {"model_state_dict": w, "optimizer_state_dict": {"state": {0: w}}},
        lambda w: {f"_orig_mod.{k}": v for k, v in w.items()},
        lambda w: {"state_dict": {f"module._orig_mod.{k}": v for k, v in w.items()}},
        lambda w: {"model": {f"_orig_mod.module.{k}": v for k, v in w.items()}},
        lambda w: {k.replace("visual.", "visual._orig_mod."): v for k, v in w.items()},
        lambda w: {"n_averaged": torch.tensor(9), **{f"module.{k}": v for k, v in w.items()}},
        lambda w: {"ema": {"module": w}, "epoch": 3},
        lambda w: {"generator": w, "optim_g": {"state": {0: w}}, "epoch": 3},
        lambda w: {"model": "ViT-B-32", "config": {"width": 3}, "state_dict": w},
        lambda w: {"model": {"width": 3}, "weights": w},
        lambda w: {f"_fsdp_wrapped_module._orig_mod.{k}": v for k, v in w.items()},
        lambda w: {"state_dict": w, "root": Path("a"), "at": datetime.now(UTC), "id": uuid4()},
    ],
    ids=[
        "bare",
        "state_dict",
        "Namespace",
        "module.",
        "nested",
        "model_state_dict",
        "compiled",
        "compiled in parallel",
        "parallel, compiled",
        "compiled tower",
        "mean",
        "ema",
        "own name",
        "model is a name",
        "model is a table of settings",
        "sharded",
        "settings",
    ],
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


VALUES = {
    "float64": np.float64(0.5),
    "float32": np.float32(0.5),
    "int": np.int64(3),
    "bool": np.bool_(True),
    "text": np.str_("b32"),
    "time": np.datetime64("2024-01-01"),
    "array": np.arange(6.0).reshape(2, 3),
    "record": np.zeros(2, dtype=[("a", "f4"), ("b", "i8")]),
    "dtype": np.dtype("float32"),
    "type": np.float32,
    "dtype's class": type(np.dtype("f8")),
    "objects": np.array([None, "a", 3], dtype=object),
    "generator": np.random.default_rng(0).bit_generator.state,
    "old generator": np.random.RandomState(0).get_state(),
    "key": {np.int64(3): {"best": [np.float64(0.25)]}},
}


@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", VALUES)
def test_values_of_numpy_are_data(name, zipped, core, tmp_path):
    """As numpy 1 and numpy 2 call their core."""
    path = tmp_path / "x.pt"
    torch.save(
        {"best": VALUES[name], "state_dict": WEIGHTS}, path, _use_new_zipfile_serialization=zipped
    )
    rename(path, b"numpy._core", core.encode(), zipped)
    assert_read(path)
    assert not set(BOXED) & set(torch.serialization.get_safe_globals()), "it is for this file alone"


def rename(path, old, new, zipped):
    """The same file under another name of a module; names end at a line's end in it."""
    if not zipped:
        path.write_bytes(path.read_bytes().replace(old, new))
        return
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content.replace(old, new) if "data.pkl" in name else content)


SCALAR = np.float64(1).__reduce__()[0]


class Scalar:
    """A numpy scalar of any dtype and content, as a hostile file may hold it."""

    def __init__(self, *content):
        self.content = content

    def __reduce__(self):
        return (SCALAR, self.content)


class WildType:
    """A dtype with a state that would tell numpy to take plain bytes for objects."""

    def __reduce__(self):
        state = (3, "|", None, ("a",), {"a": (np.dtype("u8"), 0)}, 8, 1, 63)
        return (np.dtype, ("V8", False, True), state)


def test_what_hides_in_values_of_numpy(tmp_path, capsys):
    path = tmp_path / "x.pt"
    for value in (np.array([Evil()], dtype=object), Scalar(np.dtype("O"), Evil())):
        torch.save({"state_dict": WEIGHTS, "best": value}, path)
        with pytest.raises(ModelError, match=r"wants to run code .*print"):
            read_tensors(path)
    for value in (Scalar(WildType(), b"\0" * 8), Scalar(np.dtype("f8"), b"short"), Scalar()):
        torch.save({"state_dict": WEIGHTS, "best": value}, path)
        assert_read(path)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        "numpy.load",
        "numpy.memmap",
        "numpy.core.multiarray.fromfile",
        "numpy.testing.runstring",
        "numpy.f2py.compile",
    ],
)
def test_other_names_of_numpy_are_refused(name, tmp_path):
    module, _, function = name.rpartition(".")
    content = b"\x80\x02c" + f"{module}\n{function}\n".encode() + b")R."
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as file:
        file.writestr("x/data.pkl", content)
        file.writestr("x/version", b"3")
        file.writestr("x/byteorder", b"little")
    with pytest.raises(ModelError, match=rf"wants to run code .*{name}"):
        read_tensors(tmp_path / "x.pt")


def test_weights_beside_their_mean(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"model": WEIGHTS, "model_ema": {k: v + 1 for k, v in WEIGHTS.items()}}, path)
    with pytest.warns(UserWarning, match="under model and a mean of them under model_ema; model"):
        assert_read(path)


def test_two_tensors_of_one_name(tmp_path):
    torch.save(WEIGHTS | {"_orig_mod.visual.proj": torch.zeros(2, 3)}, tmp_path / "x.pt")
    with pytest.raises(ModelError, match="two tensors of one name"):
        read_tensors(tmp_path / "x.pt")


def test_a_table_within_itself(tmp_path):
    whole = {"state_dict": {}}
    whole["state_dict"]["state_dict"] = whole
    torch.save(whole, tmp_path / "x.pt")
    with pytest.raises(ModelError, match="no tensors"):
        read_tensors(tmp_path / "x.pt")


def test_weights_of_an_adapter_are_named(tmp_path):
    name = "base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight"
    save_file({name: torch.ones(2, 3)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=r"LoRA weights of peft.*merge_and_unload.*run:FOLDER"):
        read_tensors(tmp_path / "adapter_model.safetensors")


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
    for name in ("x.pt", "x.safetensors"):
        path = tmp_path / name
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


@pytest.mark.parametrize("name", ["model.", "clip.", "model._orig_mod.", "model.module."])
def test_a_model_within_a_training_module(name, tmp_path):
    torch.save({"state_dict": {name + k: v for k, v in WEIGHTS.items()}}, tmp_path / "x.ckpt")
    assert read_weights(tmp_path / "x.ckpt").keys() == WEIGHTS.keys()


@pytest.mark.parametrize(
    "changed",
    [
        lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8),
        lambda v: v.to_sparse(),
        lambda v: v.int(),
        lambda v: v.to("meta"),
        lambda v: v.to(torch.complex64),
    ],
)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_weights_of_another_kind_are_named(changed, tmp_path):
    torch.save(WEIGHTS | {"visual.proj": changed(WEIGHTS["visual.proj"])}, tmp_path / "x.pt")
    with pytest.raises(ModelError, match=r"x\.pt: visual\.proj holds .* floating-point"):
        read_weights(tmp_path / "x.pt")


def test_no_message_says_how_to_let_code_run(tmp_path):
    torch.save({"callback": Evil()}, tmp_path / "x.pt")
    (tmp_path / "y.pt").write_bytes(b"x" * 600)
    for name in ("x.pt", "y.pt"):
        with pytest.raises(ModelError) as caught:
            read_tensors(tmp_path / name)
        assert "weights_only" not in str(caught.value) and "add_safe" not in str(caught.value)


def test_a_length_that_looks_like_a_web_page_is_none(tmp_path):
    """Safetensors begin with the length of their header: 0x13c is b"<\\x01"."""
    path = tmp_path / "x.safetensors"
    save_file(WEIGHTS, path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].ljust(0x13C)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    assert path.read_bytes().startswith(b"<")
    assert_read(path)
