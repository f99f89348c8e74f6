"""Which kind of image is this? A guess from its brightness, where nobody has said."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.estimation.margins import SMALLEST, margins

KINDS = ("EM", "fluorescence", "N-body")
TITLES = {"EM": "electron microscopy", "fluorescence": "fluorescence", "N-body": "N-body density"}
#: fluorescence is mostly dark with bright structures: median, as a share of the range, and skewness. Over 186 planes of
#: 14 sets, the guess is right for nine in ten; wrong are mostly cells that fill the field, and dark-field EM
MEDIAN, SKEWNESS = 0.32, 0.45
#: a density in units of its mean, or in those of masses and volumes, in which no camera counts
MEAN, UNUSUAL, PEAK = (0.5, 2.0), (1e-6, 1e6), 8.0


def guess_kind(image: npt.NDArray[Any]) -> str:
    """Return the likely kind of a 2-D image, one of :data:`KINDS`; empty if it is constant or holds no numbers.

    Blank margins are left out.
    """
    image = np.asarray(image)
    blank = margins(image) if image.ndim == 2 and min(image.shape) >= SMALLEST else None
    values = np.asarray(image if blank is None else image[~blank], dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    if not values.size or values.max() <= values.min():
        return ""
    mean, whole = values.mean(), image.dtype.kind != "f"
    of_density = MEAN[0] < mean < MEAN[1] or not UNUSUAL[0] < mean < UNUSUAL[1]
    if not whole and values.min() >= 0 and of_density and values.max() > PEAK * mean:
        return "N-body"
    low, high = np.percentile(values, (0.5, 99.5))
    share = np.clip((values - low) / max(high - low, np.finfo(float).tiny), -0.2, 1.2)
    spread = float(np.std(share))
    if spread == 0:
        return ""
    skewness = float(np.mean((share - share.mean()) ** 3)) / spread**3
    return "fluorescence" if np.median(share) < MEDIAN or skewness > SKEWNESS else "EM"
