"""The list of named models: complete entries, and strings that the loader knows."""

import pytest

from nast.models.named import named_models
from nast.models.registry import KINDS

PAPER = ("CLIP", "NegCLIP", "ConCLIP", "NegBench", "BiomedCLIP", "BioViL-T", "MedCLIP")


def test_the_papers_models_are_there():
    names = [entry.name for entry in named_models() if entry.paper]
    for name in PAPER:
        assert any(found == name or found.startswith(f"{name} (") for found in names), name


@pytest.mark.parametrize("entry", named_models(), ids=lambda entry: entry.name)
def test_every_entry_can_be_run_by_some_loader(entry):
    kind, colon, place = entry.model.partition(":")
    assert any(known.startswith(f"{kind}:") for known in KINDS) and colon and place
    assert entry.weights and entry.licence


def test_names_are_different():
    names = [entry.name for entry in named_models()]
    assert len(set(names)) == len(names)
