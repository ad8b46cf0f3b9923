"""ResNet-50 (He et al. 2016, with the stride in the 3x3 convolution) under torchvision's names."""

import torch
from torch import nn


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside an identity or projected shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, h, w) -> (B, 4 width, h / stride, w / stride)."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """The convolutions of a ResNet, without its classifier.

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
        inputs = width
        for stage, depth in enumerate(depths):
            channels, blocks = width * 2**stage, []
            for i in range(depth):
                blocks.append(Bottleneck(inputs, channels, 2 if stage and not i else 1))
                inputs = 4 * channels
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.width_out = inputs

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (B, 3, h, w) -> patches (B, h / 32 * w / 32, d)."""
        x = torch.relu(self.bn1(self.conv1(pixels)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        for stage in range(4):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.flatten(2).transpose(1, 2)
