"""Building blocks that two or more networks share."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Head = Literal["tanh", "sigmoid", "linear"]
Mean = Literal["none", "div2k"]
#: mean red, green and blue of DIV2K's training images, on which the published colour models were trained
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
#: numbers that half-precision features are converted at a time, before the last convolution
STRIP = 2**22


def conv(in_channels: int, out_channels: int, kernel_size: int = 3) -> nn.Conv2d:
    """Return a convolution that keeps height and width."""
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)


def factors_of(scale: int) -> list[int]:
    """Return the steps in which a scale is reached: one of 3, or twos."""
    return [3] if scale == 3 else [2] * int(math.log2(scale))


def shuffle_upsampler(*, num_features: int, factors: list[int]) -> nn.Sequential:
    """Return conv to r^2 times the channels - pixel shuffle, for each factor r."""
    layers: list[nn.Module] = []
    for factor in factors:
        layers += [conv(num_features, num_features * factor**2), nn.PixelShuffle(factor)]
    return nn.Sequential(*layers)


def shuffle_reach(reach: int, factors: list[int]) -> int:
    """Return how far, on the LR grid, what comes after :func:`shuffle_upsampler` and its convolutions see.

    ``reach`` is the radius on the finest grid; each coarser pixel that is touched counts whole.
    """
    for factor in reversed(factors):
        reach = -(-reach // factor) + 1
    return reach


def to_multiple(lr: Tensor, multiple: int) -> Tensor:
    """Return the image padded at its right and its bottom to sides that are multiples of a number.

    By reflection, or by its last pixel where it is too small for that.
    """
    height, width = lr.shape[-2:]
    below, right = -height % multiple, -width % multiple
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(lr, (0, right, 0, below), mode=mode) if below or right else lr


def bicubic(lr: Tensor, scale: int) -> Tensor:
    """Return the bicubically upsampled image, in single precision."""
    return F.interpolate(lr.float(), scale_factor=float(scale), mode="bicubic", align_corners=False)


def bicubic_reach(radius: int, scale: int) -> int:
    """Return how far, in LR pixels, convolutions of ``radius`` HR pixels see on a :func:`bicubic` image.

    The farthest HR pixel lies at (0.5 - radius) / scale - 0.5 LR pixels from the LR pixel's centre, and takes one
    more beyond the LR pixel before it.
    """
    return 1 - math.floor((0.5 - radius) / scale - 0.5)


def same_channels(in_channels: int, out_channels: int) -> None:
    """Raise :class:`ValueError` unless the output can be added to the input."""
    if in_channels != out_channels:
        raise ValueError(
            f"out_channels must be in_channels ({in_channels}), since the output is added to the upsampled input"
        )


class ValueShift:
    """Takes images from network values to what the weights were trained on, and back: (x - mean) * value_range.

    Published colour models subtract the mean colour of their training images, and some count from 0 to 255. Models
    that are trained here need neither.

    Parameters
    ----------
    mean
        ``none``, or ``div2k``: that of three colours.
    value_range
        Of the images that the weights were trained on, for values from 0 to 1 here.
    channels
        Of the image.
    """

    def __init__(self, *, mean: Mean, value_range: float, channels: tuple[int, int]) -> None:
        if mean != "none" and channels != (3, 3):
            raise ValueError(f"mean = {mean!r} is that of three colours: in_channels and out_channels must be 3")
        self.mean = DIV2K_MEAN if mean == "div2k" else None
        self.value_range = value_range

    @property
    def changes(self) -> bool:
        """True if it does anything."""
        return self.mean is not None or self.value_range != 1

    def forward(self, lr: Tensor) -> Tensor:
        """Return what the weights expect, in single precision at least."""
        if self.mean is not None:
            lr = lr.float() - lr.new_tensor(self.mean, dtype=torch.float32)[:, None, None]
        return lr if self.value_range == 1 else lr.float() * self.value_range

    def inverse(self, sr: Tensor) -> Tensor:
        """Return network values."""
        sr = sr if self.value_range == 1 else sr / self.value_range
        return sr if self.mean is None else sr + sr.new_tensor(self.mean)[:, None, None]


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which operands are not cast down; torch's meta device knows no autocast."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


class OutputHead(nn.Module):
    """Last convolution and activation, always in float32.

    A bfloat16 output distinguishes 1281 of the 65 536 values of a 16-bit image, so the last step is
    done in single precision whatever the rest of the network runs in.
    """

    full_precision = True

    def __init__(self, *, in_channels: int, out_channels: int, kernel_size: int, activation: Head) -> None:
        super().__init__()
        self.conv = conv(in_channels, out_channels, kernel_size)
        self.activation = activation

    def forward(self, features: Tensor) -> Tensor:
        # (N, F, H, W) -> (N, C, H, W)
        weight, bias = self.conv.weight.float(), self.conv.bias
        bias = None if bias is None else bias.float()
        # autocast would cast the operands back down
        with no_autocast(features.device):
            if _in_strips(features):
                out = _by_strips(features, weight, bias)
            else:
                out = F.conv2d(features.float(), weight, bias, padding=self.conv.padding)
        activations = {"tanh": torch.tanh, "sigmoid": torch.sigmoid}
        return activations[self.activation](out) if self.activation in activations else out


def _in_strips(features: Tensor) -> bool:
    """Return True for large features that single precision would need much fresh memory for, where none is recorded."""
    recorded = torch.is_grad_enabled() or torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None
    large = features.dtype != torch.float32 and features.numel() > STRIP
    return large and features.device.type == "cpu" and not recorded


def _by_strips(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return a convolution in single precision of features in half, which keeps height and width.

    Strip by strip, of which the converted features fit into memory that was used before: the same numbers in little
    more than half of the time.
    """
    images, channels, height, width = features.shape
    reach = weight.shape[-1] // 2
    rows = max(STRIP // (images * channels * width), 4 * reach, 1)
    out = torch.empty(images, weight.shape[0], height, width, device=features.device)
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        top, bottom = max(start - reach, 0), min(stop + reach, height)
        strip = F.conv2d(features[:, :, top:bottom].float(), weight, bias, padding=reach)
        out[:, :, start:stop] = strip[:, :, start - top : stop - top]
    return out
