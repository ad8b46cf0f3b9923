"""Dual encoders of transformers: `CLIPModel`, `SiglipModel` and `Siglip2Model` folders and hub ids.

OpenAI CLIP, PubMedCLIP, XrayCLIP, XraySigLIP, MedSigLIP, SigLIP 2, the phantom model and whatever
was saved from these classes. Loaded without remote code and without torchvision.
"""

import math
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize
from transformers import CLIPModel, Siglip2Model, SiglipModel
from transformers.utils import logging

from nast.errors import ModelError
from nast.files import read_json
from nast.models.attention import attended, attention_weights
from nast.models.contract import DualEncoder
from nast.models.weights.checkpoints import read_tensors, refuse_stand_in
from nast.models.weights.fit import check_pixels
from nast.models.weights.model_folders import PICKLED, check_keys, files_key, hub_folder
from nast.models.weights.pretrained import (
    SAFELY,
    load_processor,
    load_tokenizer,
    refuse_adapter,
    refuse_kernels,
    refusing,
)

logging.disable_progress_bar()
CLASSES: dict[str, Any] = {"clip": CLIPModel, "siglip": SiglipModel, "siglip2": Siglip2Model}
"""`model_type` of a `config.json` -> its class."""


def load_hf(place: str | Path, name: str) -> DualEncoder:
    """Load a folder, or a hub id that is cached or can be fetched.

    Args:
        place: a folder with `config.json`, weights, tokenizer and preprocessor files, or
            `OWNER/NAME` on the Hugging Face hub.
        name: how results call the model.

    Raises:
        ModelError: it is neither, the class is another one, or keys are missing or unexpected.
    """
    folder = Path(place) if Path(place).is_dir() else hub_folder(str(place))
    refuse_adapter(folder)
    network = _network(folder)
    tokenizer, processor = load_tokenizer(folder), load_processor(folder)
    if not isinstance(network, Siglip2Model):
        side = network.config.vision_config.image_size
        check_pixels(str(place), partial(processor, return_tensors="pt"), side)
    return dual_encoder(network, tokenizer, processor, name, files_key(folder), str(place))


def dual_encoder(
    network: Any, tokenizer: Any, processor: Any, name: str, key: str, source: str
) -> DualEncoder:
    """Put a network of one of `CLASSES` behind the contract.

    Args:
        network: `CLIPModel`, `SiglipModel` or `Siglip2Model`.
        tokenizer: its tokenizer.
        processor: its image processor, PIL images -> pixel tensors.
        name: how results call the model.
        key: hash of everything that decides a vector.
        source: folder, hub id or file that the weights are from.
    """
    text = HFTextTower(network)
    config = network.config.text_config
    scale = float(network.logit_scale.detach().exp())
    bias = 0.0 if text.causal else float(network.logit_bias.detach())
    # SigLIP was trained on rows of full length and reads the last of them, a pad as a rule.
    padding = "longest" if text.causal else "fixed"
    # It was trained in lower case, which not every tokenizer that its folders name sees to.
    rules = [] if text.causal else ["lower"]
    spec = {
        "family": "hf",
        "source": source,
        "class": type(network).__name__,
        "activation": config.hidden_act,
        "pooling": "end token" if text.causal else "last",
        "padding": padding,
        "max tokens": config.max_position_embeddings,
        "text rules": rules,
        "tokenizer": type(tokenizer).__name__,
        "preprocessing": processor_spec(processor),
        "logit scale": scale,
        "logit bias": bias,
        "declared": [],
    }
    return DualEncoder(
        name,
        key,
        spec,
        network,
        text,
        tokenizer,
        partial(processor, return_tensors="pt"),
        HFImageTower(network),
        scale,
        config.max_position_embeddings,
        bias,
        padding,
        rules,
    )


def _network(folder: Path) -> Any:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: no config.json; hf:FOLDER needs a saved CLIP or SigLIP model")
    files = [*folder.glob("*.safetensors"), *folder.glob(PICKLED)]
    if not files:
        raise ModelError(f"{folder}: no .safetensors file beside config.json")
    for file in files:
        refuse_stand_in(file)
    said = read_json(folder / "config.json")
    refuse_kernels(said, str(folder / "config.json"))
    kind = said.get("model_type") if isinstance(said, dict) else None
    if kind not in CLASSES:
        raise ModelError(
            f"{folder}: config.json: found model_type {kind!r}, expected one of "
            f"{', '.join(CLASSES)}; a text and an image encoder of two folders are two-tower:SPEC"
        )
    with refusing(f"{folder}: weights do not fit the {kind} class"):
        network, loading = CLASSES[kind].from_pretrained(
            folder,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            attn_implementation="sdpa",
            **SAFELY,
        )
    check_keys(str(folder), loading["missing_keys"], loading["unexpected_keys"])
    _fill_numbers(folder, network, loading["mismatched_keys"])
    return network


