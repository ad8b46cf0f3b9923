"""The chat client against a server that fails in every way that servers do."""

import asyncio
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from scripted import cut, reset, returns, right, says, serving, slow, status

from nast.access import Override
from nast.errors import AccessError, ModelError, UsageError
from nast.language.write.llm import retry, server
from nast.language.write.llm.endpoints import PRESETS, Endpoint
from nast.language.write.llm.server import ChatServer, server_model
from nast.records import Fact

ASK = ({"role": "user", "content": "quokka"},)
KEY = "sk-secret-31415926"


@pytest.fixture
def waits(monkeypatch):
    """Waiting takes no time; gives the seconds that were asked for."""
    asked = []

    async def short(seconds):
        asked.append(seconds)

    monkeypatch.setattr(server, "pause", short)
    return asked


def client(address, **options):
    return ChatServer(Endpoint(address, "tiny", **options), "open")


@pytest.mark.parametrize(
    "fault",
    [
        status(429),
        status(500),
        status(503),
        status(408),
        cut,
        reset,
        returns(b"<html>busy</html>"),
        returns({"error": "loading"}),
        returns([1]),
        returns({"choices": [{"message": {"content": 3}}]}),
    ],
    ids=["429", "500", "503", "408", "cut", "reset", "html", "error", "list", "number"],
)
def test_a_passing_fault_is_tried_again(fault, waits):
    with serving(fault, fault, says("yes")) as (address, script):
        assert client(address)([ASK]) == ["yes"]
        assert len(script.requests) == 3
    assert len(waits) == 2
    assert 0.25 <= waits[0] <= 0.75 and 0.5 <= waits[1] <= 1.5


def test_an_answer_that_is_late_is_asked_for_again(waits):
    with serving(slow(1.5, says("late")), says("yes")) as (address, script):
        assert client(address, timeout=0.7)([ASK]) == ["yes"]
        assert len(script.requests) == 2


def test_the_wait_doubles_up_to_a_minute_and_never_undercuts_the_server():
    fault = retry.TransientError("HTTP 500")
    for number, middle in ((1, 0.5), (2, 1), (5, 8), (20, 60)):
        drawn = [retry.wait_before(number, fault) for _ in range(50)]
        assert middle * 0.5 <= min(drawn) < max(drawn) <= middle * 1.5
    assert retry.wait_before(1, retry.TransientError("HTTP 429", 40.0)) == 40.0


def test_retry_after_is_honoured(waits):
    late = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    with serving(
        status(429, Retry_After="7"),
        status(503, Retry_After=late),
        status(503, Retry_After="soon"),
        says("yes"),
    ) as (address, _):
        assert client(address)([ASK]) == ["yes"]
    assert waits[0] == 7.0
    assert 80 < waits[1] <= 90
    assert waits[2] < 4


def test_a_very_long_retry_after_ends_the_run(waits):
    with serving(status(429, Retry_After="86400")) as (address, script):
        with pytest.raises(ModelError, match="asks to wait 86400 s; run again later"):
            client(address)([ASK])
        assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("code", "advice", "requests"),
    [
        (401, "environment variable", 1),
        (403, "environment variable", 1),
        (404, "ends in /v1", 1),
        # Without each of the three parameters, and without all.
        (400, "decoding parameters", 5),
        (422, "decoding parameters", 5),
        (501, "decoding parameters", 5),
        (307, "Redirects are not followed", 1),
    ],
)
def test_a_lasting_fault_is_not_tried_again(code, advice, requests, waits):
    with serving(says("elsewhere")) as (other, elsewhere):
        with serving(status(code, Location=other)) as (address, script):
            with pytest.raises(ModelError, match=advice) as error:
                client(address)([ASK])
            assert len(script.requests) == requests
        assert not elsewhere.requests
    assert "quokka" not in str(error.value) and not waits


def test_a_silent_model_gives_no_answer(waits):
    for data in ({"choices": []}, {"choices": [{"message": {"content": None}}]}):
        with serving(returns(data)) as (address, script):
            assert client(address)([ASK]) == [None]
            assert len(script.requests) == 1


def test_a_server_that_never_answers_ends_the_run(waits):
    with serving(status(500)) as (address, script):
        with pytest.raises(ModelError, match=r"no answer after 4 tries \(HTTP 500\)"):
            client(address, tries=4)([ASK, ASK])
        assert len(script.requests) == 8
    with pytest.raises(ModelError, match="ConnectError"):
        client(address, tries=2)([ASK])


def test_one_lost_request_does_not_end_the_run_but_many_do(waits):
    def picky(messages):
        return "yes" if messages[0]["content"] == "quokka" else None

    def step(handler, body):
        (says("yes") if picky(body["messages"]) else status(500))(handler, body)

    bad = ({"role": "user", "content": "poison"},)
    with serving(step) as (address, _):
        chat = client(address, tries=2)
        assert chat([ASK, bad, ASK]) == ["yes", None, "yes"]
        assert chat([bad] * 7) == [None] * 7
        with pytest.raises(ModelError, match="no answer after 2 tries"):
            chat([bad])
        assert chat([ASK]) == ["yes"]


