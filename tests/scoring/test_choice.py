"""Multiple choice: the best option counts, a tie for the best never does."""

import polars as pl
import pytest
from built import TableModel
from made_up import item, items_of
from PIL import Image

from nast.errors import ModelError
from nast.measuring.values import choice_values
from nast.records import SCORES_SCHEMA
from nast.scoring.choice import ROUNDING, one_where_rounded, option_rows, score_items
from nast.vectors import Vectors

TEXTS = {"up": [1, 0], "also up": [1, 0], "half": [1, 1], "down": [-1, 0], "a b c d e f": [0, -1]}


@pytest.fixture
def image(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    return str(tmp_path / "x.png")


@pytest.fixture
def claims(image):
    """A claim set of one item in one form."""
    return lambda options, answer: items_of(
        [item("i", "negated", "claims", answer, options, subject_id="p1", image_path=image)]
    )


@pytest.fixture
def vectors():
    return Vectors(TableModel(TEXTS, {"x.png": [1, 0]}))


def right(scores, items, ties="never"):
    """Form -> what the item of that form is worth."""
    found = choice_values(scores, items, ties)
    return dict(found.select("form", "value").iter_rows())


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
def test_best_option_and_ties(vectors, claims, options, answer, never, first, expected):
    items = claims(options, answer)
    scores = score_items(vectors, items, "d")
    found = [right(scores, items, ties)["negated"] for ties in ("never", "first", "expected")]
    assert found == [never, first, expected]
    turned = scores.sort("option", descending=True)
    assert right(turned, items, "first")["negated"] == first


def test_an_item_without_scores_is_wrong(vectors, claims):
    items = claims(["up", "down"], 0)
    scores = score_items(vectors, items, "d")
    scores = scores.with_columns(score=pl.lit(None, pl.Float64))
    for ties in ("never", "first", "expected"):
        assert right(scores, items, ties) == {"negated": 0}


def test_scores_are_cosines_and_cuts_are_marked(vectors, claims):
    table = score_items(vectors, claims(["half", "a b c d e f"], 0), "d")
    assert dict(table.schema) == SCORES_SCHEMA
    assert table["score"].to_list() == pytest.approx([0.5**0.5, 0.0])
    assert table["truncated"].to_list() == [False, True]
    assert table["option"].to_list() == [0, 1]
    assert table["answer"].to_list() == [True, False]
    assert table["subject"].to_list() != ["p1", "p1"]


@pytest.mark.parametrize("broken", [[float("nan"), 0], [0, 0], [float("inf"), 0]])
def test_a_broken_vector_is_named_by_its_item(claims, broken):
    vectors = Vectors(TableModel({**TEXTS, "half": broken}, {"x.png": [1, 0]}))
    with pytest.raises(ModelError, match=r"1 texts in 1 items \(i-negated\)"):
        score_items(vectors, claims(["up", "half", "down"], 0), "d")


def test_a_question_is_scored_in_three_forms(vectors, image):
    words = {"negated": ["down", "up"], "affirmative": ["up", "down"], "omitted": ["half", "up"]}
    items = items_of(
        item("i", form, answer=1, options=some, image_path=image) for form, some in words.items()
    )
    table = score_items(vectors, items, "d")
    assert right(table, items) == {"negated": 1.0, "affirmative": 0.0, "omitted": 1.0}
    assert table["item_id"].n_unique() == 3 and len(table) == 6
    assert set(table["set"]) == {"questions"}


def test_claims_carry_their_form(vectors, claims):
    items = claims(["up", "half", "down"], 0)
    table = score_items(vectors, items, "d")
    assert set(table["form"]) == {"negated"} and set(table["set"]) == {"claims"}
    assert right(table, items) == {"negated": 1.0}


def test_a_row_per_option_by_hand():
    first = item("i", answer=1, options="ab")
    rows = option_rows(items_of([first, item("i", "affirmative", options="cde")]))
    assert rows.select("item_id", "option", "text", "answer").rows() == [
        ("i-negated", 0, "a", False),
        ("i-negated", 1, "b", True),
        ("i-affirmative", 0, "c", True),
        ("i-affirmative", 1, "d", False),
        ("i-affirmative", 2, "e", False),
    ]


def test_scores_that_differ_by_rounding_are_the_best_of_them_by_hand():
    near, far = 0.9 * ROUNDING, 1.1 * ROUNDING
    rows = pl.DataFrame(
        {
            # The third option is near the second, which is near the first; the fourth is not.
            "item_id": ["a", "a", "a", "a", "b", "b"],
            "score": [0.5, 0.5 - near, 0.5 - 2 * near, 0.5 - 2 * near - far, 0.5, 0.2],
        }
    )
    last = 0.5 - 2 * near - far
    assert one_where_rounded(rows)["score"].to_list() == [0.5, 0.5, 0.5, last, 0.5, 0.2]
    turned = rows.reverse()
    assert one_where_rounded(turned)["score"].to_list() == [0.2, 0.5, last, 0.5, 0.5, 0.5]


def test_rounding_looks_at_one_item_at_a_time():
    rows = pl.DataFrame({"item_id": ["a", "b"], "score": [0.5, 0.5 + ROUNDING / 2]})
    assert one_where_rounded(rows).equals(rows)
