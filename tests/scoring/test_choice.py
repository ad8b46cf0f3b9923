"""Multiple choice: the best option counts, a tie for the best never does."""

import polars as pl
import pytest
from built import TableModel
from PIL import Image

from nast.errors import ModelError
from nast.scoring.choice import correctness, score_claims, score_questions
from nast.vectors import Vectors

TEXTS = {"up": [1, 0], "also up": [1, 0], "half": [1, 1], "down": [-1, 0], "a b c d e f": [0, -1]}


@pytest.fixture
def item(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "x.png")

    def make(options, answer):
        path = str(tmp_path / "x.png")
        return {
            "item_id": "i",
            "group_id": "g",
            "subject_id": "p1",
            "form": "negated",
            "image_path": path,
            "options": options,
            "answer": answer,
        }

    return make


@pytest.fixture
def store():
    return Vectors(TableModel(TEXTS, {"x.png": [1, 0]}))


def claims(item, options, answer, form="negated"):
    row = item([], answer) | {"set_id": f"c-{form}", "claims": options, "form": form}
    return pl.DataFrame([row]).drop("options")


@pytest.mark.parametrize(
    ("options", "answer", "never", "first", "expected"),
    [
        (["half", "up", "down"], 1, 1, 1, 1),
        (["half", "up", "down"], 0, 0, 0, 0),
        (["also up", "up", "down"], 1, 0, 0, 0.5),
        (["also up", "up", "down"], 0, 0, 1, 0.5),
        (["up", "down", "half"], 0, 1, 1, 1),
    ],
)
def test_best_option_and_ties(store, item, options, answer, never, first, expected):
    scores = score_claims(store, claims(item, options, answer), "d")
    found = [correctness(scores, ties)["correct"].item() for ties in ("never", "first", "expected")]
    assert found == [never, first, expected]
    turned = scores.sort("option", descending=True)
    assert correctness(turned, "first")["correct"].item() == first


def test_an_item_without_scores_is_wrong(store, item):
    scores = score_claims(store, claims(item, ["up", "down"], 0), "d")
    scores = scores.with_columns(score=pl.lit(None, pl.Float64))
    for ties in ("never", "first", "expected"):
        assert correctness(scores, ties)["correct"].item() == 0


def test_scores_are_cosines_and_cuts_are_marked(store, item):
    table = score_claims(store, claims(item, ["half", "a b c d e f"], 0), "d")
    assert table["score"].to_list() == pytest.approx([0.5**0.5, 0.0])
    assert table["truncated"].to_list() == [False, True]
    assert table["rank"].to_list() == [1.0, 2.0]
    assert table["subject"].to_list() != ["p1", "p1"]


@pytest.mark.parametrize("broken", [[float("nan"), 0], [0, 0], [float("inf"), 0]])
def test_a_broken_vector_is_named_by_its_item(item, broken):
    store = Vectors(TableModel({**TEXTS, "half": broken}, {"x.png": [1, 0]}))
    with pytest.raises(ModelError, match=r"1 texts in 1 items \(c-negated\)"):
        score_claims(store, claims(item, ["up", "half", "down"], 0), "d")


def test_a_question_is_scored_in_three_forms(store, item):
    row = item([], 1)
    row |= {
        "question_id": "q",
        "negated": ["down", "up"],
        "affirmative": ["up", "down"],
        "omitted": ["half", "up"],
    }
    table = correctness(score_questions(store, pl.DataFrame([row]).drop("options"), "d"))
    assert dict(table.select("form", "correct").iter_rows()) == {
        "negated": 1.0,
        "affirmative": 0.0,
        "omitted": 1.0,
    }


def test_claims_carry_their_form(store, item):
    table = score_claims(store, claims(item, ["up", "half", "down"], 0), "d")
    assert set(table["form"]) == set(table["polarity"]) == {"negated"}
    assert correctness(table)["correct"].to_list() == [1.0]
