"""VDSR: twenty convolutions learn what the interpolated image lacks."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import OutputHead, bicubic, bicubic_reach, conv, same_channels
from napari_sr.networks.image_conv import image_conv


@NETWORKS.register("vdsr", title="VDSR", reference="Kim et al. 2016, arXiv:1511.04587")
class VDSR(SRNetwork):
    """Bicubic, plus conv - N times (ReLU - conv) - ReLU - conv of it: 664 704 weights beside the biases.

    Parameters
    ----------
    num_features, num_blocks
        Width, and convolutions between the first and the last: 18 make the paper's twenty layers.
    """

    scales = (2, 3, 4, 8)
    computes_first = True

    def __init__(
        self, *, scale: int, in_channels: int = 1, out_channels: int = 1, num_features: int = 64, num_blocks: int = 18
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        same_channels(in_channels, out_channels)
        self.num_blocks = num_blocks
        self.first = image_conv(in_channels, num_features)
        layers: list[nn.Module] = [nn.ReLU()]
        for _ in range(num_blocks):
            layers += [conv(num_features, num_features), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=3, activation="linear")
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    @property
    def halo(self) -> int:
        return bicubic_reach(self.num_blocks + 2, self.scale)

    def forward(self, lr: Tensor) -> Tensor:
        image = bicubic(lr, self.scale)  # (N, C, H * scale, W * scale)
        residual: Tensor = self.last(self.body(self.first(image)))
        return image + residual
