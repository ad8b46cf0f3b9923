"""Fitting a head on ready image vectors to the captions of a frozen text tower.

Nothing but the head and the scale moves. The vectors of all captions are made once, so that a
step costs milliseconds; the loss is that of the captions of a run (`objectives.caption_loss`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from math import exp, log
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import nn
from torch.nn.functional import normalize

from nast.hashes import seed_of
from nast.models.families.heads import LastDimBatchNorm
from nast.progress import counted
from nast.training.batches import CaptionData
from nast.training.objectives import caption_loss

LOOK_EVERY, PATIENCE = 20, 10
"""Steps between two looks at the validation captions; looks without a better one that end it."""
FIRST_SCALE, LARGEST_SCALE = 20.0, 100.0
WEIGHT_DECAY = 0.05


class Fitted(NamedTuple):
    """A head at its best look, and what the looks saw.

    Attributes:
        head: with its best weights.
        scale: the factor on cosines that was learned with it.
        curve: `step, loss, validation`, a row per look.
        best: the step of the look that was kept.
    """

    head: nn.Sequential
    scale: float
    curve: pl.DataFrame
    best: int


def new_head(width: int, out: int, hidden: int) -> nn.Sequential:
    """A head with new weights: inputs brought to one scale, then a linear layer or two."""
    layers: list[nn.Module] = [LastDimBatchNorm(width)]
    layers += [nn.Linear(width, hidden), nn.GELU()] if hidden else []
    return nn.Sequential(*layers, nn.Linear(hidden or width, out))


def fit_to_captions(
    head: nn.Sequential,
    data: Mapping[str, CaptionData],
    texts: Mapping[str, torch.Tensor],
    steps: int,
    captions: int,
    learning_rate: float,
    seed: int,
) -> Fitted:
    """Fit a head to captions.

    Args:
        head: of `new_head`; it is changed.
        data: `train` and `validate` -> captions, with raw image vectors.
        texts: of each the unit vectors of its texts.
        steps: at most.
        captions: of a step.
        learning_rate: of AdamW.
        seed: of the batches.
    """
    _take_moments(head[0], data["train"].images)
    rest = head.eval()[1:].requires_grad_(True)
    scale = nn.Parameter(torch.tensor(log(FIRST_SCALE)))
    parameters = [*rest.parameters(), scale]
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=WEIGHT_DECAY)
    batches = _batches(len(data["train"].rows), captions, seed)
    kept, best, looks = deepcopy((head.state_dict(), scale.item())), float("inf"), []
    for step in counted(range(1, steps + 1), "fitting the head"):
        loss = _loss(head, scale, data["train"], texts["train"], next(batches))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            scale.clamp_(0.0, log(LARGEST_SCALE))
        if step % LOOK_EVERY and step < steps:
            continue
        with torch.no_grad():
            seen = _loss(head, scale, data["validate"], texts["validate"], None).item()
        looks.append({"step": step, "loss": loss.item(), "validation": seen})
        if seen < best:
            best, kept = seen, deepcopy((head.state_dict(), scale.item()))
        elif step - _best(looks) >= PATIENCE * LOOK_EVERY:
            break
    head.load_state_dict(kept[0])
    head.requires_grad_(False)
    return Fitted(head, exp(kept[1]), pl.DataFrame(looks), _best(looks))


def _best(looks: Sequence[dict[str, Any]]) -> int:
    return int(min(looks, key=lambda look: look["validation"])["step"])


def _take_moments(norm: nn.Module, images: torch.Tensor) -> None:
    """Mean and variance of the training images; they do not move afterwards."""
    assert isinstance(norm, LastDimBatchNorm)
    assert norm.running_mean is not None and norm.running_var is not None
    norm.requires_grad_(False)
    norm.running_mean.copy_(images.mean(dim=0))
    norm.running_var.copy_(images.var(dim=0, correction=0))


def _batches(size: int, number: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed_of(seed, "image head batches"))
    while True:
        order = rng.permutation(size)
        for start in range(0, max(1, size - number + 1), number):
            yield order[start : start + number]


def _loss(
    head: Callable[[torch.Tensor], torch.Tensor],
    scale: torch.Tensor,
    data: CaptionData,
    texts: torch.Tensor,
    rows: np.ndarray | None,
) -> torch.Tensor:
    """The caption loss of some captions and their denials, of all for None."""
    pairs = data.rows if rows is None else data.rows[rows]
    images, columns = np.unique(pairs[:, 0]), np.unique(pairs[:, 1:])
    truth = torch.from_numpy(data.truth.of(images, columns))
    found = normalize(head(data.images[images]), dim=-1)
    return caption_loss(found @ texts[columns].T, truth, scale.exp())  # type: ignore[arg-type]
