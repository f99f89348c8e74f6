"""Channel attention: of the whole image, of windows about each pixel, or fixed for a whole image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from napari_sr.networks.base import SRNetwork

#: cells along a side of the window that local means are taken over
CELLS = 4


def cell_of(patch: int) -> int:
    """Return the side of a cell, for windows of ``patch`` pixels."""
    return max(1, patch // CELLS)


def cell_means(x: Tensor, patch: int) -> Tensor:
    """Return, for each cell of ``patch`` / 4 pixels, the mean over the window of ``patch`` pixels about its middle.

    Cells are counted from the upper left corner, the last ones may be smaller. Near a border the window stops there,
    and cells take the mean of the nearest whole one, as Chu et al. do (arXiv:2112.04491, section 3.3); they take means
    about each pixel, which change so little from one to the next that reading them between the cells' middles
    (:func:`enlarged`) gives the same to 0.04 % of the range (em-rcan-x4), in a sixth of the time.
    """
    side = cell_of(patch)
    cells = F.avg_pool2d(x, side, ceil_mode=True, count_include_pad=False) if side > 1 else x
    rows, columns = (min(patch // side, int(n)) for n in cells.shape[-2:])
    # a window of four cells has no cell in its middle: the mean of two windows has
    means = F.avg_pool2d(cells, (rows, columns), stride=1)
    even = (1 - rows % 2, 1 - columns % 2)
    left, above = (columns - 1) // 2 + even[1], (rows - 1) // 2 + even[0]
    border = (left, columns - 1 + even[1] - left, above, rows - 1 + even[0] - above)
    return F.avg_pool2d(F.pad(means, border, mode="replicate"), (1 + even[0], 1 + even[1]), stride=1)


def enlarged(cells: Tensor, side: int, height: int, width: int) -> Tensor:
    """Return what lies linearly between the middles of cells of ``side`` pixels, (N, C, height, width).

    By products of matrices, which take a third of the time of an interpolation in bfloat16.
    """
    if side == 1:
        return cells
    across = _between(cells.shape[-1], side, width, cells)
    down = _between(cells.shape[-2], side, height, cells)
    # rows last of all, so that channels lie beside each other as in what they are multiplied with
    images, rows, _, channels = cells.permute(0, 2, 3, 1).shape
    wide = across @ cells.permute(0, 2, 3, 1)  # (N, h, W, C)
    high = down @ wide.reshape(images, rows, width * channels)
    return high.reshape(images, height, width, channels).permute(0, 3, 1, 2)


def _between(count: int, side: int, length: int, like: Tensor) -> Tensor:
    """Return the weights (length, count) of linear interpolation; before the first and after the last middle, of it."""
    places = (torch.arange(length, device=like.device) + 0.5) / side - 0.5
    places = places.clamp(0, count - 1)[:, None]
    return (1 - (places - torch.arange(count, device=like.device)).abs()).clamp_min(0).to(like.dtype)


class ChannelAttention(nn.Module):
    """Squeeze (average, 1x1 down) and excite (1x1 up, sigmoid), then scale the channels.

    The average is that of the whole image, or of windows of :attr:`patch` pixels if that is not 0. Where factors are
    :attr:`fixed` (:func:`fix_channels`), nothing is averaged.
    """

    fixed: Tensor | None

    def __init__(self, *, num_features: int, reduction: int) -> None:
        super().__init__()
        self.patch = 0
        self.down = nn.Conv2d(num_features, max(num_features // reduction, 1), 1)
        self.up = nn.Conv2d(max(num_features // reduction, 1), num_features, 1)
        self.register_buffer("fixed", None, persistent=False)  # of one image, and no part of the model

    def weights(self, statistics: Tensor) -> Tensor:
        """Return one factor in (0, 1) a channel, shape (N, F, 1, 1), or (N, F, H, W) if averages are local."""
        if self.fixed is not None:
            return self.fixed
        pooled = cell_means(statistics, self.patch) if self.patch else statistics.mean(dim=(-2, -1), keepdim=True)
        factors = torch.sigmoid(self.up(torch.relu(self.down(pooled))))
        return enlarged(factors, cell_of(self.patch), *statistics.shape[-2:]) if self.patch else factors

    def forward(self, features: Tensor) -> Tensor:
        return features * self.weights(features)


def channel_factors(network: nn.Module, lr: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a network scales its channels by in each image of a batch, and what it makes of them.

    For a network that averages over the whole of its input. Factors, shape (N, number of factors), are those of all its
    attention layers, one after the other.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, inputs: object, logits: Tensor) -> None:
        found.append(torch.sigmoid(logits).flatten(1).float())

    hooks = [layer.up.register_forward_hook(keep) for layer in _layers(network)]
    try:
        with torch.inference_mode():
            sr: Tensor = network(lr)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(found, dim=1), sr


def fix_channels(network: SRNetwork, factors: Tensor) -> None:
    """Scale the channels by the same factors everywhere from now on, as :func:`channel_factors` has them of one image.

    What is left is a network of finite reach: it pools over nothing any more.
    """
    layers = _layers(network)
    sizes = [int(layer.up.out_channels) for layer in layers]
    for layer, values in zip(layers, torch.split(factors, sizes), strict=True):
        layer.fixed = values.reshape(1, -1, 1, 1).to(layer.up.weight).clone()
    network.pools_tile = network.localises = network.fixes = False


def fixed_channels(network: nn.Module) -> Tensor | None:
    """Return the factors that were given to :func:`fix_channels`; None if there were none."""
    found = [layer.fixed.flatten() for layer in _layers(network) if layer.fixed is not None]
    return torch.cat(found) if found else None


def _layers(network: nn.Module) -> list[ChannelAttention]:
    return [module for module in network.modules() if isinstance(module, ChannelAttention)]
