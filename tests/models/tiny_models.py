"""Tiny random models of every family, written as their authors' files are laid out."""

import atexit
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertModel,
    Dinov2Config,
    Dinov2Model,
    EfficientNetConfig,
    EfficientNetModel,
    Siglip2Config,
    Siglip2ImageProcessorPil,
    Siglip2Model,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    SwinConfig,
    SwinModel,
    ViTConfig,
    ViTModel,
)

from nast.facts.conditions import CONDITIONS
from nast.models.families.spec import SPECS
from nast.models.registry import load_model
from nast.phantom.patients import patients
from nast.phantom.pretrain.clip import train_tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BERT = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}
SWIN = {
    "embed_dim": 8,
    "depths": [1, 1],
    "num_heads": [2, 2],
    "window_size": 2,
    "image_size": 32,
    "patch_size": 4,
}
RESNET = {"depths": [1, 1, 1, 1], "width": 4}
OLD_NAMES = {
    "attention.relative_position_bias.": "attention.self.",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "attention.o_proj": "attention.output.dense",
}


def words():
    terms = " ".join(c.term.lower() for c in CONDITIONS.values())
    sentence = "there is no severe small left right pleural a . , -"
    pieces = [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    letters = list("abcdefghijklmnopqrstuvwxyz")
    return [*SPECIAL, *dict.fromkeys([*sentence.split(), *terms.split(), *letters]), *pieces]


def write_bert_tokenizer(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words()))
    (folder / "config.json").write_text('{"model_type": "bert"}')


def matrix(*shape):
    return torch.randn(*shape) * 0.2


def bert_weights(prefix, pooler=True):
    config = BertConfig(vocab_size=len(words()), **BERT)
    weights = BertModel(config, add_pooling_layer=pooler).state_dict()
    weights = {k: v + 0.1 * torch.randn_like(v) for k, v in weights.items()}
    weights["embeddings.position_ids"] = torch.arange(40)[None]
    return {prefix + k: v for k, v in weights.items()}


def old_swin_weights(prefix):
    """A Swin as transformers 4 saved it."""
    found = {}
    for key, value in SwinModel(SwinConfig(**SWIN)).state_dict().items():
        for new, old in OLD_NAMES.items():
            key = key.replace(new, old)
        key = re.sub(
            r"attention\.([qkv])_proj",
            lambda m: "attention.self." + {"q": "query", "k": "key", "v": "value"}[m[1]],
            key,
        )
        found[prefix + key] = value
    for stage in range(2):
        key = f"{prefix}encoder.layers.{stage}.blocks.0.attention.self.relative_position_index"
        found[key] = torch.zeros(4, 4, dtype=torch.long)
    return found


def norm(name, size):
    return {
        f"{name}.weight": 1 + matrix(size),
        f"{name}.bias": matrix(size),
        f"{name}.running_mean": matrix(size),
        f"{name}.running_var": 1 + matrix(size).abs(),
        f"{name}.num_batches_tracked": torch.tensor(7),
    }


def resnet_weights(prefix, width=4, depths=(1, 1, 1, 1), classes=None):
    """A ResNet under torchvision's names."""
    found, inputs = {"conv1.weight": matrix(width, 3, 7, 7), **norm("bn1", width)}, width
    for stage, depth in enumerate(depths):
        middle = width * 2**stage
        for i in range(depth):
            name = f"layer{stage + 1}.{i}"
            for n, shape in enumerate(
                ((middle, inputs, 1, 1), (middle, middle, 3, 3), (4 * middle, middle, 1, 1)), 1
            ):
                found[f"{name}.conv{n}.weight"] = matrix(*shape)
                found |= norm(f"{name}.bn{n}", shape[0])
            if not i:
                found[f"{name}.downsample.0.weight"] = matrix(4 * middle, inputs, 1, 1)
                found |= norm(f"{name}.downsample.1", 4 * middle)
            inputs = 4 * middle
    if classes:
        found |= {"fc.weight": matrix(classes, inputs)}
    return {prefix + k: v for k, v in found.items()}


def linear(name, rows, columns, bias=True):
    weights = {f"{name}.weight": matrix(rows, columns)}
    return weights | ({f"{name}.bias": matrix(rows)} if bias else {})


