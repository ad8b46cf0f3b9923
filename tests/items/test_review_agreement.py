"""Kappa and alpha against published examples; what is not defined is said, never a NaN."""

import numpy as np
import pytest

from nast.items.review.agreement import agreement, alpha, kappa

KRIPPENDORFF = [  # Computing Krippendorff's Alpha-Reliability (2011), example C: 4 observers.
    "123321412...",
    "1233224125.3",
    ".3332342251.",
    "12332441251.",
]


def units(observers):
    return [[None if v == "." else v for v in unit] for unit in zip(*observers, strict=True)]


def pairs(both, first, second, neither):
    """Ratings of two reviewers by how often each pair of yes and no stands."""
    kinds = {
        ("yes", "yes"): both,
        ("yes", "no"): first,
        ("no", "yes"): second,
        ("no", "no"): neither,
    }
    return [list(pair) for pair, n in kinds.items() for _ in range(n)]


def test_kappa_by_hand():
    # 35 of 50 agree; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5: (0.7 - 0.5) / (1 - 0.5).
    found = agreement(pairs(20, 5, 10, 15))
    assert found["coefficient"] == "Cohen's kappa"
    assert found["value"] == pytest.approx(0.4)
    assert found["agreement"] == pytest.approx(0.7)
    assert (found["items"], found["rated by all"]) == (50, 50)
    # Its large-sample standard error: sqrt(0.7 * 0.3 / (50 * 0.5 ** 2)) = 0.1296.
    low, high = found["interval"]
    assert low == pytest.approx(0.4 - 1.96 * 0.1296, abs=0.04)
    assert high == pytest.approx(0.4 + 1.96 * 0.1296, abs=0.04)


def test_kappa_takes_items_that_both_rated():
    rated = pairs(20, 5, 10, 15)
    found = agreement([*rated, ["yes", None], [None, "no"], [None, None]])
    assert found["value"] == pytest.approx(0.4) and found["items"] == 50


def test_alpha_of_the_published_example():
    found = agreement(units(KRIPPENDORFF))
    assert found["coefficient"] == "Krippendorff's alpha (nominal)"
    assert found["value"] == pytest.approx(0.743, abs=0.0005)
    # Unit 12 has one rating; units 1, 10 and 11 lack one or two.
    assert (found["items"], found["rated by all"]) == (11, 8)
    low, high = found["interval"]
    assert low < 0.743 < high <= 1


def test_alpha_by_hand():
    # Three reviewers, two items: (a a b) and (b b b). Coincidences: aa 1, ab 1, ba 1, bb 3.
    # n = 6, n_a = 2, n_b = 4: ((6 - 1) * 4 - (2 + 12)) / (6 * 5 - 14) = 6 / 16.
    found = agreement([["a", "a", "b"], ["b", "b", "b"]])
    assert found["value"] == pytest.approx(0.375)
    assert found["agreement"] == pytest.approx(4 / 6)


def test_full_agreement_on_both_ratings_is_one():
    assert agreement(pairs(3, 0, 0, 2))["value"] == pytest.approx(1)
    assert agreement([["a"] * 3, ["b"] * 3])["value"] == pytest.approx(1)


@pytest.mark.parametrize("raters", [2, 3])
def test_one_rating_throughout_is_not_defined(raters):
    found = agreement([["yes"] * raters] * 9)
    assert (found["value"], found["interval"], found["agreement"]) == (None, None, 1)
    assert found["reason"].startswith("all ratings are the same")


def test_nothing_to_compare():
    assert agreement([["yes"], ["no"]])["reason"] == "one reviewer"
    apart = agreement([["yes", None], [None, "no"]])
    assert (apart["value"], apart["items"]) == (None, 0)
    assert apart["reason"] == "no row that two reviewers rated"


def test_resamples_without_variety_are_left_out_and_counted():
    found = agreement(pairs(9, 0, 0, 1), resamples=1000)
    # One of ten items is the only "no": (9 / 10) ** 10 = 35 % of the draws lack it.
    defined = int(found["method"].split(", ")[1].split()[0])
    assert defined == pytest.approx(651, abs=60)
    assert found["interval"] == [1, 1]


def test_equal_seeds_give_equal_intervals():
    one, same, other = (agreement(pairs(20, 5, 10, 15), seed) for seed in (1, 1, 2))
    assert one == same and one["interval"] != other["interval"]


def test_many_tables_at_once():
    tables = np.array([[[20, 5], [10, 15]], [[5, 0], [0, 5]], [[7, 0], [0, 0]]], dtype=float)
    assert kappa(tables) == pytest.approx([0.4, 1, np.nan], nan_ok=True)
    assert np.isnan(alpha(tables)[2]) and alpha(tables)[1] == pytest.approx(1)
