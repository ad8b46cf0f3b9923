"""Hits at k against all orders of equal scores, small galleries by hand, every reading by loops."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from built import TableModel
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pytest import approx

from nast.errors import UsageError
from nast.facts.entailment import truth
from nast.measuring.values import hit_probability, hit_values
from nast.records import FACT_STRUCT, HITS_SCHEMA, Fact
from nast.scoring import ranking
from nast.scoring.caption_truths import truths_of
from nast.scoring.data import as_rows
from nast.scoring.retrieval import blind_retrieval, gallery_size, ranked, score_retrieval
from nast.vectors import Vectors


def expected_hit(scores, right, k):
    """Share of all orders of equal scores in which a right candidate is among the first k."""
    hits = []
    for order in permutations(range(len(scores))):
        ranked = sorted(order, key=lambda i: -scores[i])
        hits.append(any(right[i] for i in ranked[:k]))
    return np.mean(hits)


def counted(scores, right):
    best = max(s for s, r in zip(scores, right, strict=True) if r)
    tied = [r for s, r in zip(scores, right, strict=True) if s == best]
    return sum(s > best for s in scores), len(tied), sum(tied)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [1, 2, 5])
def test_hit_probability_by_brute_force(seed, k):
    rng = np.random.default_rng(seed)
    scores, right = rng.integers(0, 3, 6).tolist(), (rng.random(6) < 0.4).tolist()
    right[seed] = True
    assert hit_probability(*counted(scores, right), k) == approx(expected_hit(scores, right, k))


TEXTS = ["no a", "has b", "no b", "has a"]
MATRIX = np.array(
    [
        [0.9, 0.3, 0.1, 0.2],
        [0.5, 0.1, 0.5, 0.6],
        [0.4, 0.2, 0.3, 0.4],
    ],
    dtype=np.float32,
)
CAPTIONS = pl.DataFrame(
    [
        ("0.png", "no a", "negated", "p0", "a"),
        ("0.png", "has b", "affirmative", "p0", "b"),
        ("1.png", "no b", "negated", "p1", "b"),
        ("1.png", "has a", "affirmative", "p1", "a"),
        ("2.png", "has a", "affirmative", "p2", "a"),
    ],
    schema=["image_path", "caption", "polarity", "subject_id", "condition"],
    orient="row",
)


def hits_of(images, texts, captions, gallery="unique", **more):
    return as_rows(ranked(images, texts, captions, gallery, **more), HITS_SCHEMA, "m", None, "d")


def by_hand(gallery="unique", **more):
    images = np.eye(3, dtype=np.float32)
    return hits_of(images, MATRIX.T.copy(), CAPTIONS, gallery, **more)


def values(table, k=1):
    """Hit at k of each row of a table of hits, in its order."""
    found = hit_values(table).filter(statistic=f"R@{k}")
    assert found["pair_id"].to_list() == table["query_id"].to_list()
    return found["value"].to_list()


def hits(table, direction, polarity, k, reading="unique"):
    part = table.filter(direction=direction, reading=reading, polarity=polarity)
    return values(part, k), part["rank"].to_list()


def test_three_images_and_four_texts_by_hand():
    table = by_hand()
    assert dict(table.schema) == HITS_SCHEMA
    # 0.png: "no a" is first; 1.png: "no b" ties for second behind "has a".
    assert hits(table, "image to text", "negated", 1) == ([1.0, 0.0], [1, 2])
    # 0.png: "has b" second; 1.png: "has a" first; 2.png: "has a" ties for first with "no a".
    assert hits(table, "image to text", "affirmative", 1) == ([0.0, 1.0, 0.5], [2, 1, 1])
    assert hits(table, "image to text", "negated", 5)[0] == [1.0, 1.0]
    # "no a" -> 0.png first; "no b" -> 1.png first.
    assert hits(table, "text to image", "negated", 1)[0] == [1.0, 1.0]
    # "has b" -> 0.png first; "has a" -> 1.png first (any own image counts).
    assert hits(table, "text to image", "affirmative", 1)[0] == [1.0, 1.0]
    there = table.filter(direction="image to text", reading="unique")
    assert set(there["size"]) == {4} and set(there["right"]) == {1}
    asked = there.select("query_id", "polarity", "rank", "ties", "right_tied").rows()
    assert sorted(asked) == [
        ("image 0", "affirmative", 2, 1, 1),
        ("image 0", "negated", 1, 1, 1),
        ("image 1", "affirmative", 1, 1, 1),
        ("image 1", "negated", 2, 2, 1),
        ("image 2", "affirmative", 1, 2, 1),
    ]
    # An image belongs to a patient, whose id is hashed; a text to many.
    subjects = dict(there.select("query_id", "subject").iter_rows())
    assert len(set(subjects.values())) == 3 and not set(subjects.values()) & {"p0", "p1", "p2"}


def test_strict_counts_rows_by_hand():
    table = by_hand()
    # "has a" stands in two rows of five. 1.png: both are first, one is its own.
    found = hits(table, "image to text", "affirmative", 1, "strict")
    assert found[0] == [0.0, 0.5, approx(1 / 3)]
    assert set(table.filter(direction="image to text", reading="strict")["size"]) == {5}
    # "has a" of 1.png finds 1.png; "has a" of 2.png does not find 2.png.
    rows = table.filter(direction="text to image", reading="strict", polarity="affirmative")
    assert dict(zip(rows["query_id"], values(rows), strict=True)) == {
        "text 1": 1.0,
        "text 3": 1.0,
        "text 3.1": 0.0,
    }
    full = hits(by_hand("full"), "image to text", "affirmative", 1, "full")
    assert full[0] == [0.0, 0.5, approx(1 / 3)]


def test_sampled_galleries_keep_what_is_right():
    table = by_hand("sampled:1")
    sizes = table.filter(direction="image to text", reading="sampled:1")["size"]
    assert set(sizes) <= {1, 2}
    assert table.equals(by_hand("sampled:1"))
    assert not table.equals(by_hand("sampled:1", seed=3))
    whole = by_hand("sampled:99").filter(direction="image to text", reading="sampled:99")
    unique = by_hand().filter(direction="image to text", reading="unique")
    assert whole.drop("reading").equals(unique.drop("reading"))


@pytest.mark.parametrize("gallery", ["all", "candidates", "sampled:", "sampled:0", "sampled:x"])
def test_unknown_gallery(gallery):
    with pytest.raises(UsageError, match="sampled:N"):
        gallery_size(gallery)


def test_blind_ranking_is_training_frequency():
    training = pl.DataFrame({"caption": ["has a"] * 3 + ["no a"]})
    table = blind_retrieval(CAPTIONS, training, "d")
    assert set(table["model"]) == {None}
    negated = hits(table, "image to text", "negated", 1)[0]
    affirmative = hits(table, "image to text", "affirmative", 1)[0]
    assert np.mean(negated) == 0 and np.mean(affirmative) == approx(2 / 3)


@st.composite
def sets(draw):
    """Captions of a few images with many equal texts and vectors, in chunks of any size."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    images, texts = draw(st.integers(1, 4)), draw(st.integers(2, 5))
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, images - 1), st.integers(0, texts - 1)),
            min_size=1,
            max_size=10,
        )
    )
    captions = pl.DataFrame(
        [
            (f"{i}.png", f"text {t}", ("negated", "affirmative")[t % 2], f"p{i}", str(t % 3))
            for i, t in rows
        ],
        schema=CAPTIONS.schema,
        orient="row",
    )
    n, m = captions["image_path"].n_unique(), captions["caption"].n_unique()
    vectors = [rng.integers(-1, 2, (k, 2)).astype(np.float32) for k in (n, m)]
    return captions, *vectors, draw(st.sampled_from([1, 7, 10**6]))


