"""Whether a super-resolved image explains the image it was made of: RSE and RSP (NanoJ-SQUIRREL)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError

#: the widest blur that is looked for, in LR pixels
WIDEST = 4.0


@dataclass(frozen=True)
class Consistency:
    """How a degraded image compares with the measured one.

    Attributes
    ----------
    residual
        measured - (scale * degraded + offset), in the measured image's unit.
    rse
        Root of the mean squared residual: the resolution-scaled error.
    rsp
        Pearson correlation of the degraded with the measured image, 1 at best: the resolution-scaled Pearson
        coefficient.
    scale, offset
        Intensity fit.
    sigma
        Blur that was fitted, in SR pixels; None if the degradation was known.
    """

    residual: npt.NDArray[np.float64]
    rse: float
    rsp: float
    scale: float
    offset: float
    sigma: float | None = None


def intensity_fit(degraded: npt.NDArray[Any], measured: npt.NDArray[Any]) -> tuple[float, float]:
    """Return scale and offset that bring ``degraded`` closest to ``measured``, by least squares."""
    x, y = (np.asarray(image, dtype=np.float64) for image in (degraded, measured))
    centred = x - x.mean()
    power = float(np.sum(centred**2))
    scale = float(np.sum(centred * (y - y.mean()))) / power if power > 0 else 0.0
    return scale, float(y.mean() - scale * x.mean())


def consistency(degraded: npt.NDArray[Any], measured: npt.NDArray[Any], *, fit_intensity: bool = True) -> Consistency:
    """Compare the degraded super-resolved image with the measured image.

    With D the degraded image and (a, b) the least-squares fit: RSE = √mean((L - (a D + b))²), RSP = corr(D, L)
    (Culley et al. 2018, doi:10.1038/nmeth.4605).

    Parameters
    ----------
    degraded, measured
        2-D images of one shape.
    fit_intensity
        Fit a and b; otherwise they are 1 and 0.

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    if degraded.shape != measured.shape:
        raise ImageError(f"The degraded image has shape {degraded.shape}, the measured one {measured.shape}.")
    scale, offset = intensity_fit(degraded, measured) if fit_intensity else (1.0, 0.0)
    x, y = (np.asarray(image, dtype=np.float64) for image in (degraded, measured))
    residual = y - (scale * x + offset)
    first, second = x - x.mean(), y - y.mean()
    power = float(np.sum(first**2) * np.sum(second**2))
    rsp = float(np.sum(first * second)) / math.sqrt(power) if power > 0 else math.nan
    return Consistency(residual, math.sqrt(float(np.mean(residual**2))), rsp, scale, offset)


def block_mean(image: npt.NDArray[Any], factor: int) -> npt.NDArray[np.float64]:
    """Return the mean over each block of ``factor`` x ``factor`` pixels."""
    height, width = (n // factor for n in image.shape)
    blocks = np.asarray(image, dtype=np.float64)[: height * factor, : width * factor]
    return np.asarray(blocks.reshape(height, factor, width, factor).mean(axis=(1, 3)))


def fitted_consistency(sr: npt.NDArray[Any], measured: npt.NDArray[Any], scale: int) -> Consistency:
    """As :func:`consistency`, with the blur that explains the measured image best.

    The degradation is a Gaussian blur, of a width that is fitted, and the mean over each LR pixel's area.

    Parameters
    ----------
    sr, measured
        Super-resolved image and the LR image that it was made of.
    scale
        SR pixels to an LR pixel.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.optimize import minimize_scalar

    def at(sigma: float) -> Consistency:
        return consistency(block_mean(gaussian_filter(np.asarray(sr, np.float64), sigma), scale), measured)

    best = minimize_scalar(lambda sigma: at(sigma).rse, bounds=(0.0, WIDEST * scale), method="bounded")
    found, sharp = at(float(best.x)), at(0.0)
    sigma, found = (0.0, sharp) if sharp.rse <= found.rse else (float(best.x), found)
    return Consistency(found.residual, found.rse, found.rsp, found.scale, found.offset, sigma)
