"""ResNets under the names of torchvision and OpenAI: bottlenecks in four stages."""

import torch
from torch import nn

STAGES = ("layer1", "layer2", "layer3", "layer4")


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside an identity or projected shortcut.

    Args:
        inputs: channels that come in; 4 `width` go out.
        width: channels of the 3x3 convolution.
        stride: of the block.
        averaged: OpenAI's CLIP averages where others have a strided convolution.
    """

    def __init__(self, inputs: int, width: int, stride: int, averaged: bool = False) -> None:
        super().__init__()
        outputs, step = 4 * width, 1 if averaged else stride
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, step, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.pool = nn.AvgPool2d(stride) if averaged and stride > 1 else nn.Identity()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, step, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, h, w) -> (B, 4 width, h / stride, w / stride)."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.pool(torch.relu(self.bn2(self.conv2(out))))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (x if self.downsample is None else self.downsample(self.pool(x))))


def add_stages(
    network: nn.Module, depths: tuple[int, ...], width: int, averaged: bool = False
) -> int:
    """Give a network its four stages of bottlenecks; the channels that come out of the last.

    Args:
        network: gets `layer1` to `layer4`.
        depths: bottlenecks of each stage.
        width: channels of the first stage.
        averaged: see `Bottleneck`.
    """
    inputs = width
    for stage, (name, depth) in enumerate(zip(STAGES, depths, strict=True)):
        channels, blocks = width * 2**stage, []
        for i in range(depth):
            blocks.append(Bottleneck(inputs, channels, 2 if stage and not i else 1, averaged))
            inputs = 4 * channels
        setattr(network, name, nn.Sequential(*blocks))
    return inputs


class ResNet(nn.Module):
    """The convolutions of a ResNet (He et al. 2016, with the stride in the 3x3 convolution).

    Args:
        depths: bottlenecks of each of the four stages; (3, 4, 6, 3) is ResNet-50.
        width: channels of the first stage, 64 in all published ones.

    Attributes:
        width_out: length d of a patch vector.
        sizes: its arguments.
    """

    def __init__(self, depths: tuple[int, ...] = (3, 4, 6, 3), width: int = 64) -> None:
        super().__init__()
        self.sizes = {"depths": list(depths), "width": width}
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.width_out = add_stages(self, depths, width)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (B, 3, h, w) -> patches (B, h / 32 * w / 32, d)."""
        x = torch.relu(self.bn1(self.conv1(pixels)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        for name in STAGES:
            x = self.get_submodule(name)(x)
        return x.flatten(2).transpose(1, 2)
