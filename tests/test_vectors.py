"""Each distinct text and image is encoded once; vectors on disk are what was written."""

import os
import random
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from built import TableModel, question_set
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from nast.embedding import embed_folder, launched
from nast.errors import ImageError, InputError, ModelError, NastError, UsageError
from nast.models.registry import load_model
from nast.vectors import KEY, Shelf, Vectors

TEXTS = {"a": [1, 0], "b": [0, 2], "long text": [3, 4]}


@pytest.fixture
def pictures(tmp_path):
    for name, value in (("x.png", 10), ("same.png", 10), ("y.png", 200)):
        Image.new("L", (8, 8), value).save(tmp_path / name)
    return tmp_path


def model():
    return TableModel(TEXTS, {"x.png": [1, 1], "same.png": [1, 1], "y.png": [1, -1]})


def test_order_is_kept_and_each_text_is_encoded_once():
    table = model()
    loaded = Vectors(table)
    vectors = loaded.texts(["long text", "a", "b", "a"])
    loaded.texts(["b", "a"])
    assert torch.allclose(vectors, torch.tensor([[0.6, 0.8], [1, 0], [0, 1], [1, 0]]))
    assert sorted(table.calls) == ["a", "b", "long text"]


def test_a_second_reader_of_the_folder_encodes_nothing(tmp_path, pictures):
    paths = [pictures / "x.png", pictures / "y.png"]
    first, again = model(), model()
    writer = Vectors(first, tmp_path / "vectors")
    texts, images = writer.texts(list(TEXTS)), writer.images(paths)
    reader = Vectors(again, tmp_path / "vectors")
    assert again.calls == []
    assert torch.equal(reader.texts(list(TEXTS)), texts)
    assert torch.equal(reader.images(paths), images)
    assert again.calls == []


def test_another_model_shares_nothing(tmp_path):
    Vectors(model(), tmp_path).texts(["a"])
    other = model()
    other.key = "1" * 64
    Vectors(other, tmp_path).texts(["a"])
    assert other.calls == ["a"]


def test_equal_files_are_encoded_once(pictures):
    table = model()
    vectors = Vectors(table).images([pictures / "x.png", pictures / "same.png"])
    assert torch.equal(vectors[0], vectors[1])
    assert len(table.calls) == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 2.0, 0.0])
def test_vectors_that_break_the_contract_are_refused(bad, tmp_path):
    table = model()
    table.encode_texts = lambda texts: torch.full((len(texts), 1), bad)
    with pytest.raises(ModelError, match="unit length"):
        Vectors(table, tmp_path).texts(["a"])
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_chunk_without_index_is_ignored(tmp_path):
    Vectors(model(), tmp_path).texts(["a", "b"])
    next(tmp_path.rglob("*.parquet")).unlink()
    again = model()
    Vectors(again, tmp_path).texts(["a"])
    assert again.calls == ["a"]


def test_broken_and_missing_images_are_named(tiny_clip, pictures):
    broken = pictures / "broken.png"
    broken.write_bytes((pictures / "x.png").read_bytes()[:40])
    vectors = Vectors(load_model(f"hf:{tiny_clip}"))
    paths = [pictures / "x.png", broken, pictures / "gone.png"]
    good, bad = vectors.readable(paths)
    assert good == {str(pictures / "x.png")}
    assert set(bad) == {str(broken), str(pictures / "gone.png")}
    with pytest.raises(InputError, match="an image of the data: found a broken image") as error:
        vectors.images([broken])
    # Paths of MIMIC-CXR hold patient ids, and messages reach logs.
    assert "broken.png" not in str(error.value)
    assert error.value.file == broken


def test_vectors_of_open_and_credentialed_data_lie_apart(tmp_path):
    Vectors(model(), tmp_path, "credentialed").texts(["a", "b"])
    again = model()
    Vectors(again, tmp_path, "open").texts(["a"])
    assert again.calls == ["a"]
    assert {p.name for p in tmp_path.iterdir()} == {"credentialed", "open"}


def test_chunks_of_two_writers_and_of_small_size_are_read_together(tmp_path, monkeypatch):
    monkeypatch.setattr("nast.vectors.BATCH", 2)
    monkeypatch.setattr("nast.vectors.CHUNK", 2)
    first, second = Vectors(model(), tmp_path), Vectors(model(), tmp_path)
    first.texts(["a", "b"])
    second.texts(["a", "long text"])
    second.texts(["b"])
    again = model()
    found = Vectors(again, tmp_path).texts(["b", "long text", "a", "b"])
    assert torch.allclose(found, torch.tensor([[0, 1], [0.6, 0.8], [1, 0], [0, 1]]))
    assert again.calls == [] and len(list(tmp_path.rglob("*.safetensors"))) >= 3


