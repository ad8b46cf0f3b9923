"""What training batches hold: the truth of every (image, caption) and the claims as written."""

import numpy as np
import polars as pl
import pytest
import torch
from built import TableModel, contextual_set

from nast.errors import InputError
from nast.files import read_table
from nast.items.table import read_items
from nast.language.read.parse import facts_of
from nast.records import CAPTIONS_SCHEMA
from nast.sources.collect import read_facts
from nast.training.batches import caption_data, claim_data
from nast.vectors import Vectors


def vectors_of(table):
    images = {p.split("/")[-1]: [1.0, i] for i, p in enumerate(table["image_path"].unique())}
    return Vectors(TableModel({}, images))


def test_a_caption_is_true_of_its_own_image(facts):
    captions = read_table(contextual_set(facts) / "captions.parquet", CAPTIONS_SCHEMA)
    captions = captions.filter(split="train")
    _, table = read_facts(facts)
    data = caption_data(vectors_of(captions), captions, table)
    assert len(data.rows) == len(captions)
    assert len(set(data.texts)) == len(data.texts)
    every = data.truth.of(np.arange(len(data.images)), np.arange(len(data.texts)))
    assert every.shape == (len(data.images), len(data.texts))
    for image, text, hard in data.rows:
        assert every[image, text] == 1 and every[image, hard] == -1
    assert {-1, 0, 1} == set(every.flatten().tolist())


def test_denials_speak_of_the_same_finding(facts):
    captions = read_table(contextual_set(facts) / "captions.parquet", CAPTIONS_SCHEMA)
    _, table = read_facts(facts)
    data = caption_data(vectors_of(captions), captions, table)
    for _, text, hard in data.rows[:200]:
        (said,), (denied,) = facts_of(data.texts[text]), facts_of(data.texts[hard])
        assert said.condition == denied.condition and said.existence != denied.existence


def test_captions_of_other_facts_are_refused(facts):
    captions = read_table(contextual_set(facts) / "captions.parquet", CAPTIONS_SCHEMA)
    _, table = read_facts(facts)
    known = table.filter(pl.col("study_id") != captions["study_id"][0])
    with pytest.raises(InputError, match=r"found 1 of .* studies without facts"):
        caption_data(vectors_of(captions), captions, known)
    other = {"present": "absent", "absent": "present"}
    turned = table.with_columns(pl.col("existence").replace(other))
    with pytest.raises(InputError, match=r"found \d+ of .* captions that the facts do not entail"):
        caption_data(vectors_of(captions), captions, turned)


def test_claims_keep_their_order_and_answer(facts):
    claims = read_items(contextual_set(facts)).head(6)
    data = claim_data(vectors_of(claims), claims)
    assert data.claims == claims["options"].to_list()
    assert data.answers.tolist() == claims["answer"].to_list()
    for unit in data.units:
        assert len({tuple(sorted(data.claims[row])) for row in unit}) == 1
    assert sorted(row for unit in data.units for row in unit) == list(range(6))
    kinds = claims.select(pl.col("kinds").list.get(pl.col("answer")))
    assert set(kinds.to_series()) == {"truth"}
    assert torch.allclose(data.images.norm(dim=-1), torch.ones(6))
