"""The losses of NAST (paper section 4.3) and of its rivals, on the same batches.

Every objective is a weighted sum of the terms below. All of them read cosines of unit vectors;
a pair of image and text is a positive, a negative or unknown by `truth` (decision 7).
"""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy

from nast.training.batches import Batch


def caption_loss(cosines: torch.Tensor, truth: torch.Tensor, scale: float) -> torch.Tensor:
    """Symmetric contrastive loss with several positives and unknown pairs (decision 7).

    A text that an image's facts entail is a positive of that image, one they contradict a
    negative, and unknown ones are left out of the image's denominator; the same by columns.
    With truth = identity and -1 elsewhere it is CLIP's loss.

    Args:
        cosines: (images, texts).
        truth: (images, texts): 1 entailed, -1 contradicted, 0 unknown.
        scale: the model's logit scale.

    Returns:
        The mean over both directions; rows without a positive or a negative do not count.
    """
    logits = cosines * scale
    return (_one_way(logits, truth) + _one_way(logits.T, truth.T)) / 2


def _one_way(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    known = logits.masked_fill(truth == 0, float("-inf"))
    positive = truth > 0
    useful = positive.any(1) & (truth < 0).any(1)
    if not useful.any():
        return logits.sum() * 0
    log_p = known.log_softmax(dim=1).masked_fill(~positive, 0.0)
    per_row = -log_p.sum(1) / positive.sum(1).clamp(min=1)
    return per_row[useful].mean()


def claim_loss(cosines: torch.Tensor, answers: torch.Tensor, scale: float) -> torch.Tensor:
    """Cross-entropy of the true claim among its K claims.

    The paper prints it without the minus sign and without a scale; as printed it would lower the
    true claim's score, and raw cosines cannot get below a loss of about one half (decision 6).

    Args:
        cosines: (sets, K).
        answers: (sets,), index of the true claim.
        scale: the model's logit scale.
    """
    return cross_entropy(cosines * scale, answers)


Term = Callable[[Batch, torch.Tensor, float], torch.Tensor]
"""(batch, vectors of its texts (T, D), scale) -> loss."""


def clip_term(batch: Batch, vectors: torch.Tensor, scale: float) -> torch.Tensor:
    """CLIP's loss on images and captions."""
    images, captions = batch.counts
    cosines = batch.images[:images] @ vectors[batch.columns[:captions]].T
    return caption_loss(cosines, batch.truth[:images, :captions], scale)


def negclip_term(batch: Batch, vectors: torch.Tensor, scale: float) -> torch.Tensor:
    """NegCLIP's loss (Yuksekgonul et al. 2023): denials join the image side's softmax only."""
    images, captions = batch.counts
    logits = scale * batch.images[:images] @ vectors[batch.columns].T
    truth = batch.truth[:images]
    texts = _one_way(logits[:, :captions].T, truth[:, :captions].T)
    return (_one_way(logits, truth) + texts) / 2


def conclip_term(batch: Batch, vectors: torch.Tensor, scale: float) -> torch.Tensor:
    """CoN-CLIP's three terms (Singh et al. 2025): a denial is matched to an image it is true of."""
    images, captions = batch.counts
    logits = scale * batch.images @ vectors[batch.columns].T
    return (
        _one_way(logits[:images], batch.truth[:images])
        + _one_way(logits[:, :captions].T, batch.truth[:, :captions].T)
        + _one_way(logits[images:], batch.truth[images:])
    ) / 3


def claim_term(batch: Batch, vectors: torch.Tensor, scale: float) -> torch.Tensor:
    """The claim ranking loss (section 4.3); NegBench's multiple-choice loss is the same."""
    cosines = torch.einsum("sd,skd->sk", batch.claim_images, vectors[batch.claims])
    # Sets may have different numbers of claims; what is not there is never chosen.
    shown = cosines.masked_fill(batch.claims < 0, float("-inf"))
    return claim_loss(shown, batch.answers, scale)


TERMS: dict[str, Term] = {
    "caption": clip_term,
    "claim": claim_term,
    "negclip": negclip_term,
    "conclip": conclip_term,
}
