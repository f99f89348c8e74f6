"""WDSR-A: residual blocks that are wide before their activation, with weight normalisation."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import Mean, OutputHead, ValueShift, conv
from napari_sr.networks.fused import FusedBlock
from napari_sr.networks.image_conv import image_conv, untrained


class WideBlock(nn.Module):
    """conv to ``expansion`` times the features - ReLU - conv back, plus the input."""

    def __init__(self, *, num_features: int, expansion: int) -> None:
        super().__init__()
        self.conv1 = weight_norm(conv(num_features, num_features * expansion))
        self.act = nn.ReLU()
        self.conv2 = weight_norm(conv(num_features * expansion, num_features))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(self.act(self.conv1(x)))
        return out

    def fused(self) -> nn.Module:
        """See :mod:`napari_sr.networks.fused`; not where weights are still normalised."""
        if parametrize.is_parametrized(self.conv1):
            return self
        return FusedBlock(self.conv1, self.act, self.conv2)


@NETWORKS.register("wdsr", title="WDSR-A (wide activation)", reference="Yu et al. 2018, arXiv:1808.08718")
class WDSR(SRNetwork):
    """shuffle(conv(blocks(conv(lr)))) + shuffle(conv 5x5(lr)); 1.19 M parameters at x2 with three colours.

    All convolutions have normalised weights w = g v / ||v|| (Salimans & Kingma, arXiv:1602.07868), which bears ten
    times the usual learning rate (the paper: 1e-3); for inference they are computed once.

    Parameters
    ----------
    num_features, num_blocks, expansion
        Width of the skips, residual blocks, and how much wider they are before the activation.
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
        num_features: int = 32,
        num_blocks: int = 16,
        expansion: int = 4,
        mean: Mean = "none",
        value_range: float = 1.0,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.num_blocks = num_blocks
        self.values = ValueShift(mean=mean, value_range=value_range, channels=(in_channels, out_channels))
        self.computes_first = self.values.changes
        self.first = weight_norm(image_conv(in_channels, num_features))
        self.blocks = nn.Sequential(
            *(WideBlock(num_features=num_features, expansion=expansion) for _ in range(num_blocks))
        )
        shuffled = out_channels * scale**2
        self.last = OutputHead(in_channels=num_features, out_channels=shuffled, kernel_size=3, activation="linear")
        self.skip = OutputHead(in_channels=in_channels, out_channels=shuffled, kernel_size=5, activation="linear")
        for head in (self.last, self.skip):
            weight_norm(head.conv)

    @property
    def halo(self) -> int:
        return max(2, 2 + 2 * self.num_blocks)

    def forward(self, lr: Tensor) -> Tensor:
        values = self.values.forward(lr)
        features = self.blocks(self.first(values))  # (N, F, H, W)
        sr = F.pixel_shuffle(self.last(features) + self.skip(values), self.scale)  # (N, C, H * scale, W * scale)
        return self.values.inverse(sr)

    def fold_for_inference(self) -> WDSR:
        """Compute the normalised weights once."""
        # torch's own removal works on the layer's class, which a copy shares with the original
        self.first = _plain(self.first)
        for block in self.blocks:
            assert isinstance(block, WideBlock)
            block.conv1, block.conv2 = _plain(block.conv1), _plain(block.conv2)
        for head in (self.last, self.skip):
            head.conv = _plain(head.conv)
        return self


def _plain(layer: nn.Conv2d) -> nn.Conv2d:
    """Return the convolution with its weights as they are."""
    plain = untrained(layer)
    assert layer.bias is not None
    assert plain.bias is not None
    plain.weight.data.copy_(layer.weight.detach())
    plain.bias.data.copy_(layer.bias.detach())
    return plain
