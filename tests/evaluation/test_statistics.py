"""Intervals against a plain loop and a simulation, AUC against scipy."""

import numpy as np
import pytest
from pytest import approx
from scipy.stats import mannwhitneyu

from nast.evaluation.statistics import auc, clustered_auc, clustered_mean

RNG = np.random.default_rng(5)


def test_equals_a_plain_loop_with_the_same_weights():
    values = RNG.normal(size=30)
    ids = [f"p{i}" for i in RNG.integers(0, 9, 30)]
    names = sorted(set(ids))
    weights = np.random.default_rng(3).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=200
    )
    means = []
    for draw in weights:
        drawn = [v for name, times in zip(names, draw, strict=True) for _ in range(times)
                 for v, i in zip(values, ids, strict=True) if i == name]  # fmt: skip
        means.append(np.mean(drawn))
    found = clustered_mean(values, {"patients": ids}, seed=3, resamples=200)
    assert (found.low, found.high) == approx(tuple(np.quantile(means, [0.025, 0.975])))
    assert found.value == approx(values.mean())
    assert found.n == 30
    assert found.method == f"percentile bootstrap over {len(names)} patients, 200 resamples"


def test_the_wider_of_two_clusters_is_kept():
    values = np.repeat([0.0, 1.0] * 10, 5)
    blocks, singles = [str(i // 5) for i in range(100)], [str(i) for i in range(100)]
    both = clustered_mean(values, {"patients": singles, "groups": blocks})
    assert both == clustered_mean(values, {"groups": blocks})
    alone = clustered_mean(values, {"patients": singles})
    assert both.high - both.low > 1.5 * (alone.high - alone.low)


def test_interval_covers_the_truth():
    rng, hits = np.random.default_rng(0), 0
    ids = [str(i // 4) for i in range(160)]
    for seed in range(200):
        values = np.repeat(rng.normal(size=40), 4) + rng.normal(size=160)
        found = clustered_mean(values, {"patients": ids}, seed=seed, resamples=300)
        hits += found.low <= 0 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_no_items_is_nan():
    found = clustered_mean([], {"patients": []})
    assert found.n == 0
    assert np.isnan([found.value, found.low, found.high]).all()


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
    found = clustered_auc(scores, labels, [str(i // 2) for i in range(40)], resamples=200)
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
