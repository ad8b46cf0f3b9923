"""The doctor passes good models and names what is wrong with bad ones."""

import pytest
import torch

from nast.models.registry import load_model
from nast.tracing.check import broken, check_model


@pytest.fixture
def model(tiny_clip):
    return load_model(f"hf:{tiny_clip}")


def wrong(model):
    return [f.name for f in broken(check_model(model))]


@pytest.mark.parametrize("name", ["tiny", "phantom"])
def test_good_models(name, tiny_clip):
    findings = check_model(load_model("phantom" if name == "phantom" else f"hf:{tiny_clip}"))
    assert not broken(findings)
    assert {"unit vectors", "16-bit images", "caption pairs for a trace"} <= {
        f.name for f in findings if f.verdict == "ok"
    }


def test_vectors_that_are_not_of_unit_length(model, monkeypatch):
    whole, images = model.encode_texts, model.encode_images
    monkeypatch.setattr(model, "encode_texts", lambda texts: 2 * whole(texts))
    assert "unit vectors" in wrong(model)
    monkeypatch.setattr(model, "encode_images", lambda paths: 2 * images(paths))
    assert "unit vectors of images" in wrong(model)


def test_a_tower_that_reads_its_padding(model, monkeypatch):
    monkeypatch.setattr(model.text, "pooled_row", lambda ids, mask=None: ids.shape[1] - 1)
    assert "a text alone equals the text in a batch" in wrong(model)


def test_a_tower_that_reads_its_start(model, monkeypatch):
    monkeypatch.setattr(
        model.text, "pooled_row", lambda ids, mask=None: torch.zeros(len(ids)).long()
    )
    assert wrong(model) == ["different texts differ"]


def test_a_tower_that_keeps_something_between_calls(model, monkeypatch):
    whole, calls = model.text.block, []

    def block(layer, states, mask=None, rows=None):
        calls.append(layer)
        return torch.roll(whole(layer, states, mask, rows), len(calls), dims=-1)

    monkeypatch.setattr(model.text, "block", block)
    assert "patching own states changes nothing" in wrong(model)


def test_pixels_of_another_range(model, monkeypatch):
    whole = model.pixels
    for factor in (1 / 255, 255):
        changed = lambda images, f=factor: {k: v * f for k, v in whole(images).items()}  # noqa: E731
        monkeypatch.setattr(model, "pixels", changed)
        assert "pixel values" in wrong(model)


def test_an_image_tower_that_sees_nothing(model, monkeypatch):
    whole = model.image
    monkeypatch.setattr(model, "image", lambda **kw: whole(**{k: 0 * v for k, v in kw.items()}))
    assert "an image and its inverse differ" in wrong(model)


def test_images_that_are_cut_at_eight_bits(model, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(
        "nast.models.contract.open_image", lambda p, least: Image.open(p).convert("RGB")
    )
    assert wrong(model) == ["16-bit images"]


def test_plain_gelu_on_clips_vocabulary_is_noted(model, monkeypatch):
    monkeypatch.setattr(type(model.tokenizer), "__len__", lambda self: 49408)
    model.spec["activation"] = "gelu"
    (finding,) = [f for f in check_model(model) if f.name == "activation"]
    assert finding.verdict == "note" and "quick_gelu" in finding.mend


def test_another_models_tokenizer_is_caught(model):
    """One of the thousands of words that it should know is enough, whatever its size."""
    whole = model.tokenizer

    class Foreign:
        unk_token_id = 0

        def __call__(self, text, **options):
            out = whole(text, **options)
            if text == "pneumothorax":
                out["input_ids"] = [0]
            return out

        def __len__(self):
            return 30522

        def __getattr__(self, name):
            return getattr(whole, name)

    model.tokenizer = Foreign()
    assert wrong(model) == ["tokenizer knows the conditions"]
