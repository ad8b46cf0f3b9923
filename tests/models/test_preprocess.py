"""Pixels of a specification against transformers' processor and plain arithmetic."""

import numpy as np
import pytest
import torch
from built import resealed
from PIL import Image
from transformers import CLIPImageProcessorPil

from nast.files import write_json
from nast.models.images import open_image
from nast.models.model_export import export_model
from nast.models.preprocess import to_pixels
from nast.models.registry import load_model
from nast.training.lora import add_lora

PLAIN = {
    "size": 32,
    "resize": None,
    "geometry": "crop",
    "interpolation": "bicubic",
    "grey": False,
    "stretch": False,
    "range": 1,
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.3, 0.4],
}


def picture(width, height, low=0, high=256):
    values = np.random.default_rng(width).integers(low, high, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("shape", [(64, 48), (48, 64), (50, 50), (32, 32), (90, 41)])
def test_crop_equals_clips_processor(shape):
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size={"height": 32, "width": 32},
        image_mean=PLAIN["mean"],
        image_std=PLAIN["std"],
    )
    image = picture(*shape)
    wanted = processor([image], return_tensors="pt")["pixel_values"]
    found = to_pixels([image], settings=PLAIN)["pixel_values"]
    assert found.dtype == torch.float32 and found.shape == (1, 3, 32, 32)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_square_keeps_all_and_not_the_aspect():
    image = picture(64, 40)
    found = to_pixels([image], settings=PLAIN | {"geometry": "square"})["pixel_values"][0]
    wanted = np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC)) / 255
    wanted = (wanted - PLAIN["mean"]) / PLAIN["std"]
    assert torch.allclose(found, torch.tensor(wanted.transpose(2, 0, 1)).float(), atol=1e-5)


def test_pad_puts_the_image_in_the_middle_of_black():
    settings = PLAIN | {"geometry": "pad", "size": 40, "grey": True, "mean": [0.0], "std": [1.0]}
    image = picture(20, 40, 100)
    found = to_pixels([image], settings=settings)["pixel_values"][0]
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
    assert not found[:, :, :10].any() and not found[:, :, 30:].any()
    wanted = np.asarray(image.convert("L")) / 255
    assert torch.allclose(found[0, :, 10:30], torch.tensor(wanted).float(), atol=1e-6)
    # A small image is padded to the size, not enlarged.
    small = to_pixels([picture(10, 10, 100)], settings=settings)["pixel_values"][0, 0]
    assert int((small > 0).sum()) == 100


def test_stretch_reaches_black_and_white():
    settings = PLAIN | {"grey": True, "stretch": True, "mean": [0.0], "std": [1.0]}
    found = to_pixels([picture(32, 32, 90, 120)], settings=settings)["pixel_values"]
    assert (float(found.min()), float(found.max())) == (0, 1)
    even = to_pixels([Image.new("RGB", (40, 40), (7, 7, 7))], settings=settings)["pixel_values"]
    assert torch.allclose(even, torch.full_like(even, 7 / 255))


def test_statistics_on_the_scale_of_255():
    settings = PLAIN | {"range": 255, "mean": [101.5], "std": [83.4], "grey": True}
    image = picture(32, 32)
    found = to_pixels([image], settings=settings)["pixel_values"][0, 0]
    wanted = (np.asarray(image.convert("L")).astype(float) - 101.5) / 83.4
    assert torch.allclose(found, torch.tensor(wanted).float(), atol=1e-5)


