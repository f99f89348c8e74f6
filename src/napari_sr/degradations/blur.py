"""Blurring steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_sr.degradations import FloatImage


@dataclass(frozen=True)
class GaussianBlur:
    """Gaussian blur with standard deviation ``sigma`` in HR pixels; borders are mirrored."""

    sigma: float

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        return np.asarray(ndimage.gaussian_filter(image, self.sigma, mode="reflect"))
