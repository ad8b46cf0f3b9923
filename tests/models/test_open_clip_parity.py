"""Our conversion against open_clip 3.3 itself, which runs in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import BertConfig, BertTokenizer

from nast.models.families import openclip_config
from nast.models.families.openclip_config import Architecture
from nast.models.images import open_image
from nast.models.model_export import export_model
from nast.models.registry import load_model
from nast.phantom.patients import patients
from nast.phantom.reports import report_of
from nast.training.lora import add_lora

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
PARITY = Path(os.environ.get("NAST_PARITY", ROOT / ".parity"))
REFERENCE = Path(__file__).with_name("open_clip_reference.py")
NAMES = [
    "gelu",
    "quickgelu",
    "heads",
    "custom-text",
    "biomed",
    "resnet",
    "siglip",
    "longest",
    "squash",
]
ODD = [
    "",
    "no",
    "  Two   spaces,\n a line and\ta tab. ",
    "NO PNEUMOTHORAX!!",
    "non-displaced 8th rib",
    "A 3.5 x 2 cm nodule (SUV 4.1) & 1/2 of the lobe",
    "“Ground-glass” opacity isn’t seen",
    "ﬁbrosis and eﬀusion",
    "no effusion &amp; no oedema &lt;5 mm",
    "œdème, épanchement; Größe",
    "comparison: __/__/____ at ___ hours",
    "ET tube's tip 4cm above the carina; can't exclude it",
    "75% > 50 %, +/- 3",
    "no\u00a0change",
    "There is " + "no effusion and " * 50,
    "①②",
    "a…b—c–d",
]
TOLERANCE = 1e-5


def run_reference(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(PARITY)}
    done = subprocess.run(
        [sys.executable, REFERENCE, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    reports = [report_of(s.facts, 0.4, rng) for s in patients(120, 5)]
    return [*ODD, *dict.fromkeys(reports)][: len(ODD) + 200]


@pytest.fixture(scope="module")
def images(tmp_path_factory, real_nih):
    """Real radiographs, and their middles cut to shapes whose crop is rounded."""
    folder = tmp_path_factory.mktemp("images")
    paths = sorted((real_nih / "images").glob("*"))[:2]
    whole = Image.open(paths[0])
    for width, height in [(700, 917), (917, 700), (1000, 300), (225, 227)]:
        paths.append(folder / f"{width}.png")
        whole.crop((0, 0, width, height)).save(paths[-1])
    return paths


@pytest.fixture(scope="module")
def made(tmp_path_factory, texts, images):
    """Random models of the original classes with their vectors, made by open_clip."""
    if not (PARITY / "open_clip").is_dir():
        pytest.skip(f"open_clip is not in {PARITY}; run make test-parity")
    folder = tmp_path_factory.mktemp("parity")
    given = {"texts": texts, "images": [str(p) for p in images]}
    (folder / "given.json").write_text(json.dumps(given))
    words = sorted({w for t in texts for w in t.lower().replace(".", " ").split() if w.isalpha()})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *".,-/%()", *words[::2]]
    BertTokenizer(vocab={w: n for n, w in enumerate(words)}).save_pretrained(folder / "bert")
    BertConfig(
        vocab_size=len(words),
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=64,
    ).save_pretrained(folder / "bert")
    run_reference("make", folder)
    return folder


def assert_same(model, reference, texts, images):
    """Token ids, pixels and vectors are those of open_clip for the last `texts`."""
    reference = load_file(reference)
    reference |= {k: reference[k][-len(texts) :] for k in ("ids", "texts")}
    ids, mask = model.tokenize(texts)
    theirs = reference["ids"][:, : ids.shape[1]]
    differ = ((ids - theirs) * mask).any(dim=1)
    assert not differ.any(), [t for t, d in zip(texts, differ, strict=True) if d]
    found = model.pixels([open_image(p) for p in images])["pixel_values"]
    differences = {
        "pixels": found - reference["pixels"],
        "texts": model.encode_texts(texts) - reference["texts"],
        "images": model.encode_images(images) - reference["images"],
        "scale": model.logit_scale / reference["scale"] - 1,
    }
    largest = {name: float(d.abs().max()) for name, d in differences.items()}
    print(model.name, largest)
    assert all(value < TOLERANCE for value in largest.values())
    assert all(reference[k].std(dim=0).max() > 1e-3 for k in ("texts", "images"))


@pytest.mark.parametrize("name", NAMES)
def test_folders(name, made, texts, images):
    model = load_model(f"openclip:local-dir:{made / name}", name)
    assert_same(model, made / name / "reference.safetensors", texts, images)


@pytest.mark.parametrize(
    ("name", "arch"),
    [
        ("quickgelu", "ViT-B-32-quickgelu"),
        ("custom-text", "ViT-B-32-quickgelu"),
        ("biomed", "BiomedCLIP"),
    ],
)
def test_training_checkpoints(name, arch, made, texts, images, monkeypatch):
    """`module.`, a Namespace and an epoch around the weights; ARCH says the rest."""
    known = dict(openclip_config.ARCHITECTURES)
    for key, sizes in (("ViT-B-32", (128, 16)), ("BiomedCLIP", (192, 16))):
        known[key] = Architecture(known[key].layout, sizes, known[key].quick_gelu)
    monkeypatch.setattr(openclip_config, "ARCHITECTURES", known)
    monkeypatch.setattr(openclip_config, "CONTEXT", {"clip": 77, "bert": 48})
    model = load_model(f"openclip:{arch}:{made / name / 'epoch_1.pt'}", name)
    assert_same(model, made / name / "reference.safetensors", texts, images)


@pytest.mark.parametrize("name", ["quickgelu", "heads", "biomed", "resnet", "longest", "phantom"])
def test_exports(name, made, texts, images, tmp_path):
    """A model with LoRA merged gives open_clip our vectors."""
    base = name if name == "phantom" else f"openclip:local-dir:{made / name}"
    model = load_model(base, name)
    # open_clip cleans texts that this tokenizer takes as they are.
    texts = texts[len(ODD) :] if name == "phantom" else texts
    add_lora(model, [1, 3])
    torch.manual_seed(0)
    for key, parameter in model.network.named_parameters():
        if "lora_B" in key:
            parameter.data.normal_(0, 0.1)
    export_model(model, "open-clip", tmp_path / "out")
    run_reference("read", made, f"local-dir:{tmp_path / 'out'}", "", tmp_path / "a.safetensors")
    assert_same(model, tmp_path / "a.safetensors", texts, images)
    if name == "quickgelu":
        sizes = json.loads((tmp_path / "out" / "open_clip_config.json").read_text())["model_cfg"]
        (tmp_path / "tiny.json").write_text(json.dumps(sizes))
        run_reference(
            "read",
            made,
            tmp_path / "tiny.json",
            tmp_path / "out" / "checkpoint.pt",
            tmp_path / "b.safetensors",
        )
        assert_same(model, tmp_path / "b.safetensors", texts, images)
