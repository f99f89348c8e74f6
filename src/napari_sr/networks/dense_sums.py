"""Dense blocks without features put side by side: what an output adds to later ones is added as soon as it is there.

The fifth convolution of a dense block sees the block's input and the outputs of the other four. To put these side by
side for each of them takes as long as to convolve them, where matrices have units of their own. A convolution of images
side by side is the sum of the convolutions of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol, cast

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks.fused import ConvActivated, ConvPlus, like


class Dense(Protocol):
    """A dense block that knows what it is as sums."""

    def as_sums(self) -> nn.Module:
        """Return what computes the same."""
        ...


class DenseSums(nn.Module):
    """Convolutions each of which sees the input and all outputs before it; a share of the last is added to the input.

    y_0 = x, y_k = LeakyReLU(sum_i<k W_ki y_i + b_k) for k < n, and x + share (sum_i<n W_ni y_i + b_n).

    Parameters
    ----------
    convs
        Of the block, n of them.
    slope
        Of the LeakyReLU below zero.
    share
        Of the last convolution that is added to the input.
    """

    def __init__(self, convs: Sequence[nn.Conv2d], *, slope: float, share: float) -> None:
        super().__init__()
        self.slope = slope
        factors = [1.0] * (len(convs) - 1) + [share]
        columns = [slice(*ends) for ends in pairwise([0, *(layer.in_channels for layer in convs)])]
        # parts[i][k]: of convolution i + k (from 0), what sees image i
        self.parts = nn.ModuleList(
            nn.ModuleList(_part(*conv, seen) for conv in list(zip(convs, factors, strict=True))[number:])
            for number, seen in enumerate(columns)
        )
        first = cast(nn.ModuleList, self.parts[0])
        first[0] = ConvActivated(cast(nn.Conv2d, first[0]), nn.LeakyReLU(slope))

    def residual(self, number: int, out: Tensor, seen: Sequence[Tensor]) -> Tensor:
        """Return output ``number`` (from 0) as the convolutions after it see it; ``seen`` is what they see else."""
        return out

    def forward(self, x: Tensor) -> Tensor:
        first, *later = cast(Iterable[nn.ModuleList], self.parts)
        sums = [part(x) for part in first]
        seen = [x]
        for number, parts in enumerate(later):
            out = F.leaky_relu_(sums[number], self.slope) if number else sums[0]
            seen.append(self.residual(number, out, seen))
            for which, part in enumerate(parts, start=number + 1):
                sums[which] = part(seen[-1], sums[which])
        # not before: small numbers that are added one by one to large ones are rounded each time
        return cast(Tensor, sums[-1].add_(x))


def dense_as_sums(network: nn.Module) -> None:
    """Replace the dense blocks of a network by sums; changes it."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if hasattr(child, "as_sums"):
                setattr(parent, name, cast(Dense, child).as_sums())


def _part(layer: nn.Conv2d, factor: float, columns: slice) -> nn.Conv2d:
    """Return ``factor`` times a convolution, of some features that it sees; but for the first, plus another image."""
    settings = like(layer) | {"in_channels": columns.stop - columns.start, "bias": columns.start == 0}
    part = nn.Conv2d(**settings)
    weight = layer.weight.detach()[:, columns] * factor  # in the order of the numbers in memory that the layer has
    part.weight = nn.Parameter(weight, requires_grad=False)
    if columns.start == 0:
        assert layer.bias is not None
        part.bias = nn.Parameter(layer.bias.detach() * factor, requires_grad=False)
        return part
    plus = ConvPlus(part)
    plus.overwrites = True  # nobody else reads the sum
    return plus
