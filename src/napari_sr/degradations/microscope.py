"""Any microscope: a family of degradations, of which every patch suffers a random member, and is told which.

What is drawn, uniformly unless it says otherwise:

* optics: none (1 in 5), or a Gaussian of 0 to 1.2 LR pixels; 1 in 5 is elliptic (ratio up to 2);
* sampling: means over the LR pixels' areas (1 in 2), bilinear at their centres, or single points (1 in 10);
* noise: none (1 in 3), or a signal-to-noise ratio at the brightest value of 4 to 200 (log-uniform), from photons alone,
  a detector alone, or both, on top of a background that has photons, too;
* storage: rounded to 8 bit (2 in 3) or not; what is brighter than white is cut.

For training, the HR image is varied first (:func:`vary`): structures of 1 to 2 times their size, a gamma, inversion
where the kind of image allows it (EM), saturated and flat areas, and any share of the 8-bit range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from napari_sr.degradations import ROUNDING, FloatImage, Step
from napari_sr.degradations.blur import GaussianBlur, KernelBlur, gaussian_kernel
from napari_sr.degradations.resample import BilinearDown, BlockMean, PointSampling
from napari_sr.degradations.suffered import Spreads, Suffered, total_blur

#: widest blur of the optics, in LR pixels
WIDEST = 1.2
#: signal-to-noise ratios at the brightest value
SNR = (4.0, 200.0)
#: a Gaussian is cut off so many standard deviations from its centre
TRUNCATED = 3.5
WHITE = 255.0
#: grain: standard deviation in LR pixels of the Gaussian that noise was smoothed with
GRAIN = (0.35, 0.9)


@dataclass(frozen=True)
class PhotonNoise:
    """Poisson noise above a background of light, and the detector's own.

    Parameters
    ----------
    slope
        Image values a photon; negative in an inverted image.
    background
        Image value where no photon arrived.
    read
        Standard deviation of the detector's noise, image values.
    grain
        Standard deviation in pixels of the Gaussian that the noise was smoothed with since, without losing variance:
        what an image that was filtered or enlarged has kept of its noise. Two numbers, for rows and columns.
    """

    noise: ClassVar[bool] = True
    slope: float
    background: float
    read: float
    grain: tuple[float, float] = (0.0, 0.0)

    def variance(self, image: FloatImage) -> tuple[float, float]:
        """Return (slope, intercept) of the variance at an image value."""
        return self.slope, self.read**2 - self.slope * self.background

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        noise = np.zeros(image.shape)
        if self.slope:
            expected = np.maximum((np.asarray(image, np.float64) - self.background) / self.slope, 0)
            noise += self.slope * (rng.poisson(expected) - expected)
        if self.read:
            noise += rng.normal(0, self.read, image.shape)
        return np.asarray(image + smoothed(noise, self.grain), dtype=np.float32)


@dataclass(frozen=True)
class RowNoise:
    """Rows of a scan that are brighter or darker than they should be: normally distributed, one value a row."""

    noise: ClassVar[bool] = True
    sigma: float

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        return np.asarray(image + rng.normal(0, self.sigma, (image.shape[0], 1)), dtype=np.float32)


@dataclass(frozen=True)
class Member:
    """One degradation of the family.

    Attributes
    ----------
    optics, sampling, noise, rows
        What is done, in this order; None for nothing.
    rounded
        True if values are rounded to integers at the end.
    white
        Where values are cut; infinite for nowhere.
    """

    scale: int
    optics: Step | None
    sampling: Step
    noise: PhotonNoise | None
    rounded: bool
    white: float = math.inf
    rows: RowNoise | None = None

    def suffered(self) -> Suffered:
        """Return its blur and noise, without what whole rows have in common."""
        steps: tuple[object, ...] = (self.optics, self.sampling)
        spread = sum(step.spread for step in steps if isinstance(step, Spreads))
        slope, intercept = (0.0, 0.0) if self.noise is None else self.noise.variance(np.empty(0, np.float32))
        return Suffered(total_blur(spread, self.scale), slope, intercept + (ROUNDING if self.rounded else 0.0))

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        for step in (self.optics, self.sampling, self.noise, self.rows):
            image = image if step is None else step(image, rng)
        image = np.minimum(image, self.white)
        return np.asarray(np.maximum(np.rint(image), 0) if self.rounded else image, dtype=np.float32)


def draw_member(
    scale: int, *, low: float, high: float, inverted: bool, white: float, rng: np.random.Generator
) -> Member:
    """Draw a member for an image whose darkest and brightest values are ``low`` and ``high``.

    ``inverted`` says that it is the dark that has seen the most photons; ``white`` is where its values are cut.
    """
    sampling: Step
    kind = rng.random()
    if kind < 0.5:
        sampling = BlockMean(scale)
    elif kind < 0.9:
        sampling = BilinearDown(scale)
    else:
        sampling = PointSampling(scale, (bool(rng.integers(2)), bool(rng.integers(2))))
    noise = _draw_noise(low, high, inverted, rng) if rng.random() < 2 / 3 else None
    optics, rounded = _draw_optics(scale, rng), bool(rng.random() < 2 / 3)
    rows = (
        RowNoise((high - low) * 10 ** rng.uniform(-2.5, -1.3)) if noise is not None and rng.random() < 1 / 8 else None
    )
    # unrounded images have the range of a finer detector: what is cut is cut alike
    return Member(scale, optics, sampling, noise, rounded, white, rows)


def _draw_optics(scale: int, rng: np.random.Generator) -> Step | None:
    if rng.random() < 0.2:
        return None
    sigma = rng.uniform(0, WIDEST) * scale
    if sigma < 0.2:  # narrower than a pixel's own sampling can show
        return None
    if rng.random() < 0.2:
        ratio = math.sqrt(rng.uniform(1, 2))
        widths = (min(sigma * ratio, WIDEST * scale), sigma / ratio)
        reach = math.ceil(TRUNCATED * widths[0])
        return KernelBlur(gaussian_kernel(2 * reach + 1, widths, angle=rng.uniform(0, math.pi)))
    return GaussianBlur(sigma, truncate=TRUNCATED)


def _draw_noise(low: float, high: float, inverted: bool, rng: np.random.Generator) -> PhotonNoise:
    span = high - low
    deviation = span / np.exp(rng.uniform(*np.log(SNR)))  # at the end of the range that has the most photons
    of_photons = float(rng.choice((0.0, 1.0, rng.random()), p=(0.25, 0.5, 0.25)))
    below = span * rng.uniform(0, 0.5)  # a background of light, or the black level of an offset
    photons, dark = (low, high + below) if inverted else (high, low - below)
    slope = of_photons * deviation**2 / (photons - dark)
    grain = (0.0, 0.0)
    if rng.random() < 0.25:
        sigma = rng.uniform(*GRAIN)
        grain = (sigma, sigma) if rng.random() < 0.7 else (0.0, sigma)  # a slow detector smears along the scan
    return PhotonNoise(slope, dark, math.sqrt(1 - of_photons) * deviation, grain)


def smoothed(noise: npt.NDArray[np.float64], grain: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return noise smoothed with a Gaussian along rows and columns, with the variance that it had."""
    for axis, sigma in enumerate(grain):
        if sigma:
            kernel = gaussian_taps(sigma)
            noise = ndimage.correlate1d(noise, kernel / math.sqrt(float((kernel**2).sum())), axis=axis, mode="wrap")
    return noise


