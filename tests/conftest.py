"""Shared, small and real: a phantom tree, its facts, and a tiny CLIP in the Hugging Face layout."""

import os
import shutil

os.environ.setdefault("OMP_NUM_THREADS", "1")
# What is expected was worked out for the CPU in float32; tests of a GPU ask for it.
os.environ["NAST_DEVICE"] = "cpu"
os.environ.pop("NAST_PRECISION", None)

from pathlib import Path

import pytest

from nast.phantom.write import build_phantom
from nast.sources.collect import build_facts

REAL = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def key(tmp_path_factory):
    """The key of hashed ids, away from the user's."""
    os.environ["NAST_KEY_FILE"] = str(tmp_path_factory.mktemp("key") / "id.key")


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    """A phantom tree of 60 patients."""
    folder = tmp_path_factory.mktemp("phantom") / "tree"
    build_phantom(folder, 60, 3, workers=2)
    return folder


@pytest.fixture(scope="session")
def facts(phantom, tmp_path_factory):
    """The facts folder of the phantom tree."""
    folder = tmp_path_factory.mktemp("facts") / "facts"
    build_facts([f"mimic-cxr-jpg:{phantom}", f"cad-chest:{phantom / 'cad_disease.json'}"], folder)
    return folder


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory):
    """A random CLIPModel folder: 4 text blocks of width 32, the phantom's tokenizer."""
    from built import write_tiny_clip

    return write_tiny_clip(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def real_nih():
    """The folder of 806 real NIH radiographs."""
    folder = REAL / "nih-cxr"
    if not folder.is_dir():
        pytest.skip("the real radiographs (shared/data/nih-cxr) are not beside the checkout")
    return folder


@pytest.fixture(scope="session")
def validated_set(facts, tmp_path_factory):
    """A contextual set, every fourth of its groups with patients to validate on."""
    from built import contextual_set, validated

    folder = tmp_path_factory.mktemp("validated") / "contextual"
    return validated(shutil.copytree(contextual_set(facts), folder))
