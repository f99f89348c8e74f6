"""Steps that reduce the pixel grid, all aligned at pixel areas.

LR pixel i covers HR pixels S*i .. S*i+S-1, so its centre is at S*i + (S-1)/2. (``scipy.ndimage.zoom``
aligns the corners instead and lets LR and HR drift apart by 1.5 HR pixels across a x4 image.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from napari_sr.degradations import FloatImage


@dataclass(frozen=True)
class BlockMean:
    """Mean of scale x scale blocks."""

    scale: int

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        s = self.scale
        height, width = image.shape
        return np.asarray(image.reshape(height // s, s, width // s, s).mean(axis=(1, 3)))


@dataclass(frozen=True)
class BilinearDown:
    """Bilinear sampling at the LR pixel centres, without anti-aliasing (blur beforehand).

    With an even scale this is the mean of the two middle pixels along each axis, with an odd one the
    middle pixel: what ``torch.nn.functional.interpolate(mode="bilinear")`` computes.
    """

    scale: int

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        low, high = (self.scale - 1) // 2, self.scale // 2
        rows = (image[low :: self.scale] + image[high :: self.scale]) / 2
        return np.asarray((rows[:, low :: self.scale] + rows[:, high :: self.scale]) / 2)


@dataclass(frozen=True)
class BicubicDown:
    """Bicubic reduction with anti-aliasing: the cubic kernel (a = -0.5) is as many times wider as pixels get larger.

    Pillow's, which is that of ``torch.nn.functional.interpolate(mode="bicubic", antialias=True)`` and, but for
    the borders, of MATLAB's ``imresize``.
    """

    scale: int

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        height, width = image.shape
        whole = Image.fromarray(np.asarray(image, np.float32))
        return np.asarray(whole.resize((width // self.scale, height // self.scale), Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class InLogDensity:
    """Apply a step to log10(density + offset) and return to density.

    The block mean of the logarithm is not the logarithm of the block mean; the N-body thesis uses the
    former.
    """

    step: BlockMean
    offset: float = 2e-2

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        logged = np.log10(np.maximum(image, 0) + self.offset)
        return np.asarray(10 ** self.step(logged, rng) - self.offset)
