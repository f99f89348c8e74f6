"""How much finer detail a picture has than images of its kind have: what sees made-up patterns.

Detail finer than the limit up to which an image has signal is what a network adds. Real images of one kind have much
the same power there; a network that works on an image unlike those it was trained on paints far more of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.metrics.rings import hann, rings

FloatArray = npt.NDArray[np.float64]
#: lowest frequency that counts, in cycles per LR pixel: below it are single objects
LOWEST = 0.04
#: Nyquist frequency of the LR image
NYQUIST = 0.5
#: where counting starts, as a share of the limit: blur and noise weigh already, so a network adds detail there, too
START = 0.5
#: mean and standard deviation of the power law's exponent where the image itself says little
SLOPE = (3.3, 0.9)
#: standard deviation of the logarithm of a ring's power about a power law
SPREAD = 0.25
#: standard deviation of a blur that was estimated, in LR pixels, and the smallest one that it weighs on
BLUR_ERROR, LEAST_BLUR = 0.1, 0.3
#: where the last value of a mean spectrum of sharp images ends, in cycles per pixel of theirs
LAST = 0.72
#: smallest side of an LR image, in pixels
SMALLEST = 16


@dataclass(frozen=True)
class Beyond:
    """Power of a picture beside the power that is expected.

    Attributes
    ----------
    ratio
        Σ power / Σ expected over all frequencies from ``START`` times the limit on; 1 if it is as expected.
    limit
        Up to where the LR image has more signal than noise, in cycles per LR pixel; 0.5 at most.
    frequencies
        Of the picture's rings, in cycles per LR pixel.
    power, expected
        Of the rings, in the LR image's units: white noise of the variance v in it has the power v.
    """

    ratio: float
    limit: float
    frequencies: FloatArray
    power: FloatArray
    expected: FloatArray

    @property
    def decibels(self) -> float:
        """10 log10(ratio)."""
        return 10 * math.log10(self.ratio) if self.ratio > 0 else -math.inf


@dataclass(frozen=True)
class RingPower:
    """Radially averaged power: frequencies in cycles per pixel, mean power, and coefficients of each ring."""

    frequencies: FloatArray
    power: FloatArray
    counts: npt.NDArray[np.intp]


def ring_power(tiles: npt.NDArray[Any]) -> RingPower:
    """Return the mean spectrum of tiles (..., row, column) that fade out towards their borders.

    P(k) = mean over ring and tiles of |FFT(w (image - mean))|² / Σ w²: white noise has its variance (Welch 1967).
    """
    values = np.asarray(tiles, dtype=np.float64)
    shape = (values.shape[-2], values.shape[-1])
    values = values.reshape(-1, *shape)
    window, found = hann(shape), rings(shape)
    total = np.zeros(len(found.frequencies))
    for tile in values:
        mean = float((tile * window).sum() / window.sum())
        total += found.sums(np.abs(np.fft.fft2((tile - mean) * window)) ** 2)
    return RingPower(found.frequencies, total / (len(values) * float((window**2).sum())) / found.counts, found.counts)


def signal_limit(of: RingPower, noise: float) -> float:
    """Return the frequency of the first ring with less signal than noise, power < 2 ``noise``; Nyquist if none has."""
    weak = (of.frequencies > LOWEST) & (of.power < 2 * noise)
    return float(min(of.frequencies[weak][0], NYQUIST)) if weak.any() else NYQUIST


def expected_power(
    lr: RingPower,
    at: FloatArray,
    *,
    scale: int,
    noise: float,
    blur: float,
    limit: float,
    sharp: FloatArray | None = None,
) -> FloatArray:  # fmt: skip
    """Return the power that a true picture would have at frequencies ``at`` (cycles per LR pixel).

    The signal below the limit, S(f) = (P(f) - noise) exp(4 π² blur² f²), is continued as A f^-β, by least squares of
    the logarithms with a weak prior of β (Field 1987, doi:10.1364/JOSAA.4.002379); or, where a mean spectrum of
    ``sharp`` images is known, by that one times A. A ring counts the less, the more an error of the blur changes it,
    |∂ ln S / ∂ blur| = 8 π² blur f². Up to the Nyquist frequency, the noise is added: a picture that merely keeps it
    has made up nothing.

    Parameters
    ----------
    lr
        Spectrum of the LR image.
    at
        Where it is wanted.
    scale
        SR pixels to an LR pixel.
    noise
        Variance of the LR image's noise.
    blur
        Standard deviation of its blur, the pixel's area included, in LR pixels.
    limit
        As of :func:`signal_limit`.
    sharp
        Mean logarithm of the power of sharp images of this kind, at equal steps from 0 to :data:`LAST` cycles per SR
        pixel, up to a constant.
    """
    f = lr.frequencies
    used = (f > LOWEST) & (f <= limit) & (lr.power > noise)
    if not used.any():  # noise alone: no signal is expected
        return np.asarray(noise * (at <= NYQUIST), dtype=np.float64)
    log_signal = np.log(lr.power[used] - noise) + (2 * math.pi * blur * f[used]) ** 2
    # with twice the relative variance of a mean of count / 2 exponentially distributed powers
    undone = 8 * math.pi**2 * max(blur, LEAST_BLUR) * BLUR_ERROR * f[used] ** 2
    weight = 1 / (SPREAD**2 + 2 / lr.counts[used] + undone**2)
    if sharp is None:
        x = np.log(f[used])
        design = np.stack([np.ones_like(x), -x], axis=1)
        normal = design.T @ (weight[:, None] * design) + np.diag([0.0, SLOPE[1] ** -2])
        log_a, beta = np.linalg.solve(normal, design.T @ (weight * log_signal) + [0.0, SLOPE[0] * SLOPE[1] ** -2])
        log_expected = log_a - beta * np.log(at)
    else:
        steps = np.log((np.arange(len(sharp)) + 0.5) * LAST / len(sharp) * scale)
        log_a = np.average(log_signal - np.interp(np.log(f[used]), steps, sharp), weights=weight)
        log_expected = log_a + np.interp(np.log(at), steps, sharp)
    return np.asarray(np.exp(log_expected) + noise * (at <= NYQUIST))


def power_beyond(
    sr: npt.NDArray[Any],
    lr: npt.NDArray[Any],
    *,
    scale: int,
    noise: float,
    blur: float,
    sharp: FloatArray | None = None,
) -> Beyond:  # fmt: skip
    """Compare the fine detail of a picture with what images of its kind have there.

    Parameters
    ----------
    sr, lr
        The picture and the image that it was made of: 2-D, or tiles of both (tile, row, column); ``sr`` is ``scale``
        times as large.
    scale, noise, blur, sharp
        As of :func:`expected_power`.

    Raises
    ------
    ImageError
        If the images do not belong together, are too small, or the LR image is constant.
    """
    if tuple(n * scale for n in lr.shape[-2:]) != sr.shape[-2:] or sr.shape[:-2] != lr.shape[:-2]:
        raise ImageError(f"A super-resolved image of {sr.shape} does not belong to one of {lr.shape} at ×{scale}.")
    if min(lr.shape[-2:]) < SMALLEST:
        raise ImageError(f"Fine detail is judged in images of at least {SMALLEST} pixels a side, not {lr.shape}.")
    below, above = ring_power(lr), ring_power(sr)
    if not below.power.max() > np.finfo(np.float64).eps * float(np.abs(lr).max()) ** 2:
        raise ImageError("A constant image has no detail to judge.")
    at, power = above.frequencies * scale, above.power / scale**2
    limit = signal_limit(below, noise)
    expected = expected_power(below, at, scale=scale, noise=noise, blur=blur, limit=limit, sharp=sharp)
    fine = at > START * limit
    ratio = float((power * above.counts)[fine].sum() / (expected * above.counts)[fine].sum())
    return Beyond(ratio, limit, at, power, expected)
