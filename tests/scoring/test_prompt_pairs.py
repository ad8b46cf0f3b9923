"""POS, NEG and PNC: a model that does not hear "no" has NEG = 1 - POS."""

import re

import numpy as np
import polars as pl
import pytest
from built import TableModel
from PIL import Image
from pytest import approx

from nast.facts.conditions import labelled
from nast.measuring.metrics import metrics_of
from nast.measuring.no_harm import no_harm, verdict
from nast.scoring.prompt_pairs import prompt_pair_metrics, score_prompt_pairs
from nast.scoring.prompt_sets import SETS, prompts_of
from nast.vectors import Vectors

LABELS = ["present", "present", "absent", "absent", "uncertain", "not_mentioned"]
VECTORS = {f"{i}.png": v for i, v in enumerate([[5, 1], [1, 2], [1, 1], [0, 1], [1, 0], [0, 1]])}
"""Cosines with (1, 0) fall in the order 0, 2, 1, 3: three of the four pairs are right."""


@pytest.fixture
def studies(tmp_path):
    for i in range(6):
        Image.new("L", (8, 8), 20 * i).save(tmp_path / f"{i}.png")
    other = {name: ["not_mentioned"] * 6 for name in labelled()}
    return pl.DataFrame(
        {
            "subject_id": [f"p{i}" for i in range(6)],
            "study_id": [f"s{i}" for i in range(6)],
            "image_path": [str(tmp_path / f"{i}.png") for i in range(6)],
            **other,
            "Edema": LABELS,
        }
    )


class Texts(dict):
    """Words -> vector: `no` for a denial, `yes` for anything else."""

    def __init__(self, no, yes=(1, 0)):
        self.no, self.yes = no, list(yes)

    def __missing__(self, text):
        denied = re.search(r"\b([Nn]o|without|absent)\b", text) and "not without" not in text
        return self.no if denied else self.yes


def scores_of(studies, no, name="m"):
    return score_prompt_pairs(Vectors(TableModel(Texts(no), VECTORS, name)), studies, "d")


def values(scores, task="prompt pairs"):
    return {
        name.split("/")[-1]: figure["value"]
        for name, figure in prompt_pair_metrics(scores)
        if name.startswith(f"{task}/")
    }


def test_a_model_that_does_not_hear_no(studies):
    assert values(scores_of(studies, [1, 0])) == approx({"POS": 0.75, "NEG": 0.25, "PNC": 0.5})


def test_a_model_that_hears_no(studies):
    found = values(scores_of(studies, [-1, 0]))
    assert found == approx({"POS": 0.75, "NEG": 0.75, "PNC": 0.75})


def test_pnc_is_the_area_of_the_softmax_of_the_pair(many):
    scores = many("m", [1, 0])
    wide = scores.filter(task="prompt pairs").pivot("option", index="item_id", values="score")
    present = scores.filter(task="prompt pairs", option=0).sort("item_id")["answer"].to_numpy()
    there, not_there = (np.exp(wide.sort("item_id")[n].to_numpy()) for n in ("0", "1"))
    chance = there / (there + not_there)
    above = chance[present][:, None] - chance[~present][None]
    assert values(scores)["PNC"] == approx(((above > 0) + (above == 0) / 2).mean())


def test_only_definite_labels_are_scored(studies):
    scores = scores_of(studies, [1, 0]).filter(task="prompt pairs")
    assert len(scores) == 8
    true = scores.filter(pl.col("answer"))
    assert sorted(true["polarity"]) == ["affirmative"] * 2 + ["negated"] * 2
    assert not any(s in i for s in studies["study_id"] for i in scores["item_id"])
    assert not set(scores["subject"]) & set(studies["subject_id"])


def test_no_labels_give_no_rows(studies):
    empty = studies.with_columns(pl.lit("not_mentioned").alias("Edema"))
    assert len(scores_of(empty, [1, 0])) == 0