def test_padded_images_are_seen_whole(tiny_clip, tmp_path):
    """A film twice as high as wide: black, the whole film, black; its crop has no bars."""
    model, padded = load_model(f"hf:{tiny_clip}"), load_model(f"pad:hf:{tiny_clip}")
    film = Image.new("RGB", (48, 96), (255, 255, 255))
    white, black = (1 - 0.5) / 0.25, -0.5 / 0.25
    found = padded.pixels([film])["pixel_values"][0, 0]
    assert found.shape == (96, 96)
    assert (found[:, :24] == black).all() and (found[:, -24:] == black).all()
    assert (found[:, 24:-24] == white).all()
    assert (model.pixels([film])["pixel_values"] == white).all()
    square = picture(70, 70)
    assert torch.equal(
        padded.pixels([square])["pixel_values"], model.pixels([square])["pixel_values"]
    )


def test_padding_is_part_of_the_key_and_of_a_run(tiny_clip, tmp_path):
    model, padded = load_model(f"hf:{tiny_clip}"), load_model(f"pad:hf:{tiny_clip}")
    assert padded.key != model.key and padded.name == f"pad:hf:{tiny_clip}"
    assert padded.spec["preprocessing"]["padded"] == "black bars to a square"
    assert "padded" not in model.spec["preprocessing"]
    assert load_model(f"pad:pad:hf:{tiny_clip}").key == padded.key
    base = padded.key
    add_lora(padded, [1])
    padded.network.save_pretrained(tmp_path / "lora", save_embedding_layers=False)
    write_json(tmp_path / "run.json", {"base": f"pad:hf:{tiny_clip}", "base_key": base})
    setting = {"stage": "train", "objective": "nast", "layers": "uniform", "seed": 0}
    resealed(tmp_path, phantom=True, config=setting)
    assert "padded" in load_model(f"run:{tmp_path}").spec["preprocessing"]
    export_model(load_model(f"run:{tmp_path}"), "hf", tmp_path / "out")
    film = picture(40, 90)
    again = load_model(f"pad:hf:{tmp_path / 'out'}")
    assert torch.equal(again.pixels([film])["pixel_values"], padded.pixels([film])["pixel_values"])
    assert "`pad:hf:FOLDER`" in (tmp_path / "out" / "README.md").read_text()


def large_film(folder, suffix):
    """A film of 1,200 x 900 pixels with structure of all sizes."""
    down, across = np.mgrid[0:900, 0:1200] / 40
    grey = 127 + 60 * np.sin(across) * np.cos(down / 3) + 40 * np.sin(9 * across)
    image = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    image.save(folder / f"film{suffix}", **({"quality": 95} if suffix == ".jpg" else {}))
    return folder / f"film{suffix}"


def test_a_jpeg_is_decoded_at_the_part_of_its_size_that_suffices(tmp_path):
    film = large_film(tmp_path, ".jpg")
    sizes = {least: open_image(film, least).size for least in (0, 200, 300, 448, 500)}
    # A half, a quarter or an eighth, as long as both sides keep what is asked for.
    assert sizes == {
        0: (1200, 900),
        200: (300, 225),
        300: (600, 450),
        448: (600, 450),
        500: (1200, 900),
    }
    assert open_image(large_film(tmp_path, ".png"), 200).size == (1200, 900)


def test_draft_is_another_model_whose_vectors_are_near(tmp_path):
    film = large_film(tmp_path, ".jpg")
    exact, draft = load_model("phantom"), load_model("draft:phantom")
    assert draft.least == 134 and draft.name == "draft:phantom"
    assert exact.key != draft.key
    assert draft.spec["preprocessing"]["decoded"].startswith("JPEG at a part of its size, 134")
    first, second = exact.encode_images([film]), draft.encode_images([film])
    assert not torch.equal(first, second)
    assert float((first * second).sum()) > 0.999
    # What is no JPEG is decoded whole.
    plain = large_film(tmp_path, ".png")
    assert torch.equal(exact.encode_images([plain]), draft.encode_images([plain]))


def test_draft_and_pad_go_together_and_runs_keep_them(tmp_path):
    both = load_model("draft:pad:phantom")
    assert both.least == 134 and both.spec["preprocessing"]["padded"]
    assert load_model("draft:draft:phantom").key == load_model("draft:phantom").key
