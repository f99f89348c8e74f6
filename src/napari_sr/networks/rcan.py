"""RCAN: residual groups of channel attention blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import (
    Head,
    Mean,
    OutputHead,
    ValueShift,
    conv,
    factors_of,
    shuffle_reach,
    shuffle_upsampler,
)
from napari_sr.networks.channel_attention import ChannelAttention, cell_of
from napari_sr.networks.fused import FusedBlock
from napari_sr.networks.image_conv import as_weights, image_conv

#: in which what the blocks add is kept apart
BFLOAT16 = torch.bfloat16


class ChannelAttentionBlock(nn.Module):
    """conv - ReLU - conv - channel attention, plus the input."""

    def __init__(self, *, num_features: int, reduction: int) -> None:
        super().__init__()
        self.conv1 = conv(num_features, num_features)
        self.act = nn.ReLU()
        self.conv2 = conv(num_features, num_features)
        self.attention: nn.Module = ChannelAttention(num_features=num_features, reduction=reduction)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """Return what is made of ``x``, plus another image of its size; plus ``x`` if there is none."""
        out: Tensor = (x if other is None else other) + self.attention(self.conv2(self.act(self.conv1(x))))
        return out

    def fold(self) -> None:
        """Put factors that are fixed into the weights of the convolution before them."""
        if isinstance(self.attention, ChannelAttention) and self.attention.fixed is not None:
            factors = self.attention.fixed.flatten()
            assert self.conv2.bias is not None
            # not in place: other copies of the network may share the weights
            self.conv2.weight = nn.Parameter(self.conv2.weight.detach() * factors[:, None, None, None])
            self.conv2.bias = nn.Parameter(self.conv2.bias.detach() * factors)
            self.attention = nn.Identity()

    def fused(self) -> nn.Module:
        """See :mod:`napari_sr.networks.fused`; not where channels are weighed in between."""
        return FusedBlock(self.conv1, self.act, self.conv2) if isinstance(self.attention, nn.Identity) else self


class ResidualGroup(nn.Module):
    """Blocks and a convolution, plus the input.

    What twenty blocks add is little beside what they add it to: rounded to bfloat16 with it after every block, it cost
    0.02 dB of PSNR. So, there, what was added is kept by itself, and the input, in single precision, beside it.
    """

    def __init__(self, *, num_features: int, num_blocks: int, reduction: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(ChannelAttentionBlock(num_features=num_features, reduction=reduction) for _ in range(num_blocks))
        )
        self.conv = conv(num_features, num_features)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv.weight.dtype != BFLOAT16:
            out: Tensor = x + self.conv(self.blocks(as_weights(x, self.conv)))
            return out
        start = as_weights(x, self.conv)
        added = torch.zeros_like(start)
        for block in self.blocks:
            added = block(start + added, added)
        out = x + self.conv(start + added)
        return out


@NETWORKS.register(
    "rcan",
    title="RCAN (residual channel attention)",
    reference="Zhang et al. 2018, ECCV, arXiv:1807.02758",
)
class RCAN(SRNetwork):
    """Ten groups of twenty blocks with 16 features: 0.98 M parameters at x4.

    With the 64 features of the paper and three colours, 15.6 M.

    Parameters
    ----------
    num_features, num_groups, num_blocks, reduction
        Width, residual groups, blocks of each, and how far the attention squeezes the channels.
    mean, value_range
        Of the images that published weights were trained on; see :class:`ValueShift`.
    """

    scales = (2, 3, 4, 8)
    rounds_badly = True
    pools_tile = True
    localises = True
    fixes = True

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 16,
        num_groups: int = 10,
        num_blocks: int = 20,
        reduction: int = 16,
        head: Head = "linear",
        mean: Mean = "none",
        value_range: float = 1.0,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.factors = factors_of(scale)
        self.values = ValueShift(mean=mean, value_range=value_range, channels=(in_channels, out_channels))
        self.computes_first = self.values.changes
        self.num_groups, self.num_blocks, self.patch = num_groups, num_blocks, 0
        self.first = image_conv(in_channels, num_features)
        self.first.keeps_sums = True
        self.groups = nn.Sequential(
            *(
                ResidualGroup(num_features=num_features, num_blocks=num_blocks, reduction=reduction)
                for _ in range(num_groups)
            )
        )
        self.after = conv(num_features, num_features)
        self.upsample = shuffle_upsampler(num_features=num_features, factors=self.factors)
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=3, activation=head)

    @property
    def halo(self) -> int:
        # the attention pools over the whole tile, which no halo can cover, or over windows: in theory all of them add
        # up, though what lies beyond the first of them hardly counts
        # of a window, and of the cells that it is read from
        block = 2 + self.patch // 2 + 2 * cell_of(self.patch) if self.patch else 2
        return 1 + self.num_groups * (self.num_blocks * block + 1) + 1 + shuffle_reach(1, self.factors)

    def localise(self, patch: int) -> None:
        self.patch, self.pools_tile, self.grid = patch, False, cell_of(patch)
        for module in self.modules():
            if isinstance(module, ChannelAttention):
                module.patch = patch

    def fold_for_inference(self) -> SRNetwork:
        for module in self.modules():
            if isinstance(module, ChannelAttentionBlock):
                module.fold()
        return self

    def forward(self, lr: Tensor) -> Tensor:
        features = self.first(self.values.forward(lr))  # (N, F, H, W)
        features = features + self.after(as_weights(self.groups(features), self.after))
        sr: Tensor = self.last(self.upsample(as_weights(features, self.after)))  # (N, C, H * scale, W * scale)
        return self.values.inverse(sr)
