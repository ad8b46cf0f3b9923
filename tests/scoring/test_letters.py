"""Option letters by log-probability, against servers that give them, hide them or refuse them."""

import json
from math import exp, log
from pathlib import Path

import polars as pl
import pytest
from built import question_set
from pytest import approx
from scripted import returns, says, serving, status, takes, tells

from nast.errors import ModelError
from nast.facts.conditions import CONDITIONS
from nast.items.table import read_items
from nast.language.write.llm.cache import AnswerCache
from nast.measuring.values import choice_values
from nast.scoring.chat import ASKED_OTHERWISE, chat_model, score_chat
from nast.scoring.data import Data
from nast.scoring.letters import (
    BY_LETTERS,
    BY_WORDS,
    WISHED,
    Reply,
    kept_of,
    option_scores,
    reply_of,
)

OPTIONS = ["No edema.", "Edema.", "Edema, no fracture.", "Fracture."]
B = {"B": 0.3, "A": 0.4, " B": 0.2, "(B": 0.05, "C)": 0.01, "The": 0.005}
"""One token says A, all together say B with 0.55; nothing says D."""


def choice(said, *tokens):
    """A response's choice; a token is its text and the candidates with their probabilities."""
    content = [
        {
            "token": token,
            "logprob": log(near[token]),
            "top_logprobs": [{"token": t, "logprob": log(p)} for t, p in near.items()],
        }
        for token, near in tokens
    ]
    return {"message": {"content": said}, "logprobs": {"content": content}}


def scored(said, *tokens, options=OPTIONS):
    return option_scores(kept_of(choice(said, *tokens)), options, "letters")


def test_spellings_of_a_letter_are_added_up_and_the_missing_one_is_below_all():
    scores, way = scored("A", ("A", B))
    assert way == BY_LETTERS
    found = [scores[text] for text in OPTIONS]
    assert found[:3] == approx([log(0.4), log(0.55), log(0.01)])
    assert found[3] == approx(log(0.005) - 1)


@pytest.mark.parametrize("before", [" ", "\n\n", "(", "**", "▁"])
def test_blanks_and_marks_before_the_letter_are_passed_over(before):
    start = (before, {before: 0.9, "A": 0.1})
    assert scored("(A)", start, ("A", B)) == scored("A", ("A", B))


def test_thoughts_are_passed_over():
    thought = [(t, {t: 0.9, "D": 0.1}) for t in ("<think>", "D", "</think>", "\n\n")]
    scores, way = scored("<think>D</think>\n\nA", *thought, ("A", B))
    assert (scores, way) == scored("A", ("A", B))


def near(*words):
    """Tokens that nothing is said of but that another letter was near."""
    return [(t, {t: 0.9, "D": 0.1}) for t in words]


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        (("<think>",), ("</think>", "\n\n")),
        (("[", "TH", "INK", "]"), ("[/", "THINK", "]")),
        ((), ("</", "think", ">")),
        (("<unused94>",), ("<unused95>",)),
        (
            ("<|channel|>", "analysis", "<|message|>"),
            ("<|end|>", "<|start|>", "assistant", "<|channel|>", "final", "<|message|>"),
        ),
    ],
)
@pytest.mark.parametrize("shown", [True, False])
def test_the_letter_of_a_thought_is_not_that_of_the_answer(opens, closes, shown):
    """A server with a reasoning parser gives the tokens of thoughts and leaves them out of text."""
    thought = ["A", " looks", " right", ",", " but", " no"]
    said = "".join([*opens, *thought, *closes]) if shown else ""
    tokens = near(*opens, *thought, *closes)
    scores, way = scored(f"{said}A", *tokens, ("A", B), *near("<|im_end|>"))
    assert (scores, way) == scored("A", ("A", B))


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ("A", [("A", B), *near(" looks", " right")]),
        ("A", [("A", B), *near("</think>", "B")]),
        ("A", near("</think>")),
    ],
)
def test_tokens_that_do_not_spell_the_answer_are_not_read(said, tokens):
    scores, way = scored(said, *tokens)
    assert way == BY_WORDS and [scores[t] for t in OPTIONS] == [1, 0, 0, 0]


def test_a_letter_within_its_mark_is_read():
    tokens = [*near("<answer>"), ("A", B), *near("</answer>")]
    assert scored("<answer>A</answer>", *tokens) == scored("A", ("A", B))


@pytest.mark.parametrize("said", ["B", "The answer is B.", "<think>B", "", None])
def test_a_reply_that_was_cut_off_chooses_nothing(said):
    given = {**choice(said, ("B", B)), "finish_reason": "length"}
    for mode in ("letters", "text"):
        assert option_scores(kept_of(given), OPTIONS, mode) == (None, "cut off")


