"""Radially averaged power spectra and the score built on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.metrics.rings import rings


def power_spectrum(
    image: npt.NDArray[Any], *, pixel_size: float = 1.0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return frequencies (cycles per unit of ``pixel_size``) and the radially averaged power.

    P(k) = mean over the ring of |FFT(image)|^2 / N, with N the number of pixels; rings are one
    fundamental frequency of the shorter side wide and reach up to the Nyquist frequency.
    """
    values = np.asarray(image, dtype=np.float64)
    found = rings((values.shape[0], values.shape[1]))
    power = np.abs(np.fft.fft2(values)) ** 2 / values.size
    return found.frequencies / pixel_size, found.sums(power) / found.counts


def spectrum_error(pred: npt.NDArray[Any], target: npt.NDArray[Any]) -> float:
    """Return MSE(P_target, P_pred), the mean squared error of the power spectrum."""
    return float(np.mean((power_spectrum(pred)[1] - power_spectrum(target)[1]) ** 2))


def spectrum_score(pred: npt.NDArray[Any], target: npt.NDArray[Any], baseline: npt.NDArray[Any]) -> float:
    """Return 1 - MSE(P_target, P_pred) / MSE(P_target, P_baseline): 1 is perfect, 0 is the baseline.

    The N-body thesis takes the linear density field and the nearest-neighbour upscaled LR as baseline, and of several
    images the ratio of the mean errors: :func:`score_of_means`.
    """
    return score_of_means([spectrum_error(pred, target)], [spectrum_error(baseline, target)])


def score_of_means(errors: Sequence[float], of_baseline: Sequence[float]) -> float:
    """Return 1 - mean(MSE) / mean(MSE of the baseline) over images, as the N-body thesis does."""
    return float(1 - np.mean(errors) / np.mean(of_baseline))