@settings(max_examples=40, deadline=None)
@given(sets())
def test_equals_loops_over_the_whole_matrix(drawn):
    captions, image_vectors, text_vectors, cells = drawn
    paths = captions["image_path"].unique(maintain_order=True).to_list()
    texts = captions["caption"].unique(maintain_order=True).to_list()
    scores = image_vectors @ text_vectors.T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "CELLS", cells)
        table = hits_of(image_vectors, text_vectors, captions)
    queries = table.select("direction", "reading", "query_id", "polarity").rows()
    found = {
        (*query, k): value
        for k in (1, 5)
        for query, value in zip(queries, values(table, k), strict=True)
    }
    rows = captions.select("image_path", "caption", "polarity").rows()
    wanted = {}
    for k in (1, 5):
        for i, path in enumerate(paths):
            for polarity in {p for x, _, p in rows if x == path}:
                own = {t for x, t, p in rows if x == path and p == polarity}
                line = [scores[i, texts.index(t)] for t in texts]
                query = (f"image {i}", polarity, k)
                wanted["image to text", "unique", *query] = line, [t in own for t in texts]
                line = [scores[i, texts.index(t)] for _, t, _ in rows]
                right = [x == path and p == polarity for x, _, p in rows]
                wanted["image to text", "strict", *query] = line, right
        for j, text in enumerate(texts):
            polarity = next(p for _, t, p in rows if t == text)
            shown = {x for x, t, _ in rows if t == text}
            line = [scores[i, j] for i in range(len(paths))]
            query = (f"text {j}", polarity, k)
            wanted["text to image", "unique", *query] = line, [p in shown for p in paths]
            for nth, path in enumerate(x for x, t, _ in rows if t == text):
                query = (f"text {j}" + (f".{nth}" if nth else ""), polarity, k)
                wanted["text to image", "strict", *query] = line, [p == path for p in paths]
    assert found == {
        key: approx(hit_probability(*counted(*value), key[-1])) for key, value in wanted.items()
    }


