"""HR images as others may have taken them: other intensities, structures of another size, saturated and flat areas."""

from __future__ import annotations

import math

import numpy as np

from napari_sr.degradations import FloatImage

WHITE = 255.0


def limits_of(image: FloatImage) -> tuple[float, float]:
    """Return the darkest and brightest value of an image, but for a few pixels."""
    low, high = (float(v) for v in np.percentile(image, (0.2, 99.8)))
    return low, high


def fitted_limits(low: float, high: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return what percentiles of a whole image might be whose limits are ``low`` and ``high``."""
    span = high - low
    return low + span * rng.uniform(-0.15, 0.12), low + span * rng.uniform(0.7, 1.25)


def reduced(image: FloatImage, side: int) -> FloatImage:
    """Reduce a square to ``side`` pixels, with the cubic kernel widened against aliasing; mirror a smaller image."""
    if min(image.shape) < side:
        return np.pad(image, [(0, max(0, side - n)) for n in image.shape], mode="symmetric")[:side, :side]
    if image.shape == (side, side):
        return image
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)


def vary(hr: FloatImage, inverts: bool, rng: np.random.Generator) -> tuple[FloatImage, float, float, bool, float]:
    """Give an HR patch other intensities; returns it, its limits, whether it was inverted, and where it is cut.

    ``hr`` has the limits 0 and 1.
    """
    gamma = math.exp(rng.uniform(-0.5, 0.5)) if rng.random() < 0.5 else 1.0
    if gamma != 1.0:
        hr = np.sign(hr) * np.abs(hr) ** gamma
    inverted = inverts and bool(rng.random() < 0.5)
    if inverted:
        hr = 1 - hr
    if rng.random() < 0.15:
        hr = _with_flat_area(hr, rng)
    saturated = rng.random() < 0.15
    top = float(np.quantile(hr, rng.uniform(0.6, 0.98))) if saturated else math.inf
    low = rng.uniform(0, 0.5) if rng.random() < 0.7 else 0.02
    span = rng.uniform(0.2, 1) * (1 - low)
    if saturated:  # the instrument's white is what cuts it
        white = (low + span * min(top, 1.0)) * WHITE
        values = np.minimum(hr * span + low, white / WHITE)
    else:
        white = WHITE
        values = np.minimum(hr * span + low, 1.0)
    scaled = np.asarray(np.maximum(values, 0) * WHITE, dtype=np.float32)
    return scaled, low * WHITE, (low + span) * WHITE, inverted, white


def _with_flat_area(hr: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Return ``hr`` with one value (resin, background) on one side of a smooth border."""
    from scipy import ndimage

    coarse = ndimage.zoom(rng.normal(size=(4, 4)), hr.shape[0] / 4, order=3)[: hr.shape[0], : hr.shape[1]]
    coarse = np.pad(coarse, [(0, n - m) for n, m in zip(hr.shape, coarse.shape, strict=True)], mode="edge")
    soft = np.clip((coarse - rng.normal(0, 0.3)) * hr.shape[0] / rng.uniform(8, 60) + 0.5, 0, 1)
    value = float(rng.choice((0.0, 1.0, rng.random())))
    return np.asarray(hr * (1 - soft) + value * soft, dtype=np.float32)
