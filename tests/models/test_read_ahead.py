"""Images are read ahead of the encoder: in order, a bounded number, and nothing is left behind."""

import threading
import time
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from tiny_models import FAMILIES, place

from nast.errors import ImageError
from nast.models import images
from nast.models.images import open_image, read_ahead
from nast.models.registry import load_model

PATHS = [Path(str(i)) for i in range(40)]


@pytest.fixture
def few(monkeypatch):
    """At most four results wait."""
    monkeypatch.setattr(images, "AHEAD", 4)


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("image")]


def test_order_is_kept_whoever_is_first(few):
    def read(path):
        time.sleep(0.01 if int(path.name) % 3 == 0 else 0)
        return path

    for workers in (1, 3):
        assert list(read_ahead(read, PATHS, workers)) == PATHS
    assert not threads()


def test_no_more_than_a_few_wait(few):
    begun, most = [], 0

    def read(path):
        begun.append(path)

    for taken, _ in enumerate(read_ahead(read, PATHS, 3), 1):
        time.sleep(0.002)
        most = max(most, len(begun) - taken)
    assert len(begun) == 40 and 1 < most <= 5


@pytest.mark.parametrize("workers", [1, 3])
def test_the_first_bad_file_is_named_and_reading_ends(few, workers):
    begun = []

    def read(path):
        begun.append(path)
        time.sleep(0.02 if path.name == "7" else 0)
        if path.name in ("7", "9"):
            raise ImageError(path, "a broken image")

    with pytest.raises(ImageError) as error:
        list(read_ahead(read, PATHS, workers))
    assert error.value.file == PATHS[7]
    assert len(begun) < 20 and not threads()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_nothing_runs_on_when_the_encoder_stops(few, stop):
    begun = []
    with pytest.raises(stop), closing(read_ahead(begun.append, PATHS, 3)) as made:
        for _ in made:
            raise stop
    assert len(begun) <= 6 and not threads()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """PNG files of many shapes, and DICOM files with a notice about the patient each."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    for i in range(36):
        values = rng.integers(0, 256, (60 + i, 90 - i), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{i:02}.png")
    for i in range(8):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", generate_uid()
        data.Rows, data.Columns, data.SamplesPerPixel = 50, 40, 1
        data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
        # Two bytes too many, which pydicom tells of.
        data.PixelData = rng.integers(0, 4096, 50 * 40 + 1, dtype=np.uint16).tobytes()
        data["PixelData"].VR = "OW"
        data.save_as(folder / f"{40 + i}.dcm", enforce_file_format=True)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("family", FAMILIES)
def test_threads_change_no_byte(family, tiny_clip, files, monkeypatch):
    model = load_model(place(family, tiny_clip))
    vectors = []
    for workers in (1, 4):
        monkeypatch.setattr(images, "WORKERS", workers)
        vectors.append(model.encode_images(files))
    assert torch.equal(*vectors)
    assert len(vectors[0].unique(dim=0)) == len(files)


def test_notices_of_dicom_files_stay_hidden_in_threads(files):
    dicom = [f for f in files if f.suffix == ".dcm"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="padding"):
            from pydicom import dcmread

            _ = dcmread(dicom[0]).pixel_array
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_ahead(open_image, dicom * 4, 4))) == 32
