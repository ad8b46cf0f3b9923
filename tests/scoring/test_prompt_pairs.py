"""POS, NEG and PNC: a model that does not hear "no" has NEG = 1 - POS."""

import re
from dataclasses import replace

import polars as pl
import pytest
from built import TableModel
from made_up import scored
from PIL import Image
from pytest import approx

from nast.facts.conditions import CONDITIONS, Conditions
from nast.measuring.measure import measure
from nast.records import PAIRS_SCHEMA
from nast.scoring.prompt_pairs import score_prompt_pairs
from nast.scoring.prompt_sets import SETS, prompts_of
from nast.vectors import Vectors

LABELS = ["present", "present", "absent", "absent", "uncertain", "not_mentioned"]
VECTORS = {f"{i}.png": v for i, v in enumerate([[5, 1], [1, 2], [1, 1], [0, 1], [1, 0], [0, 1]])}
"""Cosines with (1, 0) fall in the order 0, 2, 1, 3: three of the four pairs are right."""


@pytest.fixture
def studies(tmp_path):
    for i in range(6):
        Image.new("L", (8, 8), 20 * i).save(tmp_path / f"{i}.png")
    other = {name: ["not_mentioned"] * 6 for name in CONDITIONS.labelled()}
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


def scores_of(studies, no, name="m", seed=None):
    vectors = Vectors(TableModel(Texts(no), VECTORS, name, seed))
    return score_prompt_pairs(vectors, studies, "d")


def values(pairs, prompts="prompt pairs"):
    """Statistic -> its value for edema."""
    metrics = measure(scored(pairs=pairs)).filter(reading=prompts, condition="Edema")
    return dict(metrics.select("statistic", "value").iter_rows())


def areas(pairs):
    return {n: v for n, v in values(pairs).items() if n in ("POS", "NEG", "PNC")}


def test_a_model_that_does_not_hear_no(studies):
    pairs = scores_of(studies, [1, 0])
    assert dict(pairs.schema) == PAIRS_SCHEMA
    assert areas(pairs) == approx({"POS": 0.75, "NEG": 0.25, "PNC": 0.5})


def test_a_model_that_hears_no(studies):
    pairs = scores_of(studies, [-1, 0])
    assert areas(pairs) == approx({"POS": 0.75, "NEG": 0.75, "PNC": 0.75})
    found = values(pairs)
    assert (found["AP"], found["P@10"]) == approx(((1 + 2 / 3) / 2, 0.5))


def test_scores_are_cosines_of_each_side_by_hand(studies):
    pairs = scores_of(studies, [0, 1]).filter(prompts="prompt pairs")
    there = [5 / 26**0.5, 1 / 5**0.5, 1 / 2**0.5, 0]
    not_there = [1 / 26**0.5, 2 / 5**0.5, 1 / 2**0.5, 1]
    assert pairs["side"].to_list() == ["presence"] * 4 + ["denial"] * 4
    assert pairs["score"].to_list() == approx(there + not_there, abs=1e-6)
    assert pairs["label"].to_list() == ["present", "present", "absent", "absent"] * 2


def test_only_definite_labels_are_scored(studies):
    pairs = scores_of(studies, [1, 0]).filter(prompts="prompt pairs")
    assert len(pairs) == 8 and pairs["study"].n_unique() == 4
    labels = pairs.group_by("side", "label").len()
    assert sorted(labels.rows()) == [
        ("denial", "absent", 2),
        ("denial", "present", 2),
        ("presence", "absent", 2),
        ("presence", "present", 2),
    ]
    assert not set(pairs["study"]) & set(studies["study_id"])
    assert not set(pairs["subject"]) & set(studies["subject_id"])


def test_no_labels_give_no_rows(studies):
    empty = studies.with_columns(pl.lit("not_mentioned").alias("Edema"))
    assert len(scores_of(empty, [1, 0])) == 0


def test_seeds_of_one_setting_are_averaged(studies):
    seeds = [scores_of(studies, no, "NAST (lr)", n) for n, no in enumerate([[1, 0], [-1, 0]])]
    both = pl.concat(seeds)
    assert both["model"].unique().to_list() == ["NAST (lr)"] and set(both["seed"]) == {0, 1}
    assert values(both)["NEG"] == approx(0.5)
    (row,) = measure(scored(pairs=both)).filter(statistic="POS", condition="Edema").to_dicts()
    assert (row["n"], row["seeds"]) == (4, 2)


def test_a_table_of_other_conditions(studies):
    """The package's own table does not know these two."""
    made_up = Conditions(
        {
            "Blue Spot": replace(CONDITIONS["Edema"], term="blue spot"),
            "Red Ring": replace(CONDITIONS["Edema"], term="red ring"),
        }
    )
    labels = {"Blue Spot": studies["Edema"], "Red Ring": pl.lit("not_mentioned")}
    studies = studies.select("subject_id", "study_id", "image_path").with_columns(**labels)
    model = TableModel(Texts([-1, 0]), VECTORS)
    pairs = score_prompt_pairs(Vectors(model), studies, "d", made_up)
    assert set(pairs["condition"]) == {"Blue Spot"}
    assert "There is no blue spot." in model.calls
    assert "Blue Spot" in model.calls and "no Blue Spot" in model.calls


def test_the_sets_of_the_field():
    assert prompts_of("CheXzero prompts", "Edema") == (["Edema"], ["no Edema"])
    present, absent = prompts_of("BioViL prompts", "Pneumonia")
    assert present[0] == "Findings consistent with pneumonia" and len(present) == len(absent) == 4
    there, not_there = prompts_of("slice post-position", "Edema")
    assert there + not_there == ["Pulmonary edema is present.", "Pulmonary edema is absent."]
    assert "No Finding" not in CONDITIONS.labelled()
    assert not any(
        "No Finding" in t
        for s in SETS
        for n in CONDITIONS.labelled()
        for side in prompts_of(s, n)
        for t in side
    )


def test_slices_are_scored_where_they_are_about_one_condition(studies):
    pairs = scores_of(studies, [-1, 0])
    assert values(pairs, "slice post-position") == approx({"PNC": 0.75})
    assert values(pairs, "slice double negation") == approx({"PNC": 0.75})
    fractured = studies.with_columns(Fracture=pl.Series(["present"] * 3 + ["absent"] * 3))
    scope = scores_of(fractured, [-1, 0]).filter(prompts="slice scope")
    # Edema of the one study with a definite label and without a fracture; never fracture itself.
    assert scope["study"].n_unique() == 1
    assert set(scope["condition"]) == {"Edema"}
