"""Hits on candidate lists: by hand, against loops, and with one ranking for all images."""

import numpy as np
import polars as pl
from built import TableModel
from PIL import Image
from pytest import approx

from nast.measuring.values import hit_values
from nast.records import CANDIDATES_SCHEMA, HITS_SCHEMA
from nast.scoring.list_hits import blind_lists, hits_of_lists, score_lists
from nast.vectors import Vectors


def lists_of(rows):
    """Lists from (image, polarity, candidates, answer)."""
    return pl.DataFrame(
        [
            {
                "list_id": f"list{number}",
                "subject_id": f"patient {image}",
                "study_id": image,
                "split": "test",
                "image_path": image,
                "polarity": polarity,
                "candidates": list(texts),
                "facts": [],
                "answer": answer,
            }
            for number, (image, polarity, texts, answer) in enumerate(rows)
        ],
        schema=CANDIDATES_SCHEMA,
    )


LISTS = lists_of(
    [
        ("0.png", "negated", ("no a", "no b", "no c"), 1),
        ("1.png", "negated", ("no b", "no a", "no c"), 1),
        ("0.png", "affirmative", ("c", "b", "a"), 2),
    ]
)


def test_ranks_and_ties_by_hand():
    scores = np.array([[0.9, 0.5, 0.1], [0.3, 0.3, 0.2], [0.1, 0.2, 0.2 + 1e-9]])
    found = hits_of_lists(LISTS, scores, near=1e-6)
    assert found.select("list_id", "rank", "ties", "size", "right").rows() == [
        ("list0", 2, 1, 3, 1),
        ("list1", 1, 2, 3, 1),
        ("list2", 1, 2, 3, 1),
    ]
    assert set(found["reading"]) == {"lists"}
    # A patient's id is hashed, and is one for all lists.
    assert found["subject"][0] == found["subject"][2] != "patient 0.png"


def test_a_tie_counts_by_the_chance_of_being_right():
    scores = np.array([[0.5, 0.5, 0.5], [1, 0, 0], [0, 0, 1.0]])
    hits = hits_of_lists(LISTS, scores, 0.0).with_columns(
        model=pl.lit("m"), seed=pl.lit(None), data=pl.lit("d")
    )
    values = hit_values(hits.select(pl.col(n).cast(t) for n, t in HITS_SCHEMA.items()))
    assert values.filter(statistic="R@1")["value"].to_list() == [approx(1 / 3), 0, 1]
    assert values.filter(statistic="R@1")["guess"].to_list() == [approx(1 / 3)] * 3
    # Five of three are all of them: that is no measure.
    assert not len(values.filter(statistic="R@5"))


def test_a_model_against_plain_cosines(tmp_path):
    texts = sorted({c for row in LISTS["candidates"] for c in row})
    rng = np.random.default_rng(0)
    of_text = {text: rng.normal(size=8).tolist() for text in texts}
    of_image = {name: rng.normal(size=8).tolist() for name in ("0.png", "1.png")}
    for number, name in enumerate(of_image):
        Image.new("L", (4, 4), number).save(tmp_path / name)
    lists = LISTS.with_columns(image_path=str(tmp_path) + "/" + pl.col("image_path"))
    model = TableModel(of_text, of_image)
    found = score_lists(Vectors(model), lists, "d")
    assert found.schema == pl.Schema(HITS_SCHEMA)
    for row, hit in zip(lists.iter_rows(named=True), found.iter_rows(named=True), strict=True):
        image = of_image[row["image_path"].split("/")[-1]]
        own = [np.dot(image, of_text[c]) / np.linalg.norm(of_text[c]) for c in row["candidates"]]
        assert hit["rank"] == 1 + sum(c > own[row["answer"]] for c in own)
        assert (hit["ties"], hit["size"], hit["model"]) == (1, 3, model.name)


def test_one_ranking_for_all_images():
    found = blind_lists(LISTS, {"no a": 5, "no b": 2, "a": 1}, "d")
    assert set(found["model"]) == {None}
    assert found["rank"].to_list() == [2, 1, 1]
    assert blind_lists(LISTS, {}, "d")["ties"].to_list() == [3, 3, 3]
