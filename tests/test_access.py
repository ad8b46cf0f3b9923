"""Access classes: the strictest is inherited, and data leave for a named reason only."""

from dataclasses import FrozenInstanceError
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.access import ACCESS_CLASSES, RULES, Override, guard, is_loopback, strictest
from nast.errors import AccessError, UsageError

HERE = [
    "localhost",
    "LOCALHOST",
    "localhost:8000",
    "localhost/v1",
    "http://localhost",
    "http://localhost:8000/v1",
    "https://LocalHost:443/v1?a=b#c",
    "127.0.0.1",
    "127.0.0.1:11434",
    "127.255.3.4",
    "http://127.9.9.9:80/",
    "[::1]",
    "[::1]:8000",
    "http://[::1]/v1",
    "http://[0:0:0:0:0:0:0:1]:80",
    "http://user:pass@localhost:8000/",
]
ELSEWHERE = [
    "api.example.com",
    "https://api.example.com/v1",
    "192.168.0.7",
    "10.0.0.1:8000",
    "http://8.8.8.8",
    "[2001:db8::1]",
    "http://[fe80::1]:80",
    # Names that only begin or end like ours.
    "http://localhost.evil.example",
    "http://evil.example/localhost",
    "evil-localhost",
    "localhosts",
    "http://127.0.0.1.evil.example/",
    "http://evil.example:127",
    # User names that look like hosts.
    "http://127.0.0.1@evil.example/",
    "http://localhost:80@evil.example",
    "localhost@evil.example",
    "http://localhost%40evil.example/",
    # Readers of URLs that disagree: for a browser, and for urllib3, "\\" begins the path.
    "http://evil.example\\@localhost/",
    "http://evil.example\\@127.0.0.1:80/",
    "evil.example\\@localhost",
    "http://localhost\\@evil.example/",
    "http://localhost\\.evil.example/",
    "http://evil.example#@localhost",
    "http://evil.example?@localhost/",
    "evil.example//localhost",
    # Spellings that some resolvers take for loopback; asking again does no harm.
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "0.0.0.0",
    "[::]",
    "http://127.0.0.1.:80",
    "127.0.0.256",
    "１２７.0.0.1",
    "ⓛocalhost",
    "http://[::ffff:8.8.8.8]",
    # No address at all.
    "",
    " ",
    "//",
    "http://",
    "http:///localhost",
    "http:localhost",
    "http://[::1",
    "unix:/run/server.socket",
]


@pytest.mark.parametrize("address", HERE)
def test_addresses_of_this_machine(address):
    assert is_loopback(address)


@pytest.mark.parametrize("address", ELSEWHERE)
def test_other_addresses(address):
    assert not is_loopback(address)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=30)
    | st.lists(
        st.sampled_from(
            [
                "http://",
                "localhost",
                "127.0.0.1",
                "evil.example",
                "@",
                ":",
                "80",
                "/",
                "\\",
                "#",
                "[",
                "]",
                "::1",
                "%",
                ".",
            ]
        )
    ).map("".join)
)
def test_any_text_is_an_address_or_not(address):
    assert is_loopback(address) in (True, False)


def test_the_strictest_access_class_is_inherited():
    assert ACCESS_CLASSES == ("open", "private", "credentialed")
    assert strictest([]) == "open"
    for order in permutations(ACCESS_CLASSES):
        assert strictest(order) == "credentialed"
    assert strictest(["private", "open"]) == strictest(iter(["open", "private"])) == "private"


def test_open_data_may_go_anywhere():
    entry = {"address": "https://api.example.com", "access": "open", "allowed_by": "open data"}
    assert guard("https://api.example.com", "open") == entry


@pytest.mark.parametrize("access", ["private", "credentialed"])
def test_data_that_must_stay_goes_nowhere(access):
    for address in ("https://api.example.com", "http://127.0.0.1@evil.example/", ""):
        for stays in (False, True):
            with pytest.raises(AccessError) as error:
                guard(address, access, loopback_stays=stays)
            assert RULES[access] in str(error.value)
            assert "the person, date and reason of an override" in str(error.value)
            assert "--override FILE.yaml" in str(error.value)
            assert "configuration" not in str(error.value)


def test_the_rules_are_named():
    with pytest.raises(
        AccessError, match=r"PhysioNet Credentialed Health Data Use Agreement.*https"
    ):
        guard("api.example.com", "credentialed")
    with pytest.raises(AccessError, match="private data must not leave the machine"):
        guard("api.example.com", "private")


@pytest.mark.parametrize("access", ["private", "credentialed"])
def test_a_loopback_address_needs_the_users_word(access):
    with pytest.raises(AccessError, match=r"can hide a proxy.*--loopback-stays"):
        guard("http://[::1]:8000", access)
    entry = {"address": "http://[::1]:8000", "access": access, "allowed_by": "loopback"}
    assert guard("http://[::1]:8000", access, loopback_stays=True) == entry


@pytest.mark.parametrize("access", ["private", "credentialed"])
def test_an_override_is_written_down(access):
    override = Override("A. Person", "2026-02-28", "ethics vote 17")
    assert guard("https://api.example.com", access, override=override) == {
        "address": "https://api.example.com",
        "access": access,
        "allowed_by": "override",
        "person": "A. Person",
        "date": "2026-02-28",
        "reason": "ethics vote 17",
    }


def test_an_override_of_open_data_is_none():
    override = Override("A. Person", "2026-02-28", "why not")
    assert guard("x.example", "open", override=override)["allowed_by"] == "open data"


@pytest.mark.parametrize(
    ("person", "day", "reason", "message"),
    [
        ("", "2026-01-01", "r", "a person and a reason"),
        (" \t", "2026-01-01", "r", "a person and a reason"),
        ("p", "2026-01-01", "", "a person and a reason"),
        ("p", "2026-01-01", " ", "a person and a reason"),
        ("p", "", "r", "a date, YYYY-MM-DD"),
        ("p", "2026-02-30", "r", "a date, YYYY-MM-DD"),
        ("p", "01.02.2026", "r", "a date, YYYY-MM-DD"),
        ("p", "2026-1-1", "r", "a date, YYYY-MM-DD"),
        ("p", "20260101", "r", "a date, YYYY-MM-DD"),
        ("p", "2026-W01-1", "r", "a date, YYYY-MM-DD"),
        ("p", "2026-01-01T00:00", "r", "a date, YYYY-MM-DD"),
    ],
)
def test_an_override_needs_a_person_a_date_and_a_reason(person, day, reason, message):
    with pytest.raises(UsageError, match=message):
        Override(person, day, reason)


def test_an_override_does_not_change():
    override = Override("p", "2026-01-01", "r")
    with pytest.raises(FrozenInstanceError):
        override.reason = "another"
