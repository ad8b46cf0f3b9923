"""From per-item scores to figures: seeds first, gaps paired, chance beside."""

import polars as pl
import pytest
from pytest import approx

from nast.measuring.metrics import by_label, difference, item_values, metrics_of
from nast.records import SCORES_SCHEMA


def claim_rows(model, answers, data="d"):
    """Scores of claim sets of four: item -> (right when negated, right when affirmative)."""
    rows = []
    for number, right in enumerate(answers):
        for form, good in zip(("negated", "affirmative"), right, strict=True):
            for option in range(4):
                best = option == (0 if good else 1)
                rows.append(
                    {
                        "item_id": f"c{number}-{form}",
                        "model": model,
                        "data": data,
                        "task": "claims",
                        "polarity": form,
                        "form": form,
                        "group_id": f"g{number // 2}",
                        "subject": f"p{number}",
                        "option": option,
                        "score": float(best),
                        "rank": 1.0 if best else 3.0,
                        "answer": option == 0,
                        "tie": False,
                        "truncated": False,
                    }
                )
    return pl.DataFrame(rows, schema=SCORES_SCHEMA)


ANSWERS = [(0, 1), (1, 1), (0, 0), (0, 1), (1, 0), (0, 1)]


def test_accuracies_gap_and_chance_by_hand():
    found = metrics_of(claim_rows("m", ANSWERS))
    assert found["claims/accuracy/negated"]["value"] == approx(2 / 6)
    assert found["claims/accuracy/affirmative"]["value"] == approx(4 / 6)
    assert found["claims/accuracy/gap"]["value"] == approx(2 / 6)
    assert found["claims/accuracy/gap"]["n"] == 6
    assert found["claims/accuracy/negated"]["chance"] == approx(1 / 4)
    low, high = found["claims/accuracy/gap"]["interval"]
    assert low <= 2 / 6 <= high


def test_gap_is_paired():
    same = metrics_of(claim_rows("m", [(1, 1), (0, 0)] * 5))
    assert same["claims/accuracy/gap"]["interval"] == [0.0, 0.0]
    assert same["claims/accuracy/negated"]["interval"] != [0.5, 0.5]


def test_items_without_a_partner_do_not_enter_the_gap():
    rows = claim_rows("m", ANSWERS).filter(pl.col("item_id") != "c0-affirmative")
    found = metrics_of(rows)["claims/accuracy/gap"]
    assert found["n"] == 5
    assert found["value"] == approx(1 / 5)


def test_seeds_are_averaged_first():
    seeds = [claim_rows("NAST#0", [(1, 1), (0, 1)]), claim_rows("NAST#1", [(1, 1), (1, 0)])]
    ((label, part),) = by_label(pl.concat(seeds))
    found = metrics_of(part)
    negated = found["claims/accuracy/negated"]
    assert label == "NAST"
    assert (negated["value"], negated["n"], negated["seeds"]) == (approx(0.75), 2, 2)
    assert negated["seed_sd"] == approx(0.5**0.5 / 2)
    assert found["claims/accuracy/gap"]["value"] == approx(0.0)


def test_one_seed_has_no_spread():
    assert "seed_sd" not in metrics_of(claim_rows("m", ANSWERS))["claims/accuracy/negated"]


def test_equal_ids_of_two_data_sets_are_two_items():
    both = [claim_rows("m", [(1, 1)], "first"), claim_rows("m", [(0, 1)], "second")]
    found = metrics_of(pl.concat(both))
    assert found["claims/accuracy/negated"]["n"] == 2


def test_difference_is_second_minus_first_on_the_same_items():
    first, second = claim_rows("a", ANSWERS), claim_rows("b", [(1, 1)] * 5)
    found = difference(first, second, "claims/accuracy", "negated")
    assert found["n"] == 5
    assert found["value"] == approx(1 - 2 / 5)


@pytest.mark.parametrize("tie", [False, True])
def test_a_tie_is_no_hit(tie):
    rows = claim_rows("m", [(1, 1)])
    rows = rows.with_columns(score=pl.lit(1.0)) if tie else rows
    assert set(item_values(rows)["value"]) == {0.0 if tie else 1.0}
