"""Drift on neutral sentences, from vectors whose angles are known."""

import numpy as np
import polars as pl
import pytest
from pytest import approx
from scipy.stats import spearmanr

from nast.language.read.parse import cues, facts_of
from nast.measuring.areas import levels_of
from nast.scoring.neutral import (
    NEUTRAL_SCHEMA,
    _quantile,
    _rank_correlation,
    drift,
    neutral_sentences,
    neutral_vectors,
)

RNG = np.random.default_rng(4)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def table(model, vectors):
    texts = [(g, t) for g, some in neutral_sentences().items() for t in some]
    rows = [(model, *text, v.tolist()) for text, v in zip(texts, vectors, strict=True)]
    return pl.DataFrame(rows, schema=NEUTRAL_SCHEMA, orient="row")


NUMBER = sum(map(len, neutral_sentences().values()))
BASE = unit(RNG.normal(size=(NUMBER, 6)))


def figures(*tables, reference="base"):
    rows = drift(pl.concat(tables), reference)
    return {(r["model"], r["figure"]): r for r in rows}


def test_sentences_find_and_deny_nothing():
    groups = neutral_sentences()
    assert list(groups) == ["radiology", "general"]
    texts = [t for some in groups.values() for t in some]
    assert 30 <= len(texts) <= 50 and len(set(texts)) == len(texts)
    for text in texts:
        assert not cues(text)
        # A device in place is the one thing of CheXpert's list that a neutral report has.
        assert {f.condition for f in facts_of(text)} <= {"Support Devices"}
    assert not any(facts_of(t) for t in groups["general"])


def test_a_turn_of_all_vectors_keeps_the_geometry():
    turn, _ = np.linalg.qr(RNG.normal(size=(6, 6)))
    found = figures(table("base", BASE), table("turned", BASE @ turn), table("same", BASE))
    for group, texts in neutral_sentences().items():
        for name in ("cosine", "cosine, 5th percentile", "geometry"):
            figure = found["same", f"neutral {group}/{name}"]
            assert figure["value"] == approx(1, abs=1e-6)
            assert figure["n"] == len(texts)
        assert found["turned", f"neutral {group}/cosine"]["value"] < 0.9
        assert found["turned", f"neutral {group}/geometry"]["value"] == approx(1, abs=1e-3)
    assert found["same", "neutral general/cosine"]["method"].startswith(
        "percentile bootstrap over 16 sentences"
    )


def test_figures_against_numpy_and_scipy():
    moved = unit(BASE + 0.5 * RNG.normal(size=BASE.shape))
    found = figures(table("base", BASE), table("tuned", moved))
    size = len(neutral_sentences()["radiology"])
    before, after = BASE[:size], moved[:size]
    cosines = (before * after).sum(axis=1)
    value = found["tuned", "neutral radiology/cosine"]
    assert value["value"] == approx(cosines.mean(), abs=1e-6)
    reach = 1.96 * cosines.std() / np.sqrt(size)
    assert value["interval"] == approx([cosines.mean() - reach, cosines.mean() + reach], abs=0.03)
    low = found["tuned", "neutral radiology/cosine, 5th percentile"]["value"]
    assert low == approx(np.quantile(cosines, 0.05, method="inverted_cdf"), abs=1e-6)
    upper = np.triu_indices(size, 1)
    wanted = spearmanr((before @ before.T)[upper], (after @ after.T)[upper]).statistic
    geometry = found["tuned", "neutral radiology/geometry"]
    assert geometry["value"] == approx(wanted, abs=1e-3)
    assert geometry["interval"][0] < wanted < geometry["interval"][1]


def test_weights_are_copies():
    """A weight of two is the item twice, for the quantile and for the correlation."""
    x, y = np.array([3.0, 1, 2, 2, 5]), np.array([1.0, 2, 2, 4, 3])
    weights = np.array([[1, 2, 0, 3, 1]])
    again = [np.repeat(v, weights[0]) for v in (x, y)]
    found = _rank_correlation(levels_of(x), levels_of(y), weights.astype(float))
    assert found[0] == approx(spearmanr(*again).statistic)
    low = _quantile(x, levels_of(x), weights.astype(float))
    assert low[0] == np.quantile(again[0], 0.05, method="inverted_cdf")


def test_seeds_are_averaged():
    moved = [unit(BASE + 0.5 * RNG.normal(size=BASE.shape)) for _ in range(2)]
    seeds = [table(f"tuned#{i}", v) for i, v in enumerate(moved)]
    both = figures(table("base", BASE), *seeds)["tuned", "neutral general/cosine"]
    single = [figures(table("base", BASE), s)["tuned", "neutral general/cosine"] for s in seeds]
    assert both["value"] == approx(np.mean([s["value"] for s in single]))


def test_models_of_another_size_have_a_geometry_only():
    wide = unit(np.hstack([BASE, RNG.normal(size=BASE.shape)]))
    found = figures(table("base", BASE), table("wide", wide))
    assert {f for _, f in found} == {"neutral radiology/geometry", "neutral general/geometry"}
    assert figures(table("tuned", BASE), reference="a chat model") == {}


@pytest.mark.parametrize("column", ["model", "group", "sentence"])
def test_vectors_of_a_model(tiny_clip, column):
    from nast.models.registry import load_model
    from nast.vectors import Vectors

    store = Vectors(load_model(f"hf:{tiny_clip}", "tiny"))
    rows = neutral_vectors(store)
    wanted = table("tiny", np.zeros((NUMBER, 1)))
    assert rows[column].equals(wanted[column])
    assert np.linalg.norm(np.array(rows["vector"].to_list()), axis=1) == approx(1, abs=1e-3)
