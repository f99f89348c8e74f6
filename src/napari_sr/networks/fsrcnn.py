"""FSRCNN: an hourglass of convolutions at LR resolution and one transposed convolution."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import conv, no_autocast
from napari_sr.networks.image_conv import image_conv

KERNEL = 9


class TransposedHead(nn.Module):
    """Transposed convolution 9x9 whose stride is the scale, always in float32 (see :class:`OutputHead`)."""

    full_precision = True

    def __init__(self, *, in_channels: int, out_channels: int, scale: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(
            in_channels, out_channels, KERNEL, stride=scale, padding=KERNEL // 2, output_padding=scale - 1
        )

    def forward(self, features: Tensor) -> Tensor:
        layer = self.conv
        weight, bias = layer.weight.float(), layer.bias
        bias = None if bias is None else bias.float()
        with no_autocast(features.device):
            return F.conv_transpose2d(
                features.float(), weight, bias, stride=layer.stride, padding=KERNEL // 2,
                output_padding=layer.output_padding,
            )  # fmt: skip


@NETWORKS.register("fsrcnn", title="FSRCNN", reference="Dong et al. 2016, arXiv:1608.00367")
class FSRCNN(SRNetwork):
    """conv 5x5 - shrink 1x1 - m convolutions 3x3 - expand 1x1 - transposed conv 9x9, PReLU after all but the last.

    FSRCNN(56, 12, 4) has 12 464 weights beside biases and slopes.

    Parameters
    ----------
    num_features, num_shrunk, num_blocks
        The paper's d, s and m.
    """

    scales = (2, 3, 4, 8)

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 56,
        num_shrunk: int = 12,
        num_blocks: int = 4,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.num_blocks = num_blocks
        self.first = image_conv(in_channels, num_features, 5)
        layers: list[nn.Module] = [nn.PReLU(num_features), conv(num_features, num_shrunk, 1), nn.PReLU(num_shrunk)]
        for _ in range(num_blocks):
            layers += [conv(num_shrunk, num_shrunk), nn.PReLU(num_shrunk)]
        layers += [conv(num_shrunk, num_features, 1), nn.PReLU(num_features)]
        self.body = nn.Sequential(*layers)
        self.last = TransposedHead(in_channels=num_features, out_channels=out_channels, scale=scale)
        # the paper's: 0.001 for the transposed convolution, He et al. for the others
        nn.init.normal_(self.last.conv.weight, std=1e-3)
        nn.init.zeros_(self.last.conv.bias)  # type: ignore[arg-type]

    @property
    def halo(self) -> int:
        # HR pixel y takes LR pixels from (y - 4) / scale to (y + 4) / scale; its LR pixel's last is y = scale - 1
        return 2 + self.num_blocks + (self.scale - 1 + KERNEL // 2) // self.scale

    def forward(self, lr: Tensor) -> Tensor:
        features = self.body(self.first(lr))  # (N, F, H, W)
        sr: Tensor = self.last(features)  # (N, C, H * scale, W * scale)
        return sr
