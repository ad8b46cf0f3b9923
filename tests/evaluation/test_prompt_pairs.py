"""POS, NEG and PNC: a model that does not hear "no" has NEG = 1 - POS."""

import polars as pl
import pytest
from built import TableModel
from PIL import Image
from pytest import approx

from nast.embeddings import EmbeddingStore
from nast.evaluation.metrics import metrics_of
from nast.evaluation.prompt_pairs import prompt_pair_metrics, score_prompt_pairs
from nast.facts.conditions import labelled

LABELS = ["present", "present", "absent", "absent", "uncertain", "not_mentioned"]
VECTORS = {f"{i}.png": v for i, v in enumerate([[5, 1], [1, 2], [1, 1], [0, 1], [1, 0], [0, 1]])}
"""Cosines with (1, 0) fall in the order 0, 2, 1, 3: three of the four pairs are right."""


@pytest.fixture
def studies(tmp_path):
    for i in range(6):
        Image.new("L", (8, 8), 20 * i).save(tmp_path / f"{i}.png")
    other = {name: ["not_mentioned"] * 6 for name in labelled()}
    return pl.DataFrame({
        "subject_id": [f"p{i}" for i in range(6)], "study_id": [f"s{i}" for i in range(6)],
        "image_path": [str(tmp_path / f"{i}.png") for i in range(6)], **other, "Edema": LABELS,
    })  # fmt: skip


def scores_of(studies, no, name="m"):
    texts = {"There is pulmonary edema.": [1, 0], "There is no pulmonary edema.": no,
             "There is edema.": [1, 0], "There is no edema.": no}  # fmt: skip
    return score_prompt_pairs(EmbeddingStore(TableModel(texts, VECTORS, name)), studies, "d")


def values(scores):
    return {name.split("/")[-1]: figure["value"] for name, figure in prompt_pair_metrics(scores)}


def test_a_model_that_does_not_hear_no(studies):
    assert values(scores_of(studies, [1, 0])) == approx({"POS": 0.75, "NEG": 0.25, "PNC": 0.5})


def test_a_model_that_hears_no(studies):
    found = values(scores_of(studies, [-1, 0]))
    assert found == approx({"POS": 0.75, "NEG": 0.75, "PNC": 0.75})


def test_only_definite_labels_are_scored(studies):
    scores = scores_of(studies, [1, 0])
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