def test_answers_keep_their_order_and_concurrency_its_bound(waits):
    echo = slow(0.05, says(lambda messages: messages[0]["content"]))
    asked = [({"role": "user", "content": str(n)},) for n in range(9)]
    with serving(echo) as (address, script):
        assert client(address, concurrency=3)(asked) == [str(n) for n in range(9)]
        assert script.most == 3
        assert set(script.paths) == {"/v1/chat/completions"}
        assert script.requests[0].keys() == {
            "model",
            "messages",
            "temperature",
            "seed",
            "max_tokens",
        }


def test_works_inside_a_running_loop(waits):
    async def notebook():
        return client(address)([ASK])

    with serving(says("yes")) as (address, _):
        assert asyncio.run(notebook()) == ["yes"]


@pytest.fixture
def no_sockets(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(httpx, "AsyncClient", refuse)


@pytest.mark.parametrize("access", ["credentialed", "private"])
@pytest.mark.parametrize(
    "address", ["https://api.example.org/v1", "http://192.168.1.5:8000/v1", "http://127.0.0.1:1/v1"]
)
def test_the_guard_refuses_before_any_connection(access, address, no_sockets):
    with pytest.raises(AccessError):
        server_model(Endpoint(address, "m"), access)


def test_loopback_serves_credentialed_data_once_it_is_stated(waits):
    with serving(says("yes")) as (address, _):
        model = server_model(Endpoint(address, "m"), "credentialed", loopback_stays=True)
        assert model.backend([ASK]) == ["yes"]
        assert model.allowed == {
            "address": address,
            "access": "credentialed",
            "allowed_by": "loopback",
        }


def test_an_override_is_kept_for_the_manifest(no_sockets):
    override = Override("A. Person", "2026-01-31", "approved by the data owner")
    model = server_model(Endpoint("https://api.example.org/v1", "m"), "private", override=override)
    assert model.allowed["allowed_by"] == "override"
    assert model.allowed["person"] == "A. Person"


def test_proxies_of_the_environment_are_not_used_for_loopback(waits, monkeypatch):
    with serving(says("proxy")) as (proxy, seen), serving(says("direct")) as (address, _):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.removesuffix("/v1"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert client(address)([ASK]) == ["direct"]
        assert not seen.requests


def test_the_key_goes_to_the_server_and_nowhere_else(waits, monkeypatch, caplog):
    monkeypatch.setenv("TEST_KEY", KEY)
    with caplog.at_level(logging.DEBUG), serving(says("yes"), status(401)) as (address, script):
        chat = client(address, key_variable="TEST_KEY")
        assert chat([ASK]) == ["yes"]
        assert script.headers[0]["Authorization"] == f"Bearer {KEY}"
        with pytest.raises(ModelError) as error:
            chat([ASK])
    said = [str(error.value), repr(error.value.__cause__), repr(chat), repr(vars(chat))]
    said += [r.getMessage() for r in caplog.records]
    assert not any(KEY in text or "quokka" in text for text in said)
    assert "HTTP Request" in "".join(said), "the log was listened to"


def test_a_key_that_is_not_set_is_asked_for(monkeypatch, no_sockets):
    monkeypatch.delenv("TEST_KEY", raising=False)
    with pytest.raises(UsageError, match="set the environment variable TEST_KEY"):
        client("https://api.example.org/v1", key_variable="TEST_KEY")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "127.0.0.1:8000"}, "must be a URL"),
        ({"address": "file:///etc/passwd"}, "must be a URL"),
        ({"address": f"https://u:{KEY}@host/v1"}, "no user, password or query"),
        ({"address": f"https://host/v1?key={KEY}"}, "no user, password or query"),
        ({"address": "http://host/v1", "key_variable": "K"}, "use https"),
        ({"address": "http://127.0.0.1/v1", "tries": 0}, "at least 1"),
    ],
)
def test_endpoints_that_are_refused(options, message):
    with pytest.raises(UsageError, match=message) as error:
        Endpoint(model="m", **options)
    assert KEY not in str(error.value)


def test_presets():
    assert "Llama-3.1-8B" in PRESETS["llama-3.1-8b"].model
    with pytest.raises(AccessError):
        server_model("gpt-5.1", "credentialed")
    with pytest.raises(UsageError, match=r"there are llama-3\.1-8b"):
        server_model("gpt-9", "open")


def test_real_seconds_are_waited():
    with serving(status(500), says("yes")) as (address, _):
        start = time.monotonic()
        assert client(address)([ASK]) == ["yes"]
        assert time.monotonic() - start >= 0.25


def test_a_whole_set_over_http(waits):
    from nast.language.write.llm.realise import realise

    names = ("Fracture", "Edema", "Pneumonia")
    rows = (("absent", "present", "absent"), ("present", "present", "present"))
    one = [tuple(map(Fact, names, row)) for row in rows]
    with serving(status(503), cut, says(right)) as (address, script):
        words, counts = realise([one], "options", server_model(Endpoint(address, "m"), "open"))
        assert len(script.requests) == 4
    (written,) = words.values()
    assert written.realiser.startswith("llm:m:")
    assert counts["sets replaced by templates"] == 0
    assert counts["model"]["allowed_by"] == "open data"
