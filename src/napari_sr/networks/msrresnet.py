"""MSRResNet: SRResNet without batch norm, the small network of BasicSR and KAIR."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import OutputHead, conv, factors_of, same_channels, shuffle_reach, shuffle_upsampler
from napari_sr.networks.edsr import ResidualBlock
from napari_sr.networks.image_conv import image_conv

#: slope of the activations
LEAK = 0.1


@NETWORKS.register(
    "msrresnet",
    title="MSRResNet (SRResNet of BasicSR)",
    reference="Ledig et al. 2017, arXiv:1609.04802, changed as in Wang et al. 2018, arXiv:1809.00219",
)
class MSRResNet(SRNetwork):
    """conv - 16 residual blocks - (conv, shuffle) a factor - conv - conv, plus the bilinear image.

    Without batch norm and without a skip over all blocks; 1.52 M parameters at x4 with three colours.
    """

    scales = (2, 3, 4, 8)

    def __init__(
        self, *, scale: int, in_channels: int = 1, out_channels: int = 1, num_features: int = 64, num_blocks: int = 16
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        same_channels(in_channels, out_channels)
        self.factors, self.num_blocks = factors_of(scale), num_blocks
        self.first = image_conv(in_channels, num_features)
        self.blocks = nn.Sequential(
            *(ResidualBlock(num_features=num_features, res_scale=1.0) for _ in range(num_blocks))
        )
        shuffled = shuffle_upsampler(num_features=num_features, factors=self.factors)
        self.upsample = nn.ModuleList(layer for layer in shuffled if isinstance(layer, nn.Conv2d))
        self.fine = conv(num_features, num_features)
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=3, activation="linear")

    @property
    def halo(self) -> int:
        return 1 + 2 * self.num_blocks + shuffle_reach(2, self.factors)

    def forward(self, lr: Tensor) -> Tensor:
        features = self.blocks(F.leaky_relu(self.first(lr), LEAK))  # (N, F, H, W)
        for factor, layer in zip(self.factors, self.upsample, strict=True):
            features = F.leaky_relu(F.pixel_shuffle(layer(features), factor), LEAK)
        sr: Tensor = self.last(F.leaky_relu(self.fine(features), LEAK))  # (N, C, H * scale, W * scale)
        return sr + F.interpolate(lr.float(), scale_factor=float(self.scale), mode="bilinear", align_corners=False)
