"""Files in and out: whole or not at all, checked, and never taken for finished by mistake."""

import os
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.errors import InputError, NastError
from nast.files import (
    atomic,
    read_json,
    read_table,
    remove_parts,
    write_json,
    write_table,
    write_text,
)
from nast.hashes import content_hash, file_hash, seed_of
from nast.ids import hashed_ids, key_file

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


def test_hashed_ids_need_the_key(tmp_path, monkeypatch):
    first = hashed_ids(["10000032", "10000033"])
    assert first == hashed_ids(["10000032", "10000033"])
    assert len(set(first)) == 2 and all(len(h) == 16 for h in first)
    monkeypatch.setenv("NAST_KEY_FILE", str(tmp_path / "other.key"))
    assert key_file() == tmp_path / "other.key"
    assert hashed_ids(["10000032"]) != first[:1]
    assert key_file().stat().st_mode & 0o077 == 0


KEYS = """
import sys
from nast.ids import hashed_ids
sys.stdin.readline()
print(*hashed_ids(["10000032"]))
"""


def test_processes_that_start_together_have_one_key(tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_KEY_FILE", str(tmp_path / "keys" / "id.key"))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([sys.executable, "-c", KEYS], **pipes) for _ in range(4)]
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate()[0] for process in started}
    assert said == {hashed_ids(["10000032"])[0] + "\n"}
    assert os.listdir(tmp_path / "keys") == ["id.key"]


def test_a_key_is_never_replaced(tmp_path, monkeypatch):
    """Another process makes the key between the look for one and the writing of ours."""
    monkeypatch.setenv("NAST_KEY_FILE", str(tmp_path / "id.key"))
    link = os.link

    def late(temporary, path):
        path.write_text("ab" * 32)
        link(temporary, path)

    monkeypatch.setattr(os, "link", late)
    hashed_ids(["1"])
    assert (tmp_path / "id.key").read_text() == "ab" * 32


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "\xe9" * 64])
def test_a_damaged_key_is_our_error(tmp_path, monkeypatch, text):
    monkeypatch.setenv("NAST_KEY_FILE", str(tmp_path / "id.key"))
    (tmp_path / "id.key").write_text(text)
    with pytest.raises(InputError, match="something else than a key"):
        hashed_ids(["1"])


PART = """
import os, sys
from pathlib import Path
from nast.files import atomic
with atomic(Path(sys.argv[1])) as temporary:
    os.kill(os.getpid(), 9)
"""


def test_parts_of_killed_processes_go_and_those_of_others_stay(tmp_path):
    subprocess.run([sys.executable, "-c", PART, tmp_path / "a.txt"])
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".a.txt.") and left.endswith(".part")
    elsewhere = tmp_path / ".b.txt.1@another-machine.00000000.part"
    elsewhere.touch()
    with atomic(tmp_path / "c.txt") as mine:
        remove_parts(tmp_path)
        assert set(tmp_path.iterdir()) == {elsewhere, mine}
    remove_parts(tmp_path / "gone")
