"""Power of an image in rings of equal spatial frequency, on rings that do not depend on the image's size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.estimation.sampling import checked, filled, tiles

FloatArray = npt.NDArray[np.float64]
#: rings, and where the last one ends, in cycles per pixel: the corners, at 0.71, know most about the noise
RINGS = 24
LAST = 0.72


@dataclass(frozen=True)
class Spectrum:
    """Radially averaged power spectrum; rings that the image is too small for are left out.

    Attributes
    ----------
    frequency
        Mean over the ring, in cycles per pixel.
    power
        Mean over ring and tiles; that of white noise is its variance.
    count
        Coefficients of a tile in the ring, of which half are conjugates of the others.
    ring
        Numbers of the rings, from 0 to :data:`RINGS` - 1.
    """

    frequency: FloatArray
    power: FloatArray
    count: FloatArray
    ring: npt.NDArray[np.intp]


@lru_cache(maxsize=16)
def _plane(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return frequency, multiplicity in ``rfft2`` and window of a tile."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    times = np.full(frequency.shape, 2.0)
    times[:, 0] = 1.0
    if shape[1] % 2 == 0:
        times[:, -1] = 1.0
    # the window spreads the mean over the coefficients next to it
    times[frequency < 1.5 / min(shape)] = 0.0
    window = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in shape))
    return frequency, times, window


def spectrum(sample: FloatArray) -> Spectrum:
    """Return the spectrum of an array (tile, row, column), averaged over the tiles (Welch 1967).

    Each tile fades out towards its borders, and its mean is taken off.
    """
    frequency, times, window = _plane((sample.shape[1], sample.shape[2]))
    mean = (sample * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    power = (np.abs(np.fft.rfft2((sample - mean) * window)) ** 2).mean(axis=0) / (window**2).sum()
    ring = np.minimum((frequency * (RINGS / LAST)).astype(np.intp), RINGS - 1).ravel()
    count, at, found = (
        np.bincount(ring, (times * values).ravel(), minlength=RINGS).astype(np.float64)
        for values in (1.0, frequency, power)
    )
    some = np.flatnonzero(count > 0).astype(np.intp)
    return Spectrum(at[some] / count[some], found[some] / count[some], count[some], some)


def sharp_spectrum(images: Iterable[npt.NDArray[Any]]) -> FloatArray:
    """Return the mean over sharp images of the logarithm of their power, ring by ring: a reference for the blur.

    Parameters
    ----------
    images
        2-D images of one kind at the pixel size of those to be judged, without blur and with little noise: every s-th
        point of HR images, for one. Their contrasts may differ.

    Returns
    -------
    array
        One value a ring, shape (:data:`RINGS`,), with a mean of 0.

    Raises
    ------
    ImageError
        If there is no image, or one is too small for all rings, or constant.
    """
    logs = []
    for image in images:
        found = spectrum(filled(tiles(checked(image))))
        first = int(found.ring[0])
        if len(found.ring) + first != RINGS or first > 1 or found.power.min() <= 0:
            raise ImageError(f"An image of shape {np.shape(image)} has no power spectrum that could be a reference.")
        log = np.log(found.power)
        logs.append(np.concatenate([log[:1].repeat(first), log]) - log.mean())
    if not logs:
        raise ImageError("A reference for the blur needs at least one sharp image.")
    mean = np.mean(logs, axis=0)
    return np.asarray(mean - mean.mean(), dtype=np.float64)
