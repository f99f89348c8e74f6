"""Blur and noise of an image, estimated from that image alone.

What a super-resolution network is told about the image that it gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.estimation.blur import LARGEST, Blur, estimate_blur, judge
from napari_sr.estimation.learned import DENSITIES, EVEN, IMAGES, statistics, weights
from napari_sr.estimation.noise import Noise, estimate_noise
from napari_sr.estimation.quiet import noise_of_quiet_blocks
from napari_sr.estimation.sampling import checked, in_reach, is_blank, rounding
from napari_sr.estimation.spectrum import sharp_spectrum

__all__ = ["Blur", "Estimate", "Noise", "estimate", "estimate_blur", "estimate_noise", "is_blank", "sharp_spectrum"]

#: share of the image's variance below which noise is none
NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Estimate:
    """Blur and noise of one image."""

    blur: Blur
    noise: Noise


def estimate(image: npt.NDArray[Any], *, density: bool = False, cautious: bool = True) -> Estimate:
    """Return blur and noise of a 2-D image, each judged with the other.

    Both are what a small network learnt from images of known blur and noise (:mod:`napari_sr.estimation.learned`): it
    sees noise that neighbouring pixels or whole rows share, and takes less structure for noise. Where the quietest
    parts of an image hold nothing but noise, its noise is at least theirs (:mod:`napari_sr.estimation.quiet`). How
    the noise depends on brightness is that of :func:`estimate_noise`. Images of less than 44 pixels a side are judged
    by the shape of their spectrum alone (:func:`napari_sr.estimation.blur.judge`).

    Parameters
    ----------
    image
        Any real dtype, from 16 pixels a side; infinite values and NaN are left out.
    density
        True for the logarithm of a density: its network learnt from simulated boxes alone.
    cautious
        True for less blur than is likely in noisy images, as a model should be told: noise that it sharpens becomes
        texture. False for what made the image.

    Raises
    ------
    ImageError
        If the image is no such image, or its values are so far from 1 that their squares are no numbers.
    """
    values, unit = in_reach(checked(image))
    found = _estimate(values, density=density, cautious=cautious)
    return found if unit == 1 else Estimate(found.blur, found.noise.in_units(unit))


def _estimate(values: npt.NDArray[Any], *, density: bool, cautious: bool) -> Estimate:
    found = statistics(values)
    if found is None:
        return Estimate(*judge(values))
    of = DENSITIES if density else IMAGES if cautious else EVEN
    sigma, share = weights(of)(found.seen_by(of))
    noise, sample = found.noise, found.sample
    # noise is no part of what it lies on: it cannot vary more than both together
    seen, variance = float(noise.variance(sample).mean()), min(float(np.exp(share)), 1.0) * found.variance
    at_least = noise_of_quiet_blocks(sample, found.cut)
    variance = variance if at_least is None else max(variance, at_least)
    least = rounding(values.dtype, sample)
    if seen > NEGLIGIBLE * found.variance:
        noise = noise.times(variance / seen, least)
    else:  # nothing to see in the finest details, as in an image that was enlarged
        noise = Noise(0.0, max(variance, least), "learnt", least)
    blur = Blur(float(np.clip(sigma, 0.0, LARGEST)), bool(sigma > LARGEST), "learnt from spectrum and details")
    return Estimate(blur, noise)
