"""ESRGAN+ and nESRGAN+: ESRGAN's generator with residuals inside the dense blocks, and noise between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.blocks import Head
from napari_sr.networks.dense_sums import DenseSums
from napari_sr.networks.rrdb import SHARE, SLOPE, DenseBlock, RRDBNet


class ResidualDenseBlock(DenseBlock):
    """A dense block with a residual every two layers, and noise on what it returns while it trains.

    x2 = conv2(x, x1) + conv1x1(x), x4 = conv4(x, x1, x2, x3) + x2; the noise is Gaussian, times one learnt factor a
    feature, which starts at zero.
    """

    def __init__(self, *, num_features: int, growth: int) -> None:
        super().__init__(num_features=num_features, growth=growth)
        self.shortcut = nn.Conv2d(num_features, growth, 1, bias=False)
        self.noise: nn.Parameter | None = nn.Parameter(torch.zeros(num_features, 1, 1))

    def as_sums(self) -> nn.Module:
        """See :mod:`napari_sr.networks.dense_sums`."""
        return ResidualDenseSums(self)

    def residual(self, number: int, out: Tensor, seen: Sequence[Tensor]) -> Tensor:
        return _residual(self.shortcut, number, out, seen)

    def forward(self, x: Tensor) -> Tensor:
        result = super().forward(x)
        if self.training and self.noise is not None:
            result = result + self.noise * torch.randn_like(result)
        return result


class ResidualDenseSums(DenseSums):
    """:class:`ResidualDenseBlock` as a :class:`DenseSums`."""

    def __init__(self, block: ResidualDenseBlock) -> None:
        super().__init__(cast(Sequence[nn.Conv2d], block.convs), slope=SLOPE, share=SHARE)
        self.shortcut = block.shortcut

    def residual(self, number: int, out: Tensor, seen: Sequence[Tensor]) -> Tensor:
        return _residual(self.shortcut, number, out, seen)


def _residual(shortcut: nn.Module, number: int, out: Tensor, seen: Sequence[Tensor]) -> Tensor:
    if number == 1:
        out = out + shortcut(seen[0])
    elif number == 3:
        out = out + seen[2]
    return out


@NETWORKS.register(
    "esrgan-plus", title="ESRGAN+ (nESRGAN+'s generator)", reference="Rakotonirina & Rasoanaivo 2020, arXiv:2001.08073"
)
class ESRGANPlus(RRDBNet):
    """:class:`RRDBNet` of residual-in-residual-dense-residual blocks: 16.8 M parameters at x4.

    Parameters
    ----------
    num_features, num_blocks, growth
        Width, blocks of three dense blocks each, and what each of a dense block's convolutions adds to its width.
    noise
        True for nESRGAN+: Gaussian noise after each dense block while it trains, none afterwards.
    """

    dense_block = ResidualDenseBlock

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
        noise: bool = True,
    ) -> None:
        super().__init__(
            scale=scale, in_channels=in_channels, out_channels=out_channels, num_features=num_features,
            num_blocks=num_blocks, growth=growth, head=head,
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, ResidualDenseBlock) and not noise:
                module.noise = None
