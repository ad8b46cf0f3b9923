"""JSON lists item by item: the same as `json.loads`, or refused, without a word of the content."""

import gzip
import json
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small import only_nast_errors

from nast.errors import InputError
from nast.sources.io import json_list
from nast.sources.io.json_list import read_json_items

TEXT = json.dumps(
    [{"id": "Zürich \U0001f600\\", "n": [-1, 2.5e-7, None, True, {}]}, [], "a, ]b", 12, False],
    ensure_ascii=False,
)
ITEMS = json.loads(TEXT)
DATA = TEXT.encode()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "list.json"


def items(file, data):
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_json_items(file, "a list"))


def refusal(file, data):
    """The message, without the path."""
    with pytest.raises(InputError) as error:
        items(file, data)
    return str(error.value).removeprefix(str(file))


@pytest.mark.parametrize(
    "data",
    [
        DATA,
        b"\xef\xbb\xbf" + DATA,
        b" \r\n\t" + DATA + b"\n \n",
        json.dumps(ITEMS, indent=40).encode(),
        json.dumps(ITEMS, indent=1).replace("\n", "\r\n").encode(),
        gzip.compress(DATA),
        gzip.compress(b"\xef\xbb\xbf" + DATA),
        gzip.compress(DATA[:9]) + gzip.compress(DATA[9:]),
    ],
    ids=["plain", "BOM", "space around", "indent", "CRLF", "gzip", "gzip and BOM", "two gzips"],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 2**22])
def test_one_list_in_many_forms(file, monkeypatch, data, chunk):
    monkeypatch.setattr(json_list, "_CHUNK", chunk)
    assert items(file, data) == ITEMS


@pytest.mark.parametrize("data", ["[]", " [ \n ] "])
def test_a_list_may_be_empty(file, data):
    assert items(file, data) == []


def test_lone_halves_of_characters_are_json(file):
    assert items(file, r'["\ud800", "\ud83d\ude00"]') == ["\ud800", "\U0001f600"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(values, max_size=4), st.integers(1, 7), st.booleans(), st.sampled_from([None, 0, 3])
)
@example([1e16, -0.5, 123456, 1.5e-300], 1, True, None)
@example([1e16, -0.5, 123456, 1.5e-300], 2, True, None)
@example(["\U0001f600" * 9], 2, False, None)
@example([{"a": "\\" * 9}], 3, True, None)
def test_items_split_over_chunks(tmp_path_factory, written, chunk, ascii_only, indent):
    text = json.dumps(written, ensure_ascii=ascii_only, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_list, "_CHUNK", chunk)
        file = tmp_path_factory.mktemp("j") / "list.json"
        assert repr(items(file, text)) == repr(json.loads(text))


@pytest.mark.parametrize("chunk", [1, 5, 2**22])
def test_a_file_cut_at_any_byte_is_refused(file, monkeypatch, chunk):
    monkeypatch.setattr(json_list, "_CHUNK", chunk)
    for data in (DATA, gzip.compress(DATA)):
        for cut in range(len(data)):
            refusal(file, data[:cut])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", ": found no JSON list, expected a list"),
        ("{}", ": found no JSON list"),
        ('"[1]"', ": found no JSON list"),
        ("[1] x", ", row 1: found more after the list, expected whole JSON"),
        ("[1][2]", ", row 1: found more after the list"),
        ("[1]]", ", row 1: found more after the list"),
        ("[1] // x", ", row 1: found more after the list"),
        ("[1 2]", ", row 1: found a list that ends early, or without a comma"),
        ("[1", ", row 1: found "),
        ("[{} {}]", ", row 1: found a list that ends early, or without a comma"),
        ("[1, {", ", row 2: found broken or cut JSON"),
        ("[,]", ", row 1: found broken or cut JSON"),
        ("[1,]", ", row 2: found broken or cut JSON"),
        ("[1,,2]", ", row 2: found broken"),
        ("['a']", ", row 1: found broken"),
        ("[tru]", ", row 1: found broken"),
        ('["\n"]', ", row 1: found broken"),
        ('[{"a" 1}]', ", row 1: found broken"),
        ('[{"a": 1,}]', ", row 1: found broken"),
        ('[1, {"a": 1, "a": 1}]', ", row 2: found an object with one key twice"),
        ('[{"b": [{"a": 1, "a": 2}]}]', ", row 1: found an object with one key twice"),
        (TEXT.encode("utf-16"), ", row 1: found bytes that are not UTF-8"),
        ("[1]".encode("utf-16-le"), ", row 1: found broken"),
        ('["Zürich"]'.encode("latin-1"), ", row 1: found bytes that are not UTF-8"),
        (b'["\xed\xa0\x80"]', ", row 1: found bytes that are not UTF-8"),
        (b"[1, 2, \xff]", "found bytes that are not UTF-8"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2**22])
