"""Image files of every depth, against values worked out by hand."""

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid

from nast.errors import ImageError
from nast.models.images import open_image
from nast.sources.images import image_problem

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
    path = dicom(tmp_path / "a.dcm", RAMP, RescaleSlope=2, RescaleIntercept=-1000,
                 WindowCenter=2048, WindowWidth=1024)  # fmt: skip
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
    [("missing", "no such file"), ("text", "broken"), ("cut png", "broken"),
     ("no pixels", "without a readable image"), ("frames", "not one grey frame"),
     ("compressed", "decoder")],
)  # fmt: skip
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
