"""Any microscope: a family of degradations, of which every patch suffers a random member, and is told which.

What is drawn, uniformly unless it says otherwise:

* optics: none (1 in 5), or a Gaussian of 0 to 1.2 LR pixels; 1 in 5 is elliptic (ratio up to 2);
* sampling: means over the LR pixels' areas (1 in 2), bilinear at their centres, or single points (1 in 10);
* noise: none (1 in 3), or a signal-to-noise ratio at the brightest value of 4 to 200 (log-uniform), from photons alone,
  a detector alone, or both, on a background whose photons are up to half as many, and in one of two images far fewer;
* storage: rounded to 8 bit (2 in 3) or not; what is brighter than white is cut.

For training, the HR image is varied first (:mod:`napari_sr.degradations.variety`): structures of 1 to 2 times their
size, a gamma, inversion where the kind of image allows it (EM), saturated and flat areas, and any share of the 8-bit
range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from napari_sr.degradations import ROUNDING, FloatImage, Step
from napari_sr.degradations.blur import TRUNCATED, GaussianBlur, KernelBlur, gaussian_kernel
from napari_sr.degradations.noise import PhotonNoise, RowNoise
from napari_sr.degradations.resample import BilinearDown, BlockMean, PointSampling
from napari_sr.degradations.suffered import Spreads, Suffered, total_blur
from napari_sr.degradations.variety import WHITE, fitted_limits, limits_of, reduced, vary

#: widest blur of the optics, in LR pixels
WIDEST = 1.2
#: signal-to-noise ratios at the brightest value
SNR = (4.0, 200.0)
#: light behind the darkest value, over the span of the values: up to half of it in one of two images, log-uniform in
#: the others. A fluorescent cell may lie on nothing, and only its bright parts are noisy then
BACKGROUND = (0.002, 0.5)
#: grain: standard deviation in LR pixels of the Gaussian that noise was smoothed with
GRAIN = (0.35, 0.9)


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
    # a background of light, or the black level of an offset
    below = span * (rng.uniform(0, BACKGROUND[1]) if rng.random() < 0.5 else np.exp(rng.uniform(*np.log(BACKGROUND))))
    photons, dark = (low, high + below) if inverted else (high, low - below)
    slope = of_photons * deviation**2 / (photons - dark) if span else 0.0  # of no contrast, there is no share
    grain = (0.0, 0.0)
    if rng.random() < 0.25:
        sigma = rng.uniform(*GRAIN)
        grain = (sigma, sigma) if rng.random() < 0.7 else (0.0, sigma)  # a slow detector smears along the scan
    return PhotonNoise(slope, dark, math.sqrt(1 - of_photons) * deviation, grain)


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

    def member(self, *, low: float, high: float, inverted: bool, white: float, rng: np.random.Generator) -> Member:
        """Draw a member for an image whose values and whose inversion are known; see :func:`draw_member`."""
        return draw_member(self.scale, low=low, high=high, inverted=inverted, white=white, rng=rng)

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
        member = self.member(low=low, high=high, inverted=inverted, white=white, rng=rng)
        lr = member(hr, rng)[margin : margin + side, margin : margin + side]
        inner = slice(margin * s, (margin + side) * s)
        return lr, hr[inner, inner], member.suffered(), fitted_limits(low, high, rng)

    def _low(self) -> float:
        return (self.limits or (0.0, 1.0))[0]

    def _span(self) -> float:
        low, high = self.limits or (0.0, 1.0)
        return max(high - low, float(np.finfo(np.float32).tiny))
