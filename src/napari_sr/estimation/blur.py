"""Blur of one image, from the shape of its power spectrum.

The power of natural images falls with frequency as a power law (Field 1987, doi:10.1364/JOSAA.4.002379), that of
their blur as a Gaussian, and that of noise not at all:

    P(f) = A (f² + f₀²)^(-β/2) exp(-4 π² σ² f²) + N.

The posterior of σ is summed over grids of the other parameters. Frequencies beyond the Nyquist frequency that the
pixel grid folds back are left out: with them, σ was not found better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.estimation.noise import Noise, noise_of
from napari_sr.estimation.sampling import checked, filled, rounding, tiles
from napari_sr.estimation.spectrum import RINGS, Spectrum, spectrum

FloatArray = npt.NDArray[np.float64]
#: largest blur that is told from a smooth object, in pixels
LARGEST = 1.25
#: grids of σ in pixels (all alike before the image is seen), β, and f₀ in cycles per pixel
SIGMAS = np.linspace(0.0, 1.5, 31)
SLOPES = np.linspace(1.0, 5.0, 9)
TURNS = np.array([0.0, 0.03, 0.08, 0.16])
#: mean and standard deviation of β. Field's 2 holds for scenes; cells and tissue have fewer fine structures
SLOPE = (3.3, 0.9)
#: of the power law's difference from that of a reference, a grid and its standard deviation
TILTS = np.linspace(-1.2, 1.2, 9)
TILT = 0.3
#: grid of ln(N / estimated noise), with its standard deviations below and above 0: structure is taken for noise,
#: rarely noise for structure
NOISES = np.array([-2.3, -1.2, -0.6, -0.25, 0.0, 0.25])
LESS, MORE = 1.3, 0.3
#: lowest frequency that counts, in cycles per pixel: below it are single objects
LOWEST = 0.06
#: standard deviation of the logarithm of a ring's power about the model, and the degrees of freedom of its tails
SPREAD = 0.25
TAILS = 4.0
#: quantile of the posterior of the noise
CAUTIOUS = 0.7
#: steps of Newton's method for A
STEPS = 4


@dataclass(frozen=True)
class Blur:
    """Blur between the object and the values of the pixels.

    Attributes
    ----------
    sigma
        Standard deviation in pixels of the Gaussian that blurs as much as the optics and the pixels' own area.
    bounded
        The estimate lay outside 0 to :data:`LARGEST`, or there was nothing to see; ``sigma`` is then the limit.
    method
        How it was found, for people.
    """

    sigma: float
    bounded: bool
    method: str


def shapes(found: Spectrum, reference: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return ln P without A and N as (σ, other parameters, ring), and the cost of the other parameters."""
    f = found.frequency
    if reference is None:
        slopes, turns = (grid.ravel() for grid in np.meshgrid(SLOPES, TURNS, indexing="ij"))
        objects = -slopes[:, None] / 2 * np.log(f**2 + turns[:, None] ** 2)
        cost = ((slopes - SLOPE[0]) / SLOPE[1]) ** 2
    else:
        objects = reference[found.ring] - TILTS[:, None] * np.log(f)
        cost = (TILTS / TILT) ** 2
    return objects - 4 * np.pi**2 * SIGMAS[:, None, None] ** 2 * f**2, cost


