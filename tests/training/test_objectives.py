"""The two losses against CLIP's loss, plain loops and their edges."""

import pytest
import torch
from pytest import approx
from torch.nn.functional import cross_entropy

from nast.training.objectives import caption_loss, claim_loss

COSINES = torch.tensor([[0.5, 0.1, -0.2], [0.0, 0.4, 0.3], [0.2, -0.1, 0.6]])
IDENTITY = 2 * torch.eye(3, dtype=torch.int8) - 1


def test_identity_truth_is_the_loss_of_clip():
    logits, target = 10 * COSINES, torch.arange(3)
    wanted = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    assert float(caption_loss(COSINES, IDENTITY, 10)) == approx(float(wanted))


def test_unknown_pairs_are_left_out():
    truth = IDENTITY.clone()
    truth[0, 1] = 0
    moved = COSINES.clone()
    moved[0, 1] = 0.9
    assert caption_loss(moved, truth, 10) == caption_loss(COSINES, truth, 10)
    assert caption_loss(moved, IDENTITY, 10) != caption_loss(COSINES, IDENTITY, 10)


def test_several_positives_by_a_plain_loop():
    truth = torch.tensor([[1, 1, -1], [-1, 1, 0], [1, -1, 1]])

    def one_way(cosines, truth):
        losses = []
        for row, known in zip(cosines, truth, strict=True):
            total = sum(float((10 * c).exp()) for c, t in zip(row, known, strict=True) if t)
            hits = [
                -torch.tensor(float((10 * c).exp()) / total).log()
                for c, t in zip(row, known, strict=True)
                if t > 0
            ]
            if hits and (known < 0).any():
                losses.append(sum(hits) / len(hits))
        return sum(losses) / len(losses)

    wanted = (one_way(COSINES, truth) + one_way(COSINES.T, truth.T)) / 2
    assert float(caption_loss(COSINES, truth, 10)) == approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize("value", [0, 1, -1])
def test_rows_that_tell_nothing_do_not_count(value):
    truth = torch.cat([IDENTITY, torch.full((1, 3), value, dtype=torch.int8)])
    cosines = torch.cat([COSINES, torch.tensor([[0.9, 0.8, 0.7]])]).requires_grad_()
    loss = caption_loss(cosines, truth, 10)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(cosines.grad).all()
    if value == 0:
        assert loss.item() == approx(caption_loss(COSINES, IDENTITY, 10).item())
        assert not cosines.grad[3].any()


def test_nothing_known_is_zero_with_a_gradient():
    cosines = COSINES.clone().requires_grad_()
    loss = caption_loss(cosines, torch.zeros(3, 3), 10)
    loss.backward()
    assert loss.item() == 0
    assert not cosines.grad.any()


def test_claim_loss_by_hand():
    loss = claim_loss(torch.tensor([[0.2, 0.1]]), torch.tensor([0]), 10)
    assert float(loss) == approx(float(torch.tensor(1 + torch.e**-1).log()))


def test_one_step_raises_the_true_claim():
    cosines = COSINES.clone().requires_grad_()
    answers = torch.tensor([1, 0, 1])
    claim_loss(cosines, answers, 10).backward()
    true = torch.zeros_like(COSINES, dtype=torch.bool)
    true[range(3), answers] = True
    assert (cosines.grad[true] < 0).all() and (cosines.grad[~true] > 0).all()
