"""What of an image file reaches a chat model: pixels, as they are where it holds no more."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from nast.errors import ImageError
from nast.models.images import open_image
from nast.scoring.chat_images import image_url, readable_images

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16) * 16
PICTURE = Image.fromarray((RAMP // 16).astype(np.uint8))
NAME = "Doe^Jane"


def parts(path):
    head, code = image_url(path).split(",")
    return head, b64decode(code)


def words():
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", NAME)
    return text


def exif():
    tags = Image.Exif()
    tags[0x010E] = NAME
    return tags


@pytest.mark.parametrize(("ending", "kind"), [("jpg", "jpeg"), ("png", "png")])
def test_bytes_go_as_they_are(tmp_path, ending, kind):
    path = tmp_path / f"a.{ending}"
    PICTURE.save(path, dpi=(72, 72))
    assert parts(path) == (f"data:image/{kind};base64", path.read_bytes())


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("jpg", {"comment": NAME.encode()}),
        ("jpg", {"exif": exif()}),
        ("png", {"pnginfo": words()}),
        ("png", {"exif": exif()}),
        ("jpg", None),
        ("png", None),
    ],
    ids=["comment", "exif", "text", "png exif", "behind", "png behind"],
)
def test_words_in_a_file_stay(tmp_path, ending, options):
    path = tmp_path / f"a.{ending}"
    PICTURE.save(path, **options or {})
    if options is None:
        path.write_bytes(path.read_bytes() + NAME.encode())
    assert NAME.encode() in path.read_bytes()
    head, sent = parts(path)
    assert head == "data:image/png;base64" and NAME.encode() not in sent
    assert np.array_equal(np.asarray(Image.open(BytesIO(sent))), np.asarray(open_image(path)))


def test_deeper_values_and_dicom_become_eight_bit(tmp_path):
    deep, dicom = tmp_path / "a.png", tmp_path / "a.dcm"
    Image.fromarray(RAMP).save(deep)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", generate_uid()
    data.PatientName, data.PhotometricInterpretation = NAME, "MONOCHROME2"
    data.Rows, data.Columns, data.SamplesPerPixel = *RAMP.shape, 1
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = RAMP.tobytes()
    data["PixelData"].VR = "OW"
    data.save_as(dicom, enforce_file_format=True)
    for path in (deep, dicom):
        head, sent = parts(path)
        assert head == "data:image/png;base64" and NAME.encode() not in sent
        seen = Image.open(BytesIO(sent))
        assert seen.mode == "RGB" and len(np.unique(seen)) > 200


def test_what_cannot_be_read(tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    PICTURE.save(good)
    bad.write_bytes(b"no image")
    gone = tmp_path / "gone.png"
    paths = [str(p) for p in (good, bad, gone)]
    assert readable_images(paths) == ({str(good)}, {str(bad), str(gone)})
    for path in (bad, gone):
        with pytest.raises(ImageError):
            image_url(path)
