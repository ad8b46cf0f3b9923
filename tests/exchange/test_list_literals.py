"""Lists of strings in Python's and in JSON's writing, read without being run."""

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nast.exchange.fields import parse_list

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(TEXT, max_size=6))
def test_reads_what_repr_writes(texts):
    assert parse_list(repr(texts)) == texts == ast.literal_eval(repr(texts))


@given(st.lists(TEXT, max_size=6), st.booleans())
def test_reads_what_json_writes(texts, ascii_only):
    assert parse_list(json.dumps(texts, ensure_ascii=ascii_only)) == texts


@given(st.text(max_size=60))
def test_anything_else_is_a_value_error(text):
    mark = "\N{SNOWMAN}"
    for cell in (text, f"[{text}]", f"['{text}", mark + text, f"[{mark}{text}]", f"['{mark}{text}"):
        try:
            assert all(isinstance(t, str) for t in parse_list(cell))
        except ValueError as error:
            assert mark not in str(error)


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("[]", []),
        (" [ 'a' , \"b's\", ] ", ["a", "b's"]),
        ("[u'old']", ["old"]),
        (
            r"['a\nb', 'c\'d', 'e\\f', '\x41\u0042\U00000043', '\d']",
            ["a\nb", "c'd", "e\\f", "ABC", "\\d"],
        ),
        (r"['\N{DIGIT ONE}']", ["1"]),
    ],
)
def test_by_hand(cell, texts):
    assert parse_list(cell) == texts


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "'a'",
        "['a' 'b']",
        "['a'; 'b']",
        "['a', ['b']]",
        "[1]",
        "[None]",
        "['a', , 'b']",
        "['a",
        "[,]",
        "[f'{1}']",
        "[b'a']",
        "__import__('os').getcwd()",
        "[*'ab']",
        "['a'] + ['b']",
        "[" * 100_000 + "]" * 100_000,
        r"['\ud800']",
        r"['\x4']",
        r"['\U00110000']",
        "[x for x in 'ab']",
        "['" + "a" * 1_000_000 + "']",
    ],
)
def test_refused(cell):
    with pytest.raises(ValueError, match=r"list|string|character|escape"):
        parse_list(cell)
