"""Hits at k against all orders of equal scores, and a gallery small enough to count by hand."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from pytest import approx

from nast.evaluation.retrieval import blind_retrieval, hit_probability, retrieval_table
from nast.records import SCORES_SCHEMA


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [1, 2, 5])
def test_hit_probability_by_brute_force(seed, k):
    rng = np.random.default_rng(seed)
    scores, positives = rng.integers(0, 3, 6), rng.random(6) < 0.4
    hits = []
    for order in permutations(range(6)):
        ranked = sorted(order, key=lambda i: -scores[i])
        hits.append(any(positives[i] for i in ranked[:k]))
    assert hit_probability(scores.astype(float), positives, k) == approx(np.mean(hits))


IMAGES = ["0.png", "1.png", "2.png"]
TEXTS = ["no a", "no b", "has a", "has b"]
MATRIX = np.array([
    [0.9, 0.1, 0.2, 0.3],
    [0.5, 0.5, 0.6, 0.1],
    [0.4, 0.3, 0.4, 0.2],
])  # fmt: skip
CAPTIONS = pl.DataFrame(
    [("0.png", "no a", "negated", "p0"), ("0.png", "has b", "affirmative", "p0"),
     ("1.png", "no b", "negated", "p1"), ("1.png", "has a", "affirmative", "p1"),
     ("2.png", "has a", "affirmative", "p2")],
    schema=["image_path", "caption", "polarity", "subject_id"], orient="row",
)  # fmt: skip


def test_three_images_and_four_texts_by_hand():
    table = retrieval_table(MATRIX, IMAGES, TEXTS, CAPTIONS, "m", "d")
    assert dict(table.schema) == SCORES_SCHEMA

    def hits(task, polarity, k):
        part = table.filter(task=f"retrieval {task}", polarity=polarity, option=k)
        return part["score"].to_list(), part["rank"].to_list()

    # 0.png: "no a" is first; 1.png: "no b" ties for second behind "has a".
    assert hits("image to text", "negated", 1) == ([1.0, 0.0], [1.0, 2.0])
    # 0.png: "has b" second; 1.png: "has a" first; 2.png: "has a" ties for first with "no a".
    assert hits("image to text", "affirmative", 1) == ([0.0, 1.0, 0.5], [2.0, 1.0, 1.0])
    assert hits("image to text", "negated", 5)[0] == [1.0, 1.0]
    # "no a" -> 0.png first; "no b" -> 1.png first.
    assert hits("text to image", "negated", 1)[0] == [1.0, 1.0]
    # "has a" -> 1.png first (any own image counts); "has b" -> 0.png first.
    assert hits("text to image", "affirmative", 1)[0] == [1.0, 1.0]


def test_blind_ranking_is_training_frequency():
    training = pl.DataFrame({"caption": ["has a"] * 3 + ["no a"]})
    table = blind_retrieval(CAPTIONS, training, "d")
    first = table.filter(task="retrieval image to text", option=1)
    by_polarity = dict(first.group_by("polarity").agg(pl.col("score").mean()).iter_rows())
    assert by_polarity == {"negated": 0.0, "affirmative": approx(2 / 3)}
