"""What the noise of an image may be: white, or shared by neighbouring pixels.

An image that was filtered or enlarged since it was taken has kept its noise in the coarser of its details alone: it has
grain. What is left of it in the finest details says little of how much there is, and structure has coarse details,
too. So the least that blocks of the image have of both kinds of detail bounds the noise, and the shape of the power
spectrum decides (:mod:`napari_sr.estimation.blur`). The power of noise smoothed with a Gaussian of g pixels is

    N(f) = σ² exp(-4 π² g² f²) / mean of it over all frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_sr.estimation.noise import HIGH_PASS, Noise

FloatArray = npt.NDArray[np.float64]
#: grain g in pixels, and the probability of each before the image is seen
GRAINS = np.array([0.0, 0.35, 0.5, 0.65, 0.8, 0.95])
CHANCES = np.array([0.85, 0.03, 0.03, 0.03, 0.03, 0.03])
#: grid of ln(white noise / what the finest details show)
NOISES = np.array([-2.3, -1.2, -0.6, -0.25, 0.0, 0.25])
#: the same of noise with grain, over what the coarser details show
COARSE_NOISES = np.array([-2.6, -1.7, -1.1, -0.7, -0.4, -0.2, 0.0, 0.2])
#: standard deviations of both below and above 0: structure is taken for noise, rarely noise for structure
LESS, MORE = 1.3, 0.3
#: the high-pass of the fine details, of every second pixel
COARSE_PASS = np.insert(HIGH_PASS, np.arange(1, len(HIGH_PASS)), 0.0)
#: side of the blocks in pixels, and the quantile of their coarse details' variance
BLOCK, QUANTILE = 12, 0.1
#: that quantile for white noise
OF_WHITE = 0.644
#: shares of pixels that do not count up to which blocks are taken, one after the other, where there are too few without
SATURATED = (0.02, 0.1, 0.3)
#: fewest blocks from which anything is said
FEWEST = 6


@dataclass(frozen=True)
class Hypotheses:
    """What the noise may be; all arrays have one value for each possibility.

    Attributes
    ----------
    variance, grain
        Of the noise; grain in pixels.
    floor
        Variance of white noise below one with grain: of rounding.
    cost
        -2 ln of the probability of each before the spectrum is seen.
    """

    variance: FloatArray
    grain: FloatArray
    floor: float
    cost: FloatArray

    def power(self, frequency: FloatArray) -> FloatArray:
        """Return the power (possibility, ring) at frequencies in cycles per pixel."""
        mean = np.array([transmitted(g)[0] for g in self.grain])
        shape = np.exp(-4 * np.pi**2 * self.grain[:, None] ** 2 * frequency**2) / mean[:, None]
        return np.asarray(self.variance[:, None] * shape + np.where(self.grain > 0, self.floor, 0.0)[:, None])


@lru_cache(maxsize=16)
def transmitted(grain: float) -> tuple[float, float, float]:
    """Return the mean over frequencies of exp(-4 π² g² f²), and the shares of such noise in fine and coarse details.

    White noise has the share 1 in both.
    """
    frequency = np.fft.fftfreq(128)
    gaussian = np.exp(-4 * np.pi**2 * grain**2 * frequency**2)
    shares = []
    for taps in (HIGH_PASS, COARSE_PASS):
        response = np.abs(np.exp(-2j * np.pi * np.outer(frequency, np.arange(len(taps)))) @ taps) ** 2
        shares.append(float((response * gaussian).mean() / response.mean() / gaussian.mean()) ** 2)
    return float(gaussian.mean()) ** 2, shares[0], shares[1]


def coarseness(sample: FloatArray, bad: npt.NDArray[np.bool_], noise: Noise) -> float | None:
    """Return the variance of the coarser details over that of ``noise``, in blocks where it is little.

    1 for white noise of the variance that was estimated; None if there are too few blocks without ``bad`` pixels.
    Structure has coarse details, too: noise with grain can have this ratio at most.

    Parameters
    ----------
    sample, bad
        Tiles of an image, and which of their pixels do not count.
    noise
        Of the image by its finest details.
    """
    reach = len(COARSE_PASS) // 2
    if min(sample.shape[1:]) < BLOCK + 2 * reach:
        return None
    detail = ndimage.correlate1d(ndimage.correlate1d(sample, COARSE_PASS, axis=1), COARSE_PASS, axis=2)
    coarse = _block_means((detail / (COARSE_PASS**2).sum()) ** 2, reach)
    expected = _block_means(noise.variance(sample), reach)
    share = _block_means(bad, reach)
    for limit in SATURATED:
        good = (share <= limit) & (expected > 0)
        if good.sum() >= FEWEST:
            return float(np.quantile(coarse[good] / expected[good], QUANTILE)) / OF_WHITE
    return None


def _block_means(values: npt.NDArray[Any], reach: int) -> FloatArray:
    values = values[:, reach:-reach, reach:-reach]
    count, rows, columns = len(values), values.shape[1] // BLOCK, values.shape[2] // BLOCK
    cut = values[:, : rows * BLOCK, : columns * BLOCK]
    return np.asarray(cut.reshape(count, rows, BLOCK, columns, BLOCK).mean(axis=(2, 4)).ravel(), dtype=np.float64)


def hypotheses(fine: float, ratio: float | None = None, floor: float = 0.0) -> Hypotheses:
    """Return what the noise may be.

    Parameters
    ----------
    fine
        Variance that white noise would have by the finest details.
    ratio
        :func:`coarseness` of the image; without it, only white noise is considered.
    floor
        Variance of rounding.
    """
    variance, grain, cost = [fine * np.exp(NOISES)], [np.zeros(len(NOISES))], [_misfit(NOISES)]
    if ratio is not None:
        coarse = fine * max(ratio, 0.05)
        # white noise has to be in the coarser details, too
        cost[0] = cost[0] - 2 * np.log(CHANCES[0]) + _excess(variance[0] / coarse)
        for g, chance in zip(GRAINS[1:], CHANCES[1:], strict=True):
            _, in_fine, in_coarse = transmitted(float(g))
            found = max(coarse - floor, 0.1 * coarse) / in_coarse * np.exp(COARSE_NOISES)
            surprise = np.log((found * in_fine + floor) / max(fine, floor, np.finfo(float).tiny))
            variance.append(found)
            grain.append(np.full(len(found), g))
            cost.append(_misfit(surprise) + _misfit(COARSE_NOISES) - 2 * np.log(chance))
    return Hypotheses(np.concatenate(variance), np.concatenate(grain), floor, np.concatenate(cost))


def _misfit(log: FloatArray) -> FloatArray:
    return np.asarray((log / np.where(log < 0, LESS, MORE)) ** 2)


def _excess(share: FloatArray) -> FloatArray:
    return np.asarray((np.maximum(np.log(share), 0) / MORE) ** 2)
