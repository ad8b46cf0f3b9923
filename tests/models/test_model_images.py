"""Image files of every depth, against values worked out by hand."""

import os
import random
import struct
import subprocess
import zlib

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    generate_uid,
)

from nast.errors import ImageError
from nast.exchange.image_files import crop
from nast.models.images import open_image
from nast.scoring.chat_images import image_url
from nast.sources.image_paths import image_problem

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
"""All values of a 12-bit detector."""


def dicom(path, pixels, **elements):
    """A DICOM file of some pixels; `elements` are set on its header."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = elements.pop("syntax", ExplicitVRLittleEndian)
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", generate_uid()
    data.PatientName = "Doe^Jane"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = elements.pop("encoded", pixels.tobytes())
    data["PixelData"].VR = "OW"
    for name, value in elements.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def grey(path):
    found = np.asarray(open_image(path)).astype(int)
    assert found.shape[-1] == 3 and (found == found[..., :1]).all()
    return found[..., 0]


def test_sixteen_bits_are_spread_and_not_cut(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(RAMP).save(path)
    assert np.asarray(Image.open(path).convert("L")).mean() > 235, "Pillow alone cuts at 255"
    assert (grey(path) == np.rint(RAMP / 4095 * 255)).all()


def test_eight_bits_stay_as_they_are(tmp_path):
    values = np.arange(50, 114, dtype=np.uint8).reshape(8, 8)
    for mode in ("L", "RGB"):
        Image.fromarray(values).convert(mode).save(tmp_path / "flat.png")
        assert (grey(tmp_path / "flat.png") == values).all()


def test_an_even_image_is_black(tmp_path):
    Image.fromarray(np.full((4, 4), 900, dtype=np.uint16)).save(tmp_path / "even.png")
    assert (grey(tmp_path / "even.png") == 0).all()


def test_dicom_window(tmp_path):
    """PS3.3 C.11.2.1.2: centre 2048, width 1024 maps 1536..2559 onto the whole range."""
    path = dicom(tmp_path / "a.dcm", RAMP, WindowCenter=2048, WindowWidth=1024)
    expected = np.clip((RAMP - 2047.5) / 1023 + 0.5, 0, 1) * 255
    assert np.abs(grey(path) - expected).max() <= 1
    assert image_problem(path) is None


def test_dicom_rescale_comes_before_the_window(tmp_path):
    path = dicom(
        tmp_path / "a.dcm",
        RAMP,
        RescaleSlope=2,
        RescaleIntercept=-1000,
        WindowCenter=2048,
        WindowWidth=1024,
    )
    found = grey(path)
    # 2 v - 1000 = 1536 at v = 1268, and 2560 at v = 1780.
    assert (found[RAMP <= 1267] == 0).all() and (found[RAMP >= 1781] == 255).all()
    assert abs(found[RAMP == 1524][0] - 128) <= 1


def test_dicom_without_a_window_uses_percentiles(tmp_path):
    pixels = RAMP.copy()
    pixels[0, 0] = 4095  # A burnt-in marker does not darken the rest.
    found = grey(dicom(tmp_path / "a.dcm", pixels))
    low, high = np.percentile(pixels, (0.5, 99.5))
    assert np.abs(found - np.clip((pixels - low) / (high - low), 0, 1) * 255).max() <= 1


def test_monochrome1_is_inverted(tmp_path):
    plain = grey(dicom(tmp_path / "a.dcm", RAMP))
    inverse = grey(dicom(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="MONOCHROME1"))
    assert np.abs(plain + inverse - 255).max() <= 1
    assert plain[0, 0] == 0 and inverse[0, 0] == 255


def test_voi_table(tmp_path):
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 16], [0] * 2048 + [65535] * 2048
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    found = grey(dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[table]))
    assert (found == np.where(RAMP < 2048, 0, 255)).all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "no such file"),
        ("text", "broken"),
        ("cut png", "broken"),
        ("no pixels", "without a readable image"),
        ("frames", "not one grey frame"),
        ("compressed", "decoder"),
    ],
)
def test_bad_files_are_named_without_their_path_or_header(name, words, tmp_path):
    path = tmp_path / "p10000032.dcm"
    if name == "text":
        path.write_text("<html>not found</html>" * 10)
    elif name == "cut png":
        Image.fromarray(RAMP).save(tmp_path / "whole.png")
        path.write_bytes((tmp_path / "whole.png").read_bytes()[:90])
    elif name == "no pixels":
        path.write_bytes(bytes(128) + b"DICM" + b"Doe^Jane" * 4)
    elif name == "frames":
        dicom(path, np.zeros((2, 4, 4), dtype=np.uint16), NumberOfFrames=2)
    elif name == "compressed":
        dicom(path, RAMP, syntax=JPEG2000Lossless, encoded=encapsulate([b"junk" * 20]))
    with pytest.raises(ImageError, match=words) as error:
        open_image(path)
    assert "10000032" not in str(error.value) and "Doe" not in str(error.value)
    assert error.value.file == path


def test_real_radiographs(real_nih):
    for path in sorted(real_nih.rglob("*.png"))[:3]:
        assert np.ptp(grey(path)) > 100


def signed(path, pixels, **elements):
    return dicom(
        path, pixels.astype(np.int16), PixelRepresentation=1, BitsStored=16, HighBit=15, **elements
    )


def padded(value, dtype=np.int16):
    """A ramp of 0..3071 below 16 rows of padding."""
    pixels = RAMP.astype(dtype)
    pixels[48:] = value
    return pixels


def spread(values):
    low, high = np.percentile(values, (0.5, 99.5))
    return np.clip((values - low) / (high - low), 0, 1) * 255


@pytest.mark.parametrize(
    ("value", "limit", "there"),
    [(-2000, None, -2000), (-2000, -1900, -1950), (-1900, -2000, -1950), (63536, None, -2000)],
    ids=["value", "range", "range downwards", "as an unsigned number"],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_dicom_padding_is_no_part_of_the_image(value, limit, there, photometric, tmp_path):
    """Far values around a collimated film would press the film itself into a few shades."""
    path = signed(tmp_path / "a.dcm", padded(there), PhotometricInterpretation=photometric)
    elements = {"PixelPaddingValue": value}
    elements |= {"PixelPaddingRangeLimit": limit} if limit else {}
    data = pydicom.dcmread(path)
    for name, number in elements.items():
        data.add_new(name, "US" if number > 0 else "SS", number)
    data.save_as(path)
    found, wanted = grey(path), spread(RAMP[:48])
    assert (found[48:] == 0).all()
    assert np.abs(found[:48] - (wanted if photometric[-1] == "2" else 255 - wanted)).max() <= 1


def test_dicom_padding_beside_rescale_and_window(tmp_path):
    """Padding is a stored value: rescale is not applied to it before it is compared."""
    path = signed(
        tmp_path / "a.dcm",
        padded(-2000),
        PixelPaddingValue=-2000,
        RescaleSlope=2,
        RescaleIntercept=100,
        WindowCenter=3100,
        WindowWidth=3001,
    )
    found = grey(path)
    assert (found[48:] == 0).all()
    wanted = np.clip((2.0 * RAMP[:48] + 100 - 3099.5) / 3000 + 0.5, 0, 1) * 255
    assert np.abs(found[:48] - wanted).max() <= 1
    nothing = signed(tmp_path / "b.dcm", padded(-2000)[48:], PixelPaddingValue=-2000)
    assert (grey(nothing) == 0).all()


@pytest.mark.parametrize(
    ("photometric", "shape", "inverse"),
    [
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME1", "", True),
    ],
)
def test_dicom_presentation_inverts_once(photometric, shape, inverse, tmp_path):
    plain = grey(dicom(tmp_path / "a.dcm", RAMP))
    found = grey(
        dicom(
            tmp_path / "b.dcm",
            RAMP,
            PhotometricInterpretation=photometric,
            PresentationLUTShape=shape,
        )
    )
    assert np.abs(found - (255 - plain if inverse else plain)).max() <= 1


WINDOWS = {
    "first of several": (
        {"WindowCenter": [2048, 100], "WindowWidth": [1024, 50]},
        lambda v: (v - 2047.5) / 1023 + 0.5,
    ),
    "the first that is one": (
        {"WindowCenter": [2048, 2048], "WindowWidth": [0, 1024]},
        lambda v: (v - 2047.5) / 1023 + 0.5,
    ),
    "exact": (
        {"WindowCenter": 2048, "WindowWidth": 1024, "VOILUTFunction": "LINEAR_EXACT"},
        lambda v: (v - 2048) / 1024 + 0.5,
    ),
    "exact, below one": (
        {"WindowCenter": 2048.25, "WindowWidth": 0.5, "VOILUTFunction": "LINEAR_EXACT"},
        lambda v: v > 2048,
    ),
    "sigmoid": (
        {"WindowCenter": 2048, "WindowWidth": 1024, "VOILUTFunction": "SIGMOID"},
        lambda v: 1 / (1 + np.exp(-4 * (v - 2048) / 1024)),
    ),
    "a step": ({"WindowCenter": 2048, "WindowWidth": 1}, lambda v: v > 2047.5),
    "wider than the image": (
        {"WindowCenter": 4096, "WindowWidth": 8192},
        lambda v: (v - 4095.5) / 8191 + 0.5,
    ),
    "negative slope": (
        {"RescaleSlope": -1, "RescaleIntercept": 4095, "WindowCenter": 2048, "WindowWidth": 1024},
        lambda v: (4095 - v - 2047.5) / 1023 + 0.5,
    ),
    "a slope of 0 is none": (
        {"RescaleSlope": 0, "RescaleIntercept": 0, "WindowCenter": 2048, "WindowWidth": 1024},
        lambda v: (v - 2047.5) / 1023 + 0.5,
    ),
}


@pytest.mark.parametrize("window", WINDOWS)
def test_dicom_windows(window, tmp_path):
    """PS3.3 C.11.2.1: the formulas, on every value of the detector."""
    elements, formula = WINDOWS[window]
    wanted = np.clip(formula(RAMP.astype(float)), 0, 1) * 255
    assert np.abs(grey(dicom(tmp_path / "a.dcm", RAMP, **elements)) - wanted).max() <= 1


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": 2048, "WindowWidth": 0},
        {"WindowCenter": 2048, "WindowWidth": -1024},
        {"WindowCenter": 2048, "WindowWidth": 0.5},
        {"WindowCenter": 2048},
        {"WindowWidth": 9},
        {"WindowCenter": None, "WindowWidth": None},
        {"WindowCenter": 2048, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"},
    ],
)
def test_a_window_that_is_none_is_left_out(elements, tmp_path):
    found = grey(dicom(tmp_path / "a.dcm", RAMP, **elements))
    assert np.abs(found - spread(RAMP)).max() <= 1


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_dicom_without_preamble(syntax, tmp_path):
    data = pydicom.dcmread(dicom(tmp_path / "a.dcm", RAMP, WindowCenter=2048, WindowWidth=1024))
    wanted = grey(tmp_path / "a.dcm")
    bare = Dataset()
    bare.update({element.tag: element for element in data})
    bare.save_as(tmp_path / "bare.dcm", implicit_vr=syntax.is_implicit_VR, little_endian=True)
    assert (tmp_path / "bare.dcm").read_bytes()[:2] == b"\x08\x00"
    (tmp_path / "meta.dcm").write_bytes((tmp_path / "a.dcm").read_bytes()[132:])
    for name in ("bare.dcm", "meta.dcm"):
        assert (grey(tmp_path / name) == wanted).all()
        assert image_problem(tmp_path / name) is None


def test_a_data_set_without_an_image_is_none(tmp_path):
    """A report, an index of a disk, and bytes that only begin like one."""
    data = Dataset()
    data.SOPClassUID, data.PatientName = "1.2.840.10008.5.1.4.1.1.88.11", "Doe^Jane"
    data.save_as(tmp_path / "a.dcm", implicit_vr=True, little_endian=True)
    (tmp_path / "b.dcm").write_bytes(b"\x08\x00\x16\x00\x1a\x00\x00\x00" + b"Doe^Jane" * 40)
    for name in ("a.dcm", "b.dcm"):
        with pytest.raises(ImageError, match="without a readable image") as error:
            open_image(tmp_path / name)
        assert "Doe" not in str(error.value)


def test_captures_in_colour(tmp_path):
    """A screen's picture is RGB: by pixel, by plane, and of one frame that says so."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 6, 3), dtype=np.uint8)
    common = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "Rows": 8,
        "Columns": 6,
    }
    for planar, stored in ((0, pixels), (1, pixels.transpose(2, 0, 1))):
        path = dicom(
            tmp_path / "a.dcm", np.ascontiguousarray(stored), PlanarConfiguration=planar, **common
        )
        assert (np.asarray(open_image(path)) == pixels).all()
    frame = dicom(tmp_path / "b.dcm", RAMP[None], NumberOfFrames=1)
    assert (grey(frame) == grey(dicom(tmp_path / "c.dcm", RAMP))).all()


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Rows": 60000, "Columns": 60000}, "million pixels"),
        ({"Rows": 64, "Columns": 64, "NumberOfFrames": 2_000_000}, "million pixels"),
        ({"RescaleSlope": "1E308", "RescaleIntercept": "1E308"}, "no numbers"),
        ({"syntax": DeflatedExplicitVRLittleEndian}, "deflated"),
    ],
)
def test_dicom_that_is_refused(elements, words, tmp_path):
    with pytest.raises(ImageError, match=words):
        open_image(dicom(tmp_path / "a.dcm", RAMP, **elements))


