"""Building blocks that two or more networks share."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Head = Literal["tanh", "sigmoid", "linear"]


def conv(in_channels: int, out_channels: int, kernel_size: int = 3) -> nn.Conv2d:
    """Return a convolution that keeps height and width."""
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)


class OutputHead(nn.Module):
    """Last convolution and activation, always in float32.

    A bfloat16 output distinguishes 1281 of the 65 536 values of a 16-bit image, so the last step is
    done in single precision whatever the rest of the network runs in.
    """

    full_precision = True

    def __init__(self, *, in_channels: int, out_channels: int, kernel_size: int, activation: Head) -> None:
        super().__init__()
        self.conv = conv(in_channels, out_channels, kernel_size)
        self.activation = activation

    def forward(self, features: Tensor) -> Tensor:
        # (N, F, H, W) -> (N, C, H, W)
        weight, bias = self.conv.weight.float(), self.conv.bias
        bias = None if bias is None else bias.float()
        # autocast would cast the operands back down
        with torch.autocast(features.device.type, enabled=False):
            out = F.conv2d(features.float(), weight, bias, padding=self.conv.padding)
        activations = {"tanh": torch.tanh, "sigmoid": torch.sigmoid}
        return activations[self.activation](out) if self.activation in activations else out


class ChannelAttention(nn.Module):
    """Squeeze (global average, 1x1 down) and excite (1x1 up, sigmoid), then scale the channels."""

    def __init__(self, *, num_features: int, reduction: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(num_features, max(num_features // reduction, 1), 1)
        self.up = nn.Conv2d(max(num_features // reduction, 1), num_features, 1)

    def weights(self, statistics: Tensor) -> Tensor:
        """Return one factor in (0, 1) a channel, shape (N, F, 1, 1)."""
        pooled = statistics.mean(dim=(-2, -1), keepdim=True)
        return torch.sigmoid(self.up(torch.relu(self.down(pooled))))

    def forward(self, features: Tensor) -> Tensor:
        return features * self.weights(features)
