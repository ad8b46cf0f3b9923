"""AUC against scipy, average precision by hand, differences paired by patient."""

import numpy as np
import pytest
from pytest import approx
from scipy.stats import binom, mannwhitneyu

from nast.statistics.areas import auc, auc_difference, average_precision, clustered_auc

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("levels", [3, 8, 10**6])
def test_auc_equals_mann_whitney(levels):
    labels = RNG.random(60) < 0.4
    scores = RNG.integers(0, levels, 60).astype(float)
    wins = mannwhitneyu(scores[labels], scores[~labels]).statistic
    wanted = wins / labels.sum() / (~labels).sum()
    assert auc(scores, labels) == approx(wanted)
    assert auc(-scores, labels) == approx(1 - wanted)


def test_auc_with_weights_is_auc_of_repeated_items():
    labels, scores = RNG.random(20) < 0.5, RNG.integers(0, 5, 20).astype(float)
    times = RNG.integers(0, 3, 20)
    repeated = auc(np.repeat(scores, times), np.repeat(labels, times))
    assert auc(scores, labels, times.astype(float)) == approx(repeated)


def test_auc_takes_labels_as_numbers():
    assert auc(np.array([0.1, 0.9, 0.4]), np.array([0, 1, 0])) == 1.0


def test_auc_of_one_class_is_nan():
    assert np.isnan(auc(np.array([1.0, 2.0]), np.array([True, True])))


def test_clustered_auc_interval_holds_its_value():
    labels = np.array([True, False] * 20)
    scores = RNG.normal(size=40) + labels
    found = clustered_auc(scores, labels, [str(i // 2) for i in range(40)])
    assert found.low < found.value < found.high
    assert found.n == 40


def test_auc_of_a_few_patients_claims_little():
    scores, labels = np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, False, False, False])
    one = clustered_auc(scores, labels, ["a", "b", "c", "d"])
    assert (one.value, one.low, one.high) == (1.0, 0.0, 1.0)
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=40), np.arange(40) < 9
    nine = clustered_auc(scores, labels, [str(i) for i in range(40)])
    assert nine.high - nine.value == approx(min(1 - nine.value, (np.log(40) / 18) ** 0.5))
    assert nine.low < 0.5 < nine.high


def test_average_precision_by_hand():
    labels = np.array([True, False, True, False])
    # In order: hit at rank 1 (1/1), hit at rank 3 (2/3).
    assert average_precision(np.array([4.0, 3, 2, 1]), labels) == approx((1 + 2 / 3) / 2)
    # All equal: one rank, precision is the share of positives.
    assert average_precision(np.ones(4), labels) == approx(0.5)
    assert np.isnan(average_precision(np.ones(4), np.zeros(4, dtype=bool)))


def test_average_precision_with_weights_is_that_of_repeated_items():
    labels, scores = RNG.random(30) < 0.4, RNG.integers(0, 6, 30).astype(float)
    times = RNG.integers(0, 3, 30)
    repeated = average_precision(np.repeat(scores, times), np.repeat(labels, times))
    assert average_precision(scores, labels, times.astype(float)) == approx(repeated)


def test_difference_of_areas_is_paired():
    labels = np.arange(60) % 2 == 0
    first = RNG.normal(size=60) + labels
    patients = [str(i // 2) for i in range(60)]
    same = auc_difference(first, first + 1, labels, patients)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    better = auc_difference(first, first + 2 * labels, labels, patients)
    assert better.value == approx(auc(first + 2 * labels, labels) - auc(first, labels))
    assert 0 < better.low < better.value < better.high
    assert auc_difference(first, first, np.arange(60) < 9, patients).low == -1.0


def test_the_area_of_several_seeds_is_the_mean_of_theirs():
    """Design row 24: the area under the curve of the mean score is another number."""
    labels = np.array([True, True, False, False])
    seeds = np.array([[9.0, 0, 1, 2], [0.0, 3, 1, 2]])
    assert [auc(row, labels) for row in seeds] == [0.5, 0.5]
    assert clustered_auc(seeds, labels, list("abcd")).value == 0.5
    assert auc(seeds.mean(axis=0), labels) == 0.75


def test_an_interval_over_seeds_is_that_of_their_mean_area():
    labels = np.arange(80) % 2 == 0
    patients = [str(i) for i in range(80)]
    one = RNG.normal(size=80) + labels
    found = clustered_auc(np.stack([one, one]), labels, patients)
    assert found == clustered_auc(one, labels, patients)
    other = RNG.normal(size=80)
    change = auc_difference(np.stack([other, other]), one, labels, patients)
    assert change == auc_difference(other, one, labels, patients)
    mixed = auc_difference(np.stack([one, other]), one, labels, patients)
    assert mixed.value == approx((auc(one, labels) - auc(other, labels)) / 2)


def test_five_seeds_without_a_gain_are_equal_to_their_base():
    """The mean of scores would be a better detector than any seed; the mean of areas is not."""
    rng, simulations, within, values = np.random.default_rng(0), 60, 0, []
    labels, patients = np.arange(120) % 3 == 0, [f"p{n}" for n in range(120)]
    for _ in range(simulations):
        signal = labels * 1.0
        base, seeds = (signal + rng.normal(0, 1, (n, 120)) for n in (1, 5))
        value, low, high, *_ = auc_difference(base, seeds, labels, patients)
        values.append(value)
        within += low <= 0 <= high
    assert abs(np.mean(values)) < 3 * np.std(values) / simulations**0.5
    assert within >= binom.ppf(0.001, simulations, 0.95)
