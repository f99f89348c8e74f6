"""Noise of one image, as a variance that is affine in the image value.

After Foi et al. 2008 (doi:10.1109/TIP.2008.2001399): the variance of the fine detail is measured in level sets of the
smooth image, and a line is fitted to it. Their level sets leave out edges; here, blocks with structure are left
behind by a quantile of the variances of a level's blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_sr.estimation.sampling import checked, extremes, rounding, tiles

FloatArray = npt.NDArray[np.float64]
Real = TypeVar("Real", bound=np.floating[Any])
#: binomial high-pass of order 6. Those of order 2 and 4, and Foi's wavelet, let more structure pass
HIGH_PASS = np.array([1.0, -6.0, 15.0, -20.0, 15.0, -6.0, 1.0])
#: side of the blocks whose variances are compared, in pixels
BLOCK = 8
#: degrees of freedom of the variance of a block of white noise after the high-pass: 2 mean² / variance
FREEDOM = 8.2
#: quantile of the variances of the blocks of one level that is taken for noise alone
QUANTILE = 0.4
#: blocks below which an image is so small that they may overlap
MANY = 400
#: levels of brightness, and the fewest blocks that make one
LEVELS = 10
FEWEST = 10
#: share of the lowest variance of a level below which the line is not followed
LOWEST = 0.5
#: shares of cut pixels up to which blocks are taken, one after the other, where there are too few without
SATURATED = (0.02, 0.1, 0.3)
#: values that the middle is taken from
MIDDLE = 4096
#: rounds of the fit; standard deviation over median absolute deviation
ROUNDS = 8
MAD = 0.6744897501960817


@dataclass(frozen=True)
class Noise:
    """Noise whose variance is max(slope · value + intercept, floor), in units of the image values.

    Attributes
    ----------
    slope
        Gain of the detector: shot noise. Negative in inverted images.
    intercept
        Variance at the value 0, which need not occur: read noise, and what an offset of the values brings.
    method
        How it was found, for people.
    floor
        Smallest variance.
    """

    slope: float
    intercept: float
    method: str
    floor: float = 0.0

    def variance(self, value: npt.ArrayLike) -> FloatArray:
        """Return the variance at image values."""
        return np.maximum(self.slope * np.asarray(value, dtype=np.float64) + self.intercept, self.floor)

    def sigma(self, value: npt.ArrayLike) -> FloatArray:
        """Return the standard deviation at image values."""
        return np.sqrt(self.variance(value))

    def times(self, share: float, least: float = 0.0) -> Noise:
        """Return the noise with a ``share`` of its variance, but at least the variance ``least``."""
        return Noise(self.slope * share, self.intercept * share, self.method, max(self.floor * share, least))

    def in_units(self, unit: float) -> Noise:
        """Return the noise of an image of which this is the noise after a division by ``unit``."""
        return Noise(self.slope * unit, self.intercept * unit**2, self.method, self.floor * unit**2)


def high_pass(sample: npt.NDArray[Real], step: int = 1) -> npt.NDArray[Real]:
    """Return what the high-pass along both axes leaves of tiles; white noise keeps its variance.

    A plane, and any surface of up to the fifth degree along an axis, leaves nothing. Tiles are mirrored at their
    borders.

    Parameters
    ----------
    sample
        The tiles, (tile, row, column).
    step
        Distance between the taps, in pixels.
    """
    down, across = (_matrix(length, step).astype(sample.dtype) for length in sample.shape[1:])
    found: npt.NDArray[Real] = (down @ sample @ across.T) / sample.dtype.type((HIGH_PASS**2).sum())
    return found


def high_pass_along(sample: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Return what the high-pass along columns alone leaves of tiles; white noise keeps its variance."""
    matrix = _matrix(sample.shape[1], 1) / np.sqrt((HIGH_PASS**2).sum())
    found: npt.NDArray[Real] = matrix.astype(sample.dtype) @ sample
    return found


@lru_cache(maxsize=16)
def _matrix(length: int, step: int) -> FloatArray:
    """Return the high-pass along one axis as a matrix: their product is faster than a filter of so many taps."""
    from scipy import ndimage

    taps = np.zeros(step * (len(HIGH_PASS) - 1) + 1)
    taps[::step] = HIGH_PASS
    return np.asarray(ndimage.correlate1d(np.eye(length), taps, axis=0))


