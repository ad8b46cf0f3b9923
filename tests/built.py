"""Data folders and stand-in models that several test folders share; each is made once."""

import json
from functools import cache
from pathlib import Path

import polars as pl
import torch
from torch.nn.functional import normalize

from nast.benchmark.build import build_benchmark
from nast.contextual.build import build_contextual
from nast.files import MANIFEST
from nast.folders import seal_folder
from nast.models.contract import DualEncoder, text_vectors


@cache
def contextual_set(facts: Path) -> Path:
    """Claim sets and captions of a facts folder."""
    folder = facts.with_name("contextual")
    build_contextual(facts, folder, groups=8)
    return folder


@cache
def question_set(facts: Path) -> Path:
    """Questions of a facts folder."""
    folder = facts.with_name("questions")
    build_benchmark(facts, folder, limit=5)
    return folder


def validated(folder):
    """A contextual set, every fourth of whose groups has patients to validate on from now on."""
    claims = pl.read_parquet(folder / "items.parquet")
    fourth = claims["group_id"].unique(maintain_order=True).gather_every(4).to_list()
    split = pl.when(pl.col("group_id").is_in(fourth)).then(pl.lit("validate")).otherwise("split")
    claims.with_columns(split=split).write_parquet(folder / "items.parquet")
    return resealed(folder)


def write_tiny_clip(folder):
    """A random CLIPModel folder: 4 text blocks of width 32, the phantom's tokenizer."""
    from transformers import CLIPConfig, CLIPModel

    from nast.phantom.patients import patients
    from nast.phantom.pretrain.clip import phantom_processor, train_tokenizer

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = train_tokenizer(patients(100, 7), 7)
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "pad_token_id": 1,
        "projection_dim": 16,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 96,
        "patch_size": 32,
        "projection_dim": 16,
    }
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    phantom_processor().save_pretrained(folder)
    return folder


class TableModel(DualEncoder):
    """A dual encoder whose vectors are looked up: texts by their words, images by file name."""

    key = "0" * 64
    logit_scale = 10.0
    max_tokens = 5
    network = None

    def __init__(self, texts, images, name="table", seed=None):
        self.table_texts, self.table_images, self.name, self.seed = texts, images, name, seed
        self.made_from, self.spec = [], {}
        self.calls, self.numbers = [], {}

    def _rows(self, table, names):
        self.calls += names
        return normalize(torch.tensor([table[n] for n in names], dtype=torch.float32), dim=-1)

    def encode_texts(self, texts):
        return self._rows(self.table_texts, list(texts))

    def encode_images(self, paths):
        return self._rows(self.table_images, [Path(p).name for p in paths])

    def token_count(self, text):
        return len(text.split())

    def tokenize(self, texts):
        """A number for each word, cut at the limit."""
        words = [text.split()[: self.max_tokens] for text in texts]
        longest = max(map(len, words))
        ids, mask = torch.zeros((2, len(texts), longest), dtype=torch.int64)
        for row, found in enumerate(words):
            numbers = [self.numbers.setdefault(w, len(self.numbers) + 1) for w in found]
            ids[row, : len(found)], mask[row, : len(found)] = torch.tensor(numbers), 1
        return ids, mask


def resealed(folder, **said):
    """A folder whose tables a test has changed, finished again as it is now.

    Args:
        folder: with or without a manifest.
        said: what its manifest says otherwise.
    """
    path = Path(folder) / MANIFEST
    made = json.loads(path.read_text()) if path.is_file() else {"access": "open", "terms": []}
    seal_folder(Path(folder), made | said)
    return folder


@torch.no_grad()
def text_vector(tower, ids, mask=None):
    """Unit vector (D,) of one text, its blocks run one by one."""
    return text_vectors(tower, ids[None], None if mask is None else mask[None])[0]
