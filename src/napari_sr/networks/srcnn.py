"""SRCNN: three convolutions on the interpolated image."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import OutputHead, bicubic, bicubic_reach, conv
from napari_sr.networks.image_conv import image_conv


@NETWORKS.register("srcnn", title="SRCNN", reference="Dong et al. 2014, arXiv:1501.00092")
class SRCNN(SRNetwork):
    """Bicubic - conv 9x9 - ReLU - conv 1x1 - ReLU - conv 5x5: 8 032 weights beside the biases.

    Parameters
    ----------
    num_features
        Of the first convolution, which extracts patches.
    num_maps
        Of the convolutions 1x1, which map them.
    num_blocks
        Convolutions 1x1: one is the paper's 9-1-5, two its 9-1-1-5.
    """

    scales = (2, 3, 4, 8)
    computes_first = True

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 64,
        num_maps: int = 32,
        num_blocks: int = 1,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.first = image_conv(in_channels, num_features, 9)
        layers: list[nn.Module] = [nn.ReLU()]
        for number in range(num_blocks):
            layers += [conv(num_maps if number else num_features, num_maps, 1), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.last = OutputHead(in_channels=num_maps, out_channels=out_channels, kernel_size=5, activation="linear")

    @property
    def halo(self) -> int:
        return bicubic_reach(4 + 2, self.scale)

    def forward(self, lr: Tensor) -> Tensor:
        image = bicubic(lr, self.scale)  # (N, C, H * scale, W * scale)
        sr: Tensor = self.last(self.body(self.first(image)))
        return sr
