"""Neutral sentences find and deny nothing, and every encoder gives each a vector."""

import numpy as np
from built import TableModel
from pytest import approx

from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.models.registry import load_model
from nast.records import NEUTRAL_SCHEMA
from nast.scoring.neutral import neutral_sentences, neutral_vectors
from nast.vectors import Vectors


def test_sentences_find_and_deny_nothing():
    groups = neutral_sentences()
    assert list(groups) == ["radiology", "general"]
    texts = [t for some in groups.values() for t in some]
    assert 30 <= len(texts) <= 50 and len(set(texts)) == len(texts)
    for text in texts:
        assert not cues(text)
        # A device in place is the one thing of CheXpert's list that a neutral report has.
        assert {f.condition for f in facts_of(text)} <= {"Support Devices"}
    assert not any(facts_of(t) for t in groups["general"])


def test_vectors_of_a_model(tiny_clip):
    rows = neutral_vectors(Vectors(load_model(f"hf:{tiny_clip}", "tiny")))
    texts = [(group, text) for group, some in neutral_sentences().items() for text in some]
    assert dict(rows.schema) == NEUTRAL_SCHEMA
    assert rows.select("model", "seed", "group", "sentence").rows() == [
        ("tiny", None, *row) for row in texts
    ]
    assert np.linalg.norm(np.array(rows["vector"].to_list()), axis=1) == approx(1, abs=1e-3)


def test_vectors_of_a_seed_by_hand():
    texts = {t: [number, 1] for number, t in enumerate(sum(neutral_sentences().values(), ()))}
    rows = neutral_vectors(Vectors(TableModel(texts, {}, "NAST (lr)", seed=3)))
    assert set(rows.select("model", "seed").rows()) == {("NAST (lr)", 3)}
    norms = [(n**2 + 1) ** 0.5 for n in range(len(texts))]
    wanted = [[n / norm, 1 / norm] for n, norm in enumerate(norms)]
    assert np.array(rows["vector"].to_list()) == approx(np.array(wanted), abs=1e-6)
