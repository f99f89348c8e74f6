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
#: coefficients that a point of the smooth curve is fitted to; the largest share of the rings, and their smallest number
COEFFICIENTS = round(2 * 42**2 * (35 / 128) ** 2 / (3 / 8) ** 4)
SPAN, FEWEST = 0.2, 5
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

    def smoothed(self) -> Curve:
        """Return the correlation as a smooth curve: a straight line, fitted anew around each ring (LOESS).

        Single rings of a small image have few coefficients: by chance, some lie above a threshold far beyond where the
        images agree. Weights are the number of coefficients, and Cleveland's (1 - |d|³)³ with the distance d to the
        ring as a share of that to the last ring that counts (Cleveland 1979; for FRC: Nieuwenhuizen et al. 2013,
        doi:10.1038/nmeth.2448). So many rings count that chance, of standard deviation 1/√n (van Heel & Schatz 2005),
        is a sixth of the threshold 1/7: n = 42², where two of the coefficients are conjugates of each other, and
        Hann's window leaves (3/8)⁴ / (35/128)² of them independent; but no more than a fifth of all.
        """
        x, y = self.frequencies, self.correlation
        distances = np.abs(x[:, None] - x[None])
        nearest = np.argsort(distances, axis=1, kind="stable")
        enough = (np.cumsum(self.counts[nearest], axis=1) >= COEFFICIENTS).argmax(axis=1)
        most = min(len(x) - 1, max(FEWEST, round(SPAN * len(x))))
        reach = np.clip(np.where(enough > 0, enough, most), min(FEWEST, most), most)
        widest = np.take_along_axis(np.sort(distances, axis=1), reach[:, None], axis=1) * (1 + 1e-9)
        weights = np.clip(1 - (distances / widest) ** 3, 0, None) ** 3 * self.counts
        total, near = weights.sum(axis=1), x[None] - x[:, None]
        mean_x, mean_y = (weights * near).sum(axis=1) / total, (weights * y).sum(axis=1) / total
        spread = (weights * (near - mean_x[:, None]) ** 2).sum(axis=1)
        slope = (weights * (near - mean_x[:, None]) * y).sum(axis=1) / spread
        return np.asarray(mean_y - slope * mean_x)

    def crossing(self, threshold: str = "1/7") -> float | None:
        """Return the frequency at which the smoothed correlation first falls below the threshold.

        None if it never does: the images then agree up to their pixels.
        """
        limit, curve = self.threshold(threshold), self.smoothed()
        below = curve < limit
        if not below.any():
            return None
        at = int(np.argmax(below))
        if at == 0:
            return float(self.frequencies[0])
        above, under = (curve[i] - limit[i] for i in (at - 1, at))
        share = above / (above - under)
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
        If the shapes differ, or are too small for rings; if a pixel is not finite, or an image is the same everywhere.
    """
    if first.shape != second.shape:
        raise ImageError(f"The images differ in shape: {first.shape} and {second.shape}.")
    if first.ndim != 2 or min(first.shape) < SMALLEST:
        raise ImageError(f"Fourier ring correlation needs at least {SMALLEST} pixels a side, not {first.shape}.")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ImageError("Pixels that are not finite (NaN, infinite) have no frequencies: compare a part without them.")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        raise ImageError("One of the images is the same everywhere: it has no frequencies that could be compared.")
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

    None for images that are too small, or the same everywhere.
    """
    check_pair(pred, target, data_range)
    if min(target.shape) < SMALLEST or np.ptp(pred) == 0 or np.ptp(target) == 0:
        return None
    return frc(pred, target, window=True).resolution() or 2.0


METRICS.register("frc_resolution", title="FRC resolution")(
    Spec(frc_resolution, higher_is_better=False, unit="px", digits=2)
)
