"""Ranges of numbers: what they hold, what they say."""

import pytest

from nast.errors import UsageError
from nast.ranges import COUNT, FRACTION, NOT_NEGATIVE, POSITIVE, SEED, SHARE, Range

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("allowed", "inside", "outside"),
    [
        (COUNT, [1, 2, 10**9], [0, -1, NAN, INF]),
        (NOT_NEGATIVE, [0, 0.5, 7], [-1, -1e-9, NAN, INF]),
        (SEED, [0, 2**63 - 1], [-1, 2**63]),
        (FRACTION, [0, 0.999], [1, 1.5, -0.1, NAN]),
        (SHARE, [0, 1], [1.0001, -0.1, NAN, INF]),
        (POSITIVE, [1e-12, 5], [0, -1, NAN, INF]),
    ],
)
def test_what_a_range_holds(allowed, inside, outside):
    assert all(allowed.holds(number) for number in inside)
    assert not any(allowed.holds(number) for number in outside)
    assert allowed.holds(allowed.example)


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (COUNT, "uses is -3; it must be at least 1, for example 10"),
        (Range(3, 7, 5), "uses is -3; it must be from 3 to 7, for example 5"),
        (FRACTION, "uses is -3; it must be at least 0 and below 1, for example 0.5"),
        (POSITIVE, "uses is -3; it must be above 0, for example 0.5"),
    ],
)
def test_an_error_names_the_option_the_range_and_an_example(allowed, words):
    with pytest.raises(UsageError) as caught:
        allowed.check("uses", -3)
    assert str(caught.value) == words
    allowed.check("uses", None)
    allowed.check("uses", allowed.example)
    with pytest.raises(ValueError, match="It must be "):
        allowed(list, [allowed.example, -3])
