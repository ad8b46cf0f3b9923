"""Intervals against scipy, the normal limit and simulations of samples whose mean is known."""

import numpy as np
import pytest
from pytest import approx
from scipy.stats import bootstrap, norm

from nast.statistics.bootstrap import (
    clustered_difference,
    clustered_mean,
    clustered_means,
    clustered_share,
    clustered_shares,
    over_clusters,
    resampled_means,
)

RNG = np.random.default_rng(5)


def test_interval_is_that_of_scipy():
    """Clusters as pairs (sum, number), resampled by scipy."""
    ids = [f"p{i}" for i in RNG.integers(0, 150, 600)]
    values = (RNG.random(600) < 0.3).astype(float)
    names, codes = np.unique(ids, return_inverse=True)
    sums, counts = np.bincount(codes, weights=values), np.bincount(codes)
    theirs = bootstrap(
        (sums, counts),
        lambda s, n, axis: s.sum(axis) / n.sum(axis),
        paired=True,
        method="percentile",
        n_resamples=20_000,
        rng=1,
    )
    ours = clustered_mean(values, {"patients": ids}, seed=3, resamples=20_000)
    assert (ours.low, ours.high) == approx(tuple(theirs.confidence_interval), abs=2e-3)
    assert (ours.value, ours.n) == (approx(values.mean()), 600)
    assert ours.method == f"percentile bootstrap over {len(names)} patients, 20000 resamples"


def test_resampled_means_by_brute_force():
    """Two clusters of one and three items: four equally likely draws, three different means."""
    means = resampled_means(np.array([1.0, 0.0]), np.array([1.0, 3.0]), resamples=40_000)
    shares = {round(float(v), 3): float(np.mean(means == v)) for v in np.unique(means)}
    assert shares == {
        1.0: approx(0.25, abs=0.01),
        0.25: approx(0.5, abs=0.01),
        0.0: approx(0.25, abs=0.01),
    }


def test_chunks_do_not_change_the_draws(monkeypatch):
    values, ids = RNG.normal(size=50), [str(i) for i in range(50)]
    whole = clustered_mean(values, {"patients": ids}, resamples=300)
    monkeypatch.setattr("nast.statistics.bootstrap.DRAWS", 700)
    parts = clustered_mean(values, {"patients": ids}, resamples=300)
    # A product of another size may add in another order: 50 numbers near 1, each rounded to 1e-16.
    # Other draws would move the ends by 0.01.
    assert (parts.low, parts.high) == approx((whole.low, whole.high), rel=0, abs=1e-12)
    assert (parts.value, parts.n, parts.method) == (whole.value, whole.n, whole.method)


def test_the_draws_do_not_rest_on_rounding():
    """0.1 + 0.2 and 0.3 are one kind of cluster, on every processor."""
    exact = np.array([0.3, 0.3, 0.7, 0.1, 0.3])
    summed = np.array([0.1 + 0.2, 0.3, 0.1 * 7, 0.1, 0.6 / 2])
    assert (exact != summed).any()
    counts = np.array([1.0, 1.0, 2.0, 2.0, 1.0])
    found = [resampled_means(sums, counts, resamples=50) for sums in (exact, summed)]
    # Kinds are told apart to 1e-9; other kinds would give other draws, which differ by 0.01.
    assert np.allclose(*found, rtol=0, atol=1e-8)


