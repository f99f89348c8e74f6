"""The degradation of one's own microscope, measured on one of its low-resolution images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.degradations.suffered import pixel_spread
from napari_sr.densities import own_log
from napari_sr.estimation import estimate
from napari_sr.estimation.margins import margins
from napari_sr.images.axes import Layout
from napari_sr.images.readers import read_image
from napari_sr.inference.conditions import middle_square
from napari_sr.models.fit import DENSITY
from napari_sr.models.kind import guess_kind

#: noise of less than this share of the range is that of rounding
NO_NOISE = 0.01
#: by so many of its standard deviations, noise moves the 0.1th and 99.9th percentile of an image
WIDENED = 1.5
#: photons beyond which their noise is no longer seen
MOST_PHOTONS = 1_000_000


def degradation_like(lr: npt.NDArray[Any], scale: int) -> str:
    """Return the composition that makes LR images like ``lr`` out of sharp ones.

    The blur is what remains of the estimated one after the area of the larger pixel; noise that grows with brightness
    is that of photons, other noise is the same everywhere.

    Parameters
    ----------
    lr
        A 2-D image of the instrument.
    scale
        HR pixels to an LR pixel.

    Returns
    -------
    str
        As :func:`napari_sr.degradations.make_degradation` takes it.
    """
    density = guess_kind(lr) == DENSITY
    seen = own_log(lr) if density else lr
    found = estimate(seen, density=density, cautious=False)
    optics = (found.blur.sigma * scale) ** 2 - pixel_spread(scale)
    steps = [f"gaussian(sigma={math.sqrt(optics):.2f})"] if optics > 0.01 else []
    steps.append("area")
    if density:  # those that were simulated have no noise
        return " + ".join(steps)
    blank = margins(lr)
    shown = np.asarray(lr if blank is None else lr[~blank], np.float64)
    low, high = (float(v) for v in np.nanpercentile(shown, (0.1, 99.9)))
    # those of the image without its noise, which widens them
    low, high = (
        min(low + WIDENED * float(found.noise.sigma(low)), (low + high) / 2),
        max(high - WIDENED * float(found.noise.sigma(high)), (low + high) / 2),
    )
    # compositions count noise in the range of the sharp image, which blur has narrowed
    span = (high - low) / contrast_kept(found.blur.sigma, scale)
    if span <= 0:
        return " + ".join(steps)
    dark, bright = (float(found.noise.sigma(value)) / span for value in (low, high))
    if max(dark, bright) < NO_NOISE:
        return " + ".join(steps)
    slope = bright**2 - dark**2  # of the variance over the range: one by the photons of the brightest pixel
    photons = 1 / slope if slope > 0 else math.inf
    if photons < MOST_PHOTONS and bright > 1.1 * dark:
        steps.append(f"shot(photons={photons:.0f}, read={dark * photons:.1f})")
    else:
        steps.append(f"noise(sigma={100 * math.sqrt((dark**2 + bright**2) / 2):.1f})")
    return " + ".join(steps)


def contrast_kept(blur: float, scale: int, side: int = 256) -> float:
    """Return the share of the standard deviation of natural images (power f^-2, Field 1987) that a blur leaves.

    ``blur`` in LR pixels; HR images of ``side`` LR pixels a side have frequencies up to ``scale`` / 2 cycles a pixel.
    """
    f = np.geomspace(1 / side, scale / 2, 512)  # equal steps of log f, in which f^-2 in two dimensions is constant
    return float(np.sqrt(np.mean(np.exp(-4 * (np.pi * blur * f) ** 2))))


def degradation_like_file(file: Path, scale: int) -> str:
    """Return the composition that makes LR images like the one in a file; raises :class:`ImageError` if it has none."""
    image = read_image(file, lazy=True)
    return degradation_like(middle_square(image.data, Layout(image.axes, tuple(image.data.shape))), scale)
