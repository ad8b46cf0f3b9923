"""Controls: what a model that sees image and words, the words only, or nothing, scores in each."""

import numpy as np
import polars as pl
import pytest
import torch
from built import TableModel, contextual_set, question_set
from made_up import item, items_of, one, scored
from PIL import Image
from pytest import approx

from nast.evaluation import evaluate
from nast.measuring.measure import measure
from nast.models.registry import load_model
from nast.records import SCORE_TABLES
from nast.scoring.choice import option_rows, score_items
from nast.scoring.controls import (
    assert_order_free,
    control_scores,
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
    options = [f"no {m}" for m in NAMES]
    return items_of(
        item(
            f"q{i}",
            form,
            answer=i,
            options=options,
            group_id="g",
            image_path=str(tmp_path / f"{n}.png"),
        )
        for i, n in enumerate(NAMES)
        for form in ("negated", "affirmative", "omitted")
    )


def seeing():
    images = {f"{n}.png": list(np.eye(4)[i]) for i, n in enumerate(NAMES)}
    return Vectors(TableModel(TEXTS, {**images, "blank.png": [1, 1, 1, 1]}))


def test_a_model_that_sees_and_reads(group):
    vectors = seeing()
    scores, controls = score_items(vectors, group, "d"), control_scores(vectors, group, "d")
    assert dict(controls.schema) == SCORE_TABLES["controls"]
    metrics = measure(scored(group, scores, controls=controls))
    assert one(metrics, model="table", form="negated", statistic="accuracy")["value"] == 1
    own = metrics.filter(form="negated", model="table").drop_nulls("control")
    found = dict(own.select("control", "value").iter_rows())
    assert found == {
        "blank image": approx(0.25),
        # Every option ties once its words are alike.
        "no cue": approx(0.25),
        # The image of another member answers to another option.
        "group member's image": 0,
        "shuffled image": 0,
    }
    (words,) = metrics.filter(control="text only", form="negated")["value"]
    assert words == approx(0.25)
    assert set(controls.filter(control="no cue")["form"]) == {"negated"}


def test_every_control_scores_every_option(group):
    controls = control_scores(seeing(), group, "d")
    sizes = dict(controls.group_by("control").len().iter_rows())
    every = len(group) * 4
    assert sizes == {
        "shuffled image": every,
        "group member's image": every,
        "blank image": every,
        "no cue": every // 3,
    }
    # An image by itself has no other member.
    alone = control_scores(seeing(), group.filter(pair_id="q0"), "d")
    assert set(alone["control"]) == {"shuffled image", "blank image", "no cue"}


def test_images_of_others(group):
    images, patients = (
        shuffled(group, 3),
        dict(group.select("image_path", "subject_id").iter_rows()),
    )
    assert all(patients[a] != patients[b] for a, b in images.items())
    assert images == shuffled(group, 3)
    assert set(rotated(group).values()) == set(group["image_path"])
    assert all(image != other for (_, image), other in rotated(group).items())
    alone = group.filter(pair_id="q0")
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
    rows = without_cue(option_rows(group))
    assert set(rows["form"]) == {"negated"}
    assert set(rows["text"]) == set(NAMES)


def test_a_model_that_reads_the_order_is_found_out(group):
    rows = option_rows(group)
    assert_order_free(seeing(), rows, "d")

    class Fresh(Vectors):
        """Keeps nothing, so that every call shows the options in their order."""

        def texts(self, texts):
            return torch.eye(4)[: len(texts)]

    vectors = Fresh(seeing().model)
    with pytest.raises(AssertionError, match="order"):
        assert_order_free(vectors, rows, "d")


def test_a_run_writes_its_controls(facts, tmp_path, tiny_clip):
    model = load_model(f"hf:{tiny_clip}", "tiny")
    evaluate([model], [question_set(facts), contextual_set(facts)], tmp_path / "out", controls=True)
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    found = {}
    for control in ("shuffled image", "group member's image", "blank image", "text only"):
        (row,) = metrics.filter(set="claims", form="negated", control=control).to_dicts()
        assert not {row[n] for n in ("value", "low", "high", "n", "method", "chance")} & {None}
        found[control] = row["value"]
    # One image for all members of a balanced group: one answer, right once.
    assert found["blank image"] == approx(0.2)
    blank = metrics.filter(set="questions", form="omitted", control="blank image")
    assert blank["value"].to_list() == [approx(0.25)]
