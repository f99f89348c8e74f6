"""The convolution that sees the image, which loses nothing of it in half precision."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: precisions that keep fewer bits of an image than it has
HALF = (torch.bfloat16, torch.float16)


class ImageConv(nn.Conv2d):
    """A convolution that keeps height and width, of an image that is not rounded.

    bfloat16 has eight bits: of a bright 8-bit image it drops the last, of a 16-bit one eight. What a network sharpens,
    that rounding is sharpened with it: it cost up to 0.04 dB, and everything else in half precision 0.005. So the image
    enters as two, x = a + b, with a the rounded one and b what is missing, and the same weights are used for both:

        w * x = [w, w] * [a, b]

    In single precision it is an ordinary convolution.

    Attributes
    ----------
    rounded_to
        A precision that what runs it computes in without saying so: a library that was given the network in single
        precision, and told that half of it will do.
    keeps_sums
        True if its features are in single precision even where its weights are not: for a network that adds so many
        to them that rounding every sum costs something. See :func:`as_weights`.
    """

    rounded_to: torch.dtype | None = None
    keeps_sums = False

    def forward(self, image: Tensor) -> Tensor:
        """Return features (N, F, H, W), of the precision that the rest is computed in."""
        dtype = self._products(image)
        if dtype not in HALF:
            return super().forward(image.to(self.weight.dtype))
        if self.keeps_sums and dtype == self.weight.dtype:
            assert self.bias is not None
            return F.conv2d(image.float(), self.weight.float(), self.bias.float(), padding=self.padding)
        rough = image.to(dtype)
        # as differences of numbers of that precision, both parts are exact
        both = torch.cat([rough.float(), image.float() - rough.float()], 1).to(self.weight.dtype)
        return F.conv2d(both, torch.cat([self.weight, self.weight], 1), self.bias, padding=self.padding)

    def _products(self, image: Tensor) -> torch.dtype:
        kind = image.device.type
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            return torch.get_autocast_dtype(kind)
        return self.rounded_to or self.weight.dtype


def as_weights(features: Tensor, layer: nn.Conv2d) -> Tensor:
    """Return sums that were kept in single precision as a convolution in half precision takes them."""
    return features.to(layer.weight.dtype) if layer.weight.dtype in HALF else features


def untrained(layer: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution of the same kind and size, which keeps height and width, with weights of its own."""
    kind = ImageConv if isinstance(layer, ImageConv) else nn.Conv2d
    return kind(layer.in_channels, layer.out_channels, layer.kernel_size[0], padding=layer.kernel_size[0] // 2)


def image_conv(in_channels: int, out_channels: int, kernel_size: int = 3) -> ImageConv:
    """Return the first convolution of a network; it keeps height and width."""
    return ImageConv(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
