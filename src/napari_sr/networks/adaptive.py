"""A small residual network that is told the blur and the noise of its image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.conditions import BLUR, NOISE, SHOT, Condition, normalised
from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import OutputHead, conv
from napari_sr.networks.filter_bank import FilterBank
from napari_sr.networks.fused import FusedBlock
from napari_sr.networks.image_conv import image_conv, untrained

Skip = Literal["bilinear", "filters"]


class ToldBlock(nn.Module):
    """conv - scale and shift by what is told - ReLU - conv, plus the input."""

    def __init__(self, *, num_features: int) -> None:
        super().__init__()
        self.conv1 = conv(num_features, num_features)
        self.conv2 = conv(num_features, num_features)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        # x (N, F, H, W); scale, shift (N, F, 1, 1)
        out: Tensor = x + self.conv2(F.relu(self.conv1(x) * scale + shift))
        return out


@NETWORKS.register(
    "adaptive",
    title="Adaptive residual network (told blur and noise)",
    reference="told as in Zhang et al. 2018, arXiv:1712.06116, by feature-wise scale and shift (Perez et al. 2018, "
    "arXiv:1709.07871); sub-pixel output of Shi et al. 2016, arXiv:1609.05158",
)
class AdaptiveSR(SRNetwork):
    """Residual blocks at LR resolution beside a linear filter, both set by blur and noise.

    sr = filter(lr; blur, noise) + shuffle(conv(blocks(conv(lr)); blur, noise, shot))

    Zhang et al. give blur and noise as constant feature planes beside the image. Inside a convolution a constant
    plane is a shift of every feature; here a small perceptron turns what is told into a shift *and a scale* of the
    features of every block. When the conditions are fixed, both go into the weights of the convolution before them
    (:meth:`fold_for_inference`), so that being told costs nothing.

    Parameters
    ----------
    num_features, num_blocks
        Width, and residual blocks of two convolutions each.
    skip
        ``filters``: a bank of linear filters, fitted once to the training images for a grid of blurs and noises and
        kept fixed; the network learns what no linear filter can do. ``bilinear``: interpolation.
    kernel_size
        Of the filters.
    """

    scales = (2, 3, 4, 8)
    conditions: ClassVar[tuple[Condition, ...]] = (BLUR, NOISE, SHOT)

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 48,
        num_blocks: int = 6,
        skip: Skip = "filters",
        kernel_size: int = 13,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.num_blocks, self.num_features, self.skip = num_blocks, num_features, skip
        self.first = image_conv(in_channels, num_features)
        self.blocks = nn.ModuleList(ToldBlock(num_features=num_features) for _ in range(num_blocks))
        self.last = OutputHead(
            in_channels=num_features, out_channels=out_channels * scale**2, kernel_size=3, activation="linear"
        )
        nn.init.zeros_(self.last.conv.weight)  # starts as the filtered image itself
        nn.init.zeros_(self.last.conv.bias)  # type: ignore[arg-type]
        width = 64
        modulation = nn.Linear(width, 2 * num_features * (num_blocks + 1))
        nn.init.zeros_(modulation.weight)  # starts without being told
        nn.init.zeros_(modulation.bias)
        self.embed = nn.Sequential(
            nn.Linear(len(self.conditions), width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), modulation
        )
        if skip == "filters":
            # fixed: its taps nearly cancel, and steps of equal size for each would ruin it
            self.filters = FilterBank(scale=scale, kernel_size=kernel_size).requires_grad_(False)
        self.told: Tensor
        self.register_buffer("told", torch.tensor([normalised(self.conditions, {})]), persistent=False)

    @property
    def halo(self) -> int:
        reach = self.filters.halo if self.skip == "filters" else 1
        return max(reach, 2 * self.num_blocks + 2)

    def tell(self, values: Mapping[str, float]) -> None:
        self.told = torch.tensor([normalised(self.conditions, values)], device=self.told.device)

    def forward(self, lr: Tensor, conditions: Tensor | None = None) -> Tensor:
        # sizes by .shape: len() would be a constant in a traced or exported network
        told = self.told.expand(lr.shape[0], -1) if conditions is None else conditions  # (N, 3)
        modulation = self.embed(told.to(self.first.weight.dtype))
        scales, shifts = modulation.reshape(lr.shape[0], self.num_blocks + 1, 2, self.num_features, 1, 1).unbind(2)
        x = self.first(lr) * (1 + scales[:, 0]) + shifts[:, 0]  # (N, F, H, W)
        for number, block in enumerate(self.blocks, start=1):
            x = block(x, 1 + scales[:, number], shifts[:, number])
        sr: Tensor = F.pixel_shuffle(self.last(x), self.scale)  # (N, C, H * scale, W * scale)
        return sr + self.base(lr, told)

    def base(self, lr: Tensor, told: Tensor) -> Tensor:
        """Return the linear part, in single precision."""
        if self.skip == "filters":
            out: Tensor = self.filters(lr, told)
            return out
        return F.interpolate(lr.float(), scale_factor=self.scale, mode="bilinear")

    def fold_for_inference(self) -> SRNetwork:
        return FoldedAdaptive(self)


class FoldedBlock(nn.Module):
    """conv - ReLU - conv, plus the input."""

    def __init__(self, *, conv1: nn.Conv2d, conv2: nn.Conv2d) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv1, conv2

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(F.relu_(self.conv1(x)))
        return out

    def fused(self) -> nn.Module:
        """See :mod:`napari_sr.networks.fused`."""
        return FusedBlock(self.conv1, nn.ReLU(), self.conv2)


class FoldedAdaptive(SRNetwork):
    """:class:`AdaptiveSR` for the conditions that it was told last: plain convolutions."""

    def __init__(self, network: AdaptiveSR) -> None:
        super().__init__(scale=network.scale, in_channels=network.in_channels, out_channels=network.out_channels)
        self._halo = network.halo
        with torch.no_grad():
            modulation = network.embed(network.told.to(network.first.weight.dtype))[0]
            scales, shifts = modulation.reshape(network.num_blocks + 1, 2, network.num_features).unbind(1)
            self.first = _scaled(network.first, 1 + scales[0], shifts[0])
            blocks = []
            for number, block in enumerate(network.blocks, start=1):
                assert isinstance(block, ToldBlock)
                told = _scaled(block.conv1, 1 + scales[number], shifts[number])
                blocks.append(FoldedBlock(conv1=told, conv2=block.conv2))
            self.blocks = nn.Sequential(*blocks)
            # the linear part is in single precision; of what is added to it, eight bits are plenty
            self.last = network.last.conv
            self.filters = network.filters.fixed(network.told) if network.skip == "filters" else None

    @property
    def halo(self) -> int:
        return self._halo

    def forward(self, lr: Tensor) -> Tensor:
        return self.learnt(lr) + self.linear_part(lr)

    def learnt(self, lr: Tensor) -> Tensor:
        x = self.blocks(self.first(lr))
        return F.pixel_shuffle(self.last(x), self.scale)

    def linear_part(self, lr: Tensor) -> Tensor:
        if self.filters is None:
            return F.interpolate(lr.float(), scale_factor=self.scale, mode="bilinear")
        base: Tensor = self.filters(lr)
        return base


def _scaled(layer: nn.Conv2d, scale: Tensor, shift: Tensor) -> nn.Conv2d:
    """Return the convolution whose output is scaled and shifted, feature by feature."""
    folded = untrained(layer)
    assert layer.bias is not None
    assert folded.bias is not None
    folded.weight.data.copy_(layer.weight * scale[:, None, None, None])
    folded.bias.data.copy_(layer.bias * scale + shift)
    return folded
