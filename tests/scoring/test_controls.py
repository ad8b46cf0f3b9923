"""Controls: what a model that sees image and words, the words only, or nothing, scores in each."""

import numpy as np
import polars as pl
import pytest
import torch
from built import TableModel, contextual_set, question_set
from PIL import Image
from pytest import approx

from nast.evaluation import evaluate
from nast.files import read_json
from nast.measuring.metrics import metrics_of
from nast.models.registry import load_model
from nast.scoring.choice import choice_rows, score_questions
from nast.scoring.controls import (
    assert_order_free,
    control_figures,
    remove_cues,
    rotated,
    shuffled,
    without_cue,
)
from nast.vectors import Vectors

NAMES = "abcd"
TEXTS = {f"no {n}": list(np.eye(4)[i]) for i, n in enumerate(NAMES)}
TEXTS |= {n: [1, 1, 1, 1] for n in NAMES}


@pytest.fixture
def group(tmp_path):
    """A balanced group of four whose images answer to one option each."""
    for i, n in enumerate(NAMES):
        Image.new("L", (8, 8), 40 * i).save(tmp_path / f"{n}.png")
    rows = [
        {
            "question_id": f"q{i}",
            "group_id": "g",
            "subject_id": f"p{i}",
            "answer": i,
            "image_path": str(tmp_path / f"{n}.png"),
            "negated": [f"no {m}" for m in NAMES],
            "affirmative": [f"no {m}" for m in NAMES],
            "omitted": [f"no {m}" for m in NAMES],
        }
        for i, n in enumerate(NAMES)
    ]
    return pl.DataFrame(rows)


def seeing():
    images = {f"{n}.png": list(np.eye(4)[i]) for i, n in enumerate(NAMES)}
    return Vectors(TableModel(TEXTS, {**images, "blank.png": [1, 1, 1, 1]}))


def test_a_model_that_sees_and_reads(group):
    store = seeing()
    scores = score_questions(store, group, "d")
    assert metrics_of(scores)["questions/accuracy/negated"]["value"] == 1
    found = {n: f["value"] for n, f in control_figures(store, "questions", group, "d").items()}
    assert found["questions/accuracy/negated/blank image"] == approx(0.25)
    # Every option ties once its words are alike.
    assert found["questions/accuracy/negated/no cue"] == approx(0.25)
    # The image of another member answers to another option.
    assert found["questions/accuracy/negated/group member's image"] == 0
    assert found["questions/accuracy/negated/shuffled image"] == 0
    assert found["questions/accuracy/negated/text only"] == approx(0.25)
    assert "questions/accuracy/affirmative/no cue" not in found


def test_images_of_others(group):
    images, patients = (
        shuffled(group, 3),
        dict(group.select("image_path", "subject_id").iter_rows()),
    )
    assert all(patients[a] != patients[b] for a, b in images.items())
    assert images == shuffled(group, 3)
    assert set(rotated(group).values()) == set(group["image_path"])
    assert all(image != other for (_, image), other in rotated(group).items())
    alone = group.head(1)
    assert shuffled(alone) == {alone["image_path"][0]: alone["image_path"][0]}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Edema, no pneumothorax or fracture.", "Edema, pneumothorax or fracture."),
        ("No evidence of edema.", "edema."),
        ("Cardiomegaly without effusion.", "Cardiomegaly effusion."),
        ("Edema.", "Edema."),
    ],
)
def test_cues_are_removed(text, plain):
    assert remove_cues(text) == plain


def test_only_the_negated_form_loses_its_cues(group):
    rows = without_cue(choice_rows("questions", group))
    assert set(rows["form"]) == {"negated"}
    assert set(rows["text"]) == set(NAMES)


def test_a_model_that_reads_the_order_is_found_out(group):
    rows = choice_rows("questions", group)
    assert_order_free(seeing(), rows, "d", "questions")

    class Fresh(Vectors):
        """Keeps nothing, so that every call shows the options in their order."""

        def texts(self, texts):
            return torch.eye(4)[: len(texts)]

    store = Fresh(seeing().model)
    with pytest.raises(AssertionError, match="order"):
        assert_order_free(store, rows, "d", "questions")


def test_a_run_writes_its_controls(facts, tmp_path, tiny_clip):
    model = load_model(f"hf:{tiny_clip}", "tiny")
    evaluate([model], [question_set(facts), contextual_set(facts)], tmp_path / "out", controls=True)
    found = read_json(tmp_path / "out" / "controls.json")["tiny"]
    for control in ("shuffled image", "group member's image", "blank image", "text only"):
        figure = found[f"claims/accuracy/negated/{control}"]
        assert {"value", "interval", "n", "method", "chance"} <= set(figure)
    # One image for all members of a balanced group: one answer, right once.
    assert found["claims/accuracy/negated/blank image"]["value"] == approx(0.2)
    assert found["questions/accuracy/omitted/blank image"]["value"] == approx(0.25)
