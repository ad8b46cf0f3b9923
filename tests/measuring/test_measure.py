"""The metrics table as a whole: what is in it, in which order, and what parts its rows."""

import polars as pl
import pytest
from asked import question
from made_up import answered, choices, hits_of, items_of, one, scored

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.measuring.measure import BLIND, measure
from nast.records import METRICS_SCHEMA

ANSWERS = [(0, 1), (1, 1), (0, 0), (0, 1), (1, 0), (0, 1)]
QUERIES = {(f"q{n}", form): n % 2 == 0 for n in range(4) for form in ("negated", "affirmative")}


@pytest.fixture(scope="module")
def whole():
    """Two models on two data sets of claims, and captions of the first."""
    parts = [
        answered(some, model, data=data)
        for model, some in (("base", ANSWERS), ("tuned", [(1, 1)] * 6))
        for data in ("x", "y")
    ]
    items = pl.concat(items for items, _ in parts[:2])
    hits = [hits_of(QUERIES, m, data="x") for m in ("base", "tuned", None)]
    return scored(
        items,
        pl.concat(scores for _, scores in parts),
        models=["base", "tuned"],
        hits=pl.concat(hits),
        g={"tuned": 0.5},
        protocols={"x": "paper", "y": "default"},
    )


@pytest.fixture(scope="module")
def metrics(whole):
    return measure(whole)


@pytest.mark.parametrize("asked", [{"ties": "fair"}, {"margin": 1.5}, {"margin": float("nan")}])
def test_an_option_that_is_none(whole, asked):
    with pytest.raises(UsageError, match=next(iter(asked))):
        measure(whole, **asked)


def test_columns_and_order(metrics):
    assert metrics.schema == pl.Schema(METRICS_SCHEMA)
    own = metrics.filter(pl.col("reference").is_null() & pl.col("control").is_null())
    assert own["model"].rle_id().max() == 1
    assert own["model"].unique(maintain_order=True).to_list() == ["base", "tuned"]
    # Comparisons come last.
    assert metrics["reference"].is_not_null().rle_id().max() == 1


def test_no_two_rows_are_of_one_thing(metrics):
    numbers = ("seeds", "seed_sd", "value", "low", "high", "n", "method", "p", "p_holm", "chance")
    what = [c for c in METRICS_SCHEMA if c not in (*numbers, "margin", "g", "protocol")]
    assert not metrics.select(what).is_duplicated().any()


def test_rows_say_what_their_model_and_data_say(metrics):
    assert set(metrics.filter(model="tuned")["g"]) == {0.5}
    assert set(metrics.filter(model="base")["g"]) == {None}
    assert dict(metrics.select("data", "protocol").unique().rows()) == {
        "x": "paper",
        "y": "default",
    }


def test_each_data_set_is_read_by_its_own_table_of_conditions():
    """Of two data sets of the same facts, only one has a table that knows them."""
    names = ("Left", "Right", "Both")
    table = Conditions(
        {name: Condition(name, name.lower(), "clear", phrase_class="equivalent") for name in names}
    )
    rows = [{**row, "data": d} for d in ("x", "y") for row in question(0, conditions=names)]
    items = items_of(rows)
    scores = choices(items, dict.fromkeys(items["item_id"], 0))
    metrics = measure(scored(items, scores, conditions={"x": table, "y": CONDITIONS}))
    assert set(metrics.filter(subset="phrases=equivalent")["data"]) == {"x"}
    assert set(metrics.filter(condition="Left")["data"]) == {"x", "y"}


def test_one_ranking_for_all_images_is_a_control(metrics):
    row = one(metrics, model=None, control=BLIND, statistic="R@1", form="negated", data="x")
    assert row["value"] == 1 / 2
    assert not len(metrics.filter(pl.col("model").is_null() & pl.col("reference").is_not_null()))


def test_each_data_set_has_the_numbers_of_a_run_of_its_own(whole, metrics):
    for data in ("x", "y"):
        alone = scored(
            whole.items.filter(data=data),
            whole.scores.filter(data=data),
            models=["base", "tuned"],
            hits=whole.hits.filter(data=data),
            g=whole.g,
            protocols=whole.protocols,
        )
        assert measure(alone).equals(metrics.filter(data=data))


def test_the_order_of_the_data_sets_decides_nothing(whole, metrics):
    turned = scored(
        whole.items.reverse(),
        whole.scores.sort("data", descending=True, maintain_order=True),
        models=["base", "tuned"],
        hits=whole.hits,
        g=whole.g,
        protocols=whole.protocols,
    )
    assert measure(turned).equals(metrics)


def test_nothing_scored_is_an_empty_table():
    found = measure(scored())
    assert found.schema == pl.Schema(METRICS_SCHEMA) and not len(found)


@pytest.mark.parametrize(("ties", "value"), [("default", 0), ("negbench", 1), ("aro", 0)])
def test_ties_count_by_the_rule_that_is_asked_for(ties, value):
    items, scores = answered([(1, 1)] * 3)
    metrics = measure(scored(items, scores.with_columns(score=pl.lit(1.0))), ties=ties)
    assert one(metrics, statistic="accuracy", form="negated")["value"] == value
