"""POS, NEG and PNC: a model that does not hear "no" has NEG = 1 - POS."""

import numpy as np
import polars as pl
import pytest
from made_up import one, scored
from pytest import approx

from nast.measuring.compare import harm
from nast.measuring.measure import measure
from nast.measuring.prompt_pairs import HEADLINE
from nast.records import PAIRS_SCHEMA
from nast.statistics.areas import auc

PRESENT = [True, True, False, False]
COSINES = [5 / 26**0.5, 1 / 5**0.5, 1 / 2**0.5, 0.0]
"""Of images and "there is edema": in the order 0, 2, 1, 3 three of the four pairs are right."""


def pairs(there, not_there, present=PRESENT, model="m", seed=None, **more):
    """The scores of both sentences for one condition."""
    rows = [
        {
            "study": f"s{n}",
            "subject": f"p{n}",
            "model": model,
            "seed": seed,
            "data": "d",
            "prompts": HEADLINE,
            "side": side,
            "condition": "Edema",
            "label": "present" if known else "absent",
            "score": float(score),
            **more,
        }
        for side, scores in (("presence", there), ("denial", not_there))
        for n, (known, score) in enumerate(zip(present, scores, strict=True))
    ]
    return pl.DataFrame(rows, schema=PAIRS_SCHEMA)


def measured(*tables):
    return measure(scored(pairs=pl.concat(tables)))


def values(metrics, *names):
    rows = [one(metrics, task="prompts", condition="Edema", statistic=n) for n in names]
    return [row["value"] for row in rows]


NEGATIVE = [-c for c in COSINES]


def test_a_model_that_does_not_hear_no():
    found = measured(pairs(COSINES, COSINES))
    assert values(found, "POS", "NEG", "PNC") == approx([0.75, 0.25, 0.5])
    assert one(found, statistic="POS", condition="Edema")["n"] == 4


def test_a_model_that_hears_no():
    found = measured(pairs(COSINES, NEGATIVE))
    assert values(found, "POS", "NEG", "PNC") == approx([0.75, 0.75, 0.75])


def test_pnc_is_the_area_of_the_softmax_of_the_pair():
    rng = np.random.default_rng(2)
    present = np.arange(80) % 2 == 0
    sides = rng.normal(size=(2, 80)) + np.array([present, 0 * present])
    there, not_there = np.exp(sides)
    chance = there / (there + not_there)
    above = chance[present][:, None] - chance[~present][None]
    wanted = ((above > 0) + (above == 0) / 2).mean()
    assert values(measured(pairs(*sides, present)), "PNC") == approx([wanted])


def test_other_sets_have_pnc_alone():
    found = measured(pairs(COSINES, NEGATIVE, prompts="BioViL prompts"))
    assert found.select("reading", "statistic").rows() == [("BioViL prompts", "PNC")]


def test_a_condition_with_one_label_has_no_area():
    assert not len(measured(pairs(COSINES, COSINES, [True] * 4)))


def test_cohort_search_by_hand():
    # For a model that hears "no", images without edema come in the order 3, 1, 2, 0: right,
    # wrong, right, wrong.
    found = measured(pairs(COSINES, NEGATIVE))
    assert values(found, "AP", "P@10") == approx([(1 + 2 / 3) / 2, 0.5])
    # One that does not ranks them backwards: 0, 2, 1, 3.
    assert values(measured(pairs(COSINES, COSINES)), "AP") == approx([(1 / 2 + 2 / 4) / 2])
    chances = {one(found, statistic=s, condition="Edema")["chance"] for s in ("AP", "P@10")}
    assert chances == {0.5}


def test_the_area_of_several_seeds_is_the_mean_of_theirs():
    """Design row 24: the area of the mean score is another number."""
    there = [[9.0, 0, 1, 2], [0.0, 3, 1, 2]]
    tables = [pairs(s, np.negative(s), model="run", seed=n) for n, s in enumerate(there)]
    found = measured(*tables)
    single = [values(measured(t), "POS", "NEG", "AP") for t in tables]
    assert values(found, "POS", "NEG", "AP") == approx(np.mean(single, axis=0))
    assert values(found, "POS") == [0.5]
    assert auc(np.mean(there, axis=0), np.array(PRESENT)) == 0.75
    assert one(found, statistic="POS", condition="Edema")["seeds"] == 2


def test_intervals_do_not_depend_on_the_key_of_ids():
    rng = np.random.default_rng(3)
    present = np.arange(60) % 2 == 0
    base, tuned = (
        pairs(*(rng.normal(size=(2, 60)) + present), present, model) for model in ("base", "tuned")
    )
    other = dict(zip(base["study"].unique(), rng.permutation(base["study"].unique()), strict=True))
    hashed = [
        t.with_columns(
            study=pl.col("study").replace(other),
            subject="p" + pl.col("study").replace(other),
        )
        for t in (base, tuned)
    ]
    assert measured(base, tuned).equals(measured(*hashed))


@pytest.fixture
def many():
    """Eighty patients; the first score says whether there is edema."""
    rng = np.random.default_rng(2)
    present = np.arange(80) % 2 == 0
    there = 3 + rng.normal(size=80) + present

    def of(model, scores=there, **more):
        return pairs(scores, np.zeros(80), present, model, **more)

    return of, there


def change(metrics, model, condition="Edema"):
    return one(
        metrics,
        model=model,
        reference="base",
        reading=HEADLINE,
        statistic="POS",
        condition=condition,
    )


def test_a_loss_is_seen_and_a_copy_is_not_inferior(many):
    of, there = many
    found = measured(of("base"), of("copy"), of("worse", -there))
    copy = change(found, "copy")
    assert (copy["low"], copy["high"]) == (0.0, 0.0)
    assert harm(copy) == "not inferior"
    assert harm(change(found, "worse")) == "inferior"
    assert set(found.drop_nulls("reference")["model"]) == {"copy", "worse"}


def test_the_mean_over_conditions_has_a_row_of_its_own(many):
    of, there = many
    worse = np.where(np.arange(80) < 20, -there, there)
    tables = [
        of(model, scores, condition=condition)
        for model, edema, fracture in (("base", there, there), ("tuned", worse, there))
        for condition, scores in (("Edema", edema), ("Fracture", fracture))
    ]
    found = measured(*tables)
    single = [change(found, "tuned", c)["value"] for c in ("Edema", "Fracture")]
    assert single[1] == 0
    mean = change(found, "tuned", None)
    assert mean["value"] == approx(single[0] / 2)
    assert mean["low"] <= mean["value"] <= mean["high"] <= 0


def test_studies_that_only_one_model_was_scored_on_are_not_compared(many):
    of, _ = many
    found = measured(of("base"), of("tuned").filter(pl.col("study") != "s3"))
    row = change(found, "tuned")
    assert (row["value"], row["low"], row["high"], row["n"]) == (0.0, 0.0, 0.0, 79)
