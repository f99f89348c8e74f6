"""Linear filters for a grid of blurs and noises, and in between."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.conditions import BLUR, NOISE
from napari_sr.networks.blocks import no_autocast
from napari_sr.networks.wiener import WienerFilter


class FilterBank(nn.Module):
    """One Wiener filter for each point of a grid of (blur, noise), interpolated linearly between them.

    Blurs are spread evenly over the range of :data:`BLUR`, noises over that of :data:`NOISE`, which is logarithmic.
    Untrained, all are nearest-neighbour interpolation; training fits them in closed form
    (:func:`napari_sr.training.fit_filters.fit_bank`).
    """

    fitted_as = "bank"

    def __init__(self, *, scale: int, kernel_size: int = 13, num_blurs: int = 7, num_noises: int = 7) -> None:
        super().__init__()
        self.scale, self.kernel_size = scale, kernel_size
        self.num_blurs, self.num_noises = num_blurs, num_noises
        taps = torch.zeros(num_blurs * num_noises, scale**2, kernel_size**2)
        taps[..., kernel_size**2 // 2] = 1
        self.taps = nn.Parameter(taps)  # blurs vary slowest

    @property
    def halo(self) -> int:
        """Radius in LR pixels."""
        return self.kernel_size // 2

    @property
    def blurs(self) -> list[float]:
        """Blurs of the grid, LR pixels."""
        return [BLUR.low + (BLUR.high - BLUR.low) * i / (self.num_blurs - 1) for i in range(self.num_blurs)]

    @property
    def noises(self) -> list[float]:
        """Noises of the grid, per cent of the range."""
        return [NOISE.low * (NOISE.high / NOISE.low) ** (i / (self.num_noises - 1)) for i in range(self.num_noises)]

    def blended(self, told: Tensor) -> Tensor:
        """Return the filters (N, scale², k, k) for normalised conditions (N, ≥ 2): blur and noise come first."""
        weights = _hat(told[:, 0], self.num_blurs)[:, :, None] * _hat(told[:, 1], self.num_noises)[:, None, :]
        blended = weights.flatten(1) @ self.taps.float().flatten(1)
        return blended.reshape(told.shape[0], self.scale**2, self.kernel_size, self.kernel_size)

    def forward(self, lr: Tensor, told: Tensor) -> Tensor:
        """Filter each image of a batch (N, C, H, W) as it was told."""
        n, c, h, w = lr.shape
        # single precision whatever surrounds it: the taps of a deconvolution nearly cancel
        with no_autocast(lr.device):
            taps = self.blended(told.float())  # (N, s², k, k)
            x = F.pad(lr.float(), (self.halo,) * 4, mode="replicate")
            columns = F.unfold(x.reshape(n * c, 1, *x.shape[-2:]), self.kernel_size)  # (NC, k², HW)
            out = taps.flatten(2).repeat_interleave(c, 0) @ columns  # (NC, s², HW)
        return F.pixel_shuffle(out.reshape(n * c, -1, h, w), self.scale).reshape(n, c, h * self.scale, w * self.scale)

    def fixed(self, told: Tensor) -> WienerFilter:
        """Return the one filter for one set of normalised conditions (1, ≥ 2)."""
        one = WienerFilter(scale=self.scale, kernel_size=self.kernel_size)
        one.taps.data.copy_(self.blended(told.float())[0][:, None])
        return one


def _hat(position: Tensor, count: int) -> Tensor:
    """Return the weights (N, count) of ``count`` points spread evenly over [-1, 1], for linear interpolation."""
    place = (position.clamp(-1, 1) + 1) / 2 * (count - 1)
    points = torch.arange(count, device=position.device, dtype=place.dtype)
    return (1 - (place[:, None] - points).abs()).clamp_min(0)