def test_dicom_float_pixels_that_are_no_numbers(tmp_path):
    pixels = np.ones((4, 4), dtype=np.float32)
    path = dicom(tmp_path / "a.dcm", pixels, BitsAllocated=32, BitsStored=32, HighBit=31)
    data = pydicom.dcmread(path)
    for value, good in ((3, True), (np.nan, False), (np.inf, False)):
        pixels[1, 1] = value
        if "PixelData" in data:
            del data["PixelData"]
        data.FloatPixelData = pixels.tobytes()
        data.save_as(path)
        if good:
            assert grey(path)[1, 1] == 255
            continue
        with pytest.raises(ImageError, match="values that are no numbers"):
            open_image(path)


CORNER = np.array([[200, 10, 20], [30, 40, 50]], dtype=np.uint8)
TURNED = {
    1: CORNER,
    2: CORNER[:, ::-1],
    3: CORNER[::-1, ::-1],
    4: CORNER[::-1],
    5: CORNER.T,
    6: np.rot90(CORNER, -1),
    7: CORNER[::-1, ::-1].T,
    8: np.rot90(CORNER),
}
"""Values of EXIF's orientation -> how an upright image looks."""


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", TURNED)
def test_exif_rotation(orientation, suffix, tmp_path):
    path, exif = tmp_path / f"a{suffix}", Image.Exif()
    exif[0x0112] = orientation
    big = CORNER.repeat(16, 0).repeat(16, 1)
    Image.fromarray(big).save(path, exif=exif, **({"quality": 100} if suffix == ".jpg" else {}))
    wanted = TURNED[orientation].repeat(16, 0).repeat(16, 1).astype(int)
    assert np.abs(grey(path) - wanted).max() <= 3


