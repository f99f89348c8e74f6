"""Blur and noise of one image, by a small network that has seen many images of known blur and noise.

What it sees are the statistics that published methods go by: the power spectrum in rings (its slope is the object's
and the blur's, its floor the noise's, Field 1987, doi:10.1364/JOSAA.4.002379), the variances of fine and coarser
detail over blocks, of which the lowest are noise alone, and over blocks of one brightness (Foi et al. 2008,
doi:10.1109/TIP.2008.2001399; :mod:`napari_sr.estimation.brightness`), whether the finest detail has directions, as
structure has (:mod:`napari_sr.estimation.structure`), what a scan does to noise (:mod:`napari_sr.estimation.scan`),
and what :func:`napari_sr.estimation.blur.judge` makes of them. By how much that is wrong is learnt, by
``scripts/fit_estimation.py``: where structure is taken for noise, where noise that neighbouring pixels share is taken
for structure, and how steep spectra of tissue and cells are without blur.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.estimation.blur import judge_sample
from napari_sr.estimation.brightness import NUMBERS as OF_BRIGHTNESS
from napari_sr.estimation.brightness import brightness
from napari_sr.estimation.noise import HIGH_PASS, Noise, block_means, high_pass, noise_of
from napari_sr.estimation.sampling import extremes, filled, quantiles, rounding, tiles
from napari_sr.estimation.scan import NUMBERS as OF_SCANS
from napari_sr.estimation.scan import scan
from napari_sr.estimation.spectrum import RINGS, spectrum
from napari_sr.estimation.structure import structure

FloatArray = npt.NDArray[np.float64]
#: sides of tiles from which the network can be asked
SMALLEST = 44
#: distances in pixels between the taps of the high-pass, and the sides of the blocks of its variance
DETAILS = ((1, 8), (2, 8), (4, 12))
#: quantiles of the variances of blocks
QUANTILES = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
#: share of pixels at a limit of the image up to which a block counts
SATURATED = 0.02
#: values beyond so many standard deviations of those in training are taken as that
FARTHEST = 4.0
WEIGHTS = "learned_{}.npz"
#: what there is a network for: images of microscopes, as a model is told of them and, with as much blur as there is
#: most likely, to make such images; and the logarithms of densities
IMAGES, EVEN, DENSITIES = "images", "images_even", "densities"


@dataclass(frozen=True)
class Weights:
    """An ensemble of perceptrons with two hidden layers; the first axis of all matrices numbers the members.

    Attributes
    ----------
    mean, deviation
        Of the features in training, (features,).
    matrices, biases
        Of the three layers: (members, in, out) and (members, out).
    """

    mean: FloatArray
    deviation: FloatArray
    matrices: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]

    def __call__(self, features: FloatArray) -> FloatArray:
        """Return blur in pixels and ln(noise variance / image variance), the means over the ensemble.

        The network adds a correction to the last two features: both by the shape of the spectrum alone.
        """
        x = np.clip((features - self.mean) / self.deviation, -FARTHEST, FARTHEST)[None, None]
        for number, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            x = x @ matrix + bias[:, None]
            if number < len(self.matrices) - 1:
                x = x / (1 + np.exp(-x))  # SiLU
        return np.asarray(features[-2:] + x[:, 0].mean(axis=0))


@cache
def weights(of: str = IMAGES) -> Weights:
    """Return a network that ships, of :data:`IMAGES`, :data:`EVEN` or :data:`DENSITIES`."""
    path = resources.files("napari_sr.estimation").joinpath(WEIGHTS.format(of))
    with path.open("rb") as file, np.load(file) as found:
        layers = range(sum(key.startswith("matrix") for key in found))
        return Weights(
            found["mean"].astype(np.float64), found["deviation"].astype(np.float64),
            tuple(found[f"matrix{n}"].astype(np.float64) for n in layers),
            tuple(found[f"bias{n}"].astype(np.float64) for n in layers),
        )  # fmt: skip


@dataclass(frozen=True)
class Statistics:
    """What the network sees of an image; its tiles, which of their pixels are at a limit, their variance, and the noise
    by their finest details.
    """

    features: FloatArray
    sample: FloatArray
    cut: npt.NDArray[np.bool_]
    variance: float
    noise: Noise

    def seen_by(self, of: str) -> FloatArray:
        """Return what the network of one kind of image sees: nobody scans densities, and they have no photons."""
        return self.features[OF_BRIGHTNESS + OF_SCANS :] if of == DENSITIES else self.features


def statistics(image: npt.NDArray[Any]) -> Statistics | None:
    """Return what the network sees of a 2-D image; None if that is too little.

    All features are free of units: they stay what they are if the image is inverted, or multiplied by a number.
    """
    taken = tiles(image)
    sample = filled(taken)
    variance = float(sample.var())
    # rounding errors of a constant are no image
    if min(sample.shape[1:]) < SMALLEST or variance <= (np.finfo(np.float32).eps * float(np.abs(sample).max())) ** 2:
        return None
    cut = np.isin(sample, extremes(sample))
    found = spectrum(sample)
    noise = noise_of(taken, image.dtype)
    blur, judged = judge_sample(sample, found, noise, image.dtype)
    share = float(judged.variance(sample).mean()) / variance
    rings = np.interp(np.arange(RINGS), found.ring, _log(found.power / variance))
    # of variance 1 about 0, seven digits are enough, and half the time
    unit = ((sample - sample.mean()) / np.sqrt(variance)).astype(np.float32)
    bands = {step: high_pass(unit, step) for step, _ in DETAILS}
    details = [_details(bands[step], cut, step, side) for step, side in DETAILS]
    steps = np.diff(unit, axis=2)
    least = rounding(image.dtype, sample)
    rest = [
        _log((steps**2).mean()),
        _log(least / variance),
        cut.mean(),
        np.log(sample.size),
        blur.sigma,
        _log(share),
    ]
    fine = (brightness(unit, bands), scan(unit), structure(unit, bands))
    features = np.concatenate([*fine, rings, *details, np.array(rest, dtype=np.float64)])
    return Statistics(features, sample, cut, variance, noise)


def _details(band: npt.NDArray[np.float32], cut: npt.NDArray[np.bool_], step: int, side: int) -> FloatArray:
    """Return quantiles of the variance of one band of detail over blocks, and how unevenly it is spread."""
    reach = step * (len(HIGH_PASS) // 2)
    band = band[:, reach:-reach, reach:-reach]
    squares = band * band
    variances, saturated = block_means(squares, side), block_means(cut[:, reach:-reach, reach:-reach], side)
    good = saturated <= max(SATURATED, float(np.quantile(saturated, 0.2)))
    second = float(squares.mean())
    tiny = np.finfo(np.float64).tiny
    fourth = float((squares * squares).mean())
    uneven = [second / max(float(np.abs(band).mean()) ** 2, tiny), fourth / max(second**2, tiny)]
    return np.concatenate([_log(quantiles(variances[good], QUANTILES)), _log(np.array(uneven))])


def _log(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(np.log(np.maximum(values, 1e-9)), dtype=np.float64)
