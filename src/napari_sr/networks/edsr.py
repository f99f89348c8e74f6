"""EDSR: residual blocks without batch norm."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import (
    Mean,
    OutputHead,
    ValueShift,
    conv,
    factors_of,
    shuffle_reach,
    shuffle_upsampler,
)
from napari_sr.networks.fused import FusedBlock
from napari_sr.networks.image_conv import image_conv


class ResidualBlock(nn.Module):
    """conv - ReLU - conv, times ``res_scale``, plus the input."""

    def __init__(self, *, num_features: int, res_scale: float) -> None:
        super().__init__()
        self.conv1 = conv(num_features, num_features)
        self.act = nn.ReLU()
        self.conv2 = conv(num_features, num_features)
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.res_scale * self.conv2(self.act(self.conv1(x)))
        return out

    def fused(self) -> nn.Module:
        """See :mod:`napari_sr.networks.fused`."""
        return FusedBlock(self.conv1, self.act, self.conv2) if self.res_scale == 1 else self


@NETWORKS.register("edsr", title="EDSR", reference="Lim et al. 2017, arXiv:1707.02921")
class EDSR(SRNetwork):
    """conv - 16 residual blocks - conv - long skip - (conv, shuffle) a factor - conv.

    The baseline of the paper: 1.37 M parameters at x2 and 1.52 M at x4 with three colours. Its full size, 32 blocks
    of 256 features with ``res_scale`` 0.1, has 43 M at x4.

    Parameters
    ----------
    num_features, num_blocks
        Width, and residual blocks.
    res_scale
        What a block's residual is multiplied by: 0.1 keeps wide networks stable.
    mean, value_range
        Of the images that published weights were trained on; see :class:`ValueShift`.
    """

    scales = (2, 3, 4, 8)

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 64,
        num_blocks: int = 16,
        res_scale: float = 1.0,
        mean: Mean = "none",
        value_range: float = 1.0,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.factors, self.num_blocks = factors_of(scale), num_blocks
        self.values = ValueShift(mean=mean, value_range=value_range, channels=(in_channels, out_channels))
        self.computes_first = self.values.changes
        self.first = image_conv(in_channels, num_features)
        self.blocks = nn.Sequential(
            *(ResidualBlock(num_features=num_features, res_scale=res_scale) for _ in range(num_blocks))
        )
        self.after = conv(num_features, num_features)
        self.upsample = shuffle_upsampler(num_features=num_features, factors=self.factors)
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=3, activation="linear")

    @property
    def halo(self) -> int:
        return 1 + 2 * self.num_blocks + 1 + shuffle_reach(1, self.factors)

    def forward(self, lr: Tensor) -> Tensor:
        features = self.first(self.values.forward(lr))  # (N, F, H, W)
        features = features + self.after(self.blocks(features))
        sr: Tensor = self.last(self.upsample(features))  # (N, C, H * scale, W * scale)
        return self.values.inverse(sr)