def fact_rows():
    """Two studies; "no left effusion" is entailed for 0, unknown for nobody, false for 1."""
    stated = {
        "0.png": [Fact("Pleural Effusion", "absent"), Fact("Edema", "present")],
        "1.png": [Fact("Pleural Effusion", "present", side="left")],
    }
    said = [
        ("0.png", "no effusion", "negated", Fact("Pleural Effusion", "absent")),
        ("0.png", "edema", "affirmative", Fact("Edema", "present")),
        ("1.png", "left effusion", "affirmative", Fact("Pleural Effusion", "present", side="left")),
        ("1.png", "no right effusion", "negated", Fact("Pleural Effusion", "absent", side="right")),
    ]
    captions = pl.DataFrame(
        [(i, i[0], t, p, f"p{i[0]}", f.condition, f.as_dict()) for i, t, p, f in said],
        schema={
            "image_path": pl.String,
            "study_id": pl.String,
            "caption": pl.String,
            "polarity": pl.String,
            "subject_id": pl.String,
            "condition": pl.String,
            "fact": FACT_STRUCT,
        },
        orient="row",
    )
    facts = pl.DataFrame(
        [
            {"study_id": i[0], "subject_id": f"p{i[0]}", **f.as_dict()}
            for i, fs in stated.items()
            for f in fs
        ]
    )
    return captions, facts, stated, said


def test_facts_make_texts_of_others_right_and_leave_unknown_ones_out():
    captions, facts, stated, said = fact_rows()
    truths = truths_of(captions, facts)
    for i, path in enumerate(stated):
        known = {}
        for fact in stated[path]:
            known.setdefault(fact.condition, []).append(fact)
        verdicts = [truth(f, known.get(f.condition, []), "described") for *_, f in said]
        codes = {True: 1, False: -1, None: 0}
        assert truths.row(np.array([i]))[0].tolist() == [codes[v] for v in verdicts]
    # 0.png, negated: both denials are right, "left effusion" is wrong; "edema" is true: left out.
    images, texts = (
        np.eye(2, dtype=np.float32),
        np.array([[0.1, 0.9], [0.8, 0.7], [0.3, 0.6], [0.4, 0.2]], dtype=np.float32),
    )
    table = hits_of(images, texts, captions, truths=truths).filter(reading="fact")
    first = table.filter(direction="image to text")
    keys = [(i[-1], p) for i, p in first.select("query_id", "polarity").rows()]
    found = dict(zip(keys, zip(values(first), first["size"], strict=True), strict=True))
    # 1.png: edema is not mentioned there: unknown, left out.
    assert found == {
        ("0", "negated"): (1.0, 3),
        ("0", "affirmative"): (1.0, 2),
        ("1", "negated"): (0.0, 2),
        ("1", "affirmative"): (0.0, 2),
    }
    # "no right effusion" is true of both images, so it finds one of them whatever the scores.
    back = table.filter(direction="text to image", query_id="text 3")
    assert values(back) == [1.0] and back["right"].to_list() == [2]
    assert truths_of(captions.with_columns(study_id=pl.lit("9")), facts) is None


def test_captions_of_equal_tokens_share_one_vector(tmp_path):
    """The model sees five words; what it does not see must not rank one text before another."""
    for i in range(2):
        Image.new("L", (8, 8), 40 * i).save(tmp_path / f"{i}.png")
    texts = {"a b c d e left": [1, 0], "a b c d e right": [1, 1e-4]}
    vectors = Vectors(TableModel(texts, {"0.png": [1, 0.5], "1.png": [1, 0.5]}, "m", seed=2))
    captions = pl.DataFrame(
        [(str(tmp_path / f"{i}.png"), t, "negated", f"p{i}", "a") for i, t in enumerate(texts)],
        schema=CAPTIONS.schema,
        orient="row",
    )
    table = score_retrieval(vectors, captions, "d")
    there = table.filter(direction="image to text", reading="unique")
    assert values(there) == [0.5, 0.5] and there["ties"].to_list() == [2, 2]
    assert dict(table.schema) == HITS_SCHEMA
    assert set(table.select("model", "seed", "data").rows()) == {("m", 2, "d")}
