"""A tiny model and a tiny training set, made of random image vectors and real sentences."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from nast.models.registry import load_model
from nast.training.batches import CaptionData, ClaimData

TEXTS = [f"There is {x}." for x in ("no edema", "edema", "no pneumothorax", "a fracture",
                                    "pneumonia", "no pleural effusion")]  # fmt: skip


@pytest.fixture
def model(tiny_clip):
    """A fresh tiny model; training changes it."""
    return load_model(f"hf:{tiny_clip}", "tiny")


@pytest.fixture(scope="session")
def batches():
    """Six captions that exclude each other, and six claim sets of three."""
    images = normalize(torch.randn(6, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
    truth = (2 * torch.eye(6) - 1).to(torch.int8)
    captions = CaptionData(images, TEXTS, np.array([[i, i] for i in range(6)]), truth)
    claims = [[TEXTS[(i + j) % 6] for j in range(3)] for i in range(6)]
    answers, units = torch.tensor([0, 1, 2, 0, 1, 2]), [[i] for i in range(6)]
    return captions, ClaimData(images, claims, answers, units)