def test_a_reply_that_was_withheld_is_a_refusal():
    given = {"message": {"content": None, "refusal": "Not this."}, "finish_reason": "stop"}
    assert option_scores(kept_of(given), OPTIONS, "letters") == (None, "refused")
    given = {"message": {"content": "B"}, "finish_reason": "content_filter"}
    assert option_scores(kept_of(given), OPTIONS, "letters") == (None, "refused")


@pytest.mark.parametrize(
    "kept", ["B", '["B", "", []]', "[1, 2, 3, 4]", '["B", "", [["A"]], ""]', "null", "[" * 9999]
)
def test_an_answer_that_someone_else_wrote_into_the_file_is_text(kept):
    assert reply_of(kept) == Reply(kept)


def test_parts_of_thoughts_are_left_out():
    parts = [{"type": "thinking", "thinking": "The answer is A."}, {"type": "text", "text": "B"}]
    kept = kept_of({"message": {"content": parts}})
    assert reply_of(kept) == Reply("B")
    assert option_scores(kept_of({"message": {"content": parts[:1]}}) or None, OPTIONS, "text") == (
        None,
        "unanswered",
    )


def test_the_letter_itself_counts_where_the_server_leaves_it_out_of_the_best():
    near = {"B": 0.3, "C": 0.2}
    given = choice("A", ("B", near))
    given["logprobs"]["content"][0] |= {"token": "A", "logprob": log(0.25)}
    scores, _ = option_scores(kept_of(given), OPTIONS, "letters")
    assert scores[OPTIONS[0]] == approx(log(0.25))


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("The answer is B.", "The"),
        ("A left effusion is seen, so the answer is B.", "A"),
        ("Answer: B", "Answer"),
    ],
)
def test_a_reply_that_begins_with_something_else_is_read_as_words(said, first):
    scores, way = scored(said, (first, {first: 0.9, "A": 0.1}))
    assert way == BY_WORDS and [scores[t] for t in OPTIONS] == [0, 1, 0, 0]


@pytest.mark.parametrize(("said", "why"), [("A and C", "unparsed"), ("I cannot help.", "refused")])
def test_what_chooses_nothing_has_no_scores_whatever_its_first_letter(said, why):
    assert scored(said, ("A", B)) == (None, why)


def test_options_in_the_same_words_tie():
    same = ["Chest radiograph."] * 2 + OPTIONS[2:]
    scores, _ = scored("A", ("A", B), options=same)
    assert scores["Chest radiograph."] == approx(log(0.4 + 0.55))


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        3,
        [],
        {},
        {"content": None},
        {"content": "A"},
        {"content": [None, 3]},
        {"content": [{"token": "A"}]},
        {"content": [{"token": 3, "logprob": -1.0}]},
        {"content": [{"token": "A", "logprob": -1.0}]},
        {"content": [{"token": "A", "logprob": -1.0, "top_logprobs": None}]},
        {"content": [{"token": "A", "logprob": -1.0, "top_logprobs": []}]},
        {"content": [{"token": "A", "logprob": float("nan"), "top_logprobs": [{"token": "A"}]}]},
        {
            "content": [
                {"token": "A", "logprob": -1.0, "top_logprobs": [{"token": "A", "logprob": -1.0}]}
            ]
        },
    ],
)
def test_log_probabilities_of_another_form_count_as_none(logprobs):
    kept = kept_of({"message": {"content": "B"}, "logprobs": logprobs})
    assert reply_of(kept) == Reply("B")
    assert option_scores(kept, OPTIONS, "letters")[1] == BY_WORDS
    assert kept_of({"message": {"content": " "}, "logprobs": logprobs}).strip() == ""
    assert kept_of({}) is None


@pytest.fixture
def data(facts):
    """Eight questions of two groups, each in three forms."""
    table = read_items(question_set(facts)).head(24)
    assert set(table.group_by("form").len()["len"]) == {8}
    return Data("d", "items", Path(), table, CONDITIONS)


def asked(address, data, answers=None):
    model = chat_model(f"chat:{address}#scripted")
    found = score_chat(model, model.server("open"), data, 0, AnswerCache(answers))
    return found.scores, found.notes


def share_right(rows, data):
    """Accuracy in the negated form."""
    values = choice_values(rows, data.table.with_columns(data=pl.lit("d")), "never")
    return values.filter(form="negated")["value"].mean()


def test_a_server_that_gives_them(data, tmp_path):
    file = tmp_path / "answers.jsonl"
    with serving(tells("A", ("\n", {"\n": 1.0}), ("A", B))) as (address, script):
        rows, notes = asked(address, data, file)
        again, _ = asked(address, data, file)
        assert len(script.requests) == 24, "the second call is answered from the file"
        assert all((r["logprobs"], r["top_logprobs"]) == (True, 20) for r in script.requests)
    assert rows.equals(again)
    assert notes[BY_LETTERS] == ["d (24 of 24 items)"] and BY_WORDS not in notes
    own = rows.filter(form="negated").group_by("item_id").agg(pl.col("score").sort())
    for scores in own["score"]:
        assert [exp(s) for s in scores] == approx([0.005 / exp(1), 0.01, 0.4, 0.55])
    # B is chosen everywhere: one in four of balanced groups.
    assert share_right(rows, data) == 0.25
    # The file holds the letter's place only, and of the conversation nothing.
    line = json.loads(file.read_text().splitlines()[0])
    assert reply_of(line["answer"]).token == "A" and len(reply_of(line["answer"]).near) == len(B)


