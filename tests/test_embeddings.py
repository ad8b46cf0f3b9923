"""Each distinct text and image is encoded once, and only good vectors are kept."""

import pytest
import torch
from built import TableModel
from PIL import Image

from nast.embeddings import EmbeddingStore
from nast.errors import InputError, ModelError
from nast.models.registry import load_model

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
    store = EmbeddingStore(table)
    vectors = store.texts(["long text", "a", "b", "a"])
    store.texts(["b", "a"])
    assert torch.allclose(vectors, torch.tensor([[0.6, 0.8], [1, 0], [0, 1], [1, 0]]))
    assert sorted(table.calls) == ["a", "b", "long text"]


def test_a_second_store_on_the_folder_encodes_nothing(tmp_path, pictures):
    paths = [pictures / "x.png", pictures / "y.png"]
    first, again = model(), model()
    store = EmbeddingStore(first, tmp_path / "store")
    texts, images = store.texts(list(TEXTS)), store.images(paths)
    reader = EmbeddingStore(again, tmp_path / "store")
    assert again.calls == []
    assert torch.equal(reader.texts(list(TEXTS)), texts)
    assert torch.equal(reader.images(paths), images)
    assert again.calls == []


def test_another_model_shares_nothing(tmp_path):
    EmbeddingStore(model(), tmp_path).texts(["a"])
    other = model()
    other.key = "1" * 64
    EmbeddingStore(other, tmp_path).texts(["a"])
    assert other.calls == ["a"]


def test_equal_files_are_encoded_once(pictures):
    table = model()
    vectors = EmbeddingStore(table).images([pictures / "x.png", pictures / "same.png"])
    assert torch.equal(vectors[0], vectors[1])
    assert len(table.calls) == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 2.0, 0.0])
def test_vectors_that_break_the_contract_are_refused(bad, tmp_path):
    table = model()
    table.encode_texts = lambda texts: torch.full((len(texts), 1), bad)
    with pytest.raises(ModelError, match="unit length"):
        EmbeddingStore(table, tmp_path).texts(["a"])
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_chunk_without_index_is_ignored(tmp_path):
    EmbeddingStore(model(), tmp_path).texts(["a", "b"])
    next(tmp_path.rglob("*.parquet")).unlink()
    again = model()
    EmbeddingStore(again, tmp_path).texts(["a"])
    assert again.calls == ["a"]


def test_broken_and_missing_images_are_named(tiny_clip, pictures):
    broken = pictures / "broken.png"
    broken.write_bytes((pictures / "x.png").read_bytes()[:40])
    store = EmbeddingStore(load_model(f"hf:{tiny_clip}"))
    paths = [pictures / "x.png", broken, pictures / "gone.png"]
    good, bad = store.readable(paths)
    assert good == {str(pictures / "x.png")}
    assert set(bad) == {str(broken), str(pictures / "gone.png")}
    with pytest.raises(InputError, match="an image of the data: found a broken image") as error:
        store.images([broken])
    # Paths of MIMIC-CXR hold patient ids, and messages reach logs.
    assert "broken.png" not in str(error.value)
    assert error.value.file == broken


def test_vectors_of_open_and_credentialed_data_lie_apart(tmp_path):
    EmbeddingStore(model(), tmp_path, "credentialed").texts(["a", "b"])
    again = model()
    EmbeddingStore(again, tmp_path, "open").texts(["a"])
    assert again.calls == ["a"]
    assert {p.name for p in tmp_path.iterdir()} == {"credentialed", "open"}
