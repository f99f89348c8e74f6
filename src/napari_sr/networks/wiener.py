"""The best linear filter: what deconvolution alone can do, without learning any structure."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import no_autocast


@NETWORKS.register(
    "wiener",
    title="Wiener filter (linear)",
    reference="Wiener 1949; least-squares FIR form",
)
class WienerFilter(SRNetwork):
    """One linear filter an output phase, fitted by least squares: sr = W * lr.

    It is the optimum among all linear shift-invariant estimators with this support, so what a network
    gains above it is what was learnt beyond deconvolution.
    """

    scales = (1, 2, 3, 4, 5, 6, 7, 8)
    linear = True
    full_precision = True  # the taps of a deconvolution nearly cancel
    fitted_as = "filter"

    def __init__(self, *, scale: int, in_channels: int = 1, out_channels: int = 1, kernel_size: int = 13) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.kernel_size = kernel_size
        taps = torch.zeros(scale**2, 1, kernel_size, kernel_size)
        taps[:, :, kernel_size // 2, kernel_size // 2] = 1  # nearest neighbour until fitted
        self.taps = nn.Parameter(taps)

    @property
    def halo(self) -> int:
        return self.kernel_size // 2

    def forward(self, lr: Tensor) -> Tensor:
        n, c, h, w = lr.shape
        # single precision whatever surrounds it: the taps of a deconvolution nearly cancel
        x = F.pad(lr.float().reshape(n * c, 1, h, w), (self.halo,) * 4, mode="replicate")
        with no_autocast(x.device):
            x = F.pixel_shuffle(F.conv2d(x, self.taps.float()), self.scale)
        return x.reshape(n, c, h * self.scale, w * self.scale)