def biovil(folder, name, multi_image):
    text = bert_weights("bert.") | {"cls.predictions.bias": torch.zeros(9)}
    text |= linear("cls_projection_head.dense_to_hidden", 16, 32)
    text |= {f"cls_projection_head.LayerNorm.{k}": 1 + matrix(16) for k in ("weight", "bias")}
    text |= linear("cls_projection_head.dense_to_output", 16, 16)
    torch.save(text, folder / "pytorch_model.bin")
    image = resnet_weights("encoder.encoder.", classes=10)
    if multi_image:
        image |= {
            "encoder.backbone_to_vit.weight": matrix(12, 128, 1, 1),
            "encoder.missing_previous_emb": matrix(1, 12, 1, 1),
            "encoder.vit_pooler.blocks.0.mlp.fc1.weight": matrix(4, 4),
        }
    image["projector.model.0.weight"] = matrix(16, 24 if multi_image else 128, 1, 1)
    image |= norm("projector.model.1", 16)
    image |= {
        "projector.model.3.weight": matrix(16, 16, 1, 1),
        "projector.model.3.bias": matrix(16),
    }
    version = "_t_image_model" if multi_image else "_image_resnet50"
    torch.save(image, folder / f"biovil{version}_proj_size_128.pt")
    return adapted(folder, name, "resnet", size=64, resize=70)


def medclip(folder, name, swin):
    weights = bert_weights("text_model.model.")
    weights |= linear("text_model.projection_head", 16, 32, bias=False)
    weights["logit_scale"] = torch.tensor(2.0)
    if swin:
        weights |= old_swin_weights("vision_model.model.")
        weights |= linear("vision_model.projection_head", 16, 16, bias=False)
    else:
        weights |= resnet_weights("vision_model.model.", classes=16)
    torch.save({f"module.{k}": v for k, v in weights.items()}, folder / "pytorch_model.bin")
    return adapted(folder, name, "swin" if swin else "resnet", size=32)


def cxr_clip(folder, name, swin):
    weights = bert_weights("text_encoder.text_encoder.")
    weights |= linear("text_projection.projection", 16, 32)
    weights |= linear("image_projection.projection", 16, 16 if swin else 128)
    weights["logit_scale"] = torch.tensor(3.0)
    weights |= (
        old_swin_weights("image_encoder.image_encoder.")
        if swin
        else resnet_weights("image_encoder.resnet.")
    )
    saved = {"model": weights, "epoch": 3, "config": {"model": {"name": "clip_custom"}}}
    torch.save(saved, folder / ("swint_mcc.tar" if swin else "r50_mcc.tar"))
    return adapted(folder, name, "swin" if swin else "resnet", size=32)


def adapted(folder, name, encoder, **preprocessing):
    """The shipped specification with the sizes of the tiny model."""
    spec = yaml.safe_load((SPECS / name).read_text())
    spec["text"] |= {
        "tokenizer": "tokenizer",
        "max_tokens": 24,
        "config": {"vocab_size": len(words()), **BERT},
    }
    spec["image"]["config"] = SWIN if encoder == "swin" else RESNET
    spec["preprocessing"] |= preprocessing
    return spec


def own_pair(folder, name, kind):
    """A text and an image encoder in folders of transformers, and heads in the text's file."""
    (folder / "image").mkdir()
    if kind == "efficientnet":
        sizes = {
            "width_coefficient": 0.0125,
            "depth_coefficient": 0.1,
            "hidden_dim": 16,
            "image_size": 32,
            "kernel_sizes": [3, 3],
            "in_channels": [16, 16],
            "out_channels": [16, 16],
            "depthwise_padding": [],
            "strides": [1, 2],
            "num_block_repeats": [1, 1],
            "expand_ratios": [1, 6],
        }
        image = EfficientNetModel(EfficientNetConfig(**sizes))
    elif kind == "vit":
        sizes = {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "image_size": 32,
            "patch_size": 16,
        }
        image = ViTModel(ViTConfig(**sizes), add_pooling_layer=False)
    else:
        sizes = {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 16,
        }
        image = Dinov2Model(Dinov2Config(**sizes))
    state = image.state_dict()
    if kind == "efficientnet":
        # As made, its norms scale by numbers near 0, and nothing of the image is left.
        ones = {
            k: torch.ones_like(v)
            for k, v in state.items()
            if k.endswith(("norm.weight", "_bn.weight"))
        }
        state = {k: 60 * v if v.dim() == 4 else v for k, v in state.items()} | ones
    save_file(state | linear("image_head", 16, 16), folder / "image/model.safetensors")
    text = (
        bert_weights("", pooler=kind == "vit") | linear("head.0", 20, 32) | linear("head.2", 16, 20)
    )
    save_file(text, folder / "text.safetensors")
    reads = (
        {"pooling": "cls_tanh", "mask": "none", "padding": "fixed"}
        if kind == "vit"
        else {"pooling": "mean_masked"}
    )
    return {
        "name": name,
        "scale": 10,
        "ignore": ["embeddings.mask_token_unused"],
        "text": {
            "tokenizer": "tokenizer",
            "weights": "text.safetensors",
            "max_tokens": 16,
            "config": {"vocab_size": len(words()), **BERT},
            **reads,
            "head": [{"linear": "head.0"}, "gelu", {"linear": "head.2"}],
        },
        "image": {
            "weights": "image",
            "encoder": kind,
            "config": sizes,
            "pooling": "mean" if kind == "efficientnet" else "first",
            "head": [{"linear": "image_head"}],
        },
        "preprocessing": {
            "size": 32,
            "geometry": "square",
            "interpolation": "bicubic",
            "mean": [0.5],
            "std": [0.5],
        },
    }


