"""Any density: simulations of the same universe at larger pixels, however the mass was put on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from napari_sr.degradations import FloatImage
from napari_sr.degradations.blur import TRUNCATED, GaussianBlur
from napari_sr.degradations.resample import BlockMean, InLogDensity
from napari_sr.degradations.suffered import Suffered, total_blur

#: widest smoothing of the mass, in LR pixels: that of a cloud in a cell of 2 pixels is 0.8
WIDEST = 0.8


@dataclass(frozen=True)
class Smoothed:
    """One degradation of the family: mass that was smoothed, on larger pixels."""

    scale: int
    smoothing: GaussianBlur | None
    sampling: BlockMean | InLogDensity

    def suffered(self) -> Suffered:
        """Return its blur; densities have no noise."""
        spread = self.sampling.spread + (0.0 if self.smoothing is None else self.smoothing.spread)
        return Suffered(total_blur(spread, self.scale))

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        smooth = image if self.smoothing is None else np.maximum(self.smoothing(image, rng), 0)
        return np.asarray(self.sampling(smooth, rng), dtype=np.float32)


@dataclass(frozen=True)
class AnyDensity:
    """A step that draws a member for each image of densities that it is applied to.

    Half of them are smoothed with a Gaussian of up to 0.8 LR pixels, as finite particles or cells smooth mass. Half
    have the mean density of the larger pixels, the others the mean of its logarithm (the thesis on N-body images).

    Parameters
    ----------
    scale
        HR pixels to an LR pixel.
    """

    unpredictable: ClassVar[bool] = True
    scale: int

    def draw(self, rng: np.random.Generator) -> Smoothed:
        """Return a member."""
        sigma = rng.uniform(0, WIDEST) * self.scale if rng.random() < 0.5 else 0.0
        mean = BlockMean(self.scale)
        smoothing = GaussianBlur(sigma, truncate=TRUNCATED) if sigma > 0.2 else None
        return Smoothed(self.scale, smoothing, mean if rng.random() < 0.5 else InLogDensity(mean))

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the limits of blur (LR pixels) and noise (none)."""
        pixel = BlockMean(self.scale).spread
        widest = total_blur((WIDEST * self.scale) ** 2 + pixel, self.scale)
        return {"blur": (total_blur(pixel, self.scale), widest), "noise": (0.0, 0.0)}

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        return self.draw(rng)(image, rng)

    def pair(
        self, cut: Callable[[int], FloatImage], side: int, margin: int, rng: np.random.Generator
    ) -> tuple[FloatImage, FloatImage, Suffered, None]:
        """Return an LR patch, its HR patch, and what was done, for training; the limits of densities are fixed.

        Parameters are those of :meth:`napari_sr.degradations.microscope.AnyMicroscope.pair`.
        """
        whole = (side + 2 * margin) * self.scale
        hr = np.asarray(cut(whole), dtype=np.float32)
        if min(hr.shape) < whole:  # the box is periodic
            hr = np.pad(hr, [(0, max(0, whole - n)) for n in hr.shape], mode="wrap")
        member = self.draw(rng)
        lr = member(hr, rng)[margin : margin + side, margin : margin + side]
        inner = slice(margin * self.scale, (margin + side) * self.scale)
        return lr, hr[inner, inner], member.suffered(), None


def reach(scale: int) -> int:
    """Return the HR pixels that a member looks beyond its output."""
    return math.ceil(TRUNCATED * WIDEST * scale)
