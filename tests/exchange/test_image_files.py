"""Where images lie on this machine, and whose they are."""

import pytest
from exchanged import image
from PIL import Image

from nast.errors import InputError
from nast.exchange.image_files import by_name, crop, find_image, parts_of, subject_of


def test_the_longest_ending_that_exists(tmp_path):
    root = tmp_path / "root"
    near = image(root / "b" / "c.png", 1)
    image(root / "c.png", 2)
    assert find_image("/data/author/a/b/c.png", root) == near
    assert find_image("b\\c.png", root) == near
    assert find_image("C:\\data\\x\\c.png", root) == root / "c.png"
    assert find_image("/elsewhere/d.png", root) is None


def test_paths_stay_below_the_root(tmp_path):
    secret = image(tmp_path / "secret.png", 1)
    (tmp_path / "root").mkdir()
    assert find_image("../secret.png", tmp_path / "root") is None
    assert find_image("/../secret.png", tmp_path / "root") is None
    assert parts_of("/a/../b/./c") == ["a", "b", "c"]
    # Without a root the path is what the file says.
    assert find_image(str(secret), None) == secret


@pytest.mark.parametrize("recorded", ["", "/", "a\0b.png", "x" * 5000, "a/" * 3000 + "b.png"])
def test_odd_paths_are_no_files(recorded, tmp_path):
    assert find_image(recorded, tmp_path) is None
    assert find_image(recorded, None) is None


def test_subjects():
    assert subject_of("CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg") == "patient00001"
    assert subject_of("files/p10/p10000032/s50414267/02aa804e.jpg") == "p10000032"
    assert subject_of("/data/coco/COCO_val2014_000000397133.jpg") == "COCO_val2014_000000397133"
    assert subject_of("p10000032") == "p10000032"
    assert subject_of(".png") == ".png"


def test_by_name(tmp_path):
    deep = image(tmp_path / "a" / "b" / "c.png", 1)
    (tmp_path / "notes.txt").write_text("no image")
    assert by_name(tmp_path) == {"c.png": deep}


def test_crop(tmp_path):
    whole = Image.new("L", (4, 4))
    whole.putpixel((2, 1), 200)
    whole.save(tmp_path / "whole.png")
    assert crop(tmp_path / "whole.png", (2, 1, 1, 2), tmp_path / "part.png")
    with Image.open(tmp_path / "part.png") as part:
        assert part.size == (1, 2)
        assert [part.getpixel((0, y))[0] for y in (0, 1)] == [200, 0]


def test_crop_of_nothing(tmp_path):
    path = image(tmp_path / "whole.png", 1)
    for box in ((0, 0, 0, 4), (0, 0, 4, -1), (0, 0, 10**6, 10**6)):
        with pytest.raises(InputError, match="a box"):
            crop(path, box, tmp_path / "part.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert not crop(tmp_path / "broken.png", (0, 0, 2, 2), tmp_path / "part.png")
    assert not (tmp_path / "part.png").exists()
