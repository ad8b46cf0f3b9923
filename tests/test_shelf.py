"""Stored vectors are either those that were written, or made again."""

import os
import random
import shutil
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from nast.errors import NastError
from nast.shelf import KEY, Shelf

KEYS = np.array([f"{n:032x}" for n in range(6)], dtype=KEY)
VECTORS = torch.nn.functional.normalize(torch.arange(18.0).reshape(6, 3) + 1, dim=-1)


@pytest.fixture
def folder(tmp_path):
    """Two chunks of three vectors."""
    shelf = Shelf(tmp_path / "shelf")
    shelf.add(KEYS[:3], VECTORS[:3])
    shelf.add(KEYS[3:], VECTORS[3:])
    return tmp_path / "shelf"


def assert_right_or_missing(folder):
    """Whatever is on the shelf is what was put there, and the rest can be put there again."""
    shelf = Shelf(folder)
    missing = shelf.missing(KEYS)
    there = np.setdiff1d(np.arange(6), missing)
    assert torch.equal(shelf.take(KEYS[there]).reshape(-1, 3), VECTORS[there])
    if len(missing):
        shelf.add(KEYS[missing], VECTORS[missing])
    assert torch.equal(shelf.take(KEYS), VECTORS)
    return len(missing)


def test_a_whole_shelf(folder):
    assert assert_right_or_missing(folder) == 0


def damages(content):
    draw = random.Random(0)
    for part in (0, 0.3, 0.9):
        yield f"cut at {part}", content[: int(part * len(content))]
    for other in (b"<html></html>", bytes(64), b"PAR1" + bytes(40) + b"PAR1"):
        yield "foreign", other
    for _ in range(150):
        place, changed = draw.randrange(len(content)), bytearray(content)
        changed[place] ^= 1 << draw.randrange(8)
        yield f"bit at {place}", bytes(changed)


@pytest.mark.parametrize("suffix", [".safetensors", ".parquet"])
def test_a_damaged_chunk_is_made_again(suffix, folder, tmp_path):
    """Numbers with another bit are other vectors: no reader of theirs would see it."""
    file = sorted(folder.glob(f"*{suffix}"))[0]
    again = 0
    for what, content in damages(file.read_bytes()):
        shutil.copytree(folder, tmp_path / "copy")
        (tmp_path / "copy" / file.name).write_bytes(content)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            missing = assert_right_or_missing(tmp_path / "copy")
        words = [str(warning.message) for warning in said]
        assert all("made again" in line and "\n" not in line for line in words), what
        again += bool(missing)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert assert_right_or_missing(tmp_path / "copy") == 0, what
        shutil.rmtree(tmp_path / "copy")
    assert again > 30


def test_a_chunk_without_its_vectors_or_of_another_length(folder):
    first, second = sorted(folder.glob("*.safetensors"))
    first.unlink()
    with pytest.warns(UserWarning, match="damaged stored vectors .* are made again"):
        assert assert_right_or_missing(folder) == 3
    save_file({"vectors": torch.ones(3, 5)}, second)
    with pytest.warns(UserWarning, match="damaged stored vectors"):
        assert assert_right_or_missing(folder) in (3, 6)


def test_chunks_of_before_that_hold_no_hash_are_taken(folder):
    for file in folder.glob("*.safetensors"):
        save_file(load_file(file), file)
    assert assert_right_or_missing(folder) == 0


def test_what_cannot_be_removed_is_named(folder, monkeypatch):
    sorted(folder.glob("*.safetensors"))[0].write_bytes(b"cut")

    def refuse(*given, **more):
        raise PermissionError(13, "denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.warns(UserWarning), pytest.raises(NastError, match="delete the file"):
        Shelf(folder)
    monkeypatch.undo()
    # What may not be read may be whole: it stays.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NastError, match="may not read"):
        Shelf(folder)
    assert len(list(folder.glob("*.safetensors"))) == 2
