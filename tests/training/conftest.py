"""A tiny model and a tiny training set."""

import shutil

import polars as pl
import pytest
from built import contextual_set
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


@pytest.fixture(scope="session")
def validated_set(facts, tmp_path_factory):
    """A contextual set, every fourth of its groups with patients to validate on."""
    folder = tmp_path_factory.mktemp("validated") / "contextual"
    shutil.copytree(contextual_set(facts), folder)
    claims = pl.read_parquet(folder / "claims.parquet")
    fourth = claims["group_id"].unique(maintain_order=True).gather_every(4).to_list()
    split = pl.when(pl.col("group_id").is_in(fourth)).then(pl.lit("validate")).otherwise("split")
    claims.with_columns(split=split).write_parquet(folder / "claims.parquet")
    return folder
