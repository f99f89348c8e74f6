"""How far an image lies off another one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: pixels of the middle that a shift is measured on
MEASURED = 1024
#: smallest side, in pixels, that a shift is measured on
SMALLEST = 32
#: least correlation of images that lie over each other
ALIKE = 0.3


def measured_shift(pred: npt.NDArray[Any], target: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the rows and columns that ``pred`` has to be moved by to lie over ``target``, to 1/20 pixel.

    By phase correlation of the middle of both, not whitened: fine frequencies, which an LR image lacks, would drown
    those that tell.
    """
    from skimage.registration import phase_cross_correlation

    middle = tuple(slice(max(0, (n - MEASURED) // 2), max(0, (n - MEASURED) // 2) + MEASURED) for n in target.shape)
    first, second = (np.asarray(image[middle], dtype=np.float64) for image in (target, pred))
    found, _, _ = phase_cross_correlation(
        first - first.mean(), second - second.mean(), upsample_factor=20, normalization=None
    )
    return float(found[0]), float(found[1])


def reliable_shift(pred: npt.NDArray[Any], target: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Return :func:`measured_shift` where it tells something: None for images that no shift makes alike.

    The correlation of small, constant or unrelated images has a maximum too, but moving one there brings nothing.
    """
    from scipy.ndimage import shift as shifted

    if min(target.shape) < SMALLEST or not np.ptp(pred) or not np.ptp(target):
        return None
    rows, columns = measured_shift(pred, target)
    if any(abs(s) > n / 2 for s, n in zip((rows, columns), target.shape, strict=True)):
        return None
    moved = shifted(np.asarray(pred, dtype=np.float64), (rows, columns), order=1, mode="nearest")
    margins = [int(np.ceil(abs(s))) for s in (rows, columns)]
    part = tuple(slice(m, n - m) for m, n in zip(margins, target.shape, strict=True))
    if min(s.stop - s.start for s in part) < SMALLEST // 2:
        return None
    after, before = (_correlation(image[part], target[part]) for image in (moved, pred))
    return (rows, columns) if after > max(before, ALIKE) else None


def _correlation(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Return Pearson's correlation; 0 if one of both is constant."""
    if not np.ptp(first) or not np.ptp(second):
        return 0.0
    return float(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1])


def rank_correlation(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Return Spearman's correlation, which contrast and single bright pixels do not change; 0 if one is constant."""
    from scipy.stats import rankdata

    return _correlation(rankdata(first), rankdata(second))
