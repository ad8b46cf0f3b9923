"""Image paths stay below their folder, and files are looked at without being decoded."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import picture

from nast.errors import InputError
from nast.sources.image_paths import image_problem, is_inside, refuse_outside

OUTSIDE = [
    "..",
    "../x.png",
    "a/../x.png",
    "a/..",
    "a/../../x.png",
    "/x.png",
    "//server/x.png",
    "/",
    "C:/x.png",
    "C:x.png",
    r"C:\x.png",
    r"\x.png",
    r"\\server\share\x.png",
    r"..\x.png",
    r"a\..\x.png",
    r"a/b\../x.png",
    "a\0.png",
    "\0",
]
INSIDE = [
    "x.png",
    "a/b/x.png",
    "./x.png",
    "a//x.png",
    "...",
    "a..b/x..png",
    "..x",
    "x..",
    "a b.png",
    "~/x.png",
    "%2e%2e/x.png",
    "ü/é.png",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_that_leave_the_folder(path):
    assert not is_inside(path)


@pytest.mark.parametrize("path", INSIDE)
def test_paths_that_stay(path):
    assert is_inside(path)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_table_with_such_a_path_is_refused_without_showing_it(tmp_path, path):
    with pytest.raises(InputError) as error:
        refuse_outside(pl.Series("image", ["ok.png", "", path, path]), tmp_path / "t.csv")
    assert str(error.value) == (
        f"{tmp_path / 't.csv'}, row 3, column 'image': found an absolute path, or one with '..', "
        "expected a path below the data folder"
    )


def test_a_table_of_good_paths_is_not(tmp_path):
    refuse_outside(pl.Series("image", ["", *INSIDE]), tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=r"ab./\:" + "\0é", max_size=12))
def test_what_stays_below_the_folder_by_name_does_so_on_disk(tmp_path_factory, path):
    folder = tmp_path_factory.getbasetemp() / "root"
    if is_inside(path):
        assert (folder / path).resolve().is_relative_to(folder.resolve())


def test_image_problems(tmp_path):
    whole = picture(tmp_path / "a.jpg").read_bytes()
    png = picture(tmp_path / "a.png").read_bytes()
    cases = {
        None: [whole, png, whole + b"\0" * 8],
        "cut short": [whole[:-2], whole[: len(whole) // 2], whole[:4], png[:-12], png[:8]],
        "not a JPEG, PNG or DICOM image": [b"", b"\xff", b"GIF89a", b"<html></html>", whole[1:]],
    }
    path = tmp_path / "x"
    for problem, files in cases.items():
        for data in files:
            path.write_bytes(data)
            assert image_problem(path) == problem


def test_what_is_no_file_is_missing(tmp_path):
    loop, broken, good = (tmp_path / name for name in ("loop", "broken", "good"))
    loop.symlink_to(loop)
    broken.symlink_to(tmp_path / "gone.jpg")
    good.symlink_to(picture(tmp_path / "a.jpg"))
    for path in (
        loop,
        broken,
        loop / "x.jpg",
        tmp_path / "gone.jpg",
        tmp_path,
        tmp_path / "a\0.jpg",
        tmp_path / "a.jpg" / "x.jpg",
        tmp_path / ("a" * 300),
    ):
        assert image_problem(path) == "missing"
    assert image_problem(good) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]))
def test_any_file_can_be_looked_at(tmp_path_factory, data, start):
    path = tmp_path_factory.mktemp("i") / "x"
    path.write_bytes(start + data)
    assert image_problem(path) in (None, "cut short", "not a JPEG, PNG or DICOM image")
