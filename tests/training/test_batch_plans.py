"""Batches by plan: what is shown, what is true of it, what is left out."""

import numpy as np
import pytest
import torch

from nast.training.batches import draw
from nast.training.train_config import BatchPlan


def rng(seed=0):
    return np.random.default_rng(seed)


def test_only_what_the_plan_names_is_encoded(batches):
    captions, claims = batches
    plain = draw(captions, claims, BatchPlan(2, 0), rng())
    assert plain.counts == (2, 2) and len(plain.texts) == 2 and not len(plain.claims)
    ranked = draw(captions, claims, BatchPlan(0, 3), rng())
    assert ranked.counts == (0, 0) and ranked.claims.shape == (3, 3)
    assert set(ranked.claims.flatten().tolist()) == set(range(len(ranked.texts)))


def test_claims_point_at_their_texts(batches):
    captions, claims = batches
    batch = draw(captions, claims, BatchPlan(3, 4), rng(1))
    for row, answer, image in zip(batch.claims, batch.answers, batch.claim_images, strict=True):
        words = [batch.texts[i] for i in row]
        place = claims.claims.index(words)
        assert answer == claims.answers[place] and torch.equal(image, claims.images[place])


def test_denials_and_other_images(batches):
    """In the fixture text j is true of image j alone, and text i + 1 denies text i."""
    captions, claims = batches
    batch = draw(captions, claims, BatchPlan(2, 0, hard=True, others=True), rng(3))
    images, own = batch.counts
    pairs = captions.rows[rng(3).choice(6, 2, replace=False)]
    shown = [batch.texts[i] for i in batch.columns]
    assert set(shown[:own]) == {captions.texts[i] for i in pairs[:, 1]}
    assert set(shown[own:]) == {captions.texts[i] for i in set(pairs[:, 2]) - set(pairs[:, 1])}
    for row, image in enumerate(batch.images):
        (number,) = (captions.images == image).all(dim=1).nonzero().flatten().tolist()
        wanted = [1 if text == captions.texts[number] else -1 for text in shown]
        assert batch.truth[row].tolist() == wanted
    assert len(batch.images) > images


def test_diagonal_targets_are_the_pairs_themselves(batches):
    captions, claims = batches
    plan = BatchPlan(3, 0, hard=True, others=True, targets="diagonal")
    batch = draw(captions, claims, plan, rng())
    assert batch.counts == (3, 3)
    assert (batch.truth == 2 * torch.eye(6) - 1).all()
    pairs = captions.rows[rng().choice(6, 3, replace=False)]
    shown = [batch.texts[i] for i in batch.columns]
    assert shown == [captions.texts[i] for i in [*pairs[:, 1], *pairs[:, 2]]]


@pytest.mark.parametrize("nowhere", [0, -1])
def test_a_denial_that_is_true_of_no_image_is_matched_to_none(batches, nowhere):
    """Text 1, which denies text 0, is unknown or false of every image; the others have one."""
    captions, claims = batches
    table = captions.truth.tables[0].copy()
    table[:, 1] = nowhere
    captions = captions._replace(truth=captions.truth._replace(tables=[table]))
    batch = draw(captions, claims, BatchPlan(6, 0, True, True, targets="diagonal"), rng())
    denials = [captions.texts.index(batch.texts[i]) for i in batch.columns[6:]]
    wanted = 2 * torch.eye(12) - 1
    wanted[6 + denials.index(1), 6 + denials.index(1)] = -1
    assert (batch.truth == wanted).all()
