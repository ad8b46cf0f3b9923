"""What a model is: a text tower that runs block by block, and a dual encoder around it.

Every family (`hf:`, `openclip:`, `two-tower:`) is a function that loads files and returns one
`DualEncoder`; scoring, tracing and training know nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch.nn.functional import normalize

from nast.models.cleaning import apply_rules
from nast.models.hardware import products, tf32
from nast.models.images import open_image, read_ahead
from nast.models.weights.fit import check_numbers, check_tokens
from nast.naming import RunSetting

IMAGES = 32
"""Images in one pass of the encoder."""


class TextTower(Protocol):
    """A text encoder that is driven block by block.

    Blocks are counted from 1; layer 0 is the embedding. A mask (B, T) is 1 for tokens and 0 for
    padding; None means that no row is padded. A tower that was trained to see its padding
    ignores the mask. Everything carries gradient where parameters ask for it. The blocks of a
    causal tower also take a Boolean mask (B, T, T), or (1, T, T) for all rows: which positions
    each one sees, in place of the earlier ones. `rows` (n,) are the positions whose output is
    wanted, all if not given; the others are looked at and go no further. A tower that cannot save
    that work returns `output[:, rows]`.

    Attributes:
        causal: whether a position sees earlier positions only.
        n_layers: number of blocks L.
        n_heads: attention heads of a block.
        n_tokens: rows of the token embedding.
        read_layers: the layers whose outputs the vector is read from, ascending; `(L,)` for most.
        lora_path: full-path regex of the q, k, v and out projections within the network; its
            first group, `(\\d+)`, is the 0-based number of the block.
        mlp_path: the same of the linear layers of the blocks' MLPs.
        padding_matters: the vector changes with the length that a row is padded to, so that rows
            must be run at their own length.
    """

    causal: bool
    n_layers: int
    n_heads: int
    n_tokens: int
    read_layers: tuple[int, ...]
    lora_path: str
    mlp_path: str
    padding_matters: bool

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (B, T) -> the state before block 1, (B, T, d)."""
        ...

    def block(
        self,
        layer: int,
        states: torch.Tensor,
        mask: torch.Tensor | None = None,
        rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Block `layer` on its input states, (B, T, d) -> (B, T, d), or (B, n, d) for n rows."""
        ...

    def read(
        self,
        states: Mapping[int, torch.Tensor],
        ids: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """States (B, T, d) of each of `read_layers` -> unit vectors (B, D)."""
        ...

    def pooled_row(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> Any:
        """The position (B,) that the vector is read from; None where it is read from several."""
        ...

    def attention(
        self, layer: int, states: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Attention of block `layer` on its input states, from q and k: (B, heads, T, T)."""
        ...

    def writers(self, layer: int) -> tuple[torch.nn.Module, torch.nn.Module]:
        """The modules whose outputs (B, T, d) block `layer` adds to its stream: attention, MLP."""
        ...


def text_vectors(
    tower: TextTower,
    ids: torch.Tensor,
    mask: torch.Tensor | None = None,
    precision: str = "float32",
) -> torch.Tensor:
    """Unit vectors (B, D) of token ids (B, T), block by block, padded as they come.

    `precision` is that of the blocks; the vectors are read from their states in float32.
    """
    with products(ids.device, precision):
        states, kept = tower.embed(ids), {}
        for layer in range(tower.n_layers + 1):
            if layer:
                states = tower.block(layer, states, mask)
            if layer in tower.read_layers:
                kept[layer] = states
    # To float32 at least: a network in double precision stays there.
    exact = {n: s.to(torch.promote_types(s.dtype, torch.float32)) for n, s in kept.items()}
    return tower.read(exact, ids, mask)


@dataclass(repr=False)
class DualEncoder:
    """A text tower and an image tower whose unit vectors are compared by cosine.

    Attributes:
        name: how results call it; of a run, its setting, the same for all seeds.
        key: hash of the files and settings that decide a vector: weights, tokenizer,
            preprocessing, precision. Equal keys give equal vectors; where the files lie and what
            was encoded before do not matter.
        spec: what the model is, in plain values, for results: family, source, text tower,
            activation, pooling, padding, preprocessing, scale, and `declared`: what it does
            otherwise than a plain dual encoder.
        network: the torch module that holds all weights; LoRA is put on it in place.
        text: the text encoder of `network`.
        tokenizer: of transformers.
        pixels: PIL images in RGB -> the keyword arguments of `image`, batch first.
        image: the image encoder of `network`, pixels -> features (n, D) of any length.
        logit_scale: the factor on cosines that the model was trained with.
        max_tokens: longest text, with its special tokens.
        logit_bias: added to scaled cosines by models with a sigmoid loss.
        padding: `longest` pads a batch to its longest text, `fixed` every text to `max_tokens`.
        text_rules: what is done to a text before it is tokenised, see `TEXT_RULES`.
        made_from: finished folders whose access class the model inherits: the runs it comes from.
        precision: of encoding and training, see `nast.models.hardware`.
        seed: of the run that it comes from; None for a model that is no run.
        g: how much of the run's change is in it, 1 for all; None for a model that is no run.
        run: what the run that it comes from was asked for; None for a model that is no run.
        ready: image file -> the vector (1, d) that `image` gets as `vectors`, where somebody else
            has made them; None for a model that looks at pixels.
        least: pixels of a side at which a JPEG may be decoded, see `open_image`; 0 for all.
    """

    name: str
    key: str
    spec: dict[str, Any]
    network: Any
    text: TextTower
    tokenizer: Any
    pixels: Callable[[Sequence[Image.Image]], Mapping[str, torch.Tensor]]
    image: Callable[..., torch.Tensor]
    logit_scale: float
    max_tokens: int
    logit_bias: float = 0.0
    padding: str = "longest"
    text_rules: Sequence[str] = ()
    made_from: list[Path] = field(default_factory=list)
    precision: str = "float32"
    seed: int | None = None
    g: float | None = None
    run: RunSetting | None = None
    ready: Callable[[Path], torch.Tensor] | None = None
    least: int = 0

    def __post_init__(self) -> None:
        """Freeze the weights: only LoRA is ever trained, and batch statistics never move.

        Raises:
            ModelError: the tokenizer is not that of the model, or a weight is no number, see
                `nast.models.weights.fit`.
        """
        self.network.eval().requires_grad_(False)
        check_numbers(str(self.spec.get("source", self.name)), self.network)
        check_tokens(self)

    def __repr__(self) -> str:
        """Three lines: what it is, its towers, and where it runs."""
        tower, seen = self.text, "causal" if self.text.causal else "both ways"
        run = "" if self.seed is None else f", seed {self.seed}, g {self.g:g}"
        return (
            f"DualEncoder {self.name!r}: {self.spec.get('source', 'made by hand')}{run}\n"
            f"  text tower of {tower.n_layers} blocks, {tower.n_heads} heads, {seen}, up to "
            f"{self.max_tokens} tokens; logit scale {self.logit_scale:.4g}\n"
            f"  {self.precision} on {self.device}, key {self.key[:12]}"
        )

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def tokenize(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Padded ids and mask (n, T) of some texts, cut at `max_tokens`."""
        out = self.tokenizer(
            [apply_rules(t, self.text_rules) for t in texts],
            padding="max_length" if self.padding == "fixed" else True,
            truncation=True,
            max_length=self.max_tokens,
            return_attention_mask=True,
            return_tensors="pt",
        )
        return out["input_ids"], out["attention_mask"]

    def token_count(self, text: str) -> int:
        """Number of tokens of a text before any cut, special tokens included."""
        return len(self._ids(text))

    def token_words(self, text: str) -> list[str]:
        """The tokens of one text as readable words, special tokens included, padding left out."""
        tokens = self.tokenizer.convert_ids_to_tokens(self._ids(text))
        return [t.strip("Ġ▁").removesuffix("</w>").removeprefix("##") or t for t in tokens]

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(apply_rules(text, self.text_rules), truncation=False)["input_ids"]

    def text_features(
        self, ids: torch.Tensor, mask: torch.Tensor, precision: str = "float32"
    ) -> torch.Tensor:
        """Unit vectors (n, D) of tokenised texts, with gradient where parameters ask for it.

        Args:
            ids: (n, T), padded on the right.
            mask: (n, T), 1 for tokens and 0 for padding.
            precision: of the blocks; a trace needs float32, training runs in the model's own.

        Returns:
            float32 on the CPU, wherever the network is.
        """
        if not self.text.padding_matters:
            return self._text_vectors(ids, mask, precision)
        lengths = mask.sum(dim=-1).cpu()
        groups = [(lengths == n).nonzero().flatten() for n in lengths.unique().tolist()]
        parts = [
            self._text_vectors(ids[rows, : int(lengths[rows[0]])], None, precision)
            for rows in groups
        ]
        return torch.cat(parts)[torch.cat(groups).argsort()]

    def _text_vectors(
        self, ids: torch.Tensor, mask: torch.Tensor | None, precision: str
    ) -> torch.Tensor:
        device = self.device
        mask = None if mask is None else mask.to(device)
        with tf32(device, precision):
            return text_vectors(self.text, ids.to(device), mask, precision).cpu()

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors (n, D) of some texts, without gradient: float32 on the CPU."""
        return self.text_features(*self.tokenize(texts), self.precision)

    @torch.no_grad()
    def encode_images(self, paths: Sequence[Path]) -> torch.Tensor:
        """Unit vectors (n, D) of some image files, without gradient: float32 on the CPU.

        Files are read and preprocessed ahead of the encoder, see `read_ahead`.

        Raises:
            ImageError: a file is missing or is not a whole image; the first of them in order.
        """
        with closing(read_ahead(self._input, paths)) as made:
            parts = []
            while some := list(islice(made, IMAGES)):
                parts.append(self._image_vectors(some))
        return torch.cat(parts)

    def _input(self, path: Path) -> Mapping[str, torch.Tensor]:
        """What the image encoder gets of a file."""
        if self.ready:
            return {"vectors": self.ready(Path(path))}
        return self.pixels([open_image(Path(path), self.least)])

    def _image_vectors(self, images: Sequence[Mapping[str, torch.Tensor]]) -> torch.Tensor:
        device = self.device
        pixels = {name: torch.cat([i[name] for i in images]).to(device) for name in images[0]}
        with tf32(device, self.precision):
            with products(device, self.precision):
                features = self.image(**pixels)
            return normalize(features.float(), dim=-1).cpu()