def test_other_files_are_refused(file, monkeypatch, data, message, chunk):
    monkeypatch.setattr(json_list, "_CHUNK", chunk)
    text = refusal(file, data)
    assert message in text if chunk > 1 else text.startswith((", row ", ": found no JSON list"))


def test_what_is_too_deep_or_too_long_a_number_is_refused(file):
    assert "row 1: found an item that is nested too deeply" in refusal(file, "[" * 100_000)
    assert "nested too deeply" in refusal(file, "[" * 5_000 + "]" * 5_000)
    assert "row 2: found broken JSON" in refusal(file, "[1, " + "1" * 5_000 + "]")


def test_what_is_not_there_is_refused(tmp_path, file):
    with pytest.raises(InputError, match="no such file or directory, expected a list"):
        list(read_json_items(file, "a list"))
    with pytest.raises(InputError, match="is a directory"):
        list(read_json_items(tmp_path, "a list"))
    file.symlink_to(file)
    with pytest.raises(InputError, match="too many levels of symbolic links"):
        list(read_json_items(file, "a list"))


@pytest.mark.parametrize("broken", ['"x":1}]', "}", "}] Roe", "\n", '"report":1}]', "\\ud8zz", ""])
def test_no_content_is_shown(file, broken):
    text = refusal(file, '[{"subject": 10000032, "report": "Mr Doe coughs" ' + broken)
    assert not any(word in text for word in ("1000", "Doe", "Roe", "cough", "subject", "report"))


@pytest.mark.parametrize("start", ['["', '[{"a": "', '[["a", "'])
def test_an_endless_item_is_refused_before_it_fills_the_memory(file, monkeypatch, start):
    monkeypatch.setattr(json_list, "LONGEST_ITEM", 2**20)
    monkeypatch.setattr(json_list, "_CHUNK", 2**16)
    data = gzip.compress(start.encode() + b" " * 2**24, 1)
    tracemalloc.start()
    assert "row 1: found an item of more than 1 MiB" in refusal(file, data)
    assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    tracemalloc.stop()


def test_a_list_of_lists_without_end_is_refused(file, monkeypatch):
    monkeypatch.setattr(json_list, "LONGEST_ITEM", 2**20)
    monkeypatch.setattr(json_list, "_CHUNK", 2**16)
    assert "an item of more than 1 MiB" in refusal(file, "[[" + "1," * 2**21)


def test_many_small_items_are_no_long_one(file, monkeypatch):
    monkeypatch.setattr(json_list, "LONGEST_ITEM", 100)
    monkeypatch.setattr(json_list, "_CHUNK", 64)
    assert items(file, json.dumps([{"a": "x" * 50}] * 1000)) == [{"a": "x" * 50}] * 1000


def test_items_come_one_at_a_time(file, monkeypatch):
    """The first is there although a later one is broken."""
    monkeypatch.setattr(json_list, "_CHUNK", 4)
    file.write_text("[1, 2, x")
    found = read_json_items(file, "a list")
    assert (next(found), next(found)) == (1, 2)
    with pytest.raises(InputError, match="row 3"):
        next(found)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, len(DATA) - 1),
    st.binary(max_size=3) | st.sampled_from([b",", b"]", b'"']),
    st.integers(0, 3),
    st.sampled_from([1, 4, 2**22]),
)
def test_damage_is_refused_or_read_as_json_does(tmp_path_factory, place, junk, lost, chunk):
    data = DATA[:place] + junk + DATA[place + lost :]
    file = tmp_path_factory.mktemp("j") / "list.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_list, "_CHUNK", chunk)
        try:
            found = items(file, data)
        except InputError:
            return
    assert repr(found) == repr(json.loads(data))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_raise_only_our_errors(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("j") / "list.json"
    only_nast_errors(lambda: items(file, b"[" + data))
    only_nast_errors(lambda: items(file, gzip.compress(data)))
