"""Fourier ring correlation patch by patch: where detail is present that the reference does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.metrics.frc import SMALLEST
from napari_sr.metrics.rings import hann, rings

#: rings whose correlation lies below this are not explained by the reference
UNCORRELATED = 0.5


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
        True where most of the detail is not in the target, and there is more of it than in half of the image.
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
    sums = np.zeros((3, height, width))
    for row in _starts(height, patch, step):
        for column in _starts(width, patch, step):
            place = np.s_[row : row + patch, column : column + patch]
            one, two = (_transform(image[place], window) for image in (pred, target))
            power, other = found.sums(np.abs(one) ** 2), found.sums(np.abs(two) ** 2)
            together = found.sums((one * two.conj()).real)
            known = np.divide(together, np.sqrt(power * other), out=np.zeros_like(power), where=power * other > 0)
            explained = power * np.clip(known, 0, 1) ** 2  # rounding takes equal images above 1
            # the patch tells most about its middle
            sums[0][place] += window * (power - explained)[detail].sum() / norm
            sums[1][place] += window * power[detail].sum() / norm
            sums[2][place] += window
    unexplained, all_detail = sums[0] / sums[2], sums[1] / sums[2]
    share = np.divide(unexplained, all_detail, out=np.zeros_like(unexplained), where=all_detail > 0)
    correlation = np.sqrt(np.clip(1 - share, 0, 1))
    flagged = (correlation < UNCORRELATED) & (all_detail > np.median(all_detail))
    return LocalCorrelation(np.sqrt(unexplained), correlation, flagged)


def _transform(image: npt.NDArray[Any], window: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    values = np.asarray(image, dtype=np.float64)
    return np.asarray(np.fft.fft2((values - values.mean()) * window))


def _starts(length: int, patch: int, step: int) -> list[int]:
    """Return where patches begin; the last one ends with the image."""
    return [*range(0, length - patch, step), length - patch]