def test_deep_images_are_turned_too_and_a_broken_exif_is_left_out(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RAMP[:32]).save(tmp_path / "a.png", exif=exif)
    wanted = np.rint(np.rot90(RAMP[:32], -1) / 2047 * 255)
    assert (grey(tmp_path / "a.png") == wanted).all()
    Image.fromarray(CORNER).save(tmp_path / "b.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert (grey(tmp_path / "b.png") == CORNER).all()


def test_what_is_transparent_lies_on_black(tmp_path):
    """And does not show what a drawing program left under it."""
    rgba = np.array([[[200, 200, 200, 255], [200, 200, 200, 0]]], dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    Image.fromarray(rgba[..., [0, 3]], "LA").save(tmp_path / "la.png")
    palette = Image.fromarray(np.array([[1, 0]], dtype=np.uint8), "P")
    palette.putpalette([200, 200, 200] * 2)
    palette.save(tmp_path / "p.png", transparency=b"\x00\xff")
    Image.fromarray(np.array([[200, 77]], dtype=np.uint8)).save(tmp_path / "l.png", transparency=77)
    for name in ("rgba.png", "la.png", "p.png", "l.png"):
        assert grey(tmp_path / name).tolist() == [[200, 0]]


def test_other_kinds_of_pixels(tmp_path):
    values = np.linspace(20, 230, 64, dtype=np.uint8).reshape(8, 8)
    film = Image.fromarray(values)
    film.convert("RGB").convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    assert np.abs(grey(tmp_path / "cmyk.jpg") - values.astype(int)).max() <= 3
    film.convert("P").save(tmp_path / "p.png")
    film.save(tmp_path / "l.bmp")
    for name in ("p.png", "l.bmp"):
        assert (grey(tmp_path / name) == values).all()
    film.point(lambda v: 255 * (v > 100), "1").save(tmp_path / "1.png")
    assert (grey(tmp_path / "1.png") == 255 * (values > 100)).all()
    Image.fromarray(values.astype(np.float32) * 1e6).save(tmp_path / "f.tif")
    assert (grey(tmp_path / "f.tif") == np.rint((values - 20.0) / 210 * 255)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(value, tmp_path):
    pixels = np.ones((4, 4), dtype=np.float32)
    pixels[2, 1] = value
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="values that are no numbers"):
        open_image(tmp_path / "a.tif")


POSTSCRIPT = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
(ran) print showpage
%%EOF
"""


@pytest.fixture
def no_programs(monkeypatch):
    """Any program that is started is an error."""

    def started(*given, **more):
        raise AssertionError(f"started {given[:1]}")

    for name in ("Popen", "run", "call", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, name, started)
    monkeypatch.setattr(os, "system", started)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.eps", "a.dcm"])
def test_postscript_starts_no_program(name, tmp_path, no_programs):
    path = tmp_path / name
    # Plain, and behind the header of a Windows preview.
    header = struct.pack("<IIIIIIII", 0xC6D3D0C5, 32, len(POSTSCRIPT), 0, 0, 0, 0, 0xFFFF)
    for content in (POSTSCRIPT, header[:32] + POSTSCRIPT):
        path.write_bytes(content)
        with pytest.raises(ImageError, match="a broken image"):
            open_image(path)
        assert image_problem(path) == "not a JPEG, PNG or DICOM image"
        assert not crop(path, (0, 0, 2, 2), tmp_path / "part.png")
        with pytest.raises(ImageError):
            image_url(path)


def test_an_image_of_absurd_size(tmp_path):
    """Its header alone says it: nothing is decoded."""
    Image.fromarray(CORNER).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = struct.pack(">II", 12000, 8000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    (tmp_path / "a.png").write_bytes(bytes(content))
    with pytest.raises(ImageError):
        open_image(tmp_path / "a.png")
    assert not crop(tmp_path / "a.png", (0, 0, 2, 2), tmp_path / "part.png")


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    """However many there are: frames are not counted."""
    frames = [Image.fromarray(CORNER), *(Image.fromarray(255 - CORNER) for _ in range(3))]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert (grey(tmp_path / "a.png") == CORNER).all()
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], loop=0)
    with pytest.raises(ImageError, match="a broken image"):
        open_image(tmp_path / "a.gif")


@pytest.mark.parametrize("kind", ["jpg", "png", "deep.png", "tif", "bmp", "dcm", "bare.dcm"])
def test_damaged_images_are_images_or_refused(kind, tmp_path):
    """Cut and flipped bytes; the message holds no path and nothing of the header."""
    path = tmp_path / f"p10000032.{kind}"
    if kind.endswith("dcm"):
        dicom(path, RAMP[:8, :8], WindowCenter=2048, WindowWidth=1024, PixelPaddingValue=3)
        path.write_bytes(path.read_bytes()[132 if kind.startswith("bare") else 0 :])
    else:
        values = RAMP[:16] if kind.startswith("deep") else (RAMP[:16] // 16).astype(np.uint8)
        Image.fromarray(values).save(path)
    whole, draw = path.read_bytes(), random.Random(0)
    changed = [whole[: int(len(whole) * part)] for part in (0, 0.05, 0.2, 0.5, 0.9)]
    for _ in range(200):
        place = draw.randrange(len(whole))
        changed.append(whole[:place] + bytes([draw.randrange(256)]) + whole[place + 1 :])
    for content in changed:
        path.write_bytes(content)
        image_problem(path)
        try:
            assert open_image(path).mode == "RGB"
        except ImageError as error:
            assert "10000032" not in str(error) and "Doe" not in str(error)
        crop(path, (0, 0, 2, 2), tmp_path / "part.png")


def test_a_window_written_as_text(tmp_path):
    """A comma for a point, as European systems write, and words, which are no window."""
    files = {}
    for name, width in (("plain", "1024.0"), ("comma", "1024,0"), ("words", "wide")):
        path = dicom(tmp_path / f"{name}.dcm", RAMP)
        data = pydicom.dcmread(path)
        data.add_new("WindowCenter", "LO", "2048")
        data.add_new("WindowWidth", "LO", width)
        data.save_as(path)
        files[name] = grey(path)
    assert (files["comma"] == files["plain"]).all()
    assert np.abs(files["words"] - spread(RAMP)).max() <= 1


def test_a_blank_centre_leaves_its_own_width_out(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, WindowCenter=["", 2048], WindowWidth=[8, 1024])
    alone = dicom(tmp_path / "b.dcm", RAMP, WindowCenter=2048, WindowWidth=1024)
    assert (grey(path) == grey(alone)).all()


def test_values_in_the_upper_bits(tmp_path):
    """Twelve bits stored in the upper ones of sixteen, signed or not."""
    for sign, pixels in ((0, RAMP), (1, RAMP.astype(np.int16) - 2048)):
        shifted = dicom(tmp_path / "a.dcm", pixels << 4, HighBit=15, PixelRepresentation=sign)
        usual = dicom(tmp_path / "b.dcm", pixels, PixelRepresentation=sign)
        assert (grey(shifted) == grey(usual)).all()
