"""McNemar and Holm against statsmodels, sign flips against all of them."""

from itertools import product

import numpy as np
import pytest
from pytest import approx
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests

from nast.measuring.significance import holm, mcnemar, sign_flip

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(("n", "shift"), [(20, 0.0), (60, 0.3), (400, 0.1)])
def test_mcnemar_is_that_of_statsmodels(n, shift):
    first, second = RNG.random(n) < 0.4, RNG.random(n) < 0.4 + shift
    found = mcnemar(first, second)
    table = [[found["both"], found["only first"]], [found["only second"], found["neither"]]]
    assert np.sum(table) == n
    assert found["only second"] == int((second & ~first).sum())
    assert found["p"] == approx(their_mcnemar(table, exact=True).pvalue)


def test_mcnemar_by_hand():
    # Five discordant pairs, all one way: 2 / 2^5.
    assert mcnemar([0] * 5 + [1], [1] * 5 + [1])["p"] == approx(1 / 16)
    assert mcnemar([1, 0], [1, 0])["p"] == 1.0
    with pytest.raises(ValueError, match="right"):
        mcnemar([0.5], [1])


@pytest.mark.parametrize("n", [1, 5, 40])
def test_holm_is_that_of_statsmodels(n):
    p = {f"pair {i}": float(v) for i, v in enumerate(RNG.random(n) ** 4)}
    theirs = multipletests(list(p.values()), method="holm")[1]
    assert list(holm(p).values()) == approx(list(theirs))
    assert list(holm(p)) == list(p)


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
