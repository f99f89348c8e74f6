"""The WGAN-GP thesis's generator: 15 residual blocks, sub-pixel upsampling, tanh."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import Head, OutputHead, conv
from napari_sr.networks.fused import ConvActivated, FusedBlock
from napari_sr.networks.image_conv import image_conv


class ResidualBlock(nn.Module):
    """conv - PReLU - conv, plus the input."""

    def __init__(self, *, num_features: int) -> None:
        super().__init__()
        self.conv1 = conv(num_features, num_features)
        self.act = nn.PReLU()
        self.conv2 = conv(num_features, num_features)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(self.act(self.conv1(x)))
        return out

    def fused(self) -> nn.Module:
        """See :mod:`napari_sr.networks.fused`."""
        return FusedBlock(self.conv1, self.act, self.conv2)


class UpsampleBlock(nn.Module):
    """conv to r^2 times the channels - pixel shuffle - PReLU.

    The PReLU has one slope, so it commutes with the shuffle; before it, it runs on memory that is
    already in order.
    """

    def __init__(self, *, num_features: int, factor: int) -> None:
        super().__init__()
        self.conv = conv(num_features, num_features * factor**2)
        self.shuffle = nn.PixelShuffle(factor)
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shuffle(self.act(self.conv(x)))
        return out

    def fused(self) -> nn.Module:
        """See :mod:`napari_sr.networks.fused`."""
        return nn.Sequential(ConvActivated(self.conv, self.act), self.shuffle)


@NETWORKS.register(
    "wgan",
    title="WGAN generator",
    reference="thesis of 2021 on WGAN-GP super-resolution; Gulrajani et al. 2017, arXiv:1704.00028",
)
class WGANGenerator(SRNetwork):
    """SRResNet-like generator without batch norm.

    conv 5x5 - N residual blocks - long skip - upsample blocks - conv 5x5 - head. With 15 blocks, 64
    features and scale 4 it has 1 406 546 parameters.
    """

    scales = (2, 3, 4, 8)

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 64,
        num_blocks: int = 15,
        head: Head = "tanh",
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        factors = [3] if scale == 3 else [2] * int(math.log2(scale))
        self.num_blocks = num_blocks
        self.factors = factors
        self.first = image_conv(in_channels, num_features, 5)
        self.blocks = nn.Sequential(*(ResidualBlock(num_features=num_features) for _ in range(num_blocks)))
        self.upsample = nn.Sequential(*(UpsampleBlock(num_features=num_features, factor=f) for f in factors))
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=5, activation=head)

    @property
    def halo(self) -> int:
        # radii in LR pixels: 5x5, two 3x3 a block, then each upsampling conv and the 5x5 tail on finer grids
        radius = 2.0 + 2 * self.num_blocks
        grid = 1
        for factor in self.factors:
            radius += 1 / grid
            grid *= factor
        return math.ceil(radius + 2 / grid - 1e-9)

    def forward(self, lr: Tensor) -> Tensor:
        features = self.first(lr)  # (N, F, H, W)
        features = features + self.blocks(features)
        features = self.upsample(features)  # (N, F, H * scale, W * scale)
        sr: Tensor = self.last(features)
        return sr

    def fold_for_inference(self) -> WGANGenerator:
        """Run the 5x5 tail before the last pixel shuffle, on memory a quarter as fragmented.

        A convolution after a shuffle by r equals one before it: r^2 times the inputs and outputs, a
        smaller kernel. The numbers are the same; the large, thin feature map is never formed.
        """
        self.last = ShuffledHead(self.last, factor=self.factors[-1])
        self.upsample[-1].shuffle = nn.Identity()
        return self


class ShuffledHead(OutputHead):
    """The head of :class:`WGANGenerator`, applied before the pixel shuffle instead of after it."""

    def __init__(self, head: OutputHead, *, factor: int) -> None:
        kernel, out_channels, in_channels = fold_kernel(head.conv.weight.detach(), factor)
        super().__init__(
            in_channels=in_channels, out_channels=out_channels,
            kernel_size=kernel.shape[-1], activation=head.activation,
        )  # fmt: skip
        assert head.conv.bias is not None
        assert self.conv.bias is not None
        self.conv.weight.data.copy_(kernel)
        self.conv.bias.data.copy_(head.conv.bias.detach().repeat_interleave(factor**2))
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        return F.pixel_shuffle(super().forward(features), self.factor)


def fold_kernel(weight: Tensor, factor: int) -> tuple[Tensor, int, int]:
    """Return (kernel, out_channels, in_channels) that act before a shuffle as ``weight`` does after it.

    For output phase p and a tap at offset t on the fine grid, the value comes from the coarse pixel
    floor((p + t) / r), phase (p + t) mod r.
    """
    out_channels, in_channels, size, _ = weight.shape
    radius, r = size // 2, factor
    reach = -(-radius // r)  # coarse pixels to each side
    kernel = weight.new_zeros(out_channels, r, r, in_channels, r, r, 2 * reach + 1, 2 * reach + 1)
    for py in range(r):
        for px in range(r):
            for ty in range(-radius, radius + 1):
                for tx in range(-radius, radius + 1):
                    cy, qy = divmod(py + ty, r)
                    cx, qx = divmod(px + tx, r)
                    kernel[:, py, px, :, qy, qx, cy + reach, cx + reach] = weight[:, :, ty + radius, tx + radius]
    folded = kernel.reshape(out_channels * r * r, in_channels * r * r, *kernel.shape[-2:])
    return folded, out_channels * r * r, in_channels * r * r
