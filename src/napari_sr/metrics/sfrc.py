"""Fourier ring correlation patch by patch: where detail is present that the reference does not have."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft2

from napari_sr.errors import ImageError
from napari_sr.metrics.frc import SMALLEST
from napari_sr.metrics.rings import hann, rings

#: rings whose correlation lies below this are not explained by the reference
UNCORRELATED = 0.5
#: detail with less power than this share of the target's median is too faint to be seen
FAINT = 0.1


@dataclass(frozen=True)
class LocalCorrelation:
    """What scanning patches found.

    Attributes
    ----------
    unexplained
        Root mean square of the detail in ``pred`` that is not in ``target``, in the images' unit, at every pixel.
    correlation
        Of the detail with the target's, weighted by its power; 1 where all of it is there, at every pixel.
    flagged
        True where most of the detail is not in the target, and there is a good share of what the target has in the
        middle of all places.
    """

    unexplained: npt.NDArray[np.float64]
    correlation: npt.NDArray[np.float64]
    flagged: npt.NDArray[np.bool_]


def sfrc_map(
    pred: npt.NDArray[Any], target: npt.NDArray[Any], *, patch: int = 32, step: int = 8, beyond: float = 0.0
) -> LocalCorrelation:
    """Return where detail in ``pred`` is not in ``target``.

    In each patch, with P the power of ``pred`` in a ring and c its correlation with ``target`` there, the unexplained
    power is Σ P (1 - max(c, 0)²), the share that no scaling of the target's ring accounts for; the detail's
    correlation is √(Σ P max(c, 0)² / Σ P).

    Parameters
    ----------
    pred, target
        2-D images of one shape.
    patch, step
        Side of the patches, and their distance, in pixels.
    beyond
        Count the frequencies above this as detail, in cycles per pixel; 1/(2 scale) is what an LR image holds.

    Raises
    ------
    ImageError
        If the shapes differ, or are smaller than a patch.

    References
    ----------
    Kc et al. 2023, "Assessing the hallucinations of deep-learning image restoration by scanning-FRC (sFRC)".
    """
    *_, last = iter_sfrc(pred, target, patch=patch, step=step, beyond=beyond)
    assert isinstance(last, LocalCorrelation)
    return last


def iter_sfrc(
    pred: npt.NDArray[Any], target: npt.NDArray[Any], *, patch: int = 32, step: int = 8, beyond: float = 0.0
) -> Generator[float | LocalCorrelation, None, None]:
    """Do the same, and yield the share that is done; ends with the maps."""
    if pred.shape != target.shape:
        raise ImageError(f"The images differ in shape: {pred.shape} and {target.shape}.")
    patch = min(patch, *pred.shape)
    if patch < SMALLEST:
        raise ImageError(f"Scanning FRC needs at least {SMALLEST} pixels a side, not {pred.shape}.")
    found, window = rings((patch, patch)), hann((patch, patch))
    detail = found.frequencies > beyond
    # what a white image of variance 1 has in all coefficients together
    norm = float(np.sum(window**2)) * patch**2
    height, width = pred.shape
    sums, member, columns = np.zeros((4, height, width)), found.membership(), _starts(width, patch, step)
    for row in _starts(height, patch, step):
        yield row / height
        strips = [image[row : row + patch] for image in (pred, target)]
        one, two = (_transforms(strip, columns, window) for strip in strips)
        power, other, together = (
            values.reshape(len(columns), -1) @ member
            for values in (_product(one, one), _product(two, two), _product(one, two))
        )
        known = np.divide(together, np.sqrt(power * other), out=np.zeros_like(power), where=power * other > 0)
        explained = power * np.clip(known, 0, 1) ** 2  # rounding takes equal images above 1
        lost, whole, theirs = (values[:, detail].sum(axis=1) / norm for values in (power - explained, power, other))
        for which, column in enumerate(columns):
            place = np.s_[row : row + patch, column : column + patch]
            # the patch tells most about its middle
            sums[0][place] += window * lost[which]
            sums[1][place] += window * whole[which]
            sums[2][place] += window * theirs[which]
            sums[3][place] += window
    unexplained, all_detail, of_target = sums[:3] / sums[3]
    share = np.divide(unexplained, all_detail, out=np.zeros_like(unexplained), where=all_detail > 0)
    correlation = np.sqrt(np.clip(1 - share, 0, 1))
    flagged = (correlation < UNCORRELATED) & (all_detail > FAINT * np.median(of_target))
    yield LocalCorrelation(np.sqrt(unexplained), correlation, flagged)


def _product(one: npt.NDArray[np.complex128], two: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    """Return the real part of one · conj(two)."""
    return np.asarray(one.real * two.real + one.imag * two.imag)


def _transforms(
    strip: npt.NDArray[Any], columns: list[int], window: npt.NDArray[np.float64]
) -> npt.NDArray[np.complex128]:
    """Return the transforms of all patches of a strip of rows."""
    side = len(strip)
    patches = np.stack([np.asarray(strip[:, c : c + side], dtype=np.float64) for c in columns])
    return np.asarray(rfft2((patches - patches.mean(axis=(1, 2), keepdims=True)) * window))


def _starts(length: int, patch: int, step: int) -> list[int]:
    """Return where patches begin; the last one ends with the image."""
    return [*range(0, length - patch, step), length - patch]
