"""The phantom's mark opens the tables that it was written with, and no others."""

import shutil

import pytest
from small import mimic

from nast.errors import InputError
from nast.phantom import MARKER
from nast.phantom.write import MARK
from nast.sources.cad_chest import read_cad_chest
from nast.sources.mimic_cxr_jpg import read_mimic_cxr_jpg

REAL = [{"subject": 10000032, "study": 50414267, "split": "test", "labels": {"Edema": "1.0"}}]


@pytest.fixture
def tree(phantom, tmp_path):
    """The tables of a phantom, without its images."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for path in phantom.iterdir():
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
    return folder


def test_a_phantom_is_open(tree):
    labels, facts = read_mimic_cxr_jpg(tree), read_cad_chest(tree / "cad_disease.json")
    assert (labels.access, labels.phantom) == (facts.access, facts.phantom) == ("open", True)


@pytest.mark.parametrize("text", ["", MARK, MARK + f"{'0' * 64}  cad_disease.json\n", "\xff\n  \n"])
def test_a_mark_opens_no_real_tree(tmp_path, tree, text):
    real = mimic(tmp_path / "real", REAL)
    shutil.copyfile(tree / "cad_disease.json", real / "cad_disease.json")
    assert read_mimic_cxr_jpg(real).access == "credentialed"
    (real / MARKER).write_text(text)
    for read in (read_mimic_cxr_jpg, lambda root: read_cad_chest(root / "cad_disease.json")):
        with pytest.raises(InputError, match="the mark of drawn patients beside a"):
            read(real)


def test_the_mark_of_a_phantom_opens_no_real_tree(tmp_path, tree):
    real = mimic(tmp_path / "real", REAL)
    shutil.copyfile(tree / MARKER, real / MARKER)
    with pytest.raises(InputError, match="remove the mark where the patients are real"):
        read_mimic_cxr_jpg(real)


def test_real_rows_in_a_phantom_are_seen(tree):
    path = tree / "cad_disease.json"
    path.write_text(path.read_text().replace("positive", "Positive", 1))
    with pytest.raises(InputError, match=r"beside a cad_disease\.json that it does not know"):
        read_cad_chest(path)
