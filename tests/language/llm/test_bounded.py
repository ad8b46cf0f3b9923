"""Whatever a server sends, of any size: the client stays small and says in one line what it was."""

import gzip
import json
import time
import tracemalloc
import zlib

import pytest
from scripted import returns, says, send, serving

from nast.errors import ModelError, UsageError
from nast.language.write.llm import retry, server
from nast.language.write.llm.endpoints import Endpoint
from nast.language.write.llm.server import ChatServer

ASK = [({"role": "user", "content": "quokka"},)]
YES = json.dumps({"choices": [{"message": {"content": "yes"}}]}).encode()


def packed(data, encoding="gzip"):
    return lambda handler, body: send(handler, 200, data, Content_Encoding=encoding)


def asked(address, **options):
    options = {"tries": 1, **options}
    return ChatServer(Endpoint(address, "tiny", **options), "open")(ASK)


@pytest.mark.parametrize(
    "answer",
    [
        packed(gzip.compress(YES)),
        packed(gzip.compress(YES), "X-GZIP"),
        packed(zlib.compress(YES), "deflate"),
        packed(YES, "identity"),
        returns(YES),
    ],
)
def test_answers_are_unpacked(answer):
    with serving(answer) as (address, script):
        assert asked(address) == ["yes"]
    assert script.headers[0]["Accept-Encoding"] == "gzip, deflate"


def bomb(size):
    """`size` megabytes of blanks, packed a thousand times smaller."""
    unit = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    parts = [unit.compress(b" " * 2**20) for _ in range(size)]
    return b"".join([*parts, unit.flush()])


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (packed(bomb(200)), "more than 16 MiB"),
        (returns(b'{"choices": [{"message": {"content": "' + b"A" * (17 * 2**20)), "than 16 MiB"),
        (packed(b"no gzip at all"), "not gzip, as it says"),
        (packed(gzip.compress(YES)[:-12] + b"quokka, quokka"), "not gzip, as it says"),
        (packed(YES, "br"), "an encoding that was not asked for"),
        (packed(YES, "zstd"), "an encoding that was not asked for"),
        (packed(gzip.compress(YES)[:20]), "another form"),
        (returns(b"[" * 100_000), "another form"),
        (returns({"choices": {"message": {}}}), "another form"),
        (returns({"choices": ["A"]}), "another form"),
        (returns({"choices": [{"message": "A"}]}), "another form"),
        (returns({"choices": [{"message": {"content": {"text": "A"}}}]}), "another form"),
    ],
)
def test_what_is_no_answer_is_one_line(answer, found):
    with serving(answer) as (address, _):
        tracemalloc.start()
        start = time.monotonic()
        with pytest.raises(ModelError, match=found) as error:
            asked(address)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "\n" not in str(error.value) and "quokka" not in str(error.value)
    assert most < 8 * retry.LARGEST
    assert time.monotonic() - start < 20


def test_an_answer_that_trickles_is_given_up():
    def trickle(handler, body):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.1)

    with serving(trickle) as (address, _):
        start = time.monotonic()
        with pytest.raises(ModelError, match="TimeoutError"):
            asked(address, timeout=0.5)
        assert time.monotonic() - start < 3


def test_a_large_answer_within_the_limit_is_read():
    with serving(says("A" * 2**20)) as (address, _):
        assert asked(address) == ["A" * 2**20]


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1",
        "http://host:99999/v1",
        "http://host:x/v1",
        "http://a\x00b/v1",
        "http://",
        "http://exa mple.org:1/v1",
        "https://xn--/v1",
        "http://" + "a" * 70_000,
    ],
)
def test_addresses_that_are_none(address):
    with pytest.raises(UsageError, match="must be a URL") as error:
        Endpoint(address, "m")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a\udcff", "a\nb", "a\x1b[31m"])
def test_a_name_that_cannot_be_sent_or_shown(name):
    with pytest.raises(UsageError, match="cannot be printed"):
        Endpoint("http://127.0.0.1:1/v1", name)


@pytest.mark.parametrize("key", ["sk-schlüssel", "sk-“quoted”", "sk\x00", "sk-a\nb", "ключ"])
def test_a_key_that_is_not_ascii(key, monkeypatch):
    if "\x00" in key:
        monkeypatch.setattr(server.os, "environ", {"TEST_KEY": key})
    else:
        monkeypatch.setenv("TEST_KEY", key)
    with pytest.raises(UsageError, match="the environment variable TEST_KEY") as error:
        ChatServer(Endpoint("https://api.example.org/v1", "m", key_variable="TEST_KEY"), "open")
    assert key not in str(error.value)


def test_blanks_around_a_key_are_no_part_of_it(monkeypatch):
    monkeypatch.setenv("TEST_KEY", " sk-1 \n")
    with serving(says("yes")) as (address, script):
        assert asked(address, key_variable="TEST_KEY") == ["yes"]
    assert script.headers[0]["Authorization"] == "Bearer sk-1"


def test_a_proxy_that_is_none(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "quokka://user:secret@proxy:1")
    with pytest.raises(ModelError, match="check HTTP_PROXY") as error:
        asked("https://api.example.org/v1")
    assert "secret" not in str(error.value)


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "A?"}]}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"content": "B", "reasoning_content": "The answer is A"}, "B"),
        ({"content": "B", "reasoning": "The answer is A"}, "B"),
        (
            {
                "content": [
                    THOUGHT,
                    {"type": "text", "text": "The answer "},
                    {"type": "text", "text": "is B."},
                ]
            },
            "The answer is B.",
        ),
        (
            {"content": [{"type": "reasoning", "text": "A"}, {"type": "output_text", "text": "B"}]},
            "B",
        ),
        ({"content": [{"text": "B"}]}, "B"),
        ({"content": ["B"]}, "B"),
        ({"content": [THOUGHT]}, ""),
        ({"content": [None, 3, {"type": "text", "text": 3}]}, ""),
        ({"content": None, "reasoning_content": "The answer is A"}, None),
        ({"reasoning_content": "The answer is A"}, None),
        ({"content": "half a pair: \ud800"}, "half a pair: ?"),
    ],
)
def test_thoughts_in_parts_and_fields_of_their_own_are_left_out(message, said):
    with serving(returns({"choices": [{"message": message}]})) as (address, _):
        assert asked(address) == [said]


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MODEL_LENGTH"])
def test_of_an_answer_that_was_cut_off_the_whole_lines_are_kept(reason):
    for said, kept in (("A: No edema.\nB: No fract", "A: No edema."), ("A: No", "")):
        data = {"choices": [{"message": {"content": said}, "finish_reason": reason}]}
        with serving(returns(data)) as (address, _):
            assert asked(address) == [kept]
