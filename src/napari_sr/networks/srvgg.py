"""SRVGGNetCompact: Real-ESRGAN's small network, plain convolutions at LR resolution."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import OutputHead, conv, same_channels
from napari_sr.networks.image_conv import image_conv


@NETWORKS.register(
    "srvgg", title="SRVGGNetCompact (Real-ESRGAN's small network)", reference="Wang et al. 2021, arXiv:2107.10833"
)
class SRVGGNet(SRNetwork):
    """conv - PReLU, N more of them, conv to r^2 times the channels, shuffle; plus the nearest neighbour.

    Three colours at x4: 621 424 parameters with 16 convolutions (``realesr-animevideov3``), 1 213 296 with 32
    (``realesr-general-x4v3``).

    Parameters
    ----------
    num_features, num_blocks
        Width, and pairs of a convolution and a PReLU with one slope a channel, after the first pair.
    """

    scales = (1, 2, 3, 4, 8)

    def __init__(
        self, *, scale: int, in_channels: int = 1, out_channels: int = 1, num_features: int = 64, num_blocks: int = 16
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        same_channels(in_channels, out_channels)
        self.num_blocks = num_blocks
        self.first = image_conv(in_channels, num_features)
        layers: list[nn.Module] = [nn.PReLU(num_features)]
        for _ in range(num_blocks):
            layers += [conv(num_features, num_features), nn.PReLU(num_features)]
        self.body = nn.Sequential(*layers)
        self.last = OutputHead(
            in_channels=num_features, out_channels=out_channels * scale**2, kernel_size=3, activation="linear"
        )

    @property
    def halo(self) -> int:
        return self.num_blocks + 2

    def forward(self, lr: Tensor) -> Tensor:
        features = self.body(self.first(lr))  # (N, F, H, W)
        sr: Tensor = F.pixel_shuffle(self.last(features), self.scale)
        return sr + F.interpolate(lr.float(), scale_factor=float(self.scale), mode="nearest")
