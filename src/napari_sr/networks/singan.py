"""SinGAN: a generator that knows one image, applied again and again."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import OutputHead, conv, same_channels
from napari_sr.networks.image_conv import image_conv

#: how many times smaller an image of the pyramid is than the next: SinGAN's authors take the cube root of two
STEPS_PER_OCTAVE = 3


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """Return an image resampled bicubically, in single precision; anti-aliased where it becomes smaller."""
    smaller = height < image.shape[-2] or width < image.shape[-1]
    return F.interpolate(image.float(), size=(height, width), mode="bicubic", align_corners=False, antialias=smaller)


class PatchGenerator(nn.Module):
    """(conv - BN - LeakyReLU) four times - conv - tanh of image plus noise; plus the image: reach of 5 pixels."""

    def __init__(self, *, channels: int, num_features: int, num_blocks: int) -> None:
        super().__init__()
        self.first = image_conv(channels, num_features)
        layers: list[nn.Module] = [nn.BatchNorm2d(num_features), nn.LeakyReLU(0.2)]
        for _ in range(num_blocks):
            layers += [conv(num_features, num_features), nn.BatchNorm2d(num_features), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.last = OutputHead(in_channels=num_features, out_channels=channels, kernel_size=3, activation="tanh")
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, mean=1.0, std=0.02)

    def forward(self, image: Tensor, noise: Tensor | None = None) -> Tensor:
        """Add detail to an image (N, C, H, W), given noise of the same shape or none."""
        disturbed = image if noise is None else image + noise
        detail: Tensor = self.last(self.body(self.first(disturbed)))
        return image + detail


@NETWORKS.register("singan", title="SinGAN (one image)", reference="Shaham et al. 2019, arXiv:1905.01164")
class SinGAN(SRNetwork):
    """Enlarge a little, add detail, again and again until the scale is reached.

    With k steps, r = scale^(1/k); each step resamples the image bicubically by r and injects it into the finest
    generator of a pyramid that was trained on one image (section 4, *Super-Resolution*). What repeats in that image at
    several sizes is what it knows; trained on another image, or on none, it knows nothing. No noise is injected: the
    result is the same each time. Intensities are from -1 to 1, where its tanh can reach them.

    Each step's grid starts at the upper left corner, with r no whole number: tiles are blended.

    Parameters
    ----------
    num_features, num_blocks
        Width, and convolutions between the first and the last.
    steps_per_octave
        Steps that double the size: r is about 2^(1 / steps_per_octave).
    """

    scales = (2, 3, 4, 8)
    computes_first = True
    pools_tile = True

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 32,
        num_blocks: int = 3,
        steps_per_octave: int = STEPS_PER_OCTAVE,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        same_channels(in_channels, out_channels)
        self.num_steps = max(1, round(steps_per_octave * math.log2(scale)))
        self.num_blocks = num_blocks
        self.generator = PatchGenerator(channels=in_channels, num_features=num_features, num_blocks=num_blocks)

    @property
    def ratio(self) -> float:
        """How much larger each step makes the image."""
        return float(self.scale ** (1 / self.num_steps))

    @property
    def halo(self) -> int:
        # convolutions of a step act on its own grid, bicubic interpolation on the one before; rounding moves a pixel
        radius = self.num_blocks + 2
        steps = range(1, self.num_steps + 1)
        return math.ceil(sum((radius + 1 + 2 * self.ratio) / self.ratio**step for step in steps))

    def forward(self, lr: Tensor) -> Tensor:
        height, width = (int(n) for n in lr.shape[-2:])  # recording a graph, torch has tensors for them
        sr = lr.float()
        for step in range(1, self.num_steps + 1):
            larger = self.ratio**step
            sr = self.generator(resized(sr, round(height * larger), round(width * larger)))
        return sr


class SinGANPyramid(nn.Module):
    """One generator a size of one image, coarse to fine, for training: the last one is :attr:`SinGAN.generator`.

    x_n = G_n(noise_n, resized(x_{n+1})), with nothing above the coarsest. Train them in turn, the coarsest first: each
    against ``singan-critic`` with noise drawn, and to reconstruct the image of its size from :attr:`fixed` noise at the
    coarsest and none at the others (eq. 2 to 4).

    Parameters
    ----------
    sizes
        (height, width) of each image, coarse to fine; see :meth:`sizes_of`.
    channels, num_features, num_blocks
        As those of :class:`SinGAN`.
    """

    def __init__(
        self, *, sizes: list[tuple[int, int]], channels: int = 1, num_features: int = 32, num_blocks: int = 3
    ) -> None:
        super().__init__()
        self.sizes, self.channels = sizes, channels
        self.generators = nn.ModuleList(
            PatchGenerator(channels=channels, num_features=num_features, num_blocks=num_blocks) for _ in sizes
        )
        self.fixed: Tensor
        self.register_buffer("fixed", torch.randn(1, channels, *sizes[0]))
        self.amplitudes: Tensor
        #: standard deviation of each generator's noise: one, and then the error that the coarser ones leave
        self.register_buffer("amplitudes", torch.ones(len(sizes)))

    @staticmethod
    def sizes_of(height: int, width: int, *, ratio: float, smallest: int = 25) -> list[tuple[int, int]]:
        """Return the sizes of a pyramid whose steps are ``ratio``, from about ``smallest`` pixels to the image's."""
        count = max(0, math.floor(math.log(min(height, width) / smallest) / math.log(ratio) + 1e-9))
        return [(round(height / ratio**n), round(width / ratio**n)) for n in range(count, -1, -1)]

    def images(self, image: Tensor) -> list[Tensor]:
        """Return an image (N, C, H, W) at each size."""
        return [resized(image, *size) for size in self.sizes]

    def noise(self, number: int) -> Tensor:
        """Return noise of the size ``number``, counted from the coarsest, as strong as it is injected there."""
        drawn = torch.randn(1, self.channels, *self.sizes[number], device=self.fixed.device)
        return self.amplitudes[number] * drawn

    def drawn(self, count: int) -> Tensor:
        """Return a random image that ``count`` generators have made, as large as the next one wants it."""
        return self._through([self.noise(number) for number in range(count)])

    def reconstructed(self, count: int) -> Tensor:
        """Return what the fixed noise becomes after ``count`` generators, as large as the next one wants it.

        That is the image itself, once they are trained.
        """
        return self._through(([self.fixed_noise] + [None] * count)[:count])

    @property
    def fixed_noise(self) -> Tensor:
        """What the coarsest generator is given to reconstruct its image from."""
        return self.amplitudes[0] * self.fixed

    def _through(self, noises: list[Tensor | None] | list[Tensor]) -> Tensor:
        image, count = torch.zeros_like(self.fixed), len(noises)
        for size, generator, noise in zip(self.sizes, self.generators, noises, strict=False):
            image = generator(resized(image, *size), noise)
        return resized(image, *self.sizes[min(count, len(self.sizes) - 1)])
