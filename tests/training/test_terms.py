"""The rivals' losses by plain loops on small matrices."""

import pytest
import torch
from pytest import approx
from torch.nn.functional import cross_entropy, normalize

from nast.errors import UsageError
from nast.training.batches import Batch, padded_places
from nast.training.objectives import TERMS
from nast.training.train_config import OBJECTIVES, weights_of

SCALE = 7.0


def batch(diagonal=True):
    """Three pairs, their denials and three other images; unit vectors of width 5."""
    generator = torch.Generator().manual_seed(2)
    images = normalize(torch.randn(6, 5, generator=generator), dim=-1)
    texts = normalize(torch.randn(6, 5, generator=generator), dim=-1)
    truth = 2 * torch.eye(6) - 1
    if not diagonal:
        truth[0, 1], truth[1, 4], truth[5, 0] = 0, 0, 1
    claims = torch.tensor([[0, 1, 2], [3, 4, 5]])
    return Batch(
        list("abcdef"),
        images,
        torch.arange(6),
        truth,
        (3, 3),
        images[:2],
        claims,
        torch.tensor([2, 0]),
    ), texts


def test_clip():
    data, texts = batch()
    logits, target = SCALE * data.images[:3] @ texts[:3].T, torch.arange(3)
    wanted = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    assert float(TERMS["caption"](data, texts, SCALE)) == approx(float(wanted))


def test_negclip_has_denials_on_the_image_side_only():
    """L = [CE(s I [T; N]^T, i) + CE(s T I^T, i)] / 2."""
    data, texts = batch()
    logits, target = SCALE * data.images[:3] @ texts.T, torch.arange(3)
    wanted = (cross_entropy(logits, target) + cross_entropy(logits[:, :3].T, target)) / 2
    assert float(TERMS["negclip"](data, texts, SCALE)) == approx(float(wanted))


def test_conclip_has_three_terms():
    """L = [CE(s I [T; N]^T, i) + CE(s T [I; J]^T, i) + CE(s J [N; T]^T, i)] / 3."""
    data, texts = batch()
    images, others = data.images[:3], data.images[3:]
    own, denied, target = texts[:3], texts[3:], torch.arange(3)
    wanted = (
        cross_entropy(SCALE * images @ torch.cat([own, denied]).T, target)
        + cross_entropy(SCALE * own @ torch.cat([images, others]).T, target)
        + cross_entropy(SCALE * others @ torch.cat([denied, own]).T, target)
    ) / 3
    assert float(TERMS["conclip"](data, texts, SCALE)) == approx(float(wanted))


@pytest.mark.parametrize("term", ["caption", "negclip", "conclip"])
def test_unknown_pairs_and_further_positives_change_the_loss(term):
    plain, texts = batch()
    known, _ = batch(diagonal=False)
    assert float(TERMS[term](known, texts, SCALE)) != approx(
        float(TERMS[term](plain, texts, SCALE))
    )


def test_claims():
    data, texts = batch()
    rows = zip(data.claims, data.claim_images, strict=True)
    logits = torch.stack([SCALE * texts[row] @ image for row, image in rows])
    wanted = cross_entropy(logits, data.answers)
    assert float(TERMS["claim"](data, texts, SCALE)) == approx(float(wanted))


def test_weights():
    assert weights_of("nast", 0.3) == approx({"caption": 0.3, "claim": 0.7})
    assert weights_of("nast", 0.0) == {"claim": 1} and weights_of("nast", 1.0) == {"caption": 1}
    assert weights_of("negbench", 0.3) == {"caption": 0.99, "claim": 0.01}
    assert all(sum(weights_of(o, 0.4).values()) == approx(1) for o in OBJECTIVES)
    with pytest.raises(UsageError, match="choose one of nast"):
        weights_of("siglip", 0.5)


def test_sets_of_different_sizes_are_each_scored_by_themselves():
    """The mean of the losses of a set of three claims and of one of two."""
    data, texts = batch()
    ragged = data._replace(claims=padded_places([[0, 1, 2], [3, 4]]), answers=torch.tensor([2, 0]))
    assert ragged.claims.tolist() == [[0, 1, 2], [3, 4, -1]]
    losses = [
        cross_entropy(SCALE * (data.images[row] @ texts[claims].T)[None], torch.tensor([answer]))
        for row, claims, answer in ((0, [0, 1, 2], 2), (1, [3, 4], 0))
    ]
    assert float(TERMS["claim"](ragged, texts, SCALE)) == approx(float(sum(losses)) / 2)
    leaf = texts.clone().requires_grad_()
    TERMS["claim"](ragged, leaf, SCALE).backward()
    # The text that -1 points to is in no set, and gets no gradient.
    assert leaf.grad.isfinite().all() and not leaf.grad[5].any()
