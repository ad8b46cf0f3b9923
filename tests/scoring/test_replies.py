"""The reader of chat replies on real shapes of replies, and on anything at all."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.scoring.replies import choice_of, is_refusal

OPTIONS = (
    "No pneumothorax.",
    "Pneumothorax present, but no pleural effusion.",
    "No pleural effusion or pneumothorax.",
    "Left pleural effusion.",
)
REPLIES = [
    line.split("\t")
    for line in Path(__file__).with_name("replies.tsv").read_text("utf-8").splitlines()[1:]
]
WORDS = st.lists(
    st.sampled_from(
        [
            *"ABCDEabcd",
            "answer",
            "is",
            "Option",
            ":",
            ")",
            "(",
            "\n",
            ".",
            "and",
            "not",
            "1",
            "2",
            "<think>",
            "</think>",
            "\\boxed{",
            "}",
            *OPTIONS,
        ]
    ),
    max_size=12,
).map(" ".join)


@pytest.mark.parametrize(("mode", "reply", "chosen"), REPLIES)
def test_a_reply_chooses(mode, reply, chosen):
    reply = reply.replace("⏎", "\n")
    place = choice_of(reply, OPTIONS, mode)
    found = "ABCD"[place] if place is not None else "refused" if is_refusal(reply) else "none"
    assert found == chosen


REPORTED = Path(__file__).parents[3] / "shared" / "data" / "cases" / "replies.jsonl"


@pytest.mark.skipif(not REPORTED.is_file(), reason="the replies of public reports are not here")
def test_replies_of_public_reports():
    options, *rows = map(json.loads, REPORTED.read_text("utf-8").splitlines())
    for row in rows:
        place = choice_of(row["reply"], options["options"])
        assert ("none" if place is None else "ABCD"[place]) == row["choice"], row["source"]


THOUGHTS = (
    "The answer is A.",
    "Final answer: A",
    "A",
    "A) No pneumothorax.",
    "\\boxed{A}",
    "No pneumothorax.",
    '{"answer": "A"}',
)
# Some are known, and some nobody has seen yet; where it is not clear, nothing is chosen.
AROUND = [
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<unused94>", "<unused95>"),
    ("", "</think>"),
    ("## Thinking\n", "\n## Answer\n"),
    ("<quokka>", "</quokka>"),
    ("<|quokka|>", "<|/quokka|>"),
    ("{{quokka}}", "{{/quokka}}"),
    ("%% ", " %%\n"),
    ("~~~ quokka\n", "\n~~~\n"),
    ("(I think: ", ") "),
    ("\n---\n", "\n---\n"),
]


@pytest.mark.parametrize(("opens", "closes"), AROUND)
@pytest.mark.parametrize("thought", THOUGHTS)
@pytest.mark.parametrize("answer", ["B", "The answer is B.", "**B**", "(B)"])
def test_a_thought_is_never_the_answer(opens, closes, thought, answer):
    place = choice_of(f"{opens}{thought}{closes}{answer}", OPTIONS)
    assert place in (None, 1)
    if "think" in closes.lower() or "unused" in closes or "quokka" in closes:
        assert place == 1
    if closes.strip("%~- \n") and "## " not in closes:
        assert choice_of(f"{opens}{thought}{closes}", OPTIONS) is None or closes == ") "


def test_the_words_of_a_language_that_deny():
    for said in ("Die Antwort ist nicht B.", "La réponse n'est pas B.", "答案不是B。", "不选B"):
        assert choice_of(said, OPTIONS) is None


def test_a_reply_beyond_measure_chooses_nothing():
    assert choice_of("B\n" + "The edge is visible. " * 20_000, OPTIONS) is None
    assert choice_of("<think>" + "A? " * 60_000 + "</think>B", OPTIONS) == 1


def test_the_table_is_large_enough_and_says_nothing_twice():
    assert len(REPLIES) >= 60
    assert len({(mode, reply) for mode, reply, _ in REPLIES}) == len(REPLIES)


@pytest.mark.parametrize("mode", ["letters", "text"])
@settings(deadline=None)
@given(
    reply=st.one_of(st.text(), WORDS),
    options=st.lists(st.text(), min_size=1, max_size=8),
    space=st.text(" \t\n\r\u00a0"),
)
def test_any_reply_is_read(mode, reply, options, space):
    for offered in (options, OPTIONS):
        place = choice_of(reply, offered, mode)
        assert place is None or 0 <= place < len(offered)
        assert choice_of(reply + space, offered, mode) == place
    assert is_refusal(reply + space) == is_refusal(reply)


@settings(deadline=None)  # The patterns of each number of options are compiled once.
@given(st.integers(2, 26), st.data())
def test_every_letter_is_read(n, data):
    options = [f"finding number {i}" for i in range(n)]
    place = data.draw(st.integers(0, n - 1))
    letter = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[place]
    shape = data.draw(
        st.sampled_from(
            [
                "{}",
                "({})",
                "Answer: {}",
                "{}) " + options[place],
                "The answer is {}.",
                "\\boxed{{{}}}",
            ]
        )
    )
    assert choice_of(shape.format(letter), options) == place
    assert choice_of(options[place].upper(), options, "text") == place


def test_equal_options_are_one_in_words_and_two_by_letter():
    options = ("Chest radiograph.", "Edema.", "Chest radiograph.")
    assert choice_of("chest radiograph", options, "text") == 0
    assert choice_of("C", options) == 2
    assert choice_of("C) Chest radiograph.", options) == 2


@pytest.mark.parametrize(
    "filler", ["The answer is not A ", "not answer is A ", "A ", "(", " option", "a) and ", "A.\n"]
)
def test_a_long_reply_is_read_at_once(filler):
    start = time.monotonic()
    choice_of(filler * 4000 + "x", OPTIONS)
    assert choice_of(filler * 4000 + "x\nFinal answer: B", OPTIONS) == 1
    assert time.monotonic() - start < 2
