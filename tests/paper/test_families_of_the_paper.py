"""The paper's models in the layouts of their authors, from one recipe, in both protocols."""

import json

import plain_clip
import polars as pl
import pytest
import torch
from safetensors.torch import save_file
from test_openclip import bert_folder
from tiny_models import two_tower

from nast.cli import run
from nast.models.families import openclip_config
from nast.models.families.openclip_config import Architecture

RECIPE = """
phantom: {{patients: 60, seed: 3}}
base: "CLIP=hf:{base}"
rivals:
  NegCLIP: "openclip:ViT-B-32-quickgelu:{weights}/negclip.pth"
  ConCLIP: "openclip:ViT-B-32-quickgelu:{weights}/conclip.pt"
  NegBench: "openclip:local-dir:{weights}/negbench"
diagnose:
  BiomedCLIP: "openclip:BiomedCLIP:{weights}/biomedclip/model.bin"
  BioViL-T: "two-tower:{biovil}"
  MedCLIP: "two-tower:{medclip}"
protocol: {protocol}
questions: {{limit: 4}}
contextual: {{groups: 4}}
train: {{steps: 2, captions: 8, claims: 4}}
rows:
  NAST: {{layers: nast}}
seeds: 1
"""
RIVALS = ["NegCLIP", "ConCLIP", "NegBench"]
DIAGNOSED = ["BiomedCLIP", "BioViL-T", "MedCLIP"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights in the authors' files: a dictionary of tensors, a checkpoint of a trainer, a
    folder of open_clip, and BiomedCLIP's file with its tokenizer.
    """
    root = tmp_path_factory.mktemp("weights")
    first, second, third = (plain_clip.clip_weights(seed, context=77) for seed in range(3))
    torch.save(first, root / "negclip.pth")
    trained = {f"module.{name}": value for name, value in second.items()}
    torch.save({"epoch": 1, "state_dict": trained}, root / "conclip.pt")
    folder = root / "negbench"
    folder.mkdir()
    save_file(third, folder / "open_clip_model.safetensors")
    text = {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 2}
    image = {"image_size": 32, "layers": 2, "width": 128, "patch_size": 16}
    model = {"embed_dim": 16, "quick_gelu": True, "vision_cfg": image, "text_cfg": text}
    said = {"model_cfg": model, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(said))
    made = plain_clip.Maker(3)
    made.bert("text", width=128, layers=2, embed=16, vocabulary=20, positions=64)
    made.timm_image(width=64, layers=2, embed=16, patch=16, grid=2)
    (root / "biomedclip").mkdir()
    torch.save(made.weights | {"logit_scale": torch.tensor(2.0)}, root / "biomedclip" / "model.bin")
    bert_folder(root / "biomedclip")
    return root


@pytest.fixture
def tiny(monkeypatch):
    """ARCHs of the tiny sizes, for bare files."""
    layouts = openclip_config.ARCHITECTURES
    sizes = {"ViT-B-32": (128, 16), "BiomedCLIP": (64, 16)}
    for name, size in sizes.items():
        known = layouts[name]
        monkeypatch.setitem(layouts, name, Architecture(known.layout, size, known.quick_gelu))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("protocol", ["default", "paper"])
def test_one_recipe_gives_five_rows_and_three_diagnosed_models(
    protocol, weights, tiny_clip, tiny, tmp_path, capsys
):
    recipe = tmp_path / "recipe.yaml"
    towers = {"biovil": two_tower("biovil-t"), "medclip": two_tower("medclip-vit")}
    recipe.write_text(RECIPE.format(base=tiny_clip, weights=weights, protocol=protocol, **towers))
    assert run(["models", "check", "--recipe", str(recipe)]) == 0
    out = tmp_path / "out"
    assert run(["paper", str(recipe), "-o", str(out)]) == 0
    part = "" if protocol == "default" else "-contextual"
    for number in (1, 2, 3):
        rows = pl.read_csv(out / "tables" / f"table{number}{part}.csv")["Model"].to_list()
        assert [name for name in rows if name in {"CLIP", *RIVALS, "NAST"}] == [
            "CLIP",
            *RIVALS,
            "NAST",
        ]
        assert not set(DIAGNOSED) & set(rows)
    figure = (
        out / "figures" / f"figure3{'' if protocol == 'default' else '-benchmark'}.svg"
    ).read_text()
    assert all(name in figure for name in DIAGNOSED)
    page = (out / "report.html").read_text()
    assert all(name in page for name in [*RIVALS, *DIAGNOSED])
