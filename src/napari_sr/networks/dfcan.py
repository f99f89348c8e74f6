"""DFCAN: Fourier channel attention network."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import Head, OutputHead, conv
from napari_sr.networks.channel_attention import ChannelAttention
from napari_sr.networks.fused import ConvActivated
from napari_sr.networks.image_conv import image_conv
from napari_sr.networks.wiener import WienerFilter


def power_spectrum(features: Tensor, gamma: float = 0.8) -> Tensor:
    """Return |FFT(features)|^gamma with the zero frequency in the centre, same shape, float32.

    Only half of the transform is computed, since the spectrum of a real image is symmetric:
    |F(-k)| = |F(k)|. ``norm="ortho"`` keeps the values independent of the patch size (the published
    unnormalised transform is five times larger at 512 than at 64 pixels).
    """
    height, width = features.shape[-2:]
    half = torch.fft.rfft2(features.float(), norm="ortho")
    # |F|^gamma = (re^2 + im^2)^(gamma/2); the floor keeps the gradient finite at zero
    half_power = (half.real.square() + half.imag.square()).clamp_min(1e-12).pow(gamma / 2)
    # columns width//2+1 .. width-1 are the mirror images of columns (width-1)//2 .. 1
    mirrored = half_power[..., 1 : (width - 1) // 2 + 1].flip(-1)
    mirrored = torch.cat((mirrored[..., :1, :], mirrored[..., 1:, :].flip(-2)), dim=-2)
    full = torch.cat((half_power, mirrored), dim=-1)
    return full.roll((height // 2, width // 2), dims=(-2, -1))


def power_spectrum_by_products(features: Tensor, gamma: float = 0.8) -> Tensor:
    """Return :func:`power_spectrum` computed by products of matrices only, which every runtime has, for any size.

    With C and S the cosines and sines of 2π k n / N, the zero frequency k in the middle row, F = (C - iS) x (C - iS)^T.
    Columns up to the zero frequency are computed, and the others mirrored. It takes some H W (H + W) steps instead of
    H W log(H W): at the sizes of tiles, no more than a convolution.
    """
    x = features.float()
    height, width = x.shape[-2], x.shape[-1]
    cos_y, sin_y = _waves(height, height, x)
    cos_x, sin_x = _waves(width, width // 2 + 1, x)
    by_cos, by_sin = x @ cos_x.T, x @ sin_x.T
    real, imaginary = cos_y @ by_cos - sin_y @ by_sin, sin_y @ by_cos + cos_y @ by_sin
    half = (real.square() + imaginary.square()).clamp_min(1e-12).pow(gamma / 2)
    rows = torch.remainder(2 * (height // 2) - torch.arange(height, device=x.device), height)
    columns = 2 * (width // 2) - torch.arange(width // 2 + 1, width, device=x.device)
    return torch.cat((half, half.index_select(-2, rows).index_select(-1, columns)), dim=-1)


def _waves(length: int, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (frequency, place) of the orthonormal transform, the zero frequency in the middle.

    Only the first ``count`` frequencies, the most negative one first.
    """
    frequencies = torch.arange(count, device=like.device) - length // 2
    # the remainder first: a float32 has no digits left for the angle of a large product
    turns = torch.remainder(frequencies[:, None] * torch.arange(length, device=like.device)[None, :], length)
    angles = 2 * torch.pi * (turns.to(like.dtype) / length)
    return torch.cos(angles) / length**0.5, torch.sin(angles) / length**0.5


Skip = Literal["none", "bicubic", "filter"]


class FourierChannelAttentionBlock(nn.Module):
    """conv - GELU - conv - GELU, channels scaled by what their power spectra say, plus the input."""

    def __init__(self, *, num_features: int, reduction: int) -> None:
        super().__init__()
        self.conv1 = conv(num_features, num_features)
        self.conv2 = conv(num_features, num_features)
        self.spectrum_conv = conv(num_features, num_features)
        self.attention = ChannelAttention(num_features=num_features, reduction=reduction)
        self.act: nn.Module = nn.GELU()
        self.by_products = False

    def fused(self) -> nn.Module:
        """See :mod:`napari_sr.networks.fused`."""
        self.conv1, self.conv2 = (ConvActivated(layer, self.act) for layer in (self.conv1, self.conv2))
        self.act = nn.Identity()
        return self

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.act(self.conv2(self.act(self.conv1(x))))
        if self.attention.fixed is not None:
            return x + features * self.attention.fixed
        spectrum = (power_spectrum_by_products if self.by_products else power_spectrum)(features).to(features.dtype)
        weights = self.attention.weights(self.spectrum_conv(spectrum).relu())
        return x + features * weights


