"""Run by test_open_clip_parity.py where open_clip is installed: models of the original classes.

`make FOLDER` draws random weights for each configuration and saves checkpoints, vectors and token
ids as open_clip itself gives them; `read FOLDER MODEL CHECKPOINT OUT` encodes with an exported
model.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    # Beside a CPU build of torch these two operators are missing; nothing here calls them.
    library = torch.library.Library("torchvision", "DEF")
    boxes = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    library.define(f"nms{boxes}")
    library.define(f"qnms{boxes}")

import open_clip
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file

VIT = {"image_size": 64, "layers": 2, "width": 128, "patch_size": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 3}
CONFIGS = {
    "gelu": {"embed_dim": 32, "vision_cfg": VIT, "text_cfg": TEXT},
    "quickgelu": {"embed_dim": 32, "quick_gelu": True, "vision_cfg": VIT, "text_cfg": TEXT},
    "heads": {
        "embed_dim": 32,
        "vision_cfg": VIT | {"head_width": 32},
        "text_cfg": TEXT | {"heads": 4, "context_length": 40},
    },
    "custom-text": {
        "embed_dim": 32,
        "quick_gelu": True,
        "custom_text": True,
        "vision_cfg": VIT,
        "text_cfg": TEXT,
    },
    "biomed": {
        "embed_dim": 48,
        "vision_cfg": {
            "timm_model_name": "vit_tiny_patch16_224",
            "image_size": 224,
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
        },
        "text_cfg": {
            "hf_proj_type": "mlp",
            "context_length": 48,
            "hf_pooler_type": "cls_last_hidden_state_pooler",
        },
    },
    "resnet": {
        "embed_dim": 32,
        "quick_gelu": True,
        "text_cfg": TEXT,
        "vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 16, "patch_size": None},
    },
    "siglip": {
        "embed_dim": 768,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 224,
            "timm_model_name": "vit_base_patch16_siglip_224",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": {
            "context_length": 16,
            "hf_tokenizer_name": "local",
            "width": 768,
            "heads": 12,
            "layers": 2,
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
            "tokenizer_kwargs": {"clean": "canonicalize"},
        },
    },
    "longest": {"embed_dim": 32, "vision_cfg": VIT, "text_cfg": TEXT},
    "squash": {"embed_dim": 32, "vision_cfg": VIT, "text_cfg": TEXT},
}
PREPROCESSING = {
    "siglip": {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
    "longest": {"resize_mode": "longest", "fill_color": 30},
    "squash": {"resize_mode": "squash", "interpolation": "bilinear"},
}


def draw(model):
    """Random weights away from their start, so that no two of them could be mixed up unseen."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and name not in ("logit_scale", "logit_bias"):
            scale = 0.2 if tensor.ndim < 2 else tensor[0].numel() ** -0.5
            centre = float(tensor.ndim == 1 and name.endswith("weight"))
            tensor.normal_(centre, scale)
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)


def vocabulary_size(folder):
    return json.loads((folder / "config.json").read_text())["vocab_size"]


def vectors(model, tokenizer, folder):
    given = json.loads((folder / "given.json").read_text())
    transform = image_transform_v2(
        PreprocessCfg(**open_clip.get_model_preprocess_cfg(model)), is_train=False
    )
    ids = tokenizer(given["texts"])
    pixels = torch.stack([transform(Image.open(p)) for p in given["images"]])
    with torch.no_grad():
        return {
            "ids": ids,
            "pixels": pixels,
            "texts": model.eval().encode_text(ids, normalize=True),
            "images": model.encode_image(pixels, normalize=True),
            "scale": model.logit_scale.exp().reshape(1),
        }


def make(folder):
    for name, config in CONFIGS.items():
        out = folder / name
        out.mkdir()
        if name == "biomed":
            config["text_cfg"]["hf_model_name"] = str(folder / "bert")
            config["text_cfg"]["hf_tokenizer_name"] = str(folder / "bert")
        if name == "siglip":
            config["text_cfg"]["vocab_size"] = vocabulary_size(folder / "bert")
        if name in ("biomed", "siglip"):
            for file in (folder / "bert").glob("*"):
                shutil.copy(file, out)
        pixels = {"interpolation": "bicubic"} | PREPROCESSING.get(name, {})
        (out / "open_clip_config.json").write_text(
            json.dumps({"model_cfg": config, "preprocess_cfg": pixels})
        )
        torch.manual_seed(sorted(CONFIGS).index(name))
        model = open_clip.create_model(
            f"local-dir:{out}", load_weights=False, pretrained_text=False
        )
        draw(model)
        torch.save(model.state_dict(), out / "open_clip_pytorch_model.bin")
        # What a training of open_clip on several cards leaves.
        torch.save(
            {
                "epoch": 1,
                "name": name,
                "args": argparse.Namespace(lr=1e-8),
                "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()},
            },
            out / "epoch_1.pt",
        )
        found = vectors(model, open_clip.get_tokenizer(f"local-dir:{out}"), folder)
        save_file({k: v.contiguous() for k, v in found.items()}, out / "reference.safetensors")


def read(folder, model_name, checkpoint, out):
    if checkpoint:
        open_clip.add_model_config(model_name)
        model_name = Path(model_name).stem
    model = open_clip.create_model(model_name, pretrained=checkpoint or None)
    found = vectors(model, open_clip.get_tokenizer(model_name), folder)
    save_file({k: v.contiguous() for k, v in found.items()}, out)


if __name__ == "__main__":
    step, folder, *rest = sys.argv[1:]
    make(Path(folder)) if step == "make" else read(Path(folder), *rest)
