"""Image vectors that somebody else made: read exactly, known by their key, and never guessed."""

import resource
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from tiny_models import linear, own_pair, words, write_bert_tokenizer

from nast.errors import ImageError, ModelError
from nast.models.needs import needs_of
from nast.models.ready import names_of, read_ready
from nast.models.registry import load_model

PATHS = [
    "files/p10/p10000032/s50414267/02aa804e.jpg",
    "files/p10/p10000032/s53189527/2a2277a9.jpg",
    "files/p11/p11000011/s51029426/0d2a9c13.jpg",
]
KEYS = {
    "image_path": [str(Path(p).with_suffix("")) for p in PATHS],
    "dicom_id": [Path(p).stem for p in PATHS],
    "study_id": ["50414267", "s53189527", "51029426"],
}
VALUES = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)


def parquet(folder, key="dicom_id", keys=None, values=VALUES, name="films.parquet"):
    lists = [None if v is None else list(v) for v in values]
    kind = {"vector": pl.List(pl.Float32)}
    pl.DataFrame({key: keys or KEYS[key], "vector": lists}, schema_overrides=kind).write_parquet(
        folder / name
    )
    return folder / name


def npz(folder, key):
    np.savez(folder / "films.npz", keys=np.array(KEYS[key]), vectors=VALUES.astype(np.float16))
    return folder / "films.npz"


def indexed(folder, key):
    """A folder with an index: two vectors in one file, the third alone."""
    place = folder / "films"
    place.mkdir()
    np.save(place / "a.npy", VALUES[:2])
    save_file({"x": VALUES[2:]}, place / "b.safetensors")
    rows = zip(KEYS[key], ["a.npy", "a.npy", "b.safetensors"], [0, 1, 0], strict=True)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (place / "index.csv").write_text(f"{key},file,row\n{text}\n")
    return place


def loose(folder, key):
    """A folder of a file for each vector, which is known by its name or its path."""
    place = folder / "films"
    for name, vector in zip(KEYS[key], VALUES, strict=True):
        file = place / f"{name}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, vector)
    return place


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("write", [parquet, npz, indexed, loose])
def test_every_form_gives_the_vector_of_the_image(write, key, tmp_path):
    found = read_ready(write(tmp_path, key), key)
    # Half precision has eleven bits.
    atol = 2e-3 if write is npz else 0
    for path, wanted in zip(PATHS, VALUES, strict=True):
        got = found.of(Path("/data/mimic") / path)
        assert got.dtype == torch.float32 and got.shape == (1, 16)
        np.testing.assert_allclose(got[0], wanted, atol=atol)
    with pytest.raises(ImageError, match=r"no vector in .*films.* by the key") as raised:
        found.of(Path("/data/mimic/files/p12/p12/s9/other.jpg"))
    # The path of a film of MIMIC-CXR holds ids of a patient.
    assert "p12" not in str(raised.value)


def test_the_hash_of_the_file_is_a_key_too(tmp_path):
    image = tmp_path / "a.png"
    image.write_bytes(b"abc")
    # SHA-256 of "abc", FIPS 180-2.
    known = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
    found = read_ready(parquet(tmp_path, "hash", [known, "0", "1"]), "hash")
    np.testing.assert_array_equal(found.of(image)[0], VALUES[0])
    with pytest.raises(ImageError, match="no such file"):
        found.of(tmp_path / "b.png")


def test_the_longest_tail_of_a_path_decides(tmp_path):
    found = read_ready(parquet(tmp_path, "image_path", ["1", "a/1.png", "b\\1.dcm"]), "image_path")
    rows = {"x/1.jpg": 0, "x/a/1.jpg": 1, "b/1.png": 2, "/1.png": 0}
    for path, row in rows.items():
        np.testing.assert_array_equal(found.of(Path(path))[0], VALUES[row])


@given(st.from_regex(r"[ab01s-][ab01s.-]{,10}", fullmatch=True))
def test_an_image_is_known_by_its_own_name_first(stem):
    for key in ("image_path", "dicom_id"):
        first = next(names_of(Path(f"/x/{stem}.png"), key))
        assert first == (f"x/{stem}" if key == "image_path" else stem)


def changed(row, value, values=VALUES):
    made = [list(v) for v in values]
    made[row] = value
    return made


