"""Fourier ring correlation: up to which spatial frequency two images agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.metrics import METRICS, Spec, check_pair
from napari_sr.metrics.rings import hann, rings

Curve = npt.NDArray[np.float64]
#: thresholds by the names they have in the literature
THRESHOLDS = ("1/7", "half-bit", "3-sigma")
#: smallest side of an image whose rings say anything
SMALLEST = 16
#: of the correction for single images: a exp(c (x - b)) + d (Koho et al. 2019, doi:10.1038/s41467-019-11024-z)
KOHO = (0.95988146, 0.97979108, 13.90441896, 0.55146136)


@dataclass(frozen=True)
class RingCorrelation:
    """The correlation of two images, ring by ring.

    Attributes
    ----------
    frequencies
        Of the rings, in cycles per unit of the pixel size.
    correlation
        Between -1 and 1.
    counts
        Fourier coefficients in each ring.
    """

    frequencies: Curve
    correlation: Curve
    counts: npt.NDArray[np.intp]

    def threshold(self, name: str) -> Curve:
        """Return the value below which a ring does not count, one of :data:`THRESHOLDS`.

        With n coefficients in a ring: 1/7; half a bit of information,
        (0.2071 + 1.9102/√n) / (1.2071 + 0.9102/√n); three standard deviations of noise, 3/√(n/2)
        (van Heel & Schatz 2005, doi:10.1016/j.jsb.2005.05.009).
        """
        root = np.sqrt(self.counts)
        if name == "1/7":
            return np.full(len(root), 1 / 7)
        if name == "half-bit":
            return np.asarray((0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root))
        if name == "3-sigma":
            return np.asarray(3 / np.sqrt(self.counts / 2))
        raise ValueError(f"{name} is no threshold; choose one of {', '.join(THRESHOLDS)}.")

    def crossing(self, threshold: str = "1/7") -> float | None:
        """Return the frequency at which the correlation falls below the threshold, and stays so for two rings.

        None if it never does: the images then agree up to their pixels.
        """
        limit = self.threshold(threshold)
        below = self.correlation < limit
        lasting = below & np.append(below[1:], True)
        if not lasting.any():
            return None
        at = int(np.argmax(lasting))
        if at == 0:
            return float(self.frequencies[0])
        above, under = (self.correlation[i] - limit[i] for i in (at - 1, at))
        # the ring before may be a single one below; then the crossing is taken at this one
        share = above / (above - under) if above > 0 else 1.0
        return float(self.frequencies[at - 1] + share * (self.frequencies[at] - self.frequencies[at - 1]))

    def resolution(self, threshold: str = "1/7") -> float | None:
        """Return 1 / crossing, in units of the pixel size; None if the images agree up to their pixels."""
        frequency = self.crossing(threshold)
        return None if frequency is None else 1 / frequency


def frc(
    first: npt.NDArray[Any], second: npt.NDArray[Any], *, pixel_size: float = 1.0, window: bool = False
) -> RingCorrelation:
    """Return the Fourier ring correlation of two images.

    FRC(k) = Re Σ F₁ F₂* / √(Σ|F₁|² Σ|F₂|²), the sums over the ring at frequency k; the means of the images are
    taken off. Independent noise has a standard deviation of 1/√n around 0 in a ring of n coefficients.

    Parameters
    ----------
    first, second
        2-D images of one shape.
    pixel_size
        Of both.
    window
        Let the images fade out towards their borders, for images that do not continue at the opposite one.

    Raises
    ------
    ImageError
        If the shapes differ, or are too small for rings.
    """
    if first.shape != second.shape:
        raise ImageError(f"The images differ in shape: {first.shape} and {second.shape}.")
    if first.ndim != 2 or min(first.shape) < SMALLEST:
        raise ImageError(f"Fourier ring correlation needs at least {SMALLEST} pixels a side, not {first.shape}.")
    shape: tuple[int, int] = (first.shape[0], first.shape[1])
    found = rings(shape)
    transforms = []
    for image in (first, second):
        values = np.asarray(image, dtype=np.float64)
        values = values - values.mean()
        transforms.append(np.fft.fft2(values * hann(shape) if window else values))
    one, two = transforms
    together = found.sums((one * two.conj()).real)
    power = found.sums(np.abs(one) ** 2) * found.sums(np.abs(two) ** 2)
    # a ring without power in one of the images has nothing in common
    correlation = np.divide(together, np.sqrt(power), out=np.zeros_like(together), where=power > 0)
    return RingCorrelation(found.frequencies / pixel_size, correlation, found.counts)


def checkerboard_frc(image: npt.NDArray[Any], *, pixel_size: float = 1.0) -> RingCorrelation:
    """Return the FRC between the halves of one image: pixels that touch at a corner (Koho et al. 2019).

    The mean of the two pairs of halves. Frequencies are those of the halves, whose pixels are twice as far apart.
    Noise that neighbouring pixels share, as after any filter or network, counts as detail: of a network's output, it
    measures the network.
    """
    height, width = (n // 2 * 2 for n in image.shape)
    even = np.asarray(image, dtype=np.float64)[:height, :width]
    pairs = [(even[::2, ::2], even[1::2, 1::2]), (even[::2, 1::2], even[1::2, ::2])]
    first, second = (frc(*pair, pixel_size=2 * pixel_size, window=True) for pair in pairs)
    mean = (first.correlation + second.correlation) / 2
    return RingCorrelation(first.frequencies, mean, first.counts)


def checkerboard_resolution(image: npt.NDArray[Any], *, pixel_size: float = 1.0) -> float | None:
    """Return the single-image FRC resolution with its published correction, in units of the pixel size.

    The halves lie half a pixel apart, which pulls the curve down. With x the frequency at which it crosses 1/7 as a
    share of the halves' Nyquist frequency, the resolution is 2 p / (x g(x)), g(x) = a exp(c (x - b)) + d.
    """
    frequency = checkerboard_frc(image, pixel_size=pixel_size).crossing()
    if frequency is None:
        return None
    a, b, c, d = KOHO
    share = frequency * 4 * pixel_size
    return float(2 * pixel_size / (share * (a * np.exp(c * (share - b)) + d)))


def frc_resolution(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float | None:
    """Resolution to which ``pred`` agrees with ``target``, in pixels, at 1/7; two pixels if it does up to them.

    None for images that are too small.
    """
    check_pair(pred, target, data_range)
    if min(target.shape) < SMALLEST:
        return None
    return frc(pred, target, window=True).resolution() or 2.0


METRICS.register("frc_resolution", title="FRC resolution")(
    Spec(frc_resolution, higher_is_better=False, unit="px", digits=2)
)
