"""Steps that reduce the pixel grid, all aligned at pixel areas.

LR pixel i covers HR pixels S*i .. S*i+S-1, so its centre is at S*i + (S-1)/2. (``scipy.ndimage.zoom``
aligns the corners instead and lets LR and HR drift apart by 1.5 HR pixels across a x4 image.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_sr.degradations import FloatImage
from napari_sr.degradations.suffered import pixel_spread
from napari_sr.densities import USUAL_OF_PARTS, density_unit


@dataclass(frozen=True)
class BlockMean:
    """Mean of scale x scale blocks."""

    scale: int

    @property
    def spread(self) -> float:
        """Variance of the pixel's area, HR pixels squared."""
        return pixel_spread(self.scale)

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

    @property
    def spread(self) -> float:
        """Variance of the mean of two neighbours, or of one pixel, HR pixels squared."""
        return 0.0 if self.scale % 2 else 0.25

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

    @property
    def spread(self) -> float:
        """0: the cubic kernel keeps frequencies nearly as they are up to its limit."""
        return 0.0

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        from PIL import Image

        height, width = image.shape
        whole = Image.fromarray(np.asarray(image, np.float32))
        return np.asarray(whole.resize((width // self.scale, height // self.scale), Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class PointSampling:
    """One HR pixel of each LR pixel: a scan of fewer points with the same spot.

    With an even scale no HR pixel lies at the centre of an LR pixel: ``before`` (rows, columns) takes the one before
    it, half an HR pixel off, instead of the one behind it.
    """

    scale: int
    before: tuple[bool, bool] = (True, True)

    @property
    def spread(self) -> float:
        """A point blurs nothing."""
        return 0.0

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        top, left = ((self.scale - 1) // 2 if before else self.scale // 2 for before in self.before)
        return np.asarray(image[top :: self.scale, left :: self.scale])


@dataclass(frozen=True)
class InLogDensity:
    """Apply a step to log10(density + offset) and return to density.

    The block mean of the logarithm is not the logarithm of the block mean; the N-body thesis uses the
    former. Densities in a unit far from their mean are taken in units of it.
    """

    step: BlockMean
    offset: float = 2e-2

    @property
    def spread(self) -> float:
        """That of the step."""
        return self.step.spread

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        unit = density_unit(image, USUAL_OF_PARTS)
        logged = np.log10(np.maximum(image / unit, 0) + self.offset)
        return np.asarray((10 ** self.step(logged, rng) - self.offset) * unit)