@pytest.mark.parametrize(
    ("keys", "values", "said"),
    [
        (["a", "b", "a.png"], VALUES, "row 3: found the dicom_id of row 1 again"),
        (["a", "b", None], VALUES, "row 3, column 'dicom_id': found nothing"),
        (["a", "b", "c"], changed(1, None), "row 2, column 'vector': found nothing"),
        (["a", "b", "c"], changed(1, [1.0] * 15), "row 2: found a vector of 15 numbers, expect"),
        (["a", "b", "c"], changed(2, [float("nan")] * 16), "row 3: found a number that is none"),
        (["a", "b", "c"], changed(0, [float("inf")] * 16), "row 1: found a number that is none"),
        (["a", "b", "c"], changed(1, [None] * 16), "row 2: found a number that is none"),
        (["a", "b", "c"], [[], [], []], "found vectors of no numbers"),
        (["a", "b", "c"], changed(1, [0.0] * 16), "row 2: found zeros alone"),
    ],
)
def test_a_row_that_is_wrong_is_named(keys, values, said, tmp_path):
    with pytest.raises(ModelError, match=said):
        read_ready(parquet(tmp_path, "dicom_id", keys, values), "dicom_id")


def test_other_files_are_refused(tmp_path):
    def refused(place, said):
        with pytest.raises(ModelError, match=said):
            read_ready(place, "dicom_id")

    refused(tmp_path / "none.parquet", "no whole Parquet file")
    refused(tmp_path / "none.csv", "no such file")
    (tmp_path / "a.csv").write_text("dicom_id\n")
    refused(tmp_path / "a.csv", "another kind of file")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    refused(tmp_path / "a.parquet", "no whole Parquet file")
    refused(parquet(tmp_path, "study_id"), "found the columns study_id, vector, expected 'dicom")
    pl.DataFrame({"dicom_id": ["a"], "vector": ["1 2"]}).write_parquet(tmp_path / "t.parquet")
    refused(tmp_path / "t.parquet", "found String, expected lists of numbers")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "found no file of vectors")
    np.savez(tmp_path / "a.npz", vectors=VALUES)
    refused(tmp_path / "a.npz", "found the arrays vectors, expected 'keys'")
    np.savez(tmp_path / "b.npz", keys=np.array(["a"]), vectors=VALUES)
    refused(tmp_path / "b.npz", "found 1 keys and vectors of the shape")


def test_nothing_that_is_pickled_is_read(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", keys=np.array([Trap()], dtype=object), vectors=VALUES[:1])
    (tmp_path / "f").mkdir()
    shutil.move(tmp_path / "a.npy", tmp_path / "f" / "a.npy")
    for place in (tmp_path / "f", tmp_path / "a.npz"):
        with pytest.raises(ModelError, match="Python objects"):
            read_ready(place, "dicom_id")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,../a.npy,0", "index.csv, row 1: found a path out of the folder"),
        ("x,a.npy,2", r"index.csv, row 1: found row 2 of an array of the shape \(2, 16\)"),
        ("x,c.npy,0", r"index.csv, row 1: found row 0 of an array of the shape \(16,\)"),
        ("x,a.npy,", r"index.csv, row 1: found an array of the shape \(2, 16\), expected one vec"),
        ("x,a.npy,one", "expected the columns 'dicom_id' and 'file', and 'row'"),
        ("x,b.npy,0", "index.csv, row 1: found no such file"),
        ("x,,0", "index.csv, row 1, column 'file': found nothing"),
        (",a.npy,0", "index.csv, row 1, column 'dicom_id': found nothing"),
    ],
)
def test_an_index_that_is_wrong_is_named(line, said, tmp_path):
    place = indexed(tmp_path, "dicom_id")
    np.save(place / "c.npy", VALUES[0])
    (place / "index.csv").write_text(f"dicom_id,file,row\n{line}\n")
    with pytest.raises(ModelError, match=said):
        read_ready(place, "dicom_id")


def test_a_number_that_float32_lacks_is_none(tmp_path):
    np.savez(tmp_path / "a.npz", keys=np.array(["a"]), vectors=np.array([[1.0, 1e39]]))
    with pytest.raises(ModelError, match="row 1: found a number that is none"):
        read_ready(tmp_path / "a.npz", "dicom_id")


