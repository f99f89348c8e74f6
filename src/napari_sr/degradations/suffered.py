"""What a degradation does to an image, in the numbers that a network can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Suffered:
    """Blur and noise of an LR image.

    Attributes
    ----------
    blur
        Standard deviation, in LR pixels, of the Gaussian that blurs as much as everything between object and pixel
        value does, the area of the pixel included: sqrt(sigma_optics² + sigma_pixel²).
    slope, intercept
        Variance of the noise at the image value v: slope v + intercept. The slope is that of the photons; it is
        negative in an inverted image, where dark pixels have seen the most of them.
    """

    blur: float
    slope: float = 0.0
    intercept: float = 0.0


@runtime_checkable
class Spreads(Protocol):
    """A step that blurs."""

    @property
    def spread(self) -> float:
        """Variance of its point-spread function along an axis (mean of both), in pixels of its input, squared."""


@runtime_checkable
class Noisy(Protocol):
    """A step that adds noise."""

    def variance(self, image: npt.NDArray[np.floating]) -> tuple[float, float]:
        """Return (slope, intercept) of the variance that it adds to ``image``, or to any part of it."""


def pixel_spread(scale: int) -> float:
    """Return the variance of an LR pixel's area of ``scale`` HR pixels: (scale² - 1) / 12, in HR pixels squared."""
    return (scale**2 - 1) / 12


def total_blur(spreads: float, scale: int) -> float:
    """Return the blur in LR pixels of variances that sum up to ``spreads`` HR pixels squared."""
    return math.sqrt(spreads) / scale