def test_the_widest_is_kept():
    values = np.repeat([0.0, 1.0] * 10, 5)
    blocks, singles = [str(i // 5) for i in range(100)], [str(i) for i in range(100)]
    both = clustered_mean(values, {"patients": singles, "groups": blocks})
    assert both == clustered_mean(values, {"groups": blocks})
    alone = clustered_mean(values, {"patients": singles})
    assert both.high - both.low > 1.5 * (alone.high - alone.low)


def covered(samples, patients, groups=None):
    """Share of samples (n,) of mean 0.5 whose interval holds it."""
    clusters = {"patients": patients} | ({"groups": groups} if groups else {})
    found = [clustered_mean(x, clusters, seed, 600) for seed, x in enumerate(samples)]
    return np.mean([f.low <= 0.5 <= f.high for f in found])


def answers(rng, number, patient, group):
    """Right and wrong answers of 150 patients in 150 groups of four, and their clusters."""
    patients, groups = rng.integers(0, 150, 600), np.arange(600) // 4
    skill = [
        patient * rng.normal(size=150)[patients] + group * rng.normal(size=150)[groups]
        for _ in range(number)
    ]
    samples = [(s + rng.normal(size=600) > 0).astype(float) for s in skill]
    return samples, [str(p) for p in patients], [str(g) for g in groups]


def test_intervals_cover():
    samples, patients, groups = answers(np.random.default_rng(0), 80, 1.0, 0.0)
    assert 0.91 <= covered(samples, patients) <= 0.99
    # Of a group effect, intervals over patients know nothing.
    samples, patients, groups = answers(np.random.default_rng(1), 80, 0.0, 1.5)
    assert covered(samples, patients) < 0.85 < 0.91 <= covered(samples, patients, groups)


@pytest.mark.slow
@pytest.mark.parametrize(("patient", "group"), [(0, 0), (1, 0), (0, 1), (0.7, 0.7), (1, 1)])
def test_intervals_cover_95_per_cent(patient, group):
    rng, hits = np.random.default_rng(7), []
    for _ in range(10):
        samples, patients, groups = answers(rng, 250, patient, group)
        hits.append(covered(samples, patients, groups))
    assert 0.93 <= np.mean(hits) <= 0.97


def test_equal_answers_are_not_certainty():
    ids = ["a", "a", "b", "b", "c", "c"]
    right = clustered_share(np.ones(6), {"patients": ids})
    # Three patients: the lower end p solves p^3 = 0.025.
    assert (right.value, right.low, right.high) == (1.0, approx(0.025 ** (1 / 3)), 1.0)
    wrong = clustered_share(np.zeros(6), {"patients": ids, "groups": list("uvwxyz")})
    assert (wrong.low, wrong.high) == (0.0, approx(1 - 0.025 ** (1 / 3)))
    assert "over 3 patients" in wrong.method
    mixed = np.array([0.0, 1, 1, 0, 1, 1])
    assert clustered_share(mixed, {"patients": ids}) == clustered_mean(mixed, {"patients": ids})


def test_difference_of_two_samples():
    first, second = RNG.normal(size=400), RNG.normal(size=900) + 0.3
    ids = [[str(i) for i in range(len(v))] for v in (first, second)]
    found = clustered_difference(first, ids[0], second, ids[1], "texts")
    reach = norm.ppf(0.975) * np.sqrt(first.var() / 400 + second.var() / 900)
    wanted = second.mean() - first.mean()
    assert (found.low, found.high) == approx((wanted - reach, wanted + reach), abs=0.015)
    assert (found.value, found.n) == (approx(wanted), 1300)


def test_no_items_is_nan():
    found = clustered_mean([], {"patients": []})
    assert found.n == 0
    assert np.isnan([found.value, found.low, found.high]).all()


def test_columns_from_the_same_draws():
    rng = np.random.default_rng(8)
    patients, groups = rng.integers(0, 150, 800), np.arange(800) // 4
    right = (rng.random((800, 2)) < (0.4, 0.7)).astype(float)
    part = np.where(patients < 100, right[:, 0], np.nan)
    columns = np.column_stack([right, right[:, 1] - right[:, 0], part, np.full(800, np.nan)])
    clusters = {"patients": patients, "groups": groups}
    found = clustered_means(columns, clusters, resamples=8000)
    for column, ours in zip(columns.T, found, strict=True):
        here = ~np.isnan(column)
        some = {kind: ids[here] for kind, ids in clusters.items()}
        alone = clustered_mean(column[here], some, resamples=8000)
        assert ours.n == alone.n
        if alone.n:
            assert ours.value == approx(alone.value)
            assert (ours.low, ours.high) == approx((alone.low, alone.high), abs=4e-3)
    assert found[3].n == np.count_nonzero(patients < 100)
    assert found[4].n == 0 and np.isnan(found[4].value)


def test_a_part_of_few_clusters_has_no_draw_without_an_item():
    column = np.full(40, np.nan)
    column[:2] = 0.0, 1.0
    (found,) = clustered_means(column[:, None], {"patients": np.arange(40)})
    # Drawn alone or together, never by dividing by no item: from none right to all right.
    assert (found.value, found.low, found.high, found.n) == (0.5, 0.0, 1.0, 2)
    assert found.method == "percentile bootstrap over 2 patients, 2000 resamples"


def test_shares_of_columns_keep_the_exact_rule():
    columns = np.array([[1, 0, np.nan], [1, 1, 0], [1, np.nan, 0], [1, 0, 0]], dtype=float)
    clusters = {"patients": ["a", "a", "b", "c"]}
    ones, mixed, zeros = clustered_shares(columns, clusters)
    assert ones == clustered_share(np.ones(4), clusters)
    assert zeros == clustered_share(np.zeros(3), {"patients": ["a", "b", "c"]})
    assert mixed.method.startswith("percentile bootstrap")


@pytest.mark.slow
def test_intervals_of_parts_cover_95_per_cent():
    """Parts of 40 items in samples of 600, resampled with the whole."""
    rng, hits = np.random.default_rng(9), []
    for _ in range(10):
        samples, patients, groups = answers(rng, 60, 0.7, 0.7)
        columns = np.stack([np.where(rng.random(600) < 1 / 15, s, np.nan) for s in samples], axis=1)
        found = clustered_means(columns, {"patients": patients, "groups": groups}, resamples=600)
        hits += [f.low <= 0.5 <= f.high for f in found]
    assert 0.92 <= np.mean(hits) <= 0.97


def test_draws_do_not_depend_on_the_names_of_patients():
    """Patients are keyed hashes: another key puts them into another order, and nothing moves."""
    rng = np.random.default_rng(11)
    ids = [f"{i:02}" for i in rng.integers(0, 30, 120)]
    other = {name: f"{i:02}" for i, name in enumerate(rng.permutation(sorted(set(ids))))}
    renamed = [other[i] for i in ids]
    values = rng.integers(0, 2, 120).astype(float)

    def mean(weights):
        return (weights @ values) / weights.sum(axis=-1)

    for made in (
        lambda names: clustered_mean(values, {"patients": names}),
        lambda names: clustered_means(values[:, None], {"patients": names})[0],
        lambda names: over_clusters(values.mean(), mean, names, 120, 0),
        lambda names: clustered_difference(values[:60], names[:60], values[60:], names[60:], "p"),
    ):
        assert made(ids) == made(renamed)


def test_the_interval_of_a_share_stays_a_share():
    """All wrong answers are of one patient in one group: the reaches of both, added as squares and
    less that of single items, go beyond 1.
    """
    values = np.arange(50) >= 4
    clusters = {"patients": np.arange(50) // 5, "groups": np.arange(50) // 5}
    assert clustered_mean(values, clusters).high > 1
    share = clustered_share(values, clusters)
    assert share.high == 1 and 0 < share.low < share.value < 1
    (column,) = clustered_shares(values[:, None].astype(float), clusters)
    assert column.high == 1
    assert clustered_share(~values, clusters).low == 0
