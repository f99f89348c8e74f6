"""Noise of detectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_sr.degradations import FloatImage


@dataclass(frozen=True)
class ShotAndReadNoise:
    """Poisson noise of the photons and Gaussian noise of the camera.

    Parameters
    ----------
    photons
        Expected photons in the image's brightest pixel (99.9th percentile above the 0.1th).
    read
        Standard deviation of the read noise in photons.
    """

    photons: float
    read: float

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        low, high = np.percentile(image, (0.1, 99.9))
        span = max(float(high - low), np.finfo(np.float32).tiny)
        expected = np.clip((image - low) / span, 0, None) * self.photons
        counts = rng.poisson(expected) + rng.normal(0, self.read, image.shape)
        return np.asarray(counts / self.photons * span + low, dtype=np.float32)