def gaussian_taps(sigma: float) -> npt.NDArray[np.float64]:
    """Return a sampled Gaussian with the sum 1."""
    reach = math.ceil(TRUNCATED * sigma)
    taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return np.asarray(taps / taps.sum())


@dataclass(frozen=True)
class AnyMicroscope:
    """A step that draws a member for each image that it is applied to.

    Parameters
    ----------
    scale
        HR pixels to an LR pixel.
    limits
        Darkest and brightest value of the whole image; those of the image it is applied to if None.
    inverts
        True if images may be inverted, as those of electron microscopes.
    """

    unpredictable: ClassVar[bool] = True
    scale: int
    limits: tuple[float, float] | None = None
    inverts: bool = True

    def bound_to(self, image: FloatImage) -> AnyMicroscope:
        """Return this step with the limits of a whole image."""
        return self if self.limits else replace(self, limits=limits_of(image))

    def draw(self, rng: np.random.Generator) -> Member:
        """Return a member for the image as it is; values are cut by whatever stores them."""
        low, high = self.limits or (0.0, WHITE)
        inverted = self.inverts and bool(rng.random() < 0.5)
        member = draw_member(self.scale, low=low, high=high, inverted=inverted, white=math.inf, rng=rng)
        return replace(member, rounded=False)  # as the image's own type does

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the limits of blur (LR pixels) and noise (per cent of the range)."""
        widest = math.sqrt((WIDEST * self.scale) ** 2 + BlockMean(self.scale).spread)
        return {"blur": (0.0, total_blur(widest**2, self.scale)), "noise": (0.0, 100 / SNR[0])}

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        return self.bound_to(image).draw(rng)(image, rng)

    def pair(
        self, cut: Callable[[int], FloatImage], side: int, margin: int, rng: np.random.Generator
    ) -> tuple[FloatImage, FloatImage, Suffered, tuple[float, float]]:
        """Return an LR patch, its HR patch, what was done, and limits as whole images may have them, for training.

        Parameters
        ----------
        cut
            Returns a random square of the HR image with at most that many pixels a side.
        side, margin
            Of the LR patch, and what is computed around it and thrown away, LR pixels.
        rng
            Decides everything.
        """
        s = self.scale
        whole = (side + 2 * margin) * s
        wide = cut(round(whole * (1.0 if rng.random() < 0.3 else rng.uniform(1, 2))))
        hr = (np.asarray(wide, np.float32) - self._low()) / self._span()
        hr, low, high, inverted, white = vary(reduced(hr, whole), self.inverts, rng)
        member = draw_member(s, low=low, high=high, inverted=inverted, white=white, rng=rng)
        lr = member(hr, rng)[margin : margin + side, margin : margin + side]
        inner = slice(margin * s, (margin + side) * s)
        return lr, hr[inner, inner], member.suffered(), fitted_limits(low, high, rng)

    def _low(self) -> float:
        return (self.limits or (0.0, 1.0))[0]

    def _span(self) -> float:
        low, high = self.limits or (0.0, 1.0)
        return max(high - low, float(np.finfo(np.float32).tiny))


def limits_of(image: FloatImage) -> tuple[float, float]:
    """Return the darkest and brightest value of an image, but for a few pixels."""
    low, high = (float(v) for v in np.percentile(image, (0.2, 99.8)))
    return low, high


def fitted_limits(low: float, high: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return what percentiles of a whole image might be whose limits are ``low`` and ``high``."""
    span = high - low
    return low + span * rng.uniform(-0.15, 0.12), low + span * rng.uniform(0.7, 1.25)


