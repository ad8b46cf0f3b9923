"""Differences of two models on the same items, and what may have been lost."""

import polars as pl
import pytest
from made_up import answered, hits_of, one, scored
from pytest import approx

from nast.measuring.compare import harm
from nast.measuring.measure import measure
from nast.statistics.paired_tests import holm

ANSWERS = [(0, 1), (1, 1), (0, 0), (0, 1), (1, 0), (0, 1)]
CLAIMS = {"task": "choice", "set": "claims", "statistic": "accuracy"}


def test_difference_is_second_minus_first_on_the_same_items():
    items, first = answered(ANSWERS, "a")
    found = measure(scored(items, pl.concat([first, answered([(1, 1)] * 5, "b")[1]])))
    row = one(found, model="b", reference="a", form="negated", **CLAIMS)
    assert row["n"] == 5
    assert row["value"] == approx(1 - 2 / 5)
    # Negated, b is right where a is in two of five, and in the three others too.
    tested = one(
        found,
        model="b",
        reference="a",
        form="negated",
        **CLAIMS | {"statistic": "accuracy (McNemar)"},
    )
    assert tested["p"] == approx(2 / 2**3)
    change = one(found, model="b", reference="a", **CLAIMS | {"statistic": "gap"})
    assert change["value"] == approx(0 - (3 / 5 - 2 / 5))


def test_all_pairs_are_compared_and_holm_is_over_those_of_one_form():
    models = {"a": [(0, 1)] * 12, "b": [(1, 1)] * 12, "c": [(1, 0)] * 11 + [(0, 0)]}
    items = answered(models["a"])[0]
    found = measure(scored(items, pl.concat(answered(r, m)[1] for m, r in models.items())))
    pairs = [("b", "a"), ("c", "a"), ("c", "b")]
    families = [("accuracy", "negated"), ("accuracy", "affirmative"), ("gap", None)]
    for statistic, form in families:
        rows = [
            one(found, model=m, reference=r, **CLAIMS | {"statistic": statistic, "form": form})
            for m, r in pairs
        ]
        assert [r["p_holm"] for r in rows] == holm([r["p"] for r in rows])
    compared = found.filter(pl.col("reference").is_not_null() & pl.col("p_holm").is_not_null())
    assert len(compared) == len(families) * len(pairs)


def test_the_spread_of_a_difference_is_that_of_its_seeds():
    items, base = answered([(0, 1)] * 4, "base")
    tuned = [
        answered([(1, 1)] * some + [(0, 1)] * (4 - some), "tuned", seed)[1]
        for seed, some in enumerate((4, 2))
    ]
    other = [
        answered([(1, 1)] * some + [(0, 1)] * (4 - some), "other", seed)[1]
        for seed, some in enumerate((2, 0))
    ]
    found = measure(scored(items, pl.concat([base, *tuned, *other])))
    row = one(found, model="tuned", reference="base", form="negated", **CLAIMS)
    # Seeds gain 1 and 1/2: their mean, and their standard deviation.
    assert (row["value"], row["seeds"]) == (approx(0.75), 2)
    assert row["seed_sd"] == approx(0.5**0.5 / 2)
    # Seeds that both have are paired: each gains one half.
    paired = one(found, model="other", reference="tuned", form="negated", **CLAIMS)
    assert (paired["value"], paired["seed_sd"]) == (approx(-0.5), 0)


def test_differences_of_gaps_are_no_answers():
    """Gaps of 0 and 1 look like answers; McNemar's test is not about them."""
    items, first = answered([(0, 1), (1, 1)], "a")
    found = measure(scored(items, pl.concat([first, answered([(1, 1)] * 2, "b")[1]])))
    compared = found.drop_nulls("reference")["statistic"]
    assert set(compared) == {"accuracy", "accuracy (McNemar)", "gap"}


def lost(margin):
    """Two models that differ in one affirmative claim of twenty, and in no query."""
    items, base = answered([(0, 1)] * 20, "base", k=2)
    tuned = answered([(0, 1)] * 19 + [(0, 0)], "tuned", k=2)[1]
    queries = {(f"q{n}", "affirmative"): n % 2 == 0 for n in range(20)}
    hits = pl.concat([hits_of(queries, m) for m in ("base", "tuned")])
    return measure(scored(items, pl.concat([base, tuned]), hits=hits), margin=margin)


@pytest.mark.parametrize(("margin", "verdict"), [(0.01, "not shown"), (0.3, "not inferior")])
def test_affirmative_claims_and_retrieval(margin, verdict):
    found = lost(margin)
    judged = found.filter(pl.col("margin").is_not_null())
    assert set(judged.select("task", "statistic", "form", "model", "reference").rows()) == {
        ("choice", "accuracy", "affirmative", "tuned", "base"),
        ("retrieval", "R@1", "affirmative", "tuned", "base"),
        ("retrieval", "R@5", "affirmative", "tuned", "base"),
    }
    claims = one(found, reference="base", form="affirmative", **CLAIMS)
    assert (claims["value"], claims["n"]) == (approx(-1 / 20), 20)
    assert (claims["margin"], harm(claims)) == (margin, verdict)
    same = one(found, reference="base", form="affirmative", statistic="R@1")
    assert (same["low"], same["high"], harm(same)) == (0.0, 0.0, "not inferior")


def test_one_model_has_nothing_to_lose():
    items, base = answered([(0, 1)] * 20)
    for scores in (base, base.head(0)):
        assert not len(measure(scored(items, scores)).drop_nulls("reference"))


def test_only_the_headline_retrieval_is_compared():
    queries = {(f"q{n}", "affirmative"): n % 2 == 0 for n in range(8)}
    hits = [
        hits_of(queries, model, reading=reading, direction=direction)
        for model in ("a", "b")
        for reading in ("unique", "strict")
        for direction in ("image to text", "text to image")
    ]
    found = measure(scored(hits=pl.concat(hits))).drop_nulls("reference")
    assert set(found.select("reading", "direction").rows()) == {("unique", "image to text")}


def test_non_inferiority_by_hand():
    cases = {(-0.005, 0.02): "not inferior", (-0.03, 0.02): "not shown", (-0.09, -0.02): "inferior"}
    found = [harm({"low": low, "high": high, "margin": 0.01}) for low, high in cases]
    assert found == list(cases.values())
