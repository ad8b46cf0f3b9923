"""A tiny model and a tiny training set."""

import pytest
from six_pairs import six_pairs

from nast.models.registry import load_model


@pytest.fixture
def model(tiny_clip):
    """A fresh tiny model; training changes it."""
    return load_model(f"hf:{tiny_clip}", "tiny")


@pytest.fixture(scope="session")
def batches():
    """Six captions that exclude each other, and six claim sets of three."""
    return six_pairs()
