"""Accuracy under a control, ties by chance, and what the words alone solve."""

import polars as pl
from made_up import answered, choices, item, items_of, one, scored
from pytest import approx

from nast.measuring.measure import measure

NAMES = "abcd"
GROUP = items_of(
    item(f"q{n}", form, answer=n, options=[f"no {m}" for m in NAMES], group_id="g")
    for n in range(4)
    for form in ("negated", "omitted")
)
"""A balanced group of four."""


def controls(**picked):
    """Scores under each control, from control -> the option that every item chooses."""
    parts = [
        choices(GROUP, dict.fromkeys(GROUP["item_id"], option)).with_columns(
            control=pl.lit(name.replace("_", " "))
        )
        for name, option in picked.items()
    ]
    return pl.concat(parts)


def measured(tables):
    right = choices(GROUP, {i: a for i, a in GROUP.select("item_id", "answer").iter_rows()})
    return measure(scored(GROUP, right, controls=tables))


def test_one_answer_for_all_members_is_right_once():
    metrics = measured(controls(blank_image=2, shuffled_image=1))
    assert one(metrics, statistic="accuracy", form="negated")["value"] == 1
    for control in ("blank image", "shuffled image"):
        row = one(metrics, model="m", statistic="accuracy", form="negated", control=control)
        assert (row["value"], row["chance"], row["n"]) == (approx(0.25), 0.25, 4)
        assert one(metrics, form="omitted", control=control)["value"] == approx(0.25)


def test_options_alike_count_by_chance():
    alike = controls(no_cue=0).with_columns(score=pl.lit(1.0))
    row = one(measured(alike), statistic="accuracy", form="negated", control="no cue")
    assert row["value"] == approx(0.25)
    # Two of four tie: right in half of the items that have one of them.
    tied = one(measured(controls(no_cue=None)), form="negated", control="no cue")
    assert tied["value"] == approx((1 / 2 + 1 / 2 + 0 + 0) / 4)


def test_words_alone_are_at_chance_in_balanced_groups():
    metrics = measured(controls(blank_image=2))
    row = one(metrics, control="text only", form="negated", statistic="accuracy")
    assert (row["model"], row["value"], row["chance"]) == (None, approx(0.25), 0.25)
    assert "p above chance" in row["method"]
    # Without controls nobody asks the audit.
    without = measure(scored(*answered([(1, 1)])))
    assert not len(without.drop_nulls("control"))
