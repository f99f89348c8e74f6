"""RRDBNet: ESRGAN's generator, residual-in-residual dense blocks without batch norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import Head, OutputHead, conv, factors_of, to_multiple
from napari_sr.networks.dense_sums import DenseSums
from napari_sr.networks.image_conv import image_conv

#: of activations below zero, and of what a block makes that is added to its input
SLOPE, SHARE = 0.2, 0.2


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees the outputs of all before it; 0.2 of it is added to the input."""

    def __init__(self, *, num_features: int, growth: int) -> None:
        super().__init__()
        widths = [growth] * 4 + [num_features]
        self.convs = nn.ModuleList(conv(num_features + i * growth, width) for i, width in enumerate(widths))

    def as_sums(self) -> nn.Module:
        """See :mod:`napari_sr.networks.dense_sums`."""
        return DenseSums(cast(Sequence[nn.Conv2d], self.convs), slope=SLOPE, share=SHARE)

    def fused(self) -> nn.Module:
        """See :mod:`napari_sr.networks.fused`."""
        return self.as_sums()

    def residual(self, number: int, out: Tensor, seen: Sequence[Tensor]) -> Tensor:
        """Return output ``number`` (from 0) as the convolutions after it see it; ``seen`` is what they see else."""
        return out

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for number, layer in enumerate(self.convs[:4]):
            out = F.leaky_relu(layer(torch.cat(seen, dim=1)), SLOPE)
            seen.append(self.residual(number, out, seen))
        sr: Tensor = x + SHARE * self.convs[4](torch.cat(seen, dim=1))
        return sr


class RRDB(nn.Module):
    """Three dense blocks; 0.2 of them is added to the input."""

    def __init__(self, *blocks: DenseBlock) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + SHARE * self.blocks(x)
        return out


@NETWORKS.register("rrdb", title="RRDBNet (ESRGAN's generator)", reference="Wang et al. 2018, arXiv:1809.00219")
class RRDBNet(SRNetwork):
    """conv - 23 RRDB - conv - long skip - (nearest x2, conv) a factor 2 - conv - conv - head.

    Weights start as He et al. initialise them, times 0.1: with residuals of residuals, larger ones diverge.

    Parameters
    ----------
    num_features, num_blocks, growth
        Width, blocks of three dense blocks each, and what each of a dense block's convolutions adds to its width.
    unshuffle
        Side of the squares of LR pixels that become channels of one pixel first, so that the blocks work on a smaller
        image: 2 in Real-ESRGAN's x2 model. Tiles are then blended, since squares are counted from the corner.
    """

    scales = (2, 3, 4, 8)
    dense_block: ClassVar[type[DenseBlock]] = DenseBlock

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 64,
        num_blocks: int = 23,
        growth: int = 32,
        head: Head = "linear",
        unshuffle: int = 1,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        if unshuffle not in (1, 2, 4):
            raise ValueError("unshuffle is 1, 2 or 4")
        self.factors = factors_of(scale) + factors_of(unshuffle)
        self.num_blocks, self.unshuffle = num_blocks, unshuffle
        self.pools_tile, self.grid = unshuffle > 1, unshuffle
        self.first = image_conv(in_channels * unshuffle**2, num_features)
        dense = {"num_features": num_features, "growth": growth}
        self.blocks = nn.Sequential(*(RRDB(*(self.dense_block(**dense) for _ in range(3))) for _ in range(num_blocks)))
        self.after = conv(num_features, num_features)
        self.upsample = nn.ModuleList(conv(num_features, num_features) for _ in self.factors)
        self.fine = conv(num_features, num_features)
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=3, activation=head)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0, mode="fan_in")
                module.weight.data *= 0.1
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @property
    def halo(self) -> int:
        reach = 2  # the last two convolutions, on the finest grid
        for factor in reversed(self.factors):
            reach = -(-(reach + 1) // factor)  # each upsampling's convolution comes after it
        reach += 1 + 15 * self.num_blocks + 1
        return reach * self.unshuffle + self.unshuffle - 1

    def _squares(self, lr: Tensor) -> Tensor:
        return F.pixel_unshuffle(to_multiple(lr, self.unshuffle), self.unshuffle)

    def forward(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        features = self.first(lr, self._squares)  # (N, F, H, W)
        features = features + self.after(self.blocks(features))
        for factor, layer in zip(self.factors, self.upsample, strict=True):
            features = F.leaky_relu(layer(F.interpolate(features, scale_factor=float(factor), mode="nearest")), 0.2)
        sr: Tensor = self.last(F.leaky_relu(self.fine(features), 0.2))  # (N, C, H * scale, W * scale)
        return sr[..., : height * self.scale, : width * self.scale]
