"""Scores -> one value per item, and per query."""

import polars as pl
import pytest
from made_up import answered, choices, hits_of, item, items_of
from pytest import approx

from nast.measuring.ties import TIES
from nast.measuring.values import VALUES, choice_values, hit_probability, hit_values, over_seeds


@pytest.mark.parametrize("tie", [False, True])
def test_a_tie_is_no_hit(tie):
    items, scores = answered([(1, 1)])
    scores = scores.with_columns(score=pl.lit(1.0)) if tie else scores
    assert set(choice_values(scores, items, "never")["value"]) == {0.0 if tie else 1.0}


@pytest.mark.parametrize(
    ("rule", "first", "second"), [("never", 0, 0), ("first", 1, 0), ("expected", 0.5, 0.5)]
)
def test_ties_by_rule(rule, first, second):
    """Options 0 and 1 tie; the first one is right, then the second."""
    items = items_of([item("a", answer=0), item("b", answer=1)])
    scores = choices(items, {"a-negated": None, "b-negated": None})
    # The rule looks at the number of an option, not at the order of the rows.
    for rows in (scores, scores.reverse()):
        found = dict(choice_values(rows, items, rule).select("pair_id", "value").iter_rows())
        assert found == {"a": first, "b": second}


def test_every_rule_is_known():
    assert {TIES[name] for name in ("default", "sugar-crepe", "aro")} == {"never"}
    assert {TIES[name] for name in ("negbench", "cc-neg", "clip-benchmark")} == {"first"}


def test_an_item_without_scores_is_wrong():
    items, scores = answered([(1, 1)])
    scores = scores.with_columns(score=pl.lit(None, pl.Float64))
    for rule in ("never", "first", "expected"):
        assert choice_values(scores, items, rule)["value"].to_list() == [0, 0]


def test_values_of_choices_name_pair_and_guess():
    items, scores = answered([(1, 0)])
    found = choice_values(scores, items, "never")
    assert found.schema == pl.Schema(VALUES)
    assert found["pair_id"].to_list() == ["c0", "c0"]
    assert found["value"].to_list() == [1, 0]
    assert set(found["guess"]) == {1 / 4}
    assert found.select("task", "statistic").unique().row(0) == ("choice", "accuracy")


def test_probability_of_a_hit_by_hand():
    # One right of three that tie, one place left; two of three; room for all; no room.
    assert hit_probability(0, 3, 1, 1) == approx(1 / 3)
    assert hit_probability(0, 3, 2, 1) == approx(2 / 3)
    assert hit_probability(3, 3, 1, 5) == approx(2 / 3)
    assert hit_probability(2, 3, 1, 5) == 1
    assert hit_probability(1, 3, 2, 1) == 0


def test_values_of_hits_by_hand():
    hits = hits_of({("a", "negated"): True, ("b", "negated"): False})
    third = hits.head(1).with_columns(query_id=pl.lit("c"), rank=pl.lit(3, pl.Int64))
    hits = pl.concat([hits, third.with_columns(ties=pl.lit(4, pl.Int64))])
    found = hit_values(hits)
    by_k = {k: found.filter(statistic=k)["value"].to_list() for k in ("R@1", "R@5")}
    # Of query c, two are above; its right one ties with three others for the places 3 to 6.
    assert by_k == {"R@1": [1, 0, 0], "R@5": [1, 0, approx(3 / 4)]}
    assert set(found["guess"]) == {None}
    assert found["form"].to_list() == ["negated"] * 6


def test_seeds_of_an_item_are_averaged():
    seeds = [answered([(1, 1), (0, 1)], seed=0), answered([(1, 1), (1, 0)], seed=1)]
    items = seeds[0][0]
    values = choice_values(pl.concat(s for _, s in seeds), items, "never")
    found = over_seeds(values)
    assert found.filter(form="negated")["value"].to_list() == [1, 0.5]
    assert found.filter(form="affirmative")["value"].to_list() == [1, 0.5]
