"""Servers that take only some parameters: what is given up, and where that is said."""

import json
from collections import Counter

import pytest
from scripted import refuses, says, send, serving, status

from nast.errors import ModelError
from nast.language.write.llm.cache import AnswerCache, ask
from nast.language.write.llm.endpoints import Endpoint
from nast.language.write.llm.parameters import REFUSED, Parameters
from nast.language.write.llm.server import ChatServer, server_model

DECODING = {"temperature": 0.0, "seed": 0, "max_tokens": 512}
WISHED = ({"logprobs": True, "top_logprobs": 20}, {"logprobs": True, "top_logprobs": 5})
ASK = [({"role": "user", "content": f"quokka {n}"},) for n in range(6)]
OPENAI = {
    "error": {
        "message": "Unsupported parameter: '{0}' is not supported with this model. Use "
        "another one.",
        "type": "invalid_request_error",
        "param": "{0}",
    }
}
FASTAPI = {"detail": [{"type": "extra_forbidden", "loc": ["body", "{0}"], "msg": "not permitted"}]}
PLAIN = {"error": "{0} is not supported"}
SILENT = {"error": "not implemented"}


@pytest.mark.parametrize("code", REFUSED)
@pytest.mark.parametrize("said", [OPENAI, FASTAPI, PLAIN, SILENT])
@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("seed", "seed left out"),
        ("temperature", "temperature left out"),
        ("max_tokens", "max_tokens sent as max_completion_tokens"),
    ],
)
def test_one_parameter_that_a_server_refuses(code, said, name, becomes):
    with serving(refuses([name], says("yes"), code, said)) as (address, script):
        chat = ChatServer(Endpoint(address, "m", wished=WISHED, concurrency=1), "open")
        assert chat(ASK) == ["yes"] * 6
        assert chat(ASK) == ["yes"] * 6
    assert chat.refused == [becomes]
    answered = [r for r in script.requests if name not in r]
    kept = {**DECODING, **WISHED[0]}.keys() - {name}
    assert all(r.keys() >= kept for r in answered[-12:]), "nothing else is given up"
    assert len(script.requests) <= 12 + 6, "a refusal is learnt once"
    if name == "max_tokens":
        assert {r["max_completion_tokens"] for r in answered} == {512}


@pytest.mark.parametrize("said", [OPENAI, FASTAPI, SILENT])
def test_all_of_them_at_once(said):
    every = ["seed", "temperature", "max_tokens", "max_completion_tokens", "logprobs"]
    with serving(refuses(every, says("yes"), 400, said)) as (address, script):
        chat = ChatServer(Endpoint(address, "m", wished=WISHED), "open")
        assert chat(ASK) == ["yes"] * 6
        assert script.requests[-1].keys() == {"model", "messages"}
    assert chat.refused == [
        "temperature left out",
        "seed left out",
        "max_tokens left out",
        "logprobs left out",
        "top_logprobs left out",
    ]


def test_a_limit_under_its_older_name():
    with serving(refuses(["max_completion_tokens"], says("yes"), 422, FASTAPI)) as (
        address,
        script,
    ):
        endpoint = Endpoint(address, "m", decoding={"max_completion_tokens": 4096})
        chat = ChatServer(endpoint, "open")
        assert chat(ASK[:1]) == ["yes"]
    assert script.requests[-1]["max_tokens"] == 4096
    assert chat.refused == ["max_completion_tokens sent as max_tokens"]


def test_a_refusal_that_repeats_the_request_names_nothing():
    def echo(handler, body):
        send(handler, 400, {"error": body}) if "logprobs" in body else says("yes")(handler, body)

    with serving(echo) as (address, _):
        chat = ChatServer(Endpoint(address, "m", wished=WISHED), "open")
        assert chat(ASK[:1]) == ["yes"]
    assert chat.refused == ["logprobs left out", "top_logprobs left out"]


def test_what_was_once_taken_is_not_given_up():
    late = status(400)
    with serving(says("yes"), late) as (address, script):
        chat = ChatServer(Endpoint(address, "m", concurrency=1), "open")
        assert chat(ASK[:1]) == ["yes"]
        with pytest.raises(ModelError, match="refuses the request"):
            chat(ASK[1:2])
        assert len(script.requests) == 2


def test_each_answer_keeps_what_it_was_asked_without(tmp_path):
    path = tmp_path / "answers.jsonl"
    with serving(refuses(["seed"], says("yes"), 400, PLAIN)) as (address, _):
        model, counts = server_model(Endpoint(address, "m"), "open"), Counter()
        ask(model, ASK, AnswerCache(path), counts)
    assert counts["answers: seed left out"] == 6
    # A later run, which asks nothing, says it too.
    again = Counter()
    ask(model, ASK, AnswerCache(path), again)
    assert again == {
        "answers from the cache": 6,
        "requests to the model": 0,
        "answers: seed left out": 6,
    }
    assert {tuple(json.loads(line)["refused"]) for line in path.read_text().splitlines()} == {
        ("seed left out",)
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b'"seed"',
        b"{",
        b'{"param": 3}',
        b"\xff",
        b'{"error": "x"}',
        b'{"error": {"param": ["seed"]}}',
    ],
)
def test_any_refusal_is_read_and_comes_to_an_end(body):
    parameters = Parameters(DECODING, WISHED)
    seen = [parameters.sent()]
    while parameters.give_up(body):
        seen.append(parameters.sent())
        assert len(seen) < 20
    assert seen[0] == {**DECODING, **WISHED[0]}
    assert {} in seen or b"seed" in body
