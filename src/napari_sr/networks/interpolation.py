"""Nearest, bilinear, bicubic and Lanczos interpolation as networks without parameters.

Baselines run through the very same path as trained models, so that what is compared differs in
nothing but the network. All are separable, aligned at pixel areas (LR pixel i covers HR pixels
S*i .. S*i+S-1) and replicate the border.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork


def _nearest(x: float) -> float:
    return 1.0 if -0.5 <= x < 0.5 else 0.0


def _linear(x: float) -> float:
    return max(0.0, 1 - abs(x))


def _cubic(x: float, a: float = -0.75) -> float:
    # Keys 1981; a = -0.75 is what torch and OpenCV use
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def _lanczos3(x: float) -> float:
    if abs(x) >= 3:
        return 0.0
    if abs(x) < 1e-12:
        return 1.0
    return 3 * math.sin(math.pi * x) * math.sin(math.pi * x / 3) / (math.pi * x) ** 2


def polyphase(kernel: Callable[[float], float], radius: int, scale: int) -> Tensor:
    """Return the taps of each of the ``scale`` output phases, shape (scale, 2 * radius + 1), rows sum to 1."""
    rows = []
    for phase in range(scale):
        centre = (phase + 0.5) / scale - 0.5  # of the output pixel, in LR pixels from LR pixel 0
        row = torch.tensor([kernel(tap - centre) for tap in range(-radius, radius + 1)], dtype=torch.float64)
        rows.append(row / row.sum())
    return torch.stack(rows)


class Interpolation(SRNetwork):
    """Separable interpolation with a fixed kernel."""

    radius: ClassVar[int]
    scales = (1, 2, 3, 4, 5, 6, 7, 8)
    trainable = False

    @staticmethod
    @abstractmethod
    def kernel(x: float) -> float:
        """Weight of an LR pixel at distance ``x``."""

    def __init__(self, *, scale: int, in_channels: int = 1, out_channels: int = 1) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        taps = polyphase(self.kernel, self.radius, scale).float()
        self.register_buffer("taps", taps, persistent=False)

    @property
    def halo(self) -> int:
        return self.radius

    def forward(self, lr: Tensor) -> Tensor:
        n, c, h, w = lr.shape
        taps = self.get_buffer("taps")
        x = lr.float().reshape(n * c, 1, h, w)
        # replicate padding needs no minimum size, unlike reflection
        x = F.pad(x, (self.radius,) * 4, mode="replicate")
        x = F.conv2d(x, taps[:, None, :, None])  # (NC, S, H, W + 2r): rows interpolated
        x = x.permute(0, 2, 1, 3).reshape(n * c, 1, h * self.scale, w + 2 * self.radius)
        x = F.conv2d(x, taps[:, None, None, :])  # (NC, S, HS, W)
        x = x.permute(0, 2, 3, 1).reshape(n, c, h * self.scale, w * self.scale)
        return x


@NETWORKS.register("nearest", title="Nearest neighbour")
class Nearest(Interpolation):
    """Every LR pixel repeated."""

    radius = 0

    @staticmethod
    def kernel(x: float) -> float:
        return _nearest(x)


@NETWORKS.register("bilinear", title="Bilinear interpolation")
class Bilinear(Interpolation):
    """Triangle kernel."""

    radius = 1

    @staticmethod
    def kernel(x: float) -> float:
        return _linear(x)


@NETWORKS.register("bicubic", title="Bicubic interpolation", reference="Keys 1981")
class Bicubic(Interpolation):
    """Keys' cubic kernel with a = -0.75, as in torch and OpenCV."""

    radius = 2

    @staticmethod
    def kernel(x: float) -> float:
        return _cubic(x)


@NETWORKS.register("lanczos", title="Lanczos interpolation", reference="Duchon 1979")
class Lanczos(Interpolation):
    """Sinc windowed by a wider sinc, three lobes."""

    radius = 3

    @staticmethod
    def kernel(x: float) -> float:
        return _lanczos3(x)