def test_five_are_taken_where_twenty_are_refused(data):
    with serving(takes(5, tells("A", ("A", B)))) as (address, script):
        rows, notes = asked(address, data)
        tops = [r.get("top_logprobs") for r in script.requests]
    assert set(tops) == {20, 5} and tops.count(5) == 24
    assert tops.count(20) <= 8, "the refusal is remembered; only what was under way repeats it"
    assert notes[BY_LETTERS] == ["d (24 of 24 items)"]
    least = rows.filter(form="negated")["score"].min()
    assert least == approx(log(0.01) - 1), "the smallest of five"


@pytest.mark.parametrize("code", [400, 422, 501])
def test_a_server_that_refuses_them_is_asked_without(data, code):
    def strict(handler, body):
        (status(code) if "logprobs" in body else says("B"))(handler, body)

    with serving(strict) as (address, script):
        rows, notes = asked(address, data)
        plain = [r for r in script.requests if "logprobs" not in r]
    assert len(plain) == 24 and all("top_logprobs" not in r for r in plain)
    assert len(script.requests) - 24 <= 8 * len(WISHED)
    assert notes[BY_WORDS] == ["d (24 of 24 items)"] and BY_LETTERS not in notes
    assert notes[ASKED_OTHERWISE] == [
        f"{name} left out: d (24 of 24 items)" for name in ("logprobs", "top_logprobs")
    ]
    assert set(rows["score"]) <= {0, 1}


@pytest.mark.parametrize(
    "given",
    [says("B"), returns({"choices": [{"message": {"content": "B"}, "logprobs": None}]})],
    ids=["ignored", "null"],
)
def test_a_server_that_gives_none(data, given):
    with serving(given) as (address, script):
        rows, notes = asked(address, data)
        assert len(script.requests) == 24
    assert notes[BY_WORDS] == ["d (24 of 24 items)"]
    assert share_right(rows, data) == 0.25


def test_a_server_that_refuses_the_rest_is_not_asked_for_ever(data):
    with (
        serving(status(400)) as (address, script),
        pytest.raises(ModelError, match="refuses the request"),
    ):
        asked(address, data)
    assert len(script.requests) <= 24 * (len(WISHED) + 1)


def test_once_given_they_are_not_given_up(data, tmp_path):
    file = tmp_path / "answers.jsonl"
    steps = [tells("A", ("A", B))] * 10
    with (
        serving(*steps, status(400)) as (address, script),
        pytest.raises(ModelError, match="refuses the request"),
    ):
        asked(address, data, file)
    assert all("logprobs" in r for r in script.requests)


def test_replies_that_hide_their_letter_are_counted_apart(data):
    steps = [tells("The answer is A.", ("The", {"The": 0.9, "A": 0.1}))] * 5
    with serving(*steps, tells("A", ("A", B))) as (address, _):
        rows, notes = asked(address, data)
    assert notes[BY_LETTERS] == ["d (19 of 24 items)"]
    assert notes[BY_WORDS] == ["d (5 of 24 items)"]
    best = rows.group_by("item_id").agg(pl.col("score").max())["score"]
    assert (best == 1).sum() == 5 and (best < 0).sum() == 19


@pytest.mark.parametrize(
    ("reason", "way"),
    [
        ("MAX_TOKENS", "cut off"),
        ("max_output_tokens", "cut off"),
        ("Length", "cut off"),
        ("model_context_window_exceeded", "cut off"),
        ("abort", "cut off"),
        ("time_limit", "cut off"),
        ("insufficient_system_resource", "cut off"),
        ("incomplete", "cut off"),
        ("error", "cut off"),
        ("RECITATION", "refused"),
        ("PROHIBITED_CONTENT", "refused"),
        ("sensitive", "refused"),
        ("stop", BY_WORDS),
        ("eos_token", BY_WORDS),
        ("stop_sequence", BY_WORDS),
        ("end_turn", BY_WORDS),
        ("", BY_WORDS),
        (None, BY_WORDS),
    ],
)
def test_every_word_for_an_end_before_the_end(reason, way):
    kept = kept_of({"message": {"content": "B"}, "finish_reason": reason})
    assert option_scores(kept, OPTIONS, "letters")[1] == way


def test_a_refusal_among_the_parts_of_a_content():
    parts = [{"type": "refusal", "refusal": "Not this."}]
    kept = kept_of({"message": {"content": parts}, "finish_reason": "stop"})
    assert option_scores(kept, OPTIONS, "letters")[1] == "refused"