def _fill_numbers(folder: Path, network: Any, mismatched: Iterable[tuple[str, Any, Any]]) -> None:
    """Scale and bias are one number, which some files hold as a list of one, and some do not.

    Raises:
        ModelError: any other tensor is of another shape.
    """
    for name, found, wanted in sorted(mismatched):
        if math.prod(found) != 1 or math.prod(wanted) != 1:
            kind = type(network).__name__
            raise ModelError(
                f"{folder}: weights do not fit the {kind} of config.json: {name} has "
                f"shape {list(found)}, expected {list(wanted)}"
            )
        files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob(PICKLED))
        value = next(w[name] for w in map(read_tensors, files) if name in w)
        network.get_parameter(name).data.copy_(value.reshape(wanted))


def processor_spec(processor: Any) -> dict[str, Any]:
    """What decides the pixels, out of a processor's settings."""
    wanted = (
        "size",
        "crop_size",
        "do_center_crop",
        "resample",
        "image_mean",
        "image_std",
        "rescale_factor",
        "fill_color",
        "patch_size",
        "max_num_patches",
    )
    settings = {k: v for k, v in processor.to_dict().items() if k in wanted and v is not None}
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}
    return {"processor": type(processor).__name__, **plain}


class HFImageTower:
    """The image encoder of a network of `CLASSES`."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def __call__(self, **pixels: torch.Tensor) -> torch.Tensor:
        """Pixels as the processor gives them -> features (n, D)."""
        return self._network.get_image_features(**pixels).pooler_output


class HFTextTower:
    """The text encoder of a network of `CLASSES`; LoRA on it is seen, for modules are called.

    CLIP is causal and reads its end token. SigLIP sees all of its 64 positions, padding included,
    and reads the last.
    """

    padding_matters = False
    lora_path = r"text_model\.encoder\.layers\.(\d+)\.self_attn\.(?:q_proj|k_proj|v_proj|out_proj)"
    mlp_path = r"text_model\.encoder\.layers\.(\d+)\.mlp\.(?:fc1|fc2)"

    def __init__(self, network: Any) -> None:
        self.causal = isinstance(network, CLIPModel)
        self._text = network.text_model
        self._head = network.text_projection if self.causal else self._text.head
        self._blocks = list(self._text.encoder.layers)
        self.n_layers = len(self._blocks)
        self.read_layers: tuple[int, ...] = (self.n_layers,)
        self.n_tokens = int(self._text.embeddings.token_embedding.num_embeddings)
        self.n_heads = int(network.config.text_config.num_attention_heads)
        self._end = network.config.text_config.eos_token_id

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Token and position embeddings, (B, T) -> (B, T, d)."""
        return self._text.embeddings(input_ids=ids)

    def block(
        self,
        layer: int,
        states: torch.Tensor,
        mask: torch.Tensor | None = None,
        rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Block `layer` (1-based), (B, T, d) -> (B, T, d).

        No mask is needed: padding stands behind CLIP's end token, and SigLIP sees its padding. A
        mask (B, T, T) takes the place of CLIP's causal one. Of `rows` alone, the block's modules
        are called one by one.
        """
        block, chosen = self._blocks[layer - 1], slice(None) if rows is None else rows
        if rows is None and (mask is None or mask.dim() == 2):
            causal = {"is_causal": True} if self.causal else {}
            return block(states, attention_mask=None, **causal)
        x, parts = block.layer_norm1(states), block.self_attn
        q, k, v = parts.q_proj(x[:, chosen]), parts.k_proj(x), parts.v_proj(x)
        seen = self._seen(mask, states)[..., chosen, :]
        own = states[:, chosen] + parts.out_proj(attended(q, k, v, self.n_heads, seen))
        return own + block.mlp(block.layer_norm2(own))

    def read(
        self,
        states: Mapping[int, torch.Tensor],
        ids: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Final norm, projection and unit length of the pooled rows, (B, T, d) -> (B, D)."""
        last = states[self.n_layers]
        rows = last[torch.arange(len(last), device=last.device), self.pooled_row(ids)]
        return normalize(self._head(self._text.final_layer_norm(rows)), dim=-1)

    def pooled_row(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """CLIP: the first end token, or the largest id where the configuration is of the old kind.

        Configurations from before transformers 4.31 say 2 for an end token that is the largest id.
        SigLIP: the last position.
        """
        if not self.causal:
            return torch.full((len(ids),), ids.shape[1] - 1, device=ids.device)
        if self._end == 2:
            return ids.argmax(dim=-1)
        return (ids == self._end).int().argmax(dim=-1)

    def attention(
        self, layer: int, states: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Attention weights of block `layer`, (B, heads, T, T)."""
        block = self._blocks[layer - 1]
        x = block.layer_norm1(states)
        q, k = block.self_attn.q_proj(x), block.self_attn.k_proj(x)
        return attention_weights(q, k, self.n_heads, causal=self.causal)

    def _seen(self, mask: torch.Tensor | None, states: torch.Tensor) -> torch.Tensor:
        """Which positions each one sees, (1 or B, 1, T, T)."""
        if mask is not None and mask.dim() == 3:
            return mask[:, None]
        length = states.shape[1]
        seen = torch.ones(1, 1, length, length, dtype=torch.bool, device=states.device)
        return seen.tril() if self.causal else seen

    def writers(self, layer: int) -> tuple[torch.nn.Module, torch.nn.Module]:
        """The output projection of the attention, and the MLP."""
        block = self._blocks[layer - 1]
        return block.self_attn.out_proj, block.mlp
