"""From per-item scores to accuracies and gaps: seeds first, gaps paired, chance beside."""

import polars as pl
from made_up import answered, hits_of, one, scored
from pytest import approx

from nast.measuring.measure import measure
from nast.measuring.overall import overall
from nast.measuring.rows import empty, table_of
from nast.measuring.values import choice_values

ANSWERS = [(0, 1), (1, 1), (0, 0), (0, 1), (1, 0), (0, 1)]
CLAIMS = {"task": "choice", "set": "claims"}


def measured(items, *scores):
    return measure(scored(items, pl.concat(scores)))


def accuracy(metrics, form, **more):
    return one(metrics, **CLAIMS, statistic="accuracy", form=form, **more)


def gap(metrics, statistic="gap", **more):
    return one(metrics, **CLAIMS, statistic=statistic, form=None, **more)


def test_accuracies_gap_and_chance_by_hand():
    found = measured(*answered(ANSWERS))
    assert accuracy(found, "negated")["value"] == approx(2 / 6)
    assert accuracy(found, "affirmative")["value"] == approx(4 / 6)
    assert accuracy(found, "negated")["chance"] == approx(1 / 4)
    assert (gap(found)["value"], gap(found)["n"]) == (approx(2 / 6), 6)
    assert gap(found)["low"] <= 2 / 6 <= gap(found)["high"]
    assert gap(found, "gap to all")["value"] == approx(1 / 6)
    tested = gap(found, "gap (McNemar)")
    assert tested["method"] == "exact, both 1, only first 1, only second 3, neither 1"
    # Four discordant pairs, three one way: 2 (4 + 1) / 2^4.
    assert tested["p"] == approx(10 / 16)


def test_gap_is_paired():
    found = measured(*answered([(1, 1), (0, 0)] * 5))
    assert (gap(found)["low"], gap(found)["high"]) == (0.0, 0.0)
    negated = accuracy(found, "negated")
    assert negated["low"] < 0.5 < negated["high"]


def test_items_without_a_partner_do_not_enter_the_gap():
    items, scores = answered(ANSWERS)
    found = measured(items, scores.filter(pl.col("item_id") != "c0-affirmative"))
    assert gap(found)["n"] == 5
    assert gap(found)["value"] == approx(1 / 5)


def test_seeds_are_averaged_first():
    items, first = answered([(1, 1), (0, 1)], "NAST", 0)
    found = measured(items, first, answered([(1, 1), (1, 0)], "NAST", 1)[1])
    negated = accuracy(found, "negated", model="NAST")
    assert (negated["value"], negated["n"], negated["seeds"]) == (approx(0.75), 2, 2)
    assert negated["seed_sd"] == approx(0.5**0.5 / 2)
    assert gap(found)["value"] == approx(0.0)
    # Averages over seeds are no answers: McNemar's table is of answers.
    assert not len(found.filter(statistic="gap (McNemar)"))


def test_one_seed_has_no_spread():
    found = accuracy(measured(*answered(ANSWERS)), "negated")
    assert (found["seeds"], found["seed_sd"]) == (1, None)


def test_equal_ids_of_two_data_sets_are_two_items():
    parts = [answered([(1, 1)], data="first"), answered([(0, 1)], data="second")]
    found = measure(scored(*(pl.concat(some) for some in zip(*parts, strict=True))))
    values = [accuracy(found, "negated", data=d) for d in ("first", "second")]
    assert [(v["value"], v["n"]) for v in values] == [(1, 1), (0, 1)]


def test_recall_and_its_gap_by_hand():
    forms = {"negated": [1, 0, 0, 0], "affirmative": [1, 1, 1, 0]}
    found = {(f"q{i}", f): bool(hit) for f, hits in forms.items() for i, hit in enumerate(hits)}
    metrics = measure(scored(hits=hits_of(found)))
    way = {"task": "retrieval", "direction": "image to text", "reading": "unique"}
    assert one(metrics, **way, statistic="R@1", form="negated")["value"] == 1 / 4
    row = one(metrics, **way, statistic="R@1 gap")
    assert (row["value"], row["n"]) == (1 / 2, 4)
    assert one(metrics, **way, statistic="R@5 gap to all")["value"] == 1 / 4
    sizes = one(metrics, **way, statistic="candidates")
    assert (sizes["value"], sizes["low"], sizes["high"], sizes["n"]) == (9, 9, 9, 8)


def test_lists_have_a_chance_and_a_gap_that_is_not_paired():
    """Each polarity has lists of its own: nine candidates here."""
    found = {("a", "negated"): False, ("b", "negated"): True, ("c", "affirmative"): True}
    metrics = measure(scored(hits=hits_of(found, reading="lists")))
    way = {"task": "retrieval", "reading": "lists"}
    row = one(metrics, **way, statistic="R@1", form="negated")
    assert (row["value"], row["chance"]) == (0.5, approx(1 / 9))
    assert one(metrics, **way, statistic="R@5", form="negated")["chance"] == approx(5 / 9)
    row = one(metrics, **way, statistic="R@1 gap")
    assert (row["value"], row["n"]) == (0.5, 3)
    assert "patients, unpaired" in row["method"]


def test_the_gap_of_texts_is_not_paired():
    found = {("a", "negated"): False, ("b", "negated"): False, ("c", "affirmative"): True}
    metrics = measure(scored(hits=hits_of(found, direction="text to image")))
    row = one(metrics, task="retrieval", statistic="R@1 gap")
    assert (row["value"], row["n"]) == (1, 3)
    assert "unpaired" in row["method"]
    assert "texts" in one(metrics, task="retrieval", statistic="R@1", form="negated")["method"]


def test_one_setting_and_one_metric_alone():
    items, scores = answered(ANSWERS)
    of = empty(model="m", data="d", set="claims", task="choice", statistic="accuracy")
    rows = table_of(overall(of, choice_values(scores, items, "never"), 0))
    found = rows.select("statistic", "form").rows()
    assert found == [
        ("accuracy", "negated"),
        ("accuracy", "affirmative"),
        ("gap", None),
        ("gap to all", None),
        ("gap (McNemar)", None),
    ]
    negated, affirmative, difference = rows["value"][:3]
    assert difference == approx(affirmative - negated)