@NETWORKS.register(
    "dfcan",
    title="DFCAN (Fourier channel attention)",
    reference="Qiao et al. 2021, Nat. Methods 18:194, doi:10.1038/s41592-020-01048-5",
)
class DFCAN(SRNetwork):
    """Four residual groups of four Fourier channel attention blocks; about 2.4 M parameters at x4.

    What it pools is the spectrum of a tile, of which there is no local mean: the spectra of windows about each pixel
    would cost a transform and a convolution a window. Measured with windows of the training patch, half of it apart,
    tiles came five times closer to the whole, from 0.05 to 0.01 % of the range, in two to three times the time and
    with no better PSNR. So it does not localise. What its channels are scaled by hardly differs from place to place,
    and is fixed for an image of many tiles (:mod:`napari_sr.inference.fixed_channels`). Of a smaller one tiles are
    blended. They may be larger than the training patch, since the transform is normalised: on nerves of two rats,
    em-dfcan-x4 (patches of 64 pixels) has 28.535 to 28.536 dB and 0.868 SSIM in tiles of 64 to 512 pixels
    (``benchmarks/pooled_tiles.py``).

    Parameters
    ----------
    skip
        ``none``: the published network. ``bicubic``: add the interpolated input, so that the network
        learns only what is missing. ``filter``: add the input upsampled by a linear filter, which training
        fixes as the Wiener filter of its images; the network then learns only what deconvolution
        cannot do. Recorded on the model card.
    """

    scales = (2, 3, 4, 8)
    pools_tile = True
    fixes = True
    patches_a_tile = 4

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 64,
        num_groups: int = 4,
        num_blocks: int = 4,
        reduction: int = 16,
        head: Head = "sigmoid",
        skip: Skip = "none",
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.num_blocks = num_groups * num_blocks
        self.skip = skip
        self.first = image_conv(in_channels, num_features)
        self.groups = nn.ModuleList(
            nn.Sequential(
                *(
                    FourierChannelAttentionBlock(num_features=num_features, reduction=reduction)
                    for _ in range(num_blocks)
                )
            )
            for _ in range(num_groups)
        )
        self.expand = conv(num_features, num_features * scale**2)
        self.shuffle = nn.PixelShuffle(scale)
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=3, activation=head)
        if skip != "none":  # start as the upsampled input itself
            nn.init.zeros_(self.last.conv.weight)
            nn.init.zeros_(self.last.conv.bias)  # type: ignore[arg-type]
        if skip == "filter":
            # fixed: its taps nearly cancel, and steps of equal size for each would ruin it
            self.skip_filter = WienerFilter(scale=scale).requires_grad_(False)

    @property
    def halo(self) -> int:
        # convolutions only; the pooled spectra see the whole tile, which no halo can cover, unless they are fixed
        return 1 + 2 * self.num_blocks + 1 + 1

    def transform_by_products(self) -> None:
        for block in self.modules():
            if isinstance(block, FourierChannelAttentionBlock):
                block.by_products = True

    def forward(self, lr: Tensor) -> Tensor:
        sr, linear = self.learnt(lr), self.linear_part(lr)
        return sr if linear is None else sr + linear

    def learnt(self, lr: Tensor) -> Tensor:
        features = F.gelu(self.first(lr))  # (N, F, H, W)
        for group in self.groups:
            features = features + group(features)
        # GELU acts pixel by pixel, so it may come before the shuffle
        features = self.shuffle(F.gelu(self.expand(features)))  # (N, F, H * scale, W * scale)
        sr: Tensor = self.last(features)
        return sr

    def linear_part(self, lr: Tensor) -> Tensor | None:
        if self.skip == "bicubic":
            return F.interpolate(lr.float(), scale_factor=self.scale, mode="bicubic")
        if self.skip == "filter":
            filtered: Tensor = self.skip_filter(lr)
            return filtered
        return None
