"""Radially averaged power spectra and the score built on them."""

from __future__ import annotations

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


def spectrum_score(pred: npt.NDArray[Any], target: npt.NDArray[Any], baseline: npt.NDArray[Any]) -> float:
    """Return 1 - MSE(P_target, P_pred) / MSE(P_target, P_baseline): 1 is perfect, 0 is the baseline.

    The N-body thesis takes the linear density field and the nearest-neighbour upscaled LR as baseline.
    """
    target_power = power_spectrum(target)[1]
    error = np.mean((power_spectrum(pred)[1] - target_power) ** 2)
    baseline_error = np.mean((power_spectrum(baseline)[1] - target_power) ** 2)
    return float(1 - error / baseline_error)
