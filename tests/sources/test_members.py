"""Archives and folders: read without unpacking, links not followed, nothing lost unseen."""

import io
import os
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import only_nast_errors, tar

from nast.errors import InputError
from nast.sources.io import members
from nast.sources.io.members import read_members

FILES = {"r/10.xml": b"ten", "r/2.xml": b"two", "r/1.xml": b"one" * 400, "r/read.me": b"x"}
IN_ORDER = [("r/1.xml", b"one" * 400), ("r/2.xml", b"two"), ("r/10.xml", b"ten")]
MODES = ["w:gz", "w", "w:bz2", "w:xz"]


def read(path):
    return list(read_members(path, ".xml", "reports"))


def names(path):
    return [name for name, _ in read(path)]


def folder(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("mode", MODES)
def test_archives_are_read_in_the_order_of_numbers(tmp_path, mode):
    assert read(tar(tmp_path / "a", FILES, mode)) == IN_ORDER


def test_a_folder_is_read_like_an_archive(tmp_path):
    assert read(folder(tmp_path, FILES)) == IN_ORDER


@pytest.mark.parametrize("mode", MODES)
def test_an_archive_without_such_members_is_empty(tmp_path, mode):
    assert names(tar(tmp_path / "a", {"a.txt": b"x", "xml": b"x"}, mode)) == []


def test_names_are_sorted_by_their_numbers_then_letters(tmp_path):
    files = dict.fromkeys(["b/1.xml", "a/10.xml", "a/9.xml", "a/9b.xml", "a.xml", "A/1.XML"], b"x")
    assert names(tar(tmp_path / "a", files)) == [
        "A/1.XML",
        "a.xml",
        "a/9.xml",
        "a/9b.xml",
        "a/10.xml",
        "b/1.xml",
    ]
    assert names(folder(tmp_path / "f", files)) == names(tmp_path / "a")


def test_a_number_may_have_any_length(tmp_path):
    files = {"9" * 5000 + ".xml": b"x", "1.xml": b"x"}
    assert [len(name) for name in names(tar(tmp_path / "a", files))] == [5, 5004]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE]
)
def test_members_that_are_no_files_are_passed_over(tmp_path, kind):
    with tarfile.open(tmp_path / "a", "w:gz") as archive:
        for number, kind_of in enumerate([kind, tarfile.REGTYPE]):
            member = tarfile.TarInfo(f"{number}.xml")
            member.type, member.linkname = kind_of, "/etc/passwd"
            archive.addfile(member)
    assert read(tmp_path / "a") == [("1.xml", b"")]


def test_links_in_a_folder_are_not_followed(tmp_path):
    outside = folder(tmp_path / "outside", {"7.xml": b"secret", "8.xml": b"secret"})
    inside = folder(tmp_path / "inside", {"1.xml": b"one", "sub/2.xml": b"two"})
    (inside / "3.xml").symlink_to(outside / "7.xml")
    (inside / "4").symlink_to(outside, target_is_directory=True)
    (inside / "5.xml").symlink_to(inside / "5.xml")
    (inside / "6.xml").symlink_to(tmp_path / "gone")
    (inside / "sub" / "loop").symlink_to(inside, target_is_directory=True)
    assert read(inside) == [("1.xml", b"one"), ("sub/2.xml", b"two")]


def test_a_folder_may_be_named_by_a_link(tmp_path):
    (tmp_path / "link").symlink_to(folder(tmp_path / "f", FILES), target_is_directory=True)
    assert read(tmp_path / "link") == IN_ORDER


@pytest.mark.parametrize("name", ["../1.xml", "a/../../1.xml", "/1.xml", "C:/1.xml", r"..\1.xml"])
@pytest.mark.parametrize("suffix", ["", ".txt"])
def test_members_outside_the_folder_are_refused(tmp_path, name, suffix):
    archive = tar(tmp_path / "a", {"1.xml": b"x", name + suffix: b"x"})
    with pytest.raises(InputError, match="a member outside the archive's folder") as error:
        read(archive)
    assert str(error.value).count("xml") == 0


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_too_large_a_member_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(members, "LARGEST", 2**20)
    make = tar if kind == "archive" else folder
    files = {"1.xml": b"\0" * 2**20, "big.txt": b"\0" * (2**20 + 1)}
    assert len(read(make(tmp_path / "a", files))) == 1
    with pytest.raises(InputError, match=r"found 2\.xml of more than 1 MiB"):
        read(make(tmp_path / "b", files | {"2.xml": b"\0" * (2**20 + 1)}))


@pytest.mark.parametrize("mode", MODES)
def test_a_cut_archive_is_refused_or_whole(tmp_path, mode):
    """What may be missing is the filling at its end, never a report."""
    data = tar(tmp_path / "a", FILES, mode).read_bytes()
    path, lost = tmp_path / "cut", []
    for cut in range(0, len(data), 1 if mode != "w" else 64):
        path.write_bytes(data[:cut])
        try:
            lost += [(cut, len(found))] if len(found := read(path)) < 3 else []
        except InputError as error:
            assert "an archive that ends early or is damaged, expected reports" in str(error)
    assert not lost


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_damaged_byte_is_refused_or_does_not_matter(tmp_path, mode):
    """The check sum at the end of each of these formats covers every report."""
    files = {f"{n}.xml": bytes(n * i % 251 for i in range(300)) for n in (1, 2)}
    data = tar(tmp_path / "a", files, mode).read_bytes()
    path, wrong = tmp_path / "damaged", []
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            wrong += [place] if read(path) != list(files.items()) else []
        except InputError as error:
            assert "damaged" in str(error)
    assert not wrong


@pytest.mark.parametrize("place", [0, 120, 148, 257])
def test_a_damaged_header_is_refused(tmp_path, place):
    """Of the second member; its name, size, check sum or magic."""
    data = bytearray(tar(tmp_path / "a", FILES, "w").read_bytes())
    data[1024 + place] ^= 255
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "a")


@pytest.mark.parametrize("data", [b"", b"junk" * 500, b"\x1f\x8b", b"\x1f\x8b\x08", b"BZh9junk"])
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(InputError, match="ends early or is damaged, expected reports"):
        read(tmp_path / "a")


def test_a_zip_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("1.xml", "x")
    with pytest.raises(InputError, match="ends early or is damaged"):
        read(tmp_path / "a")


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file or directory, expected reports"):
        read(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match="too many levels of symbolic links"):
        read(tmp_path / "loop")


def test_nothing_is_written(tmp_path):
    read(tar(tmp_path / "a", FILES))
    assert os.listdir(tmp_path) == ["a"]


def whole(mode):
    data = io.BytesIO()
    tar(data, FILES, mode)
    return data.getvalue()


WHOLE = [whole(mode) for mode in MODES]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WHOLE), st.integers(0, 1500), st.binary(max_size=4), st.integers(0, 4))
def test_damage_raises_only_our_errors(tmp_path_factory, data, place, junk, lost):
    path = tmp_path_factory.mktemp("a") / "a"
    place %= len(data)
    path.write_bytes(data[:place] + junk + data[place + lost :])
    only_nast_errors(lambda: read(path))