TWO_TOWERS = {
    "biovil": lambda f: biovil(f, "biovil.yaml", False),
    "biovil-t": lambda f: biovil(f, "biovil-t.yaml", True),
    "medclip-vit": lambda f: medclip(f, "medclip-vit.yaml", True),
    "medclip-resnet": lambda f: medclip(f, "medclip-resnet.yaml", False),
    "cxr-clip-swin": lambda f: cxr_clip(f, "cxr-clip-swin.yaml", True),
    "cxr-clip-resnet": lambda f: cxr_clip(f, "cxr-clip-resnet.yaml", False),
    "own-vit": lambda f: own_pair(f, "own", "vit"),
    "own-dinov2": lambda f: own_pair(f, "own", "dinov2"),
    "own-efficientnet": lambda f: own_pair(f, "own", "efficientnet"),
}
FAMILIES = ["clip", "siglip", "siglip2", *TWO_TOWERS]


HOME = TemporaryDirectory(prefix="nast-tiny-")
"""Where the models lie as long as the tests run."""
atexit.register(HOME.cleanup)


@cache
def two_tower(name):
    """The YAML file of a tiny model, its weights and tokenizer beside it."""
    torch.manual_seed(0)
    folder = Path(mkdtemp(dir=HOME.name))
    write_bert_tokenizer(folder / "tokenizer")
    spec = TWO_TOWERS[name](folder)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(spec))
    return folder / f"{name}.yaml"


TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 40,
    "projection_size": 32,
    "pad_token_id": 1,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "patch_size": 16,
}


@cache
def siglip(name):
    """A folder of a tiny SiglipModel, or of a Siglip2Model for images of any shape."""
    torch.manual_seed(0)
    folder = Path(mkdtemp(dir=HOME.name))
    if name == "siglip":
        tokenizer = train_tokenizer(patients(100, 7), 7)
        processor = SiglipImageProcessorPil(size={"height": 32, "width": 32})
        text, vision = TEXT | {"vocab_size": len(tokenizer)}, VISION | {"image_size": 32}
        network = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    else:
        alphabet = [
            "<pad>",
            "<eos>",
            "<bos>",
            "<unk>",
            "<mask>",
            "▁",
            *"abcdefghijklmnopqrstuvwxyz.",
        ]
        merges = [("n", "o"), ("s", "e")]
        vocabulary = {t: i for i, t in enumerate([*alphabet, *map("".join, merges)])}
        tokenizer = Siglip2Tokenizer(vocab=vocabulary, merges=merges, padding_side="right")
        processor = Siglip2ImageProcessorPil(patch_size=16, max_num_patches=16)
        text, vision = TEXT | {"vocab_size": len(vocabulary)}, VISION | {"num_patches": 16}
        network = Siglip2Model(Siglip2Config(text_config=text, vision_config=vision))
    with torch.no_grad():
        network.logit_scale.fill_(2.0)
        network.logit_bias.fill_(-3.0)
    for part in (network, tokenizer, processor):
        part.save_pretrained(folder)
    return folder


def place(name, tiny_clip):
    """The MODEL string of a family's tiny model."""
    if name == "clip":
        return f"hf:{tiny_clip}"
    return f"hf:{siglip(name)}" if name.startswith("siglip") else f"two-tower:{two_tower(name)}"


@cache
def loaded(name):
    """A two-tower model that several tests read and none changes."""
    return load_model(f"two-tower:{two_tower(name)}", "tiny")


def write_image(path, width=90, height=70):
    noise = np.random.default_rng(width).integers(0, 256, (height, width), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path
