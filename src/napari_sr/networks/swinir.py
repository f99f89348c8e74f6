"""SwinIR: residual blocks of attention within shifted windows."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import (
    Mean,
    OutputHead,
    ValueShift,
    conv,
    factors_of,
    shuffle_reach,
    shuffle_upsampler,
    to_multiple,
)
from napari_sr.networks.image_conv import image_conv
from napari_sr.networks.swin import Residual, SwinBlock, residual_conv, shift_mask

Upsampler = Literal["pixelshuffle", "pixelshuffledirect", "nearest+conv"]
#: features of the upsamplers other than ``pixelshuffledirect``, in all published models
FINE = 64


@NETWORKS.register("swinir", title="SwinIR (shifted windows)", reference="Liang et al. 2021, arXiv:2108.10257")
class SwinIR(SRNetwork):
    """conv - 4 blocks of 6 layers - norm - conv - long skip - upsampler.

    The defaults are the *lightweight* network: 930 k parameters at x4 with three colours as published in code (the
    paper counts 897 k). Its *classical* one, ``num_features=180, num_blocks=6, upsampler="pixelshuffle"``, has
    11.9 M; its *real-world* one takes ``upsampler="nearest+conv"``.

    Windows are counted from the upper left corner, and the right and lower borders are padded to whole windows by
    reflection: a tile whose corner is no multiple of the window cuts the image into others, and differs a little from
    the whole however large its halo is. So tiles are of the size that it was trained at, and blended.

    Parameters
    ----------
    num_features, num_blocks, num_layers, num_heads
        Width, residual blocks, layers of each and heads of each layer.
    window_size
        Side of the windows in LR pixels; every second layer shifts them by half of it.
    mlp_ratio
        How much wider the dense layers are.
    upsampler
        ``pixelshuffledirect``: one convolution and a shuffle. ``pixelshuffle``: (conv, shuffle) a factor.
        ``nearest+conv``: (nearest, conv) a factor.
    residual
        ``1conv``, or ``3conv`` to save parameters (the paper's large network).
    drop_path
        Largest probability, in the last layer, that a residual is left out while training.
    mean, value_range
        Of the images that published weights were trained on; see :class:`ValueShift`.
    """

    scales = (2, 3, 4, 8)
    pools_tile = True

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 60,
        num_blocks: int = 4,
        num_layers: int = 6,
        num_heads: int = 6,
        window_size: int = 8,
        mlp_ratio: float = 2.0,
        upsampler: Upsampler = "pixelshuffledirect",
        residual: Residual = "1conv",
        drop_path: float = 0.1,
        mean: Mean = "none",
        value_range: float = 1.0,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.factors, self.window_size, self.upsampler, self.residual = (
            factors_of(scale), window_size, upsampler, residual,
        )  # fmt: skip
        self.grid = window_size
        self.values = ValueShift(mean=mean, value_range=value_range, channels=(in_channels, out_channels))
        self.computes_first = self.values.changes
        self.first = image_conv(in_channels, num_features)
        self.norm1 = nn.LayerNorm(num_features)
        count = num_blocks * num_layers
        drops = [drop_path * number / max(count - 1, 1) for number in range(count)]
        self.blocks = nn.ModuleList(
            SwinBlock(
                num_features=num_features, num_heads=num_heads, window=window_size, mlp_ratio=mlp_ratio,
                drop_paths=drops[number * num_layers : (number + 1) * num_layers], residual=residual,
            )
            for number in range(num_blocks)
        )  # fmt: skip
        self.norm2 = nn.LayerNorm(num_features)
        self.after = residual_conv(num_features, residual)
        last = {"in_channels": FINE, "out_channels": out_channels}
        if upsampler == "pixelshuffledirect":
            last = {"in_channels": num_features, "out_channels": out_channels * scale**2}
        else:
            self.before = nn.Sequential(conv(num_features, FINE), nn.LeakyReLU())
        if upsampler == "pixelshuffle":
            self.upsample = shuffle_upsampler(num_features=FINE, factors=self.factors)
        elif upsampler == "nearest+conv":
            self.upsample = nn.Sequential(*(conv(FINE, FINE) for _ in self.factors))
            self.fine = conv(FINE, FINE)
        self.last = OutputHead(**last, kernel_size=3, activation="linear")
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    @property
    def halo(self) -> int:
        """Radius of the receptive field of the pixel of a window that sees the farthest."""
        width = self.window_size
        farthest = 0
        for pixel in range(width):
            low, high = self._seen(pixel)
            farthest = max(farthest, pixel - low, high - pixel)
        return farthest

    def _seen(self, pixel: int) -> tuple[int, int]:
        """Return the first and the last LR pixel, along one axis, that the outputs of ``pixel`` depend on."""
        convolution = 1 if self.residual == "1conv" else 2
        reach = self._upsampler_reach() + convolution
        low, high = pixel - reach, pixel + reach
        for block in reversed(self.blocks):
            low, high = low - convolution, high + convolution
            for layer in reversed(block.layers):  # type: ignore[arg-type]
                size, shift = layer.window, layer.shift
                low = (low - shift) // size * size + shift
                high = (high - shift) // size * size + shift + size - 1
        return low - 1, high + 1  # the first convolution

    def _upsampler_reach(self) -> int:
        if self.upsampler == "pixelshuffledirect":
            return 1
        if self.upsampler == "pixelshuffle":
            return 1 + shuffle_reach(1, self.factors)
        reach = 2
        for factor in reversed(self.factors):
            reach = -(-(reach + 1) // factor)
        return 1 + reach

    def _whole_windows(self, lr: Tensor) -> Tensor:
        return to_multiple(lr, self.window_size)

    def forward(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        features = self.first(self.values.forward(lr), self._whole_windows)  # (N, F, H, W)
        features = features + self.after(self._deep(features))
        sr = self._upsampled(features)[..., : height * self.scale, : width * self.scale]
        return self.values.inverse(sr)

    def _deep(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        mask = shift_mask(height, width, self.window_size, features)
        x = self.norm1(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for block in self.blocks:
            x = block(x, mask)
        deep: Tensor = self.norm2(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return deep

    def _upsampled(self, features: Tensor) -> Tensor:
        if self.upsampler == "pixelshuffledirect":
            return F.pixel_shuffle(self.last(features), self.scale)
        features = self.before(features)
        if self.upsampler == "pixelshuffle":
            features = self.upsample(features)
        else:
            for factor, layer in zip(self.factors, self.upsample, strict=True):
                features = F.leaky_relu(layer(F.interpolate(features, scale_factor=float(factor))), 0.2)
            features = F.leaky_relu(self.fine(features), 0.2)
        sr: Tensor = self.last(features)  # (N, C, H * scale, W * scale)
        return sr
