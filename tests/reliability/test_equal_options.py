"""Options that a model cannot tell apart tie, however their vectors came about.

The last bits of a vector depend on the batch that it was made in: on its size, its padding and the
kernel that was chosen for it. The model of these tests shows that on every machine: each call of
its encoder has last bits of its own.
"""

import json
import shutil

import polars as pl
import pytest
import torch
from PIL import Image

from nast.models.contract import DualEncoder

LONG = "there is no pneumothorax and no pleural effusion " * 12
SAME = {
    "cut at the limit": (LONG + "left", LONG + "right"),
    "one is the other's beginning": (LONG, LONG + "and the heart is large"),
    "capitals": ("no pleural effusion", "No Pleural Effusion"),
}
"""Why the tokens are equal -> two options with equal tokens."""


@pytest.fixture
def last_bits(monkeypatch):
    """Every second call of the encoder differs by four parts in a million.

    That is more than kernels differ by, so that none of theirs can hide it.
    """
    encode, calls = DualEncoder.encode_texts, []

    def changed(model, texts):
        calls.append(len(texts))
        return encode(model, texts) * (1 + 2.0**-18 * (len(calls) % 2))

    monkeypatch.setattr(DualEncoder, "encode_texts", changed)


@pytest.fixture
def imported(done, phantom, tmp_path):
    """A finished folder of items with two options each, the first one right."""
    photo = next(phantom.rglob("*.jpg"))

    def _imported(name, *pairs):
        folder = tmp_path / name
        folder.mkdir()
        with Image.open(photo) as image:
            image.save(folder / "x.png")
        rows = {
            str(number): {"filename": "x.png", "caption": right, "negative_caption": wrong}
            for number, (right, wrong) in enumerate(pairs)
        }
        (folder / "items.json").write_text(json.dumps(rows))
        done(
            "benchmark",
            "import",
            folder / "items.json",
            "--source",
            "sugar-crepe",
            "--image-root",
            folder,
            "-o",
            folder / "data",
        )
        return folder / "data"

    return _imported


@pytest.fixture
def scored(done, tiny_clip, tmp_path):
    """Scores and ties of the options of some data, in order."""

    def _scored(data, *options):
        done("evaluate", f"hf:{tiny_clip}", data, "-o", tmp_path / "out", *options)
        scores = pl.read_parquet(tmp_path / "out" / "scores.parquet")
        return scores["score"].to_list(), scores["tie"].to_list()

    return _scored


@pytest.mark.parametrize("why", SAME)
@pytest.mark.parametrize("turned", [False, True])
def test_equal_tokens_share_one_vector_of_whatever_batch(
    done, imported, scored, last_bits, tiny_clip, tmp_path, why, turned
):
    first, second = SAME[why][::-1] if turned else SAME[why]
    vectors = tmp_path / "vectors"
    earlier = imported("earlier", (first, "cardiomegaly"))
    done("embed", f"hf:{tiny_clip}", earlier, "--vectors", vectors)
    scores, ties = scored(imported("items", (first, second)), "--vectors", vectors)
    assert scores[0] == scores[1]
    assert ties == [True, True]


@pytest.mark.parametrize("turned", [False, True])
def test_scores_that_differ_by_rounding_alone_tie(imported, scored, monkeypatch, turned):
    """Two options of one vector but for the last bits, as two lengths of padding make them.

    A cosine of 0.3 moves by 1.5e-7, five steps of a number in float32.
    """
    encode = DualEncoder.encode_texts

    def one_vector(model, texts):
        vector = encode(model, ["no pleural effusion"])
        return torch.cat([vector * (1 + 2.0**-21 * ("second" in text)) for text in texts])

    monkeypatch.setattr(DualEncoder, "encode_texts", one_vector)
    pair = ("the first text", "the second text")
    scores, ties = scored(imported("items", pair[::-1] if turned else pair))
    assert ties == [True, True], scores


def test_scores_of_different_texts_do_not_tie(imported, scored):
    pairs = [("no pleural effusion", "pleural effusion"), ("no edema", "edema")]
    scores, ties = scored(imported("items", *pairs))
    assert ties == [False] * 4, scores


def test_what_was_stored_before_changes_no_choice(
    done, imported, scored, last_bits, tiny_clip, tmp_path
):
    """The same items with an empty store, and with one that holds a part of the options."""
    pairs = [(LONG + word, LONG + f"{word} again") for word in ("left", "right", "both", "neither")]
    items = imported("items", *pairs)
    found = []
    for number, known in enumerate([[], pairs[:2], [p[::-1] for p in pairs[2:]]]):
        vectors = tmp_path / f"vectors {number}"
        for one, (text, _) in enumerate(known):
            earlier = imported(f"earlier {number} {one}", (text, "cardiomegaly"))
            done("embed", f"hf:{tiny_clip}", earlier, "--vectors", vectors)
        found.append(scored(items, "--vectors", vectors)[1])
        shutil.rmtree(tmp_path / "out")
    assert found == [[True] * 8] * 3