def inner(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return tiles without the borders that the high-pass cannot judge."""
    reach = len(HIGH_PASS) // 2
    return values[:, reach:-reach, reach:-reach]


def blocks(sample: FloatArray, detail: FloatArray, bad: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return mean value and noise variance of the blocks of a sample, whose ``detail`` is known.

    Blocks near ``bad`` pixels are left out as long as there are others. Where noise reaches a limit almost everywhere,
    blocks with a few bad pixels have to do.
    """
    from scipy import ndimage

    means = overlapping_means if detail.size < MANY * BLOCK**2 else block_means
    level, variance = means(inner(sample)), means(detail**2)
    if not bad.any():
        return level, variance
    size = len(HIGH_PASS)
    good = means(inner(ndimage.maximum_filter(bad, size=(1, size, size)))) == 0
    share = means(inner(bad))
    enough = max(FEWEST, 0.1 * float((share < SATURATED[-1]).sum()))
    for limit in SATURATED:
        if good.sum() < enough:
            good = share <= limit
    return level[good], variance[good]


def block_means(values: npt.NDArray[Any], side: int = BLOCK) -> FloatArray:
    """Return the means over the whole blocks of tiles, of ``side`` pixels a side."""
    count, height, width = values.shape
    rows, columns = height // side, width // side
    cut = values[:, : rows * side, : columns * side]
    down = cut.reshape(count, rows, side, columns * side).sum(axis=2, dtype=np.float64)  # in two steps: much faster
    return np.asarray(down.reshape(count, rows, columns, side).sum(axis=3).ravel() / side**2)


def overlapping_means(values: npt.NDArray[Any], side: int = BLOCK) -> FloatArray:
    """Return the means over blocks that begin every half of their side."""
    starts = (0, side // 2)
    return np.concatenate([block_means(values[:, y:, x:], side) for y in starts for x in starts])


def curve(level: FloatArray, variance: FloatArray) -> FloatArray:
    """Return rows (mean value, noise variance, blocks) of levels of brightness, from dark to bright.

    Half of a block's place is its rank and half its value, so that a few bright blocks on a dark background get
    levels of their own. A level's variance is a quantile of those of its blocks, over that quantile of χ²/ν.
    """
    from scipy.special import gammaincinv

    order = np.argsort(level, kind="stable")
    level, variance = level[order], variance[order]
    count, span = len(level), level[-1] - level[0]
    place = np.arange(count) / count
    if span > 0:
        place = (place + (level - level[0]) / span) / 2
    levels = int(np.clip(count // (2 * FEWEST), 1, LEVELS))
    number = np.minimum((place * levels).astype(int), levels - 1)
    share = gammaincinv(FREEDOM / 2, QUANTILE) / (FREEDOM / 2)  # scipy.stats has it by name, and takes a second to load
    rows = [
        (level[inside].mean(), np.quantile(variance[inside], QUANTILE) / share, inside.sum())
        for inside in (number == k for k in range(levels))
        if inside.sum() >= FEWEST
    ]
    return np.array(rows, dtype=np.float64)


def fit(found: FloatArray) -> tuple[float, float]:
    """Return slope and intercept of the variance over the mean value.

    Least squares of the relative residuals, as the error of a measured variance is a share of it: the weights are
    those of the line before.
    """
    at, variance, count = found.T
    flat = float(np.average(variance, weights=count))
    if len(found) < 3 or flat == 0:
        return 0.0, flat
    centre = float(at.mean())
    line = np.full_like(variance, flat)
    slope, height = 0.0, flat
    for _ in range(ROUNDS):
        slope, height = np.polyfit(at - centre, variance, 1, w=np.sqrt(count) / line)
        line = np.maximum(slope * (at - centre) + height, 0.1 * np.maximum(variance, 1e-3 * flat))
    return float(slope), float(height - slope * centre)


def estimate_noise(image: npt.NDArray[Any]) -> Noise:
    """Return the noise of a 2-D image.

    Noise that neighbouring pixels share, as after a filter or enlarging, is not seen. Whole numbers have at least the
    variance 1/12 of rounding.

    Parameters
    ----------
    image
        Any real dtype, from 16 pixels a side. Infinite values and NaN, and pixels at a limit to which the image was
        cut, are left out.

    Raises
    ------
    ImageError
        If it is no such image.
    """
    values = checked(image)
    return noise_of(tiles(values), values.dtype)


def noise_of(sample: FloatArray, dtype: np.dtype[Any]) -> Noise:
    """Return what :func:`estimate_noise` does of an image of some ``dtype``, from its tiles."""
    bad = ~np.isfinite(sample)
    good = sample[~bad]
    least = rounding(dtype, good)
    if not good.size or good.min() == good.max():
        return Noise(0.0, least, "constant image", least)
    # a high-pass of differences from the middle: a large offset would cost it digits
    middle = float(np.median(good[:: -(-good.size // MIDDLE)]))
    sample = np.where(bad, middle, sample) - middle
    detail = inner(high_pass(sample))
    cut = bad.copy()
    for end in extremes(good):
        cut |= sample == end - middle
    level, variance = blocks(sample, detail, cut)
    if len(level) < FEWEST:
        return _one_variance(detail, bad, cut, least)
    found = curve(level, variance)
    slope, intercept = fit(found)
    floor = max(least, LOWEST * float(found[:, 1].min()))
    if slope == 0:
        return Noise(0.0, max(intercept, floor), "quantile of blocks", floor)
    return Noise(slope, intercept - slope * middle, "variance against mean", floor)


def _one_variance(detail: FloatArray, bad: npt.NDArray[np.bool_], cut: npt.NDArray[np.bool_], least: float) -> Noise:
    """Return noise alike everywhere, from the median of the detail (Donoho & Johnstone 1994, doi:10.2307/2337118)."""
    from scipy import ndimage

    size = len(HIGH_PASS)
    # the first choice that leaves something: far from cut pixels, far from missing ones, everything
    for mask in (cut, bad, np.zeros_like(bad)):
        far = ~inner(ndimage.maximum_filter(mask, size=(1, size, size)))
        if far.sum() >= BLOCK**2 // 2:
            break
    variance = max(float((np.median(np.abs(detail[far])) / MAD) ** 2), least)
    return Noise(0.0, variance, "median of the detail", least)
