"""Drift on neutral sentences, from vectors whose angles are known."""

import numpy as np
import polars as pl
from made_up import one, scored
from pytest import approx
from scipy.stats import spearmanr

from nast.measuring.drift import LOWEST, _quantile, _rank_correlation
from nast.measuring.measure import measure
from nast.records import NEUTRAL_SCHEMA
from nast.scoring.neutral import neutral_sentences
from nast.statistics.areas import levels_of

RNG = np.random.default_rng(4)
NUMBER = sum(map(len, neutral_sentences().values()))


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


BASE = unit(RNG.normal(size=(NUMBER, 6)))


def table(model, vectors, seed=None):
    texts = [(g, t) for g, some in neutral_sentences().items() for t in some]
    rows = [(model, seed, *text, v.tolist()) for text, v in zip(texts, vectors, strict=True)]
    return pl.DataFrame(rows, schema=NEUTRAL_SCHEMA, orient="row")


def moved(*tables):
    """The drift of every model against `base`."""
    metrics = measure(scored(neutral=pl.concat([table("base", BASE), *tables])))
    return metrics.filter(task="neutral", reference="base")


def found(metrics, model, group, statistic):
    return one(metrics, reference="base", model=model, subset=group, statistic=statistic)


def test_a_turn_of_all_vectors_keeps_the_geometry():
    turn, _ = np.linalg.qr(RNG.normal(size=(6, 6)))
    metrics = moved(table("turned", BASE @ turn), table("same", BASE))
    for group, texts in neutral_sentences().items():
        for name in ("cosine", LOWEST, "geometry"):
            row = found(metrics, "same", group, name)
            assert row["value"] == approx(1, abs=1e-6)
            assert row["n"] == len(texts)
        assert found(metrics, "turned", group, "cosine")["value"] < 0.9
        assert found(metrics, "turned", group, "geometry")["value"] == approx(1, abs=1e-3)
    method = found(metrics, "same", "general", "cosine")["method"]
    assert method.startswith("percentile bootstrap over 16 sentences")


def test_numbers_against_numpy_and_scipy():
    after = unit(BASE + 0.5 * RNG.normal(size=BASE.shape))
    metrics = moved(table("tuned", after))
    size = len(neutral_sentences()["radiology"])
    before, after = BASE[:size], after[:size]
    cosines = (before * after).sum(axis=1)
    value = found(metrics, "tuned", "radiology", "cosine")
    assert value["value"] == approx(cosines.mean(), abs=1e-6)
    reach = 1.96 * cosines.std() / np.sqrt(size)
    wanted = [cosines.mean() - reach, cosines.mean() + reach]
    assert [value["low"], value["high"]] == approx(wanted, abs=0.03)
    low = found(metrics, "tuned", "radiology", LOWEST)["value"]
    assert low == approx(np.quantile(cosines, 0.05, method="inverted_cdf"), abs=1e-6)
    upper = np.triu_indices(size, 1)
    wanted = spearmanr((before @ before.T)[upper], (after @ after.T)[upper]).statistic
    geometry = found(metrics, "tuned", "radiology", "geometry")
    assert geometry["value"] == approx(wanted, abs=1e-3)
    assert geometry["low"] < wanted < geometry["high"]


def test_weights_are_copies():
    """A weight of two is the item twice, for the quantile and for the correlation."""
    x, y = np.array([3.0, 1, 2, 2, 5]), np.array([1.0, 2, 2, 4, 3])
    weights = np.array([[1, 2, 0, 3, 1]])
    again = [np.repeat(v, weights[0]) for v in (x, y)]
    correlation = _rank_correlation(levels_of(x), levels_of(y), weights.astype(float))
    assert correlation[0] == approx(spearmanr(*again).statistic)
    low = _quantile(x, levels_of(x), weights.astype(float))
    assert low[0] == np.quantile(again[0], 0.05, method="inverted_cdf")


def test_seeds_are_averaged():
    """Of every statistic, the quantile and the correlation too (design row 24)."""
    vectors = [unit(BASE + 0.5 * RNG.normal(size=BASE.shape)) for _ in range(2)]
    seeds = [table("tuned", v, seed) for seed, v in enumerate(vectors)]
    both, *single = moved(*seeds), moved(seeds[0]), moved(seeds[1])
    for name in ("cosine", LOWEST, "geometry"):
        values = [found(m, "tuned", "general", name)["value"] for m in single]
        assert found(both, "tuned", "general", name)["value"] == approx(np.mean(values))


def test_models_of_another_size_have_a_geometry_only():
    wide = unit(np.hstack([BASE, RNG.normal(size=BASE.shape)]))
    metrics = moved(table("wide", wide))
    assert set(metrics.select("subset", "statistic").rows()) == {
        ("radiology", "geometry"),
        ("general", "geometry"),
    }


def test_a_model_without_vectors_has_not_moved():
    metrics = measure(scored(neutral=table("tuned", BASE), models=["a chat model", "tuned"]))
    assert not len(metrics)
