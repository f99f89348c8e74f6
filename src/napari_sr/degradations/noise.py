"""Noise of detectors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import FloatImage
from napari_sr.degradations.blur import TRUNCATED, GaussianBlur

#: photons from which a Poisson distribution is a Gaussian one, and numpy's generator soon ends
MANY = 1e12


def _limits(image: FloatImage) -> tuple[float, float]:
    """Return the darkest and brightest value of an image, but for a few pixels."""
    low, high = (float(v) for v in np.percentile(image, (0.1, 99.9)))
    return low, high


@dataclass(frozen=True)
class GaussianNoise:
    """Noise of one strength everywhere: ``share`` of the image's range (0.1th to 99.9th percentile).

    ``limits`` are those of the image it is applied to if None.
    """

    noise: ClassVar[bool] = True
    share: float
    limits: tuple[float, float] | None = None

    def bound_to(self, image: FloatImage) -> GaussianNoise:
        """Return this step with the limits of a whole image."""
        return self if self.limits else replace(self, limits=_limits(image))

    def variance(self, image: FloatImage) -> tuple[float, float]:
        """Return (slope, intercept) of the variance at an image value: the same everywhere."""
        low, high = self.bound_to(image).limits or (0.0, 1.0)
        return 0.0, (self.share * (high - low)) ** 2

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        low, high = self.bound_to(image).limits or (0.0, 1.0)
        return np.asarray(image + rng.normal(0, self.share * (high - low), image.shape), dtype=np.float32)


def photons_of(expected: npt.NDArray[np.floating], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw numbers of photons; of more than a million million expected ones, from the Gaussian that they then follow.

    An image of next to no contrast, seen with noise of a share of it, has so many.
    """
    mean = np.asarray(expected, dtype=np.float64)
    drawn = rng.poisson(np.minimum(mean, MANY)).astype(np.float64)
    if (mean > MANY).any():
        drawn = np.where(mean > MANY, mean + np.sqrt(mean) * rng.normal(size=mean.shape), drawn)
    return drawn


@dataclass(frozen=True)
class ShotAndReadNoise:
    """Poisson noise of the photons and Gaussian noise of the camera.

    Parameters
    ----------
    photons
        Expected photons in the image's brightest pixel (99.9th percentile above the 0.1th).
    read
        Standard deviation of the read noise in photons.
    limits
        Image values of no photon and of ``photons``; those of the image it is applied to if None.
    """

    noise: ClassVar[bool] = True
    photons: float
    read: float
    limits: tuple[float, float] | None = None

    def bound_to(self, image: FloatImage) -> ShotAndReadNoise:
        """Return this step with the limits of a whole image, so that its patches get the image's noise."""
        return self if self.limits else replace(self, limits=_limits(image))

    def variance(self, image: FloatImage) -> tuple[float, float]:
        """Return (slope, intercept): span / photons of (v - low), and the read noise."""
        low, high = self.bound_to(image).limits or (0.0, 1.0)
        slope = (high - low) / self.photons
        return slope, (self.read * slope) ** 2 - slope * low

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        low, high = self.bound_to(image).limits or (0.0, 1.0)
        span = max(high - low, float(np.finfo(np.float32).tiny))
        expected = np.clip((image - low) / span, 0, None) * self.photons
        counts = photons_of(expected, rng) + rng.normal(0, self.read, image.shape)
        return np.asarray(counts / self.photons * span + low, dtype=np.float32)


@dataclass(frozen=True)
class PhotonNoise:
    """Poisson noise above a background of light, and the detector's own.

    Parameters
    ----------
    slope
        Image values a photon; negative in an inverted image.
    background
        Image value where no photon arrived.
    read
        Standard deviation of the detector's noise, image values.
    grain
        Standard deviation in pixels of the Gaussian that the noise was smoothed with since, without losing variance:
        what an image that was filtered or enlarged has kept of its noise. Two numbers, for rows and columns.
    """

    noise: ClassVar[bool] = True
    slope: float
    background: float
    read: float
    grain: tuple[float, float] = (0.0, 0.0)

    def variance(self, image: FloatImage) -> tuple[float, float]:
        """Return (slope, intercept) of the variance at an image value."""
        return self.slope, self.read**2 - self.slope * self.background

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        noise = np.zeros(image.shape)
        if self.slope:
            expected = np.maximum((np.asarray(image, np.float64) - self.background) / self.slope, 0)
            noise += self.slope * (photons_of(expected, rng) - expected)
        if self.read:
            noise += rng.normal(0, self.read, image.shape)
        return np.asarray(image + smoothed(noise, self.grain), dtype=np.float32)


@dataclass(frozen=True)
class RowNoise:
    """Rows of a scan that are brighter or darker than they should be: normally distributed, one value a row."""

    noise: ClassVar[bool] = True
    sigma: float

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        return np.asarray(image + rng.normal(0, self.sigma, (image.shape[0], 1)), dtype=np.float32)


def smoothed(noise: npt.NDArray[np.float64], grain: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return noise smoothed with a Gaussian along rows and columns, with the variance that it had."""
    from scipy import ndimage

    for axis, sigma in enumerate(grain):
        if sigma:
            left = math.sqrt(GaussianBlur(sigma, truncate=TRUNCATED).noise_left)  # along one of two axes
            noise = ndimage.gaussian_filter1d(noise, sigma, axis, mode="wrap", truncate=TRUNCATED) / math.sqrt(left)
    return noise
