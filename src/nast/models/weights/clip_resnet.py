"""OpenAI's CLIP with a ResNet (RN50, RN101, RN50x4, ...) as image tower, under OpenAI's names.

Radford et al. 2021, section 2.4: three convolutions as stem, average pooling in place of strides
("antialiasing"), and one head layer of attention over the last feature map. The text tower is that
of every CLIP and is run by transformers.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import CLIPConfig, CLIPModel

from nast.errors import ModelError
from nast.models.weights.checkpoints import Weights, count_blocks, grid_side
from nast.models.weights.clip_layout import OPENAI, text_sizes, to_transformers
from nast.models.weights.model_folders import check_keys
from nast.models.weights.resnet import STAGES, add_stages

STRIDE = 32
"""Pixels along one side of a cell of the last feature map."""
_VISUAL = "visual."


class AttentionPool(nn.Module):
    """Attention of the mean of a feature map over its cells and itself, then a projection."""

    def __init__(self, grid: int, width: int, heads: int, outputs: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.zeros(grid**2 + 1, width))
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.c_proj = nn.Linear(width, width), nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, width, grid, grid) -> (B, outputs)."""
        cells = x.flatten(2).transpose(1, 2)
        cells = torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1)
        cells = cells + self.positional_embedding
        q, k, v = (
            layer(rows).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, rows in (
                (self.q_proj, cells[:, :1]),
                (self.k_proj, cells),
                (self.v_proj, cells),
            )
        )
        return self.c_proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(1))


class ResNetSizes(NamedTuple):
    """Of an image tower: bottlenecks per stage, channels of the stem, heads, grid, outputs."""

    depths: tuple[int, ...]
    width: int
    heads: int
    grid: int
    outputs: int


class ClipResNet(nn.Module):
    """The image tower: pixels (B, 3, 32 grid, 32 grid) -> features (B, outputs)."""

    def __init__(self, sizes: ResNetSizes) -> None:
        super().__init__()
        half = sizes.width // 2
        self.conv1 = nn.Conv2d(3, half, 3, 2, 1, bias=False)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(half, sizes.width, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(half), nn.BatchNorm2d(half)
        self.bn3 = nn.BatchNorm2d(sizes.width)
        inputs = add_stages(self, sizes.depths, sizes.width, averaged=True)
        self.attnpool = AttentionPool(sizes.grid, inputs, sizes.heads, sizes.outputs)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels -> features before unit length."""
        x = torch.relu(self.bn1(self.conv1(pixels)))
        x = torch.relu(self.bn2(self.conv2(x)))
        x = nn.functional.avg_pool2d(torch.relu(self.bn3(self.conv3(x))), 2)
        for name in STAGES:
            x = self.get_submodule(name)(x)
        return self.attnpool(x)


class ClipWithResNet(CLIPModel):
    """A `CLIPModel` whose image tower is a `ClipResNet` of `sizes`, not of `vision_config`."""

    def __init__(self, config: CLIPConfig, sizes: ResNetSizes) -> None:
        super().__init__(config)
        self.sizes = sizes
        del self.visual_projection
        self.vision_model = ClipResNet(sizes)

    def get_image_features(self, pixel_values: torch.Tensor, **_: Any) -> Any:
        """Pixels -> features in `pooler_output`, as transformers hands them out."""
        return ImageFeatures(self.vision_model(pixel_values))


class ImageFeatures(NamedTuple):
    """Features (B, D) of images."""

    pooler_output: torch.Tensor


def resnet_sizes(weights: Mapping[str, torch.Tensor], head_width: int) -> ResNetSizes:
    """The sizes of an image tower, from its tensors.

    Raises:
        ModelError: the positions are no square grid with one position of the mean.
    """
    pool = f"{_VISUAL}attnpool."
    cells, channels = weights[f"{pool}positional_embedding"].shape
    return ResNetSizes(
        depths=tuple(count_blocks(weights, f"{_VISUAL}{name}.") for name in STAGES),
        width=len(weights[f"{_VISUAL}bn3.weight"]),
        heads=channels // head_width,
        grid=grid_side(cells),
        outputs=len(weights[f"{pool}c_proj.bias"]),
    )


def resnet_to_openai(network: ClipWithResNet) -> Weights:
    """The weights under OpenAI's names."""
    state, prefix = network.state_dict(), "vision_model."
    image = {k: v for k, v in state.items() if k.startswith(prefix)}
    text = OPENAI.back({k: v for k, v in state.items() if k not in image})
    return text | {_VISUAL + k.removeprefix(prefix): v for k, v in image.items()}


def clip_with_resnet(
    weights: Weights,
    activation: str,
    source: str,
    *,
    head_width: int,
    text_heads: int | None,
    end_token: int,
) -> tuple[ClipWithResNet, int]:
    """The network with exactly these weights, and the side of its images in pixels.

    Args:
        weights: under OpenAI's names.
        activation: of the text tower; the image tower has rectifiers only.
        source: the file, for messages.
        head_width: of the attention over the feature map.
        text_heads: of the text tower; width / 64 if None.
        end_token: where the text is read; 2 stands for the largest id of a row.

    Raises:
        ModelError: a tensor is missing, left over or of another shape.
    """
    sizes = resnet_sizes(weights, head_width)
    text = text_sizes(weights, sizes.outputs, text_heads, end_token)
    # Never run: the least that the class takes.
    unused = {
        "hidden_size": 8,
        "num_hidden_layers": 0,
        "num_attention_heads": 1,
        "image_size": 32,
        "patch_size": 32,
    }
    config: Any = CLIPConfig(
        text_config={**text, "hidden_act": activation},
        vision_config=unused,
        projection_dim=sizes.outputs,
    )
    network = ClipWithResNet(config, sizes)
    image = {k: v for k, v in weights.items() if k.startswith(_VISUAL)}
    state = to_transformers({k: v for k, v in weights.items() if k not in image})
    state |= {f"vision_model.{k.removeprefix(_VISUAL)}": v for k, v in image.items()}
    try:
        found = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{source}: weights do not fit: {error}") from None
    # How many batches the statistics saw decides nothing.
    missing = [k for k in found.missing_keys if not k.endswith("num_batches_tracked")]
    check_keys(source, missing, found.unexpected_keys)
    return network, sizes.grid * STRIDE