def test_slow_encoders_are_saved_by_the_clock(tmp_path, monkeypatch):
    monkeypatch.setattr("nast.vectors.BATCH", 1)
    monkeypatch.setattr("nast.vectors.SECONDS", 0.0)
    table = model()
    encode = table.encode_texts

    def third_fails(texts):
        if len(table.calls) == 2:
            raise KeyboardInterrupt
        return encode(texts)

    table.encode_texts = third_fails
    with pytest.raises(KeyboardInterrupt):
        Vectors(table, tmp_path).texts(["a", "b", "long text"])
    again = model()
    Vectors(again, tmp_path).texts(["a", "b", "long text"])
    assert again.calls == ["long text"]


KILLED = """
import sys
from pathlib import Path
import torch
import nast.vectors as e
from built import TableModel

class Slow(TableModel):
    def encode_texts(self, texts):
        print(len(self.calls), flush=True)
        return super().encode_texts(texts)

e.BATCH = e.CHUNK = 4
words = {f"text {i}": [i + 1, 1] for i in range(4000)}
e.Vectors(Slow(words, {}), Path(sys.argv[1])).texts(list(words))
"""


def test_kill_leaves_whole_chunks_only(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    lines = (line for line in process.stdout)
    next(line for line in lines if int(line) >= 40)
    process.kill()
    process.wait()
    process.stdout.close()
    words = {f"text {i}": [i + 1, 1] for i in range(4000)}
    again = TableModel(words, {})
    found = Vectors(again, tmp_path).texts(list(words))
    assert torch.allclose(found, normalize(torch.tensor(list(words.values())).float()))
    assert 0 < len(again.calls) <= 4000 - 40


def test_one_bad_image_among_many_costs_a_search_and_not_all(tmp_path):
    names = [f"{i:03}.png" for i in range(300)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(number.to_bytes(2, "big"))
    table = TableModel({}, {name: [1, i] for i, name in enumerate(names)})
    encode, sizes = table.encode_images, []

    def one_is_broken(paths):
        sizes.append(len(paths))
        if any(p.name == "123.png" for p in paths):
            raise ImageError(paths[0], "a broken image")
        return encode(paths)

    table.encode_images = one_is_broken
    good, bad = Vectors(table).readable([tmp_path / n for n in names])
    assert set(bad) == {str(tmp_path / "123.png")} and len(good) == 299
    assert len(sizes) < 25


def test_a_folder_is_embedded_once(facts, tmp_path, monkeypatch):
    data = question_set(facts)
    loaded = load_model("phantom")
    monkeypatch.setattr(loaded, "encode_images", lambda paths: torch.ones(len(paths), 1))
    counts = embed_folder(Vectors(loaded, tmp_path), data, "test")
    table = pl.read_parquet(data / "items.parquet").filter(split="test")
    texts = set(table["options"].explode())
    assert {"negated", "affirmative", "omitted"} <= set(table["form"])
    assert counts["texts"] == counts["texts encoded"] == len(texts)
    assert counts["images"] == table["image_path"].n_unique()
    assert embed_folder(Vectors(loaded, tmp_path), data, "test")["texts encoded"] == 0


KEYS = np.array([f"{n:032x}" for n in range(6)], dtype=KEY)
VECTORS = torch.nn.functional.normalize(torch.arange(18.0).reshape(6, 3) + 1, dim=-1)


@pytest.fixture
def shelved(tmp_path):
    """Two chunks of three vectors."""
    shelf = Shelf(tmp_path / "shelf")
    shelf.add(KEYS[:3], VECTORS[:3])
    shelf.add(KEYS[3:], VECTORS[3:])
    return tmp_path / "shelf"


def assert_right_or_missing(shelved):
    """Whatever is on the shelf is what was put there, and the rest can be put there again."""
    shelf = Shelf(shelved)
    missing = shelf.missing(KEYS)
    there = np.setdiff1d(np.arange(6), missing)
    assert torch.equal(shelf.take(KEYS[there]).reshape(-1, 3), VECTORS[there])
    if len(missing):
        shelf.add(KEYS[missing], VECTORS[missing])
    assert torch.equal(shelf.take(KEYS), VECTORS)
    return len(missing)


def test_a_whole_shelf(shelved):
    assert assert_right_or_missing(shelved) == 0


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
def test_a_damaged_chunk_is_made_again(suffix, shelved, tmp_path):
    """Numbers with another bit are other vectors: no reader of theirs would see it."""
    file = sorted(shelved.glob(f"*{suffix}"))[0]
    again = 0
    for what, content in damages(file.read_bytes()):
        shutil.copytree(shelved, tmp_path / "copy")
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


def test_a_chunk_without_its_vectors_or_of_another_length(shelved):
    first, second = sorted(shelved.glob("*.safetensors"))
    first.unlink()
    with pytest.warns(UserWarning, match="damaged stored vectors .* are made again"):
        assert assert_right_or_missing(shelved) == 3
    save_file({"vectors": torch.ones(3, 5)}, second)
    with pytest.warns(UserWarning, match="damaged stored vectors"):
        assert assert_right_or_missing(shelved) in (3, 6)


def test_chunks_of_before_that_hold_no_hash_are_taken(shelved):
    for file in shelved.glob("*.safetensors"):
        save_file(load_file(file), file)
    assert assert_right_or_missing(shelved) == 0


def test_what_cannot_be_removed_is_named(shelved, monkeypatch):
    sorted(shelved.glob("*.safetensors"))[0].write_bytes(b"cut")

    def refuse(*given, **more):
        raise PermissionError(13, "denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.warns(UserWarning), pytest.raises(NastError, match="delete the file"):
        Shelf(shelved)
    monkeypatch.undo()
    # What may not be read may be whole: it stays.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NastError, match="may not read"):
        Shelf(shelved)
    assert len(list(shelved.glob("*.safetensors"))) == 2


def shared(folder, data, processes):
    """The folder of vectors after so many processes have each encoded their part of some data."""
    counts = []
    for number in range(processes):
        vectors = Vectors(load_model("phantom"), folder, "open")
        counts.append(embed_folder(vectors, data, process=(number, processes)))
    return counts


def held(folder, data):
    """Key -> vector of all that a folder of vectors has for the phantom model."""
    vectors = Vectors(load_model("phantom"), folder, "open")
    found = {}
    for shelf in (vectors._texts, vectors._images):
        rows = shelf.take(shelf.keys)
        found |= dict(zip(shelf.keys.tolist(), rows, strict=True))
    return found


def test_any_number_of_processes_gives_the_same_vectors_and_encodes_nothing_twice(facts, tmp_path):
    data = question_set(facts)
    whole = shared(tmp_path / "1", data, 1)[0]
    wanted = held(tmp_path / "1", data)
    for number in (2, 3):
        counts = shared(tmp_path / str(number), data, number)
        assert (
            sum(c["texts"] for c in counts)
            == whole["texts"]
            == sum(c["texts encoded"] for c in counts)
        )
        assert sum(c["images"] for c in counts) == whole["images"]
        assert min(c["texts"] for c in counts) > whole["texts"] / number / 2
        found = held(tmp_path / str(number), data)
        assert found.keys() == wanted.keys()
        # Other texts share a batch, so that float32 sums are taken in another order.
        assert all(torch.allclose(found[k], wanted[k], atol=1e-6) for k in wanted)


def test_other_processes_go_on_with_what_some_began(facts, tmp_path):
    data = question_set(facts)
    first = embed_folder(Vectors(load_model("phantom"), tmp_path, "open"), data, process=(1, 3))
    again = shared(tmp_path, data, 2)
    assert (
        sum(c["texts"] for c in again) - sum(c["texts encoded"] for c in again)
        == (first["texts encoded"])
    )


@pytest.mark.parametrize(("rank", "world"), [("2", "2"), ("-1", "2"), ("a", "2"), ("0", "")])
def test_a_launcher_that_counts_wrongly_is_refused(rank, world, monkeypatch):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    with pytest.raises(UsageError, match="RANK from 0 to below WORLD_SIZE"):
        launched()


def test_torchrun_shares_out_and_a_kill_loses_no_whole_chunk(facts, tmp_path):
    """Three processes, of which the launcher kills all when one dies; two end the work."""
    data = question_set(facts)

    def call(processes, **env):
        nast = Path(sys.executable).with_name("nast")
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        options = ["--nproc-per-node", str(processes), "--no-python", str(nast)]
        command = ["embed", "phantom", str(data), "--vectors", str(tmp_path / "v")]
        return subprocess.Popen(
            [*launcher, *options, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | env,
        )

    killed = call(3)
    place = tmp_path / "v"
    for _ in range(600):
        if killed.poll() is not None or list(place.rglob("*.parquet")):
            break
        time.sleep(0.1)
    killed.kill()
    killed.communicate()
    ended = call(2)
    said, _ = ended.communicate()
    assert ended.returncode == 0
    assert {line.partition(":")[0] for line in said.splitlines()} == {
        "process 1 of 2",
        "process 2 of 2",
    }
    again = embed_folder(Vectors(load_model("phantom"), place, "open"), data)
    assert again["texts encoded"] == 0
