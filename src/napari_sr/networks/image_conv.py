"""The convolution that sees the image, which loses nothing of it in half precision."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks.blocks import conv, no_autocast

#: precisions that keep fewer bits of an image than it has
HALF = (torch.bfloat16, torch.float16)


class ImageConv(nn.Conv2d):
    """A convolution that keeps height and width, of an image that is not rounded.

    bfloat16 has eight bits: of a bright 8-bit image it drops the last, of a 16-bit one eight. What a network sharpens,
    that rounding is sharpened with it: it cost up to 0.04 dB, and everything else in half precision 0.005. So the image
    enters as two, x = a + b, with a the rounded one and b what is missing, and the same weights are used for both:

        w * x = [w, w] * [a, b],

    which keeps sixteen bits. In single precision it is an ordinary convolution.

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

    def forward(self, image: Tensor, arranged: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return features (N, F, H, W), of the precision that the rest is computed in.

        Parameters
        ----------
        image
            (N, C, H, W).
        arranged
            Puts the pixels in another order first, such as squares of them into channels.
        """
        in_order = arranged or (lambda part: part)
        dtype = self._products(image)
        if dtype not in HALF:
            return super().forward(in_order(image).to(self.weight.dtype))
        # parts of what is given: OpenVINO rounds what it has done anything else to
        rough = image.to(dtype).float()
        both = torch.cat([in_order(rough), in_order(image.float() - rough)], 1)
        weight, bias = torch.cat([self.weight, self.weight], 1), self.bias
        if self.keeps_sums and dtype == self.weight.dtype:
            assert bias is not None
            with no_autocast(image.device):
                return F.conv2d(both, weight.float(), bias.float(), padding=self.padding)
        return F.conv2d(both.to(weight.dtype), weight, bias, padding=self.padding)

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
    sizes = layer.in_channels, layer.out_channels, layer.kernel_size[0]
    if not isinstance(layer, ImageConv):
        return conv(*sizes)
    made = image_conv(*sizes)
    made.rounded_to, made.keeps_sums = layer.rounded_to, layer.keeps_sums
    return made


def image_conv(in_channels: int, out_channels: int, kernel_size: int = 3) -> ImageConv:
    """Return the first convolution of a network; it keeps height and width."""
    return ImageConv(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
