"""Hugging Face `CLIPModel` folders: the phantom model, OpenAI CLIP, PubMedCLIP, XrayCLIP, ...

Loaded from disk only, without remote code and without torchvision.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn.functional import normalize
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel
from transformers.utils import logging

from nast.errors import ImageError, ModelError
from nast.store import content_hash, file_hash

logging.disable_progress_bar()
_KINDS = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Files that decide a vector: weights, configuration, tokenizer, preprocessing."""


class HFDualEncoder:
    """A `CLIPModel` behind the `DualEncoder` contract."""

    def __init__(self, folder: Path, name: str) -> None:
        """Load a folder.

        Args:
            folder: with `config.json`, `model.safetensors`, tokenizer and preprocessor files.
            name: how results call the model.

        Raises:
            ModelError: the folder is no CLIPModel, or keys are missing or unexpected.
        """
        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise ModelError(f"{folder}: no config.json; hf:FOLDER needs a saved CLIPModel")
        if not any(folder.glob("*.safetensors")):
            raise ModelError(
                f"{folder}: no .safetensors; save the model again, pickles are not read"
            )
        self.name = name
        self.made_from: list[Path] = []
        loaded: Any = CLIPModel.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
        self.network, loading = loaded
        wrong = {
            k: sorted(v)
            for k, v in loading.items()
            if k in ("missing_keys", "unexpected_keys") and v
        }
        if wrong:
            raise ModelError(f"{folder}: weights do not fit CLIPModel exactly: {wrong}")
        self.network.eval().requires_grad_(False)
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
        self.max_tokens = int(self.network.config.text_config.max_position_embeddings)
        self.logit_scale = float(self.network.logit_scale.exp())
        files = sorted({p for kind in _KINDS for p in folder.glob(kind)})
        self.key = content_hash([[p.name, file_hash(p)] for p in files])

    def tokenize(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Padded ids and mask (n, T), T the longest of these texts."""
        out = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_tokens,
            return_tensors="pt",
        )  # fmt: skip
        return out["input_ids"], out["attention_mask"]

    def token_count(self, text: str) -> int:
        """Number of tokens before any cut, special tokens included."""
        return len(self.tokenizer(text, truncation=False)["input_ids"])

    def token_words(self, text: str) -> list[str]:
        """Tokens as readable words."""
        tokens = self.tokenizer.convert_ids_to_tokens(self.tokenizer(text)["input_ids"])
        return [t.replace("Ġ", "").replace("</w>", "") for t in tokens]

    def text_features(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Unit vectors (n, D); the causal mask alone decides, padding stands behind the end."""
        out = self.network.get_text_features(input_ids=ids, attention_mask=mask)
        return normalize(out.pooler_output, dim=-1)

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors (n, D) of some texts."""
        return self.text_features(*self.tokenize(texts))

    @torch.no_grad()
    def encode_images(self, paths: Sequence[Path]) -> torch.Tensor:
        """Unit vectors (n, D) of some image files.

        Raises:
            ImageError: a file is missing or is not a whole image.
        """
        images = [_open(Path(p)) for p in paths]
        pixels = self.processor(images, return_tensors="pt")["pixel_values"]
        return normalize(self.network.get_image_features(pixels).pooler_output, dim=-1)

    def text_tower(self) -> "HFTextTower":
        """The text encoder, block by block."""
        return HFTextTower(self.network)


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except FileNotFoundError:
        raise ImageError(path, "no such file") from None
    except (OSError, SyntaxError, ValueError):
        raise ImageError(path, "a broken image") from None


class HFTextTower:
    """The causal text encoder of a `CLIPModel`; LoRA on it is seen, for blocks are called whole."""

    causal = True

    def __init__(self, network: Any) -> None:
        """Find the text model inside a CLIPModel or a peft model around one."""
        base = network.get_base_model() if hasattr(network, "get_base_model") else network
        self._text, self._projection = base.text_model, base.text_projection
        self._blocks = list(self._text.encoder.layers)
        self.n_layers = len(self._blocks)
        self.n_heads = int(base.config.text_config.num_attention_heads)
        self._end = int(base.config.text_config.eos_token_id)

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Token and position embeddings, (B, T) -> (B, T, d)."""
        return self._text.embeddings(input_ids=ids)

    def block(self, layer: int, states: torch.Tensor) -> torch.Tensor:
        """Block `layer` (1-based) under the causal mask, (B, T, d) -> (B, T, d)."""
        out = self._blocks[layer - 1](states, attention_mask=None, is_causal=True)
        return out if torch.is_tensor(out) else out[0]

    def pooled_row(self, ids: torch.Tensor) -> torch.Tensor:
        """First end token; the largest id for configurations of transformers' legacy kind."""
        if self._end == 2:
            return ids.argmax(dim=-1)
        return (ids == self._end).int().argmax(dim=-1)

    def head(self, rows: torch.Tensor) -> torch.Tensor:
        """Final norm, projection and unit length, (B, d) -> (B, D)."""
        return normalize(self._projection(self._text.final_layer_norm(rows)), dim=-1)

    def attention(self, layer: int, states: torch.Tensor) -> torch.Tensor:
        """Softmax of q k / sqrt(d_head) under the causal mask, (B, heads, T, T)."""
        block = self._blocks[layer - 1]
        x = block.layer_norm1(states)
        batch, length, width = x.shape
        shape = (batch, length, self.n_heads, width // self.n_heads)
        q = block.self_attn.q_proj(x).view(shape).transpose(1, 2)
        k = block.self_attn.k_proj(x).view(shape).transpose(1, 2)
        logits = q @ k.transpose(-1, -2) / (width // self.n_heads) ** 0.5
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        return logits.masked_fill(future, float("-inf")).softmax(dim=-1)