def posterior(found: Spectrum, white: float, reference: FloatArray | None = None) -> FloatArray:
    """Return the probabilities of pairs of :data:`SIGMAS` (row) and :data:`NOISES` (column).

    Parameters
    ----------
    found
        Of the image, from :data:`LOWEST` on.
    white
        Estimated power of the noise.
    reference
        Logarithm of the power of sharp images in all rings.
    """
    logs, cost = shapes(found, reference)
    # of powers over the first one, seven digits are enough, and half the time
    model = np.exp(logs - logs[..., :1]).astype(np.float32)
    log = np.log(found.power / found.power[0]).astype(np.float32)
    # twice the relative variance of a mean of count / 2 exponentially distributed powers
    weight = (1 / (SPREAD**2 + 2 / found.count)).astype(np.float32)
    costs = []
    for offset in NOISES:
        noise = np.float32(white / found.power[0] * np.exp(offset))
        amplitude = np.full(model.shape[:-1], np.log(max(1 - noise, np.float32(0.05))), np.float32)
        for _ in range(STEPS):
            part = np.exp(amplitude)[..., None] * model
            total = part + noise
            part /= total
            change = ((log - np.log(total, out=total)) * part) @ weight / (part**2 @ weight)
            amplitude += np.clip(change, -2, 2)
        rest = weight * (log - np.log(np.exp(amplitude)[..., None] * model + noise)) ** 2
        misfit = TAILS * np.log1p(rest / TAILS).sum(axis=-1)
        costs.append(misfit + cost + (offset / (LESS if offset < 0 else MORE)) ** 2)
    total_cost = np.stack(costs, axis=-1).reshape(len(SIGMAS), -1, len(NOISES))
    chance = np.exp(-(total_cost - total_cost.min()) / 2).sum(axis=1)
    return np.asarray(chance / chance.sum())


def quantile(grid: FloatArray, chance: FloatArray, share: float) -> float:
    """Return the value of ``grid`` below which the ``share`` of its probability lies."""
    return float(np.interp(share, np.cumsum(chance) - chance / 2, grid))


def judge(
    image: npt.NDArray[Any], noise: Noise | None = None, *, reference: FloatArray | None = None
) -> tuple[Blur, Noise]:
    """Return the blur of a 2-D image, and its noise without what turned out to be structure.

    The blur is the median of the posterior: an error in either direction costs the same. Of the noise, it is a higher
    quantile: too little of it costs more. What the spectrum adds to a noise found in the image is never more noise.

    Parameters
    ----------
    image
        Any real dtype, from 16 pixels a side; infinite values and NaN are left out.
    noise
        Of the image, if known already.
    reference
        Of sharp images of this kind at this pixel size, from :func:`~napari_sr.estimation.spectrum.sharp_spectrum`.

    Raises
    ------
    ImageError
        If the image is no such image, or the reference no such array.
    """
    values = checked(image)
    if reference is not None and np.shape(reference) != (RINGS,):
        raise ImageError(f"A reference for the blur has {RINGS} values, not {np.shape(reference)}.")
    taken = tiles(values)
    noise = noise_of(taken, values.dtype) if noise is None else noise
    sample = filled(taken)
    return judge_sample(sample, spectrum(sample), noise, values.dtype, reference=reference)


def judge_sample(
    sample: FloatArray, found: Spectrum, noise: Noise, dtype: np.dtype[Any], *, reference: FloatArray | None = None
) -> tuple[Blur, Noise]:
    """Return what :func:`judge` does of an image of some ``dtype``, from its tiles and their spectrum."""
    counts = (found.frequency > LOWEST) & (found.power > 0)
    # power of rounding errors alone is no object's
    if not counts.any() or found.power.max() <= np.finfo(np.float64).eps * np.abs(sample).max() ** 2:
        return Blur(0.0, True, "constant image"), noise
    used = Spectrum(found.frequency[counts], found.power[counts], found.count[counts], found.ring[counts])
    white = max(float(noise.variance(sample).mean()), 1e-6 * float(used.power.max()))
    chance = posterior(used, white, reference)
    sigma = quantile(SIGMAS, chance.sum(axis=1), 0.5)
    share = min(float(np.exp(quantile(NOISES, chance.sum(axis=0), CAUTIOUS))), 1.0)
    kind = "power law" if reference is None else "reference"
    blur = Blur(min(sigma, LARGEST), sigma > LARGEST, f"{kind} times Gaussian, plus noise")
    return blur, noise.times(share, rounding(dtype, sample))


def estimate_blur(image: npt.NDArray[Any], noise: Noise | None = None, *, reference: FloatArray | None = None) -> Blur:
    """Return the blur of a 2-D image; parameters and errors are those of :func:`judge`."""
    return judge(image, noise, reference=reference)[0]