def test_a_folder_of_many_files_needs_one_open_file(tmp_path):
    place = tmp_path / "films"
    place.mkdir()
    for number in range(300):
        np.save(place / f"i{number:03}.npy", VALUES[number % 3])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, soft), hard))
    try:
        assert len(read_ready(place, "dicom_id").rows) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_file_that_is_damaged_is_named_without_its_path(tmp_path):
    """In a folder without an index the path is the key, and holds ids of a patient."""
    place = loose(tmp_path, "image_path")
    file = place / f"{KEYS['image_path'][1]}.npy"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ModelError, match=r"films, file \d: found a damaged file") as raised:
        read_ready(place, "image_path")
    assert "p10" not in str(raised.value)
    whole = npz(tmp_path, "dicom_id")
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(ModelError, match="found a damaged file"):
        read_ready(whole, "dicom_id")


@pytest.fixture
def pair(tmp_path):
    """A specification of a tiny BERT and ready vectors, with a linear head on each."""
    torch.manual_seed(0)
    write_bert_tokenizer(tmp_path / "tokenizer")
    spec = own_pair(tmp_path, "ready", "dinov2")
    parquet(tmp_path)
    save_file(
        {k: v.numpy() for k, v in linear("image_head", 16, 16).items()}, tmp_path / "h.safetensors"
    )
    head = {"weights": "h.safetensors", "head": [{"linear": "image_head"}]}
    spec["image"] = {"vectors": "films.parquet", "key": "dicom_id", **head}
    del spec["preprocessing"]
    return write(tmp_path, spec)


def write(folder, spec):
    (folder / "ready.yaml").write_text(yaml.safe_dump(spec))
    return folder / "ready.yaml"


def test_it_is_a_model_whose_images_need_not_be_here(pair):
    model = load_model(f"two-tower:{pair}")
    vectors = model.encode_images([Path("/nowhere") / p for p in PATHS])
    state = model.network["image"].head.state_dict()
    wanted = VALUES @ state["0.weight"].numpy().T + state["0.bias"].numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, wanted, atol=1e-6)
    assert model.spec["vectors"] == {
        "file": str(pair.parent / "films.parquet"),
        "key": "dicom_id",
        "rows": 3,
    }
    assert len(words()) and model.spec["class"] == "BertModel + ready vectors"


def test_the_key_of_the_model_is_that_of_the_vectors(pair):
    first = load_model(f"two-tower:{pair}").key
    spec = yaml.safe_load(pair.read_text())
    shutil.copy(pair.parent / "films.parquet", pair.parent / "moved.parquet")
    spec["image"]["vectors"] = "moved.parquet"
    assert load_model(f"two-tower:{write(pair.parent, spec)}").key == first
    parquet(pair.parent, values=VALUES + 1, name="moved.parquet")
    assert load_model(f"two-tower:{pair}").key != first


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"image": {"key": "name"}},
            "'image.key': found text of 4 characters, expected one of image_path",
        ),
        ({"image": {"encoder": "vit"}}, "'image.encoder': found an unknown key"),
        ({"image": {"head": []}}, "1? ?key"),
        ({"preprocessing": {"size": 3}}, "'preprocessing"),
        ({"image": {"vectors": "none.npz"}}, "none.npz"),
    ],
)
def test_a_specification_that_is_wrong_is_named(change, said, pair):
    spec = yaml.safe_load(pair.read_text())
    for part, values in change.items():
        spec[part] = spec.get(part, {}) | values
    with pytest.raises(ModelError, match=said):
        load_model(f"two-tower:{write(pair.parent, spec)}")


def test_an_encoder_still_needs_its_preprocessing(tmp_path):
    write_bert_tokenizer(tmp_path / "tokenizer")
    spec = own_pair(tmp_path, "own", "dinov2")
    del spec["preprocessing"]
    with pytest.raises(ModelError, match="'preprocessing': found nothing"):
        load_model(f"two-tower:{write(tmp_path, spec)}")


def test_what_it_needs_is_named(pair):
    found = {need.what: need for need in needs_of(f"two-tower:{pair}")}
    assert found["vectors"].size == (pair.parent / "films.parquet").stat().st_size
    (pair.parent / "films.parquet").unlink()
    gone = {need.what: need for need in needs_of(f"two-tower:{pair}")}["vectors"]
    assert gone.size is None and gone.mend == "vectors known by dicom_id"
