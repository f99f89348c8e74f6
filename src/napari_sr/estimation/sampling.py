"""A sample of an image in tiles: what is estimated from an image costs the same for every size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.estimation.margins import margins, within

#: side of a tile in pixels
TILE = 128
#: tiles taken at most; they hold half a million pixels
TILES = 36
#: smallest side of an image from which anything is estimated
SMALLEST = 16

#: widest of what is thin, in pixels
THIN = 4
#: standard deviation in pixels of the Gaussian over the difference in brightness where areas are filled
SEAM = 3.0
#: variance of the rounding to whole numbers
ROUNDING = 1 / 12
#: an extreme value is a limit if it has this share of all pixels, and as many times more than the values next to it
CUT = (0.001, 3.0)
#: binary exponents of an image's largest value up to which it is measured as it is, and up to which at all
REACH, FARTHEST = 40, 500


def checked(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return ``image`` if it is one that can be measured.

    Raises
    ------
    ImageError
        If it is not a 2-D image of real numbers with at least :data:`SMALLEST` pixels a side.
    """
    values = np.asarray(image)
    if values.ndim != 2 or min(values.shape) < SMALLEST:
        raise ImageError(f"Blur and noise need a 2-D image of at least {SMALLEST} pixels a side, not {values.shape}.")
    if values.dtype.kind not in "buif":
        raise ImageError(f"Blur and noise need an image of real numbers, not {values.dtype}.")
    return values


def in_reach(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], float]:
    """Return an image in units in which squares of squares are numbers, and the unit, a power of two.

    Masses in grams and densities in kilograms per cubic metre are far from 1. Images whose largest value is not, and
    integers, stay as they are.

    Raises
    ------
    ImageError
        If not even their squares are.
    """
    if values.dtype.kind != "f":
        return values, 1.0
    largest = float(np.abs(values).max(where=np.isfinite(values), initial=0))
    exponent = math.frexp(largest)[1]
    if abs(exponent) <= REACH:
        return values, 1.0
    if abs(exponent) > FARTHEST:
        raise ImageError(
            f"Values of the image reach {largest:.0e}: squares of such numbers cannot be computed with. "
            "Save it in other units, so that they are nearer to 1."
        )
    return np.ldexp(values.astype(np.float64), -exponent), 2.0**exponent


def is_blank(plane: npt.NDArray[Any]) -> bool:
    """Return True if a plane has the same value everywhere, or none that is finite."""
    values = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
    return values.size == 0 or bool(values.min() == values.max())


def tiles(image: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return tiles spread evenly over a 2-D image, as an array (tile, row, column).

    They cover the image where :data:`TILES` are enough for that, and overlap where its sides are no multiples of
    theirs. A side below :data:`TILE` is that of the tiles. Blank margins are NaN, if they leave half of a tile.
    """
    blank = margins(image)
    if blank is None:
        return _cut(image)
    inside, blank = within(image, blank)
    without = np.where(_cut(blank) > 0, np.nan, _cut(inside))
    return without if (np.isfinite(without).mean(axis=(1, 2)) >= 0.5).any() else _cut(image)


def _cut(image: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    height, width = image.shape
    shape = min(TILE, height), min(TILE, width)
    rows, columns = (-(-n // t) for n, t in zip(image.shape, shape, strict=True))
    while rows * columns > TILES:
        rows, columns = (rows - 1, columns) if rows >= columns else (rows, columns - 1)
    found = [
        image[top : top + shape[0], left : left + shape[1]]
        for top in np.linspace(0, height - shape[0], rows).astype(int)
        for left in np.linspace(0, width - shape[1], columns).astype(int)
    ]
    return np.stack(found).astype(np.float64)


def filled(sample: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the tiles at least half of whose values are finite, the others replaced; if there is none, one of zeros.

    What is thin, as single pixels and dead columns are, by the nearest value. Areas by what lies there once the tile is
    turned or mirrored, which has the details of the rest, made as bright as what is around; where that is not finite
    either, by the nearest value, too.
    """
    from scipy import ndimage

    good = np.isfinite(sample)
    if good.all():
        return sample
    kept = good.mean(axis=(1, 2)) >= 0.5
    if not kept.any():
        return np.zeros((1, *sample.shape[1:]))
    sample, good = sample[kept].copy(), good[kept]
    for tile, known in zip(sample, good, strict=True):
        if known.all():
            continue
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        thin = ~known & ~ndimage.binary_opening(~known, np.ones((THIN + 1, THIN + 1), bool))
        tile[thin] = tile[tuple(nearest)][thin]
        known |= thin
        for turned in ((slice(None, None, -1),) * 2, (slice(None, None, -1),), (slice(None), slice(None, None, -1))):
            there, both = ~known & known[turned], known & known[turned]
            if there.any() and both.any():
                other = tile[turned].copy()
                nearest = ndimage.distance_transform_edt(~both, return_distances=False, return_indices=True)
                offset = ndimage.gaussian_filter((tile - other)[tuple(nearest)], SEAM)
                tile[there] = (other + offset)[there]
                known |= there
        if not known.all():
            nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
            tile[:] = tile[tuple(nearest)]
    return sample


def extremes(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the limits to which ``values`` were cut: extreme values much more frequent than the three next to them."""
    found, counts = np.unique(values, return_counts=True)
    ends = []
    for value, first, following in ((found[0], counts[0], counts[1:4]), (found[-1], counts[-1], counts[-4:-1])):
        if len(following) and first > max(CUT[0] * values.size, CUT[1] * following.mean()):
            ends.append(value)
    return np.array(ends, dtype=np.float64)


def quantiles(values: npt.NDArray[np.float64], shares: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return what :func:`numpy.quantile` does, which is several times slower than sorting."""
    ordered = np.sort(values, axis=None)
    return np.interp(np.multiply(shares, ordered.size - 1), np.arange(ordered.size), ordered)


def rounding(dtype: np.dtype[Any], values: npt.NDArray[np.float64]) -> float:
    """Return the least variance of noise of an image: that of rounding, if all its values are whole numbers."""
    whole = dtype.kind in "bui" or bool(values.size and (values == np.rint(values)).all())
    return ROUNDING if whole else 0.0
