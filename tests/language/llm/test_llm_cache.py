"""Answers are kept, once, through kills, damage and several runs at a time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from scripted import model, says, serving, slow

from nast.errors import InputError, ModelError
from nast.language.write.llm.cache import AnswerCache, ask, request_key
from nast.language.write.llm.endpoints import Endpoint
from nast.language.write.llm.server import server_model


def talk(*words):
    return [({"role": "user", "content": word},) for word in words]


def echo(messages):
    return messages[0]["content"].upper()


def test_equal_requests_are_asked_once(tmp_path):
    log, counts = [], Counter()
    writer = model(echo, log=log)
    for _ in range(2):
        cache = AnswerCache(tmp_path / "a.jsonl")
        assert ask(writer, talk("x", "y", "x"), cache, counts) == ["X", "Y", "X"]
    assert len(log) == 2
    assert counts == {"answers from the cache": 2, "requests to the model": 2}


def test_what_decides_an_answer_decides_its_key():
    (x,), (y,) = talk("x"), talk("y")
    keys = [
        request_key(m, c)
        for m, c in ((model(), x), (model(), y), (model(name="other"), x), (model(seed=1), x))
    ]
    assert len(set(keys)) == 4
    assert request_key(model(chunk=1), x) == keys[0]


def test_blank_answers_are_asked_for_again(tmp_path):
    answers = iter([None, "  ", "X"])
    writer = model(lambda _: next(answers))
    cache = AnswerCache(tmp_path / "a.jsonl")
    assert [ask(writer, talk("x"), cache, Counter())[0] for _ in range(4)] == [None, None, "X", "X"]


def test_without_a_file_answers_live_for_the_call():
    cache = AnswerCache()
    assert ask(model(echo), talk("x"), cache, Counter()) == ["X"]
    assert ask(model(), talk("x"), cache, Counter()) == ["X"]


@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_half_written_line_is_dropped_counted_and_asked_again(tmp_path, left):
    path, log = tmp_path / "a.jsonl", []
    ask(model(echo), talk("x", "y"), AnswerCache(path), Counter())
    whole = path.read_bytes()
    first, second = whole.splitlines(keepends=True)
    path.write_bytes(first + second[:left])
    cache = AnswerCache(path)
    # Only the line's end is missing: the answer is there.
    assert cache.dropped == (left != -1)
    assert ask(model(echo, log=log), talk("x", "y"), cache, Counter()) == ["X", "Y"]
    assert len(log) == (left != -1)
    assert [json.loads(row)["answer"] for row in path.read_bytes().splitlines() if row[-1:] == b"}"]
    assert AnswerCache(path).dropped == (left != -1)


def test_damage_in_the_middle_costs_its_line_only(tmp_path):
    path = tmp_path / "a.jsonl"
    ask(model(echo), talk("x", "y", "z"), AnswerCache(path), Counter())
    rows = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([rows[0], b"\xff\x00", b"[1]", b'{"key": 3}', b"", rows[2], b""]))
    cache, log = AnswerCache(path), []
    assert cache.dropped == 3
    assert ask(model(echo, log=log), talk("x", "y", "z"), cache, Counter()) == ["X", "Y", "Z"]
    assert log == talk("y")


def test_the_first_of_two_runs_counts_in_both(tmp_path):
    path = tmp_path / "a.jsonl"
    one, two = AnswerCache(path), AnswerCache(path)
    assert ask(model(lambda _: "one"), talk("x"), one, Counter()) == ["one"]
    assert ask(model(lambda _: "two"), talk("x"), two, Counter()) == ["one"]
    assert ask(model(lambda _: "three"), talk("x"), AnswerCache(path), Counter()) == ["one"]


RUN = """
import sys
from collections import Counter
from pathlib import Path
sys.path.insert(0, {here!r})
from scripted import model
from test_llm_cache import talk
from nast.language.write.llm.cache import AnswerCache, ask
ask(model(lambda m: sys.argv[1] * 300, chunk=1), talk(*map(str, range(200))),
    AnswerCache(Path(sys.argv[2])), Counter())
"""


def test_several_runs_write_one_file(tmp_path):
    path = tmp_path / "a.jsonl"
    code = RUN.format(here=str(Path(__file__).parent))
    runs = [subprocess.Popen([sys.executable, "-c", code, name, str(path)]) for name in "pq"]
    assert [run.wait() for run in runs] == [0, 0]
    cache = AnswerCache(path)
    assert cache.dropped == 0
    answers = ask(model(lambda _: None), talk(*map(str, range(200))), cache, Counter())
    assert set(answers) <= {"p" * 300, "q" * 300}


KILLED = """
import sys
from collections import Counter
from pathlib import Path
from dataclasses import replace
sys.path.insert(0, {here!r})
from test_llm_cache import talk
from nast.language.write.llm.cache import AnswerCache, ask
from nast.language.write.llm.endpoints import Endpoint
from nast.language.write.llm.server import server_model
writer = replace(server_model(Endpoint(sys.argv[1], "m"), "open"), chunk=2)
ask(writer, talk(*map(str, range(10))), AnswerCache(Path(sys.argv[2])), Counter())
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    path = tmp_path / "a.jsonl"
    code = KILLED.format(here=str(Path(__file__).parent))
    with serving(slow(0.1, says(echo))) as (address, script):
        run = subprocess.Popen([sys.executable, "-c", code, address, str(path)])
        end = time.monotonic() + 60
        while time.monotonic() < end and len(script.requests) < 5:
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        # What a kill in the middle of a write would leave.
        with open(path, "ab") as file:
            file.write(b'{"key": "half')
        kept = path.read_bytes().count(b"\n")
        assert 4 <= kept < 10
        before = len(script.requests)
        cache, counts = AnswerCache(path), Counter()
        writer = server_model(Endpoint(address, "m"), "open")
        answers = ask(writer, talk(*map(str, range(10))), cache, counts)
        assert answers == [str(n) for n in range(10)]
        assert len(script.requests) - before == 10 - kept == counts["requests to the model"]
        assert cache.dropped == 1


def test_a_run_that_fails_keeps_the_chunks_before(tmp_path, monkeypatch):
    from scripted import status

    steps = [says("yes")] * 4 + [status(401)]
    with serving(*steps) as (address, _):
        writer = server_model(Endpoint(address, "m", concurrency=1), "open")
        cache = AnswerCache(tmp_path / "a.jsonl")
        with pytest.raises(ModelError):
            ask(writer, talk(*"abcdefgh"), cache, Counter())
    again, counts = AnswerCache(tmp_path / "a.jsonl"), Counter()
    ask(model(echo, name="m", seed=0, max_tokens=512), talk(*"abcdefgh"), again, counts)
    assert counts == {"answers from the cache": 4, "requests to the model": 4}


def test_no_key_and_no_prompt_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-secret-31415926")
    path = tmp_path / "a.jsonl"
    with serving(says("yes")) as (address, _):
        endpoint = Endpoint(address, "m", key_variable="TEST_KEY")
        ask(server_model(endpoint, "open"), talk("quokka"), AnswerCache(path), Counter())
    text = path.read_text()
    assert "yes" in text
    assert not any(word in text for word in ("sk-secret", "quokka", "TEST_KEY"))


def test_a_folder_is_no_file_of_answers(tmp_path):
    with pytest.raises(InputError, match="found a folder"):
        AnswerCache(tmp_path)
