"""SRResNet: SRGAN's generator, sixteen residual blocks with batch norm."""

from __future__ import annotations

import math

from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import Head, OutputHead, conv
from napari_sr.networks.image_conv import image_conv
from napari_sr.networks.wgan import UpsampleBlock


class ResidualBlock(nn.Module):
    """conv - BN - PReLU - conv - BN, plus the input."""

    def __init__(self, *, num_features: int) -> None:
        super().__init__()
        self.conv1 = conv(num_features, num_features)
        self.norm1 = nn.BatchNorm2d(num_features)
        self.act = nn.PReLU()
        self.conv2 = conv(num_features, num_features)
        self.norm2 = nn.BatchNorm2d(num_features)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))
        return out


@NETWORKS.register("srresnet", title="SRResNet (SRGAN's generator)", reference="Ledig et al. 2017, arXiv:1609.04802")
class SRResNet(SRNetwork):
    """conv 9x9 - 16 residual blocks - conv - BN - long skip - upsample blocks - conv 9x9 - head."""

    scales = (2, 3, 4, 8)

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 64,
        num_blocks: int = 16,
        head: Head = "tanh",
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.factors = [3] if scale == 3 else [2] * int(math.log2(scale))
        self.num_blocks = num_blocks
        self.first = image_conv(in_channels, num_features, 9)
        self.act = nn.PReLU()
        self.blocks = nn.Sequential(*(ResidualBlock(num_features=num_features) for _ in range(num_blocks)))
        self.after = nn.Sequential(conv(num_features, num_features), nn.BatchNorm2d(num_features))
        self.upsample = nn.Sequential(*(UpsampleBlock(num_features=num_features, factor=f) for f in self.factors))
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=9, activation=head)

    @property
    def halo(self) -> int:
        reach = 4  # on the finest grid; each coarser pixel that is touched counts whole
        for factor in reversed(self.factors):
            reach = -(-reach // factor) + 1
        return reach + 1 + 2 * self.num_blocks + 4

    def forward(self, lr: Tensor) -> Tensor:
        features = self.act(self.first(lr))  # (N, F, H, W)
        features = features + self.after(self.blocks(features))
        sr: Tensor = self.last(self.upsample(features))  # (N, C, H * scale, W * scale)
        return sr
