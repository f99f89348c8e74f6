"""Parts of SwinIR: attention within windows, every second time shifted by half a window."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks.blocks import conv

Residual = Literal["1conv", "3conv"]


def to_windows(x: Tensor, side: int) -> Tensor:
    """Cut (N, H, W, F), whose sides are multiples of ``side``, into windows (N, windows, side * side, F)."""
    n, h, w, f = x.shape
    cut = x.reshape(n, h // side, side, w // side, side, f).transpose(2, 3)
    return cut.reshape(n, (h // side) * (w // side), side * side, f)


def from_windows(windows: Tensor, side: int, height: int, width: int) -> Tensor:
    """Undo :func:`to_windows`."""
    n, _, _, f = windows.shape
    cut = windows.reshape(n, height // side, width // side, side, side, f)
    return cut.transpose(2, 3).reshape(n, height, width, f)


def shift_mask(height: int, width: int, side: int, like: Tensor) -> Tensor:
    """Return what is added to attention after a cyclic shift by half a window, (windows, 1, side^2, side^2).

    -100 between pixels that are neighbours only because the image was rolled, 0 between others.
    """
    regions = []
    for length in (height, width):
        position = torch.arange(length, device=like.device)
        regions.append((position >= length - side).int() + (position >= length - side // 2).int())
    region = 3 * regions[0][:, None] + regions[1][None, :]
    windows = to_windows(region[None, :, :, None], side)[0, :, :, 0]
    apart = windows[:, :, None] != windows[:, None, :]
    return apart[:, None].to(like.dtype) * -100


class WindowAttention(nn.Module):
    """Multi-head self-attention within windows, with a learnt bias for each relative position.

    Where the heads do not divide the features, each head gets one feature more.
    """

    def __init__(self, *, num_features: int, num_heads: int, window: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        inner = num_heads * -(-num_features // num_heads)
        self.qkv = nn.Linear(num_features, 3 * inner)
        self.out = nn.Linear(inner, num_features)
        self.position_bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, num_heads))
        nn.init.trunc_normal_(self.position_bias, std=0.02)
        y, x = (grid.flatten() for grid in torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij"))
        away = [coordinate[:, None] - coordinate[None, :] + window - 1 for coordinate in (y, x)]
        self.index: Tensor
        self.register_buffer("index", away[0] * (2 * window - 1) + away[1], persistent=False)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        # windows (N, windows, T, F); mask (windows, 1, T, T)
        n, count, tokens, _ = windows.shape
        qkv = self.qkv(windows).reshape(n * count, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.position_bias[self.index].permute(2, 0, 1)[None].to(qkv.dtype)  # (1, heads, T, T)
        if mask is not None:
            bias = (bias + mask.to(qkv.dtype)).repeat(n, 1, 1, 1)
        mixed = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=bias)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(n, count, tokens, -1))
        return out


class SwinLayer(nn.Module):
    """Norm - attention, plus the input; norm - two dense layers, plus the input.

    While training, either residual of an image is left out with the probability ``drop_path``.
    """

    def __init__(
        self, *, num_features: int, num_heads: int, window: int, mlp_ratio: float, shifted: bool, drop_path: float
    ) -> None:
        super().__init__()
        self.window, self.shift, self.drop_path = window, window // 2 if shifted else 0, drop_path
        self.norm1 = nn.LayerNorm(num_features)
        self.attention = WindowAttention(num_features=num_features, num_heads=num_heads, window=window)
        self.norm2 = nn.LayerNorm(num_features)
        hidden = int(num_features * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(num_features, hidden), nn.GELU(), nn.Linear(hidden, num_features))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # (N, H, W, F)
        x = x + self._dropped(self._attend(self.norm1(x), mask))
        return x + self._dropped(self.mlp(self.norm2(x)))

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        if self.shift:
            x = x.roll((-self.shift, -self.shift), dims=(1, 2))
        windows = self.attention(to_windows(x, self.window), mask if self.shift else None)
        x = from_windows(windows, self.window, height, width)
        return x.roll((self.shift, self.shift), dims=(1, 2)) if self.shift else x

    def _dropped(self, residual: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return residual
        kept = torch.rand(len(residual), 1, 1, 1, device=residual.device) >= self.drop_path
        return residual * kept.to(residual.dtype) / (1 - self.drop_path)


def residual_conv(num_features: int, kind: Residual) -> nn.Module:
    """Return the convolution at the end of a residual: one, or three with a quarter of the features between."""
    if kind == "1conv":
        return conv(num_features, num_features)
    few = num_features // 4
    return nn.Sequential(
        conv(num_features, few), nn.LeakyReLU(0.2), conv(few, few, 1), nn.LeakyReLU(0.2), conv(few, num_features)
    )


class SwinBlock(nn.Module):
    """RSTB: layers of attention and a convolution, plus the input, (N, F, H, W)."""

    def __init__(
        self, *, num_features: int, num_heads: int, window: int, mlp_ratio: float, drop_paths: list[float],
        residual: Residual,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers = nn.ModuleList(
            SwinLayer(
                num_features=num_features, num_heads=num_heads, window=window, mlp_ratio=mlp_ratio,
                shifted=number % 2 == 1, drop_path=drop_path,
            )
            for number, drop_path in enumerate(drop_paths)
        )  # fmt: skip
        self.conv = residual_conv(num_features, residual)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        attended = x.permute(0, 2, 3, 1)  # (N, H, W, F)
        for layer in self.layers:
            attended = layer(attended, mask)
        out: Tensor = x + self.conv(attended.permute(0, 3, 1, 2))
        return out