def test_seeds_of_one_policy_are_averaged(studies):
    both = pl.concat([scores_of(studies, [1, 0], "NAST#0"), scores_of(studies, [-1, 0], "NAST#1")])
    found = metrics_of(both)
    assert found["prompt pairs/Edema/NEG"]["value"] == approx(0.5)
    assert found["prompt pairs/Edema/POS"]["n"] == 4


def test_cohort_search_by_hand(studies):
    # For a model that hears "no", images without edema come in the order 3, 1, 2, 0: right,
    # wrong, right, wrong.
    found = values(scores_of(studies, [-1, 0]), "cohort")
    assert found == approx({"AP": (1 + 2 / 3) / 2, "P@10": 0.5})
    # One that does not ranks them backwards: 0, 2, 1, 3.
    assert values(scores_of(studies, [1, 0]), "cohort")["AP"] == approx((1 / 2 + 2 / 4) / 2)
    (chance,) = {
        f["chance"]
        for n, f in prompt_pair_metrics(scores_of(studies, [1, 0]))
        if n.startswith("cohort")
    }
    assert chance == 0.5


def test_the_sets_of_the_field():
    assert prompts_of("CheXzero prompts", "Edema") == (["Edema"], ["no Edema"])
    present, absent = prompts_of("BioViL prompts", "Pneumonia")
    assert present[0] == "Findings consistent with pneumonia" and len(present) == len(absent) == 4
    there, not_there = prompts_of("slice post-position", "Edema")
    assert there + not_there == ["Pulmonary edema is present.", "Pulmonary edema is absent."]
    assert "No Finding" not in labelled()
    assert not any(
        "No Finding" in t
        for s in SETS
        for n in labelled()
        for side in prompts_of(s, n)
        for t in side
    )


def test_slices_are_scored_where_they_are_about_one_condition(studies):
    scores = scores_of(studies, [-1, 0])
    assert values(scores, "slice post-position") == approx({"PNC": 0.75})
    assert values(scores, "slice double negation") == approx({"PNC": 0.75})
    fractured = studies.with_columns(Fracture=pl.Series(["present"] * 3 + ["absent"] * 3))
    items = scores_of(fractured, [-1, 0]).filter(task="slice scope")
    # Edema of the one study with a definite label and without a fracture; never fracture itself.
    assert items["item_id"].n_unique() == 1
    assert set(items["group_id"]) == {"Edema"}


@pytest.fixture
def many(tmp_path):
    """Eighty patients; the image's first axis says whether there is edema."""
    rng = np.random.default_rng(2)
    labels = ["present", "absent"] * 40
    vectors = {}
    for i, label in enumerate(labels):
        Image.new("L", (2, 2), i).save(tmp_path / f"{i}.png")
        vectors[f"{i}.png"] = [3 + rng.normal() + (label == "present"), 3]
    other = {name: ["not_mentioned"] * 80 for name in labelled()}
    studies = pl.DataFrame(
        {
            "subject_id": [f"p{i}" for i in range(80)],
            "study_id": [f"s{i}" for i in range(80)],
            "image_path": [str(tmp_path / f"{i}.png") for i in range(80)],
            **other,
            "Edema": labels,
        }
    )

    def scored(name, yes):
        return score_prompt_pairs(
            Vectors(TableModel(Texts([0, 1], yes), vectors, name)), studies, "d"
        )

    return scored


def test_a_loss_is_seen_and_a_copy_is_not_inferior(many):
    scores = pl.concat([many("base", [1, 0]), many("copy", [1, 0]), many("worse", [0, 1])])
    found = {(r["model"], r["figure"]): r for r in no_harm(scores)}
    assert found["copy", "prompt pairs/Edema/POS"]["interval"] == [0.0, 0.0]
    assert found["copy", "prompt pairs/Edema/POS"]["verdict"] == "not inferior"
    assert found["worse", "prompt pairs/Edema/POS"]["verdict"] == "inferior"
    assert {m for m, _ in found} == {"copy", "worse"}


def test_non_inferiority_by_hand():
    cases = {(-0.005, 0.02): "not inferior", (-0.03, 0.02): "not shown", (-0.09, -0.02): "inferior"}
    assert [verdict({"interval": list(i)}, 0.01) for i in cases] == list(cases.values())
