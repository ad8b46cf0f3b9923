"""McNemar and Holm against statsmodels, sign flips against all of them."""

from itertools import product

import numpy as np
import pytest
from pytest import approx
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests

from nast.statistics.paired_tests import holm, mcnemar, sign_flip

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(("n", "shift"), [(20, 0.0), (60, 0.3), (400, 0.1)])
def test_mcnemar_is_that_of_statsmodels(n, shift):
    first, second = RNG.random(n) < 0.4, RNG.random(n) < 0.4 + shift
    found = mcnemar(first, second)
    table = [[found.both, found.only_first], [found.only_second, found.neither]]
    assert np.sum(table) == n
    assert found.only_second == int((second & ~first).sum())
    assert found.p == approx(their_mcnemar(table, exact=True).pvalue)


def test_mcnemar_by_hand():
    # Five discordant pairs, all one way: 2 / 2^5.
    assert mcnemar([0] * 5 + [1], [1] * 5 + [1]).p == approx(1 / 16)
    assert mcnemar([1, 0], [1, 0]).p == 1.0
    with pytest.raises(ValueError, match="right"):
        mcnemar([0.5], [1])


@pytest.mark.parametrize("n", [1, 5, 40])
def test_holm_is_that_of_statsmodels(n):
    p = [float(v) for v in RNG.random(n) ** 4]
    theirs = multipletests(p, method="holm")[1]
    assert holm(p) == approx(list(theirs))


def test_holm_keeps_the_order_it_is_given():
    # Three times the smallest, twice the next, once the largest.
    assert holm([0.04, 0.01, 0.02]) == approx([0.04, 0.03, 0.04])
    assert holm([]) == []


def test_sign_flips_by_all_of_them():
    values, ids = np.array([1.0, 1, 0, -1, 1, 0, 1, 1]), list("aabbcdef")
    sums = [2, -1, 1, 0, 1, 1]
    flips = [abs(np.dot(s, sums)) >= 4 for s in product([-1, 1], repeat=6)]
    assert sign_flip(values, {"patients": ids}) == approx(np.mean(flips), abs=0.02)


def test_sign_flips_keep_their_level():
    p = [
        sign_flip(np.repeat(RNG.choice([-1.0, 0, 1], 60), 3), {"patients": ids}, seed, 500)
        for seed, ids in enumerate([[str(i // 3) for i in range(180)]] * 200)
    ]
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.09


def test_the_larger_p_is_kept():
    values = np.ones(12)
    items, halves = [str(i) for i in range(12)], [str(i // 6) for i in range(12)]
    assert sign_flip(values, {"patients": items}) < 0.01
    assert sign_flip(values, {"patients": items, "groups": halves}) == approx(0.5, abs=0.03)
    assert sign_flip(np.array([]), {"patients": []}) == 1.0


def test_flips_do_not_depend_on_the_names_of_patients():
    """Patients are keyed hashes: another key puts them into another order."""
    values, ids = RNG.integers(-1, 2, 60).astype(float), [str(i // 2) for i in range(60)]
    other = {name: f"{number:03}" for number, name in enumerate(RNG.permutation(sorted(set(ids))))}
    found = [sign_flip(values, {"patients": p}) for p in (ids, [other[i] for i in ids])]
    assert found[0] == found[1]
