"""Files in and out: whole or not at all, checked, and never taken for finished by mistake."""

import os

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.errors import InputError, NastError, UsageError
from nast.store import (
    atomic,
    content_hash,
    file_hash,
    hashed_ids,
    key_file,
    manifest_of,
    read_json,
    read_table,
    seed_of,
    stage,
    strictest,
    write_json,
    write_table,
    write_text,
)

SCHEMA = {"name": pl.String, "number": pl.Int64}
ROWS = pl.DataFrame({"more": [0.5, 1.5], "number": [1, 2], "name": ["a", "b"]})


def test_tables_return_as_they_were_written(tmp_path):
    write_table(tmp_path / "t.parquet", ROWS, SCHEMA)
    rows = read_table(tmp_path / "t.parquet", SCHEMA)
    assert rows.columns == ["name", "number", "more"]
    assert rows.rows() == [("a", 1, 0.5), ("b", 2, 1.5)]
    assert list(tmp_path.iterdir()) == [tmp_path / "t.parquet"]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({**SCHEMA, "side": pl.String}, "column 'side': found no such column"),
        ({"number": pl.String}, "column 'number': found Int64, expected String"),
    ],
)
def test_a_table_of_other_columns_is_refused(tmp_path, schema, message):
    write_table(tmp_path / "t.parquet", ROWS, SCHEMA)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "t.parquet", schema)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.parquet: found no such file"):
        read_table(tmp_path / "gone.parquet", SCHEMA)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 900), junk=st.binary(max_size=20))
def test_broken_parquet_raises_only_our_errors(tmp_path_factory, cut, junk):
    path = tmp_path_factory.mktemp("t") / "t.parquet"
    write_table(path, ROWS, SCHEMA)
    data = path.read_bytes()
    path.write_bytes(data[: cut % len(data)] + junk)
    with pytest.raises(NastError):
        read_table(path, SCHEMA)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_broken_json_is_an_input_error(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(InputError, match="no JSON"):
        read_json(tmp_path / "a.json")


def test_json_has_one_order(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": 1}
    with pytest.raises(InputError, match="no such file"):
        read_json(tmp_path / "c.json")


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_hashes_are_sha256(tmp_path):
    write_text(tmp_path / "a", "abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_hash(tmp_path / "a") == known
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash([1, 2]) != content_hash([2, 1])


def test_seeds_depend_on_every_part():
    seeds = [seed_of(0, "a", "b"), seed_of(1, "a", "b"), seed_of(0, "ab"), seed_of(0, "a", "c")]
    assert len(set(seeds)) == 4
    assert seed_of(0, "a", "b") == seeds[0]
    assert all(0 <= s < 2**63 for s in seeds)


def test_the_strictest_policy_wins():
    assert strictest([]) == "open"
    assert strictest(["open", "private"]) == "private"
    assert strictest(["credentialed", "private", "open"]) == "credentialed"


def test_hashed_ids_need_the_key(tmp_path, monkeypatch):
    first = hashed_ids(["10000032", "10000033"])
    assert first == hashed_ids(["10000032", "10000033"])
    assert len(set(first)) == 2 and all(len(h) == 16 for h in first)
    monkeypatch.setenv("NAST_KEY_FILE", str(tmp_path / "other.key"))
    assert key_file() == tmp_path / "other.key"
    assert hashed_ids(["10000032"]) != first[:1]
    assert key_file().stat().st_mode & 0o077 == 0


def make(out):
    write_text(out / "result.txt", "done")
    return {"policy": "open", "counts": {}}


def test_a_finished_stage_is_left_alone(tmp_path):
    source = tmp_path / "in.csv"
    write_text(source, "a")
    first = stage(tmp_path / "out", {"seed": 1}, [source], make)
    again = stage(tmp_path / "out", {"seed": 1}, [source], lambda out: pytest.fail("made again"))
    assert again == first == manifest_of(tmp_path / "out")
    assert first["inputs"] == {str(source): file_hash(source)}


def test_another_configuration_needs_fresh(tmp_path):
    out, source = tmp_path / "out", tmp_path / "in.csv"
    write_text(source, "a")
    stage(out, {"seed": 1}, [source], make)
    with pytest.raises(UsageError, match="--fresh"):
        stage(out, {"seed": 2}, [source], make)
    write_text(source, "b")
    with pytest.raises(UsageError, match="other inputs"):
        stage(out, {"seed": 1}, [source], make)
    assert stage(out, {"seed": 2}, [source], make, fresh=True)["config"] == {"seed": 2}


def test_an_interrupted_stage_is_not_finished(tmp_path):
    out = tmp_path / "out"

    def broken(folder):
        write_text(folder / "half.txt", "half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        stage(out, {}, [], broken)
    assert not (out / "manifest.json").exists()
    with pytest.raises(InputError, match=r"no manifest\.json"):
        manifest_of(out)
    with pytest.raises(UsageError, match="unfinished work of another configuration"):
        stage(out, {"seed": 1}, [], make, state="half.txt")
    assert (out / "half.txt").read_text() == "half"
    assert stage(out, {"seed": 1}, [], make)["counts"] == {}
    assert not (out / "half.txt").exists(), "nothing to go on from: cleared"
    with pytest.raises(RuntimeError):
        stage(out, {}, [], broken, fresh=True)
    assert not (out / "manifest.json").exists()


def test_a_redone_stage_is_unfinished_while_it_runs(tmp_path):
    stage(tmp_path / "out", {"seed": 1}, [], make)

    def look(folder):
        assert not (folder / "manifest.json").exists()
        return make(folder)

    stage(tmp_path / "out", {"seed": 2}, [], look, fresh=True)


@pytest.mark.parametrize("fresh", [False, True])
def test_folders_of_others_are_not_touched(tmp_path, fresh):
    write_text(tmp_path / "thesis.tex", "mine")
    with pytest.raises(UsageError, match="did not make"):
        stage(tmp_path, {}, [], make, fresh=fresh)
    with pytest.raises(UsageError, match="is a file"):
        stage(tmp_path / "thesis.tex", {}, [], make, fresh=fresh)
    assert os.listdir(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize("text", ["{", "a: [", "\x00", ""])
def test_a_damaged_run_file_is_our_error(tmp_path, text):
    stage(tmp_path / "out", {}, [], make)
    (tmp_path / "out" / "run.yaml").write_text(text)
    with pytest.raises(NastError):
        stage(tmp_path / "out", {}, [], make)


def test_a_missing_input_is_our_error(tmp_path):
    with pytest.raises(NastError):
        stage(tmp_path / "out", {}, [tmp_path / "gone.csv"], make)


def test_policies_of_inputs_are_inherited(tmp_path):
    stage(tmp_path / "a", {}, [], lambda out: {"policy": "private", "counts": {}})
    assert stage(tmp_path / "b", {}, [tmp_path / "a"], make)["policy"] == "private"
