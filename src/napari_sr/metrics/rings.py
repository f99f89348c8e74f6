"""Rings of equal spatial frequency in the plane of a 2-D Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Rings:
    """Which ring each Fourier coefficient of a shape lies in.

    Rings are one fundamental frequency of the shorter side wide and reach up to the Nyquist frequency.

    Attributes
    ----------
    ring
        Number of the ring of every coefficient, in numpy's order.
    frequencies
        Of the rings 1, 2, ..., in cycles per pixel.
    counts
        Coefficients in each of them.
    """

    ring: npt.NDArray[np.intp]
    frequencies: npt.NDArray[np.float64]
    counts: npt.NDArray[np.intp]

    def sums(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the sum of ``values`` over each ring from the first one on."""
        last = len(self.frequencies)
        sums = np.bincount(self.ring.ravel(), values.ravel(), minlength=last + 1)
        return np.asarray(sums[1 : last + 1], dtype=np.float64)

    def membership(self) -> npt.NDArray[np.float64]:
        """Return how often a coefficient of ``rfft2`` (row) counts in a ring (column): 0, 1, or 2 with its conjugate.

        Many transforms are summed in one product with this.
        """
        width = self.ring.shape[1]
        half = self.ring[:, : width // 2 + 1]
        twice = np.where((np.arange(half.shape[1]) == 0) | (2 * np.arange(half.shape[1]) == width), 1.0, 2.0)
        within = half.ravel()[:, None] == np.arange(1, len(self.frequencies) + 1)
        return np.asarray(within * np.broadcast_to(twice, half.shape).ravel()[:, None], dtype=np.float64)


@lru_cache(maxsize=16)
def rings(shape: tuple[int, int]) -> Rings:
    """Return the rings of the Fourier transform of an image of ``shape``."""
    rows = np.fft.fftfreq(shape[0])[:, None]
    columns = np.fft.fftfreq(shape[1])[None, :]
    shorter = min(shape)
    last = shorter // 2
    ring = np.rint(np.hypot(rows, columns) * shorter).astype(np.intp)
    counts = np.bincount(ring.ravel(), minlength=last + 1)[1 : last + 1]
    return Rings(ring, np.arange(1, last + 1) / shorter, counts)


@lru_cache(maxsize=16)
def hann(shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the window that lets an image fade out towards its borders: cos² in both directions.

    Without it, the jump between opposite borders puts power at all frequencies along the axes.
    """
    return np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in shape))
