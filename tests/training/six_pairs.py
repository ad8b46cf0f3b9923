"""A tiny training set: random image vectors and real sentences."""

import numpy as np
import torch
from torch.nn.functional import normalize

from nast.facts.truths import TruthTable
from nast.training.batches import CaptionData, ClaimData

TEXTS = [
    f"There is {x}."
    for x in (
        "no edema",
        "edema",
        "no pneumothorax",
        "a fracture",
        "pneumonia",
        "no pleural effusion",
    )
]


def six_pairs():
    """Six captions that exclude each other, each denied by the next, and six sets of three."""
    images = normalize(torch.randn(6, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
    truth = TruthTable(
        np.arange(6)[:, None],
        np.zeros(6, dtype=int),
        np.arange(6),
        [(2 * np.eye(6) - 1).astype(np.int8)],
    )
    rows = np.array([[i, i, (i + 1) % 6] for i in range(6)])
    captions = CaptionData(images, TEXTS, rows, truth)
    claims = [[TEXTS[(i + j) % 6] for j in range(3)] for i in range(6)]
    answers, units = torch.tensor([0, 1, 2, 0, 1, 2]), [[i] for i in range(6)]
    return captions, ClaimData(images, claims, answers, units)
