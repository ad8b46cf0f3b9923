"""Subsets, wrong options, pairs and groups of a few questions and claim sets, by hand."""

import polars as pl
import pytest
from asked import claim, picks, question
from made_up import choices, items_of, one, scored
from pytest import approx

from nast.measuring.measure import measure

QUESTIONS = items_of(row for n in range(8) for row in question(n, view="AP" if n < 4 else "PA"))
CHOSEN = {"negated": [0, 1, 2, 3, 1, 1, None, 1], "affirmative": [0, 1, 0, 3, 0, 0, 2, 3]}
"""Negated: group 0 all right, group 1 one right; affirmative: 3 and 3 right."""


@pytest.fixture(scope="module")
def metrics():
    return measure(scored(QUESTIONS, choices(QUESTIONS, picks(CHOSEN))))


def found(metrics, statistic="accuracy", form=None, **more):
    return one(metrics, task="choice", statistic=statistic, form=form, **more)


def value(metrics, *what, **more):
    return found(metrics, *what, **more)["value"]


def test_wrong_options_by_hand(metrics):
    # Negated, wrong: q4 chose 1 (missed denial), q6 ties, q7 chose 1 of truth 3 (missed denial).
    assert value(metrics, "chosen", "negated", subset="missed denial") == 2 / 8
    assert value(metrics, "chosen", "negated", subset="tie") == 1 / 8
    assert value(metrics, "chosen", "negated", subset="missed presence") == 0
    chances = [
        found(metrics, "chosen", "negated", subset=kind)["chance"]
        for kind in ("missed denial", "missed presence", "both")
    ]
    assert sum(chances) == approx(3 / 4)
    ties = metrics.filter(statistic="chosen", subset="tie")
    assert ties["form"].to_list() == ["negated"]


def test_an_item_without_scores_is_no_tie():
    """A reply that chose nothing, and an item that a file of scores lacks."""
    answers = choices(QUESTIONS, picks(CHOSEN))
    first = answers["item_id"][0]
    missing = pl.when(item_id=first).then(None).otherwise(pl.col("score"))
    rows = measure(scored(QUESTIONS, answers.with_columns(score=missing)))
    form = QUESTIONS.filter(item_id=first)["form"][0]
    assert value(rows, "chosen", form, subset="unanswered") == 1 / 8
    ties = rows.filter(statistic="chosen", subset="tie")
    assert ties["value"].to_list() == [1 / 8] and ties["form"].to_list() == ["negated"]


def test_pairwise_by_hand(metrics):
    # q4 of truth 0 chose 1: 0 is not above 1; of the eight, the right option beats its
    # missed-denial options in q0, q2, q3 (all), q6 ties with 0 and 1, q4 and q7 not. q1, q5: none.
    row = found(metrics, "beats", "negated", subset="missed denial")
    assert row["n"] == 6 and row["chance"] == 0.5
    assert row["value"] == approx(3 / 6)


def test_pairs_by_hand(metrics):
    # Right negated: 0, 1, 2, 3, 5. Right affirmative: 0, 1, 3, 4, 6, 7.
    assert value(metrics, "both right") == 3 / 8
    assert value(metrics, "only negated") == 2 / 8
    assert value(metrics, "only affirmative") == 3 / 8
    assert value(metrics, "neither") == 0
    assert found(metrics, "both right")["chance"] == 1 / 16
    tested = found(metrics, "gap (McNemar)")
    assert tested["method"] == "exact, both 3, only first 2, only second 3, neither 0"
    assert tested["p"] == 1.0
    assert value(metrics, "gap to all") == approx(1 / 16)


def test_groups_by_hand(metrics):
    assert value(metrics, "group accuracy", "negated") == 1 / 2
    assert value(metrics, "group accuracy", "affirmative") == 0
    row = found(metrics, "group accuracy", "negated")
    assert (row["chance"], row["n"]) == (approx(1 / 256), 2)


def test_accuracy_on_subsets_by_hand(metrics):
    assert value(metrics, "accuracy", "negated", subset="view=AP") == 1
    assert value(metrics, "accuracy", "negated", subset="view=PA") == 1 / 4
    # Answer 1 denies nothing: q1 and q5, both right.
    assert value(metrics, "accuracy", "negated", subset="negations=0") == 1
    denying = found(metrics, "accuracy", "negated", subset="denying")
    assert (denying["value"], denying["n"]) == (approx(3 / 6), 6)
    assert value(metrics, "accuracy", "negated", subset="cue=without") == 1 / 2
    assert value(metrics, "gap", subset="view=PA") == approx(2 / 4)
    assert found(metrics, "accuracy", "negated", condition="Edema")["n"] == 8
    view = found(metrics, "accuracy", "negated", subset="view=AP")
    assert view["chance"] == 0.25
    # A single answer of a subset is no certainty.
    assert view["low"] < 0.5


def test_claims_without_cues_are_the_plain_form():
    items = items_of(claim(n, "affirmative", n % 2) for n in range(4))
    chosen = {f"c{n}-affirmative": option for n, option in enumerate([0, 1, 1, 1])}
    metrics = measure(scored(items, choices(items, chosen)))
    plain = found(metrics, "accuracy", "plain")
    assert (plain["value"], plain["chance"]) == (3 / 4, 0.5)
    assert value(metrics, "chosen", "affirmative", subset="existence") == 1 / 4


def test_sets_of_the_form_plain_have_numbers_of_their_own():
    chosen = {"negated": [0, 1], "affirmative": [0, 0], "plain": [0, 0]}
    items = items_of(claim(n, f, n % 2) for f in chosen for n in (0, 1))
    named = {f"c{n}-{f}": option for f, some in chosen.items() for n, option in enumerate(some)}
    metrics = measure(scored(items, choices(items, named)))
    assert value(metrics, "accuracy", "plain") == 1 / 2
    assert (found(metrics, "gap")["n"], value(metrics, "gap")) == (2, -0.5)
    assert found(metrics, "accuracy", "affirmative")["n"] == 2


def test_seeds_are_averaged_after_pairs_and_groups_are_formed():
    seeds = [
        {"negated": [0, 1, 2, 3], "affirmative": [1, 1, 1, 1]},
        {"negated": [1, 1, 1, 1], "affirmative": [0, 1, 2, 3]},
    ]
    items = QUESTIONS.filter(group_id="g0")
    scores = pl.concat(choices(items, picks(s), "run", n) for n, s in enumerate(seeds))
    metrics = measure(scored(items, scores))
    assert value(metrics, "both right") == 1 / 4
    assert value(metrics, "group accuracy", "negated") == 1 / 2


def test_length_matched_items_count_in_their_own_form():
    unequal = ["a", "b", "c", "d e f"]
    items = items_of(row for n in range(8) for row in question(n, words=None if n < 4 else unequal))
    metrics = measure(scored(items, choices(items, picks(CHOSEN))))
    # The first four in the negated form, all right; all eight in the affirmative one.
    negated, affirmative = (
        found(metrics, "accuracy", f, subset="equal lengths") for f in ("negated", "affirmative")
    )
    gap = found(metrics, "gap", subset="equal lengths")
    assert (negated["value"], negated["n"]) == (1, 4)
    assert (affirmative["value"], affirmative["n"]) == (6 / 8, 8)
    assert (gap["value"], gap["n"]) == (-1 / 4, 4)