def reduced(image: FloatImage, side: int) -> FloatImage:
    """Reduce a square to ``side`` pixels, with the cubic kernel widened against aliasing; mirror a smaller image."""
    if min(image.shape) < side:
        return np.pad(image, [(0, max(0, side - n)) for n in image.shape], mode="symmetric")[:side, :side]
    if image.shape == (side, side):
        return image
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)


def vary(hr: FloatImage, inverts: bool, rng: np.random.Generator) -> tuple[FloatImage, float, float, bool, float]:
    """Give an HR patch other intensities; returns it, its limits, whether it was inverted, and where it is cut.

    ``hr`` has the limits 0 and 1.
    """
    gamma = math.exp(rng.uniform(-0.5, 0.5)) if rng.random() < 0.5 else 1.0
    if gamma != 1.0:
        hr = np.sign(hr) * np.abs(hr) ** gamma
    inverted = inverts and bool(rng.random() < 0.5)
    if inverted:
        hr = 1 - hr
    if rng.random() < 0.15:
        hr = _with_flat_area(hr, rng)
    saturated = rng.random() < 0.15
    top = float(np.quantile(hr, rng.uniform(0.6, 0.98))) if saturated else math.inf
    low = rng.uniform(0, 0.5) if rng.random() < 0.7 else 0.02
    span = rng.uniform(0.2, 1) * (1 - low)
    if saturated:  # the instrument's white is what cuts it
        white = (low + span * min(top, 1.0)) * WHITE
        values = np.minimum(hr * span + low, white / WHITE)
    else:
        white = WHITE
        values = np.minimum(hr * span + low, 1.0)
    scaled = np.asarray(np.maximum(values, 0) * WHITE, dtype=np.float32)
    return scaled, low * WHITE, (low + span) * WHITE, inverted, white


def _with_flat_area(hr: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Return ``hr`` with one value (resin, background) on one side of a smooth border."""
    coarse = ndimage.zoom(rng.normal(size=(4, 4)), hr.shape[0] / 4, order=3)[: hr.shape[0], : hr.shape[1]]
    coarse = np.pad(coarse, [(0, n - m) for n, m in zip(hr.shape, coarse.shape, strict=True)], mode="edge")
    soft = np.clip((coarse - rng.normal(0, 0.3)) * hr.shape[0] / rng.uniform(8, 60) + 0.5, 0, 1)
    value = float(rng.choice((0.0, 1.0, rng.random())))
    return np.asarray(hr * (1 - soft) + value * soft, dtype=np.float32)
