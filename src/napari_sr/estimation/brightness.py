"""How fine details depend on brightness: those of photons grow with it, where structure need not.

A cell may lie on nothing. Its bright parts are noisy then, the rest is not: going by all of the image, the quietest
blocks say that there is no noise, and the noise of the bright parts is taken for sharp structure.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_sr.estimation.noise import HIGH_PASS, block_means
from napari_sr.estimation.sampling import quantiles

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
#: side of the blocks that are sorted by their brightness, in pixels: cells have fine bright parts
BLOCK = 4
#: shares of the blocks between which they are taken together, the darkest first
GROUPS = (0.0, 0.05, 0.15, 0.4, 0.6, 0.85, 0.95, 1.0)
#: quantile of the variances of the blocks of a group: more than half may have structure
QUIET = 0.4
#: share of the image's variance that counts as nothing
NOTHING = 1e-9
#: what is told of an image
NUMBERS = 3 * (len(GROUPS) - 1)


def brightness(sample: Float32Array, bands: Mapping[int, Float32Array]) -> FloatArray:
    """Return the details of blocks that are alike in brightness, the end with more of the finest ones last.

    Of each group the brightness, the variance of the finest details in its quieter blocks, and how much more there
    is of the next coarser ones: noise has as much of both.

    Parameters
    ----------
    sample
        Tiles of variance 1, (tile, row, column).
    bands
        Their fine, middle and coarse details, each of the shape of the tiles, by the distance between the taps of the
        filter.
    """
    first, second, *_ = bands
    reach = second * (len(HIGH_PASS) // 2)
    inside = (slice(None), slice(reach, -reach), slice(reach, -reach))
    level = block_means(sample[inside], BLOCK).ravel()
    fine, coarser = (block_means(np.square(bands[step][inside]), BLOCK).ravel() for step in (first, second))
    if float(((level - level.mean()) * np.log(fine + NOTHING)).sum()) < 0:  # as of the inverted image
        level = -level
    order = np.lexsort((fine, level))
    edges = np.rint(np.array(GROUPS) * len(order)).astype(int)
    found = []
    for start, stop in pairwise(edges):
        start = min(start, len(order) - 1)
        group = order[start : max(stop, start + 1)]
        variance = float(fine[group].mean()) + NOTHING
        quiet = float(quantiles(fine[group], (QUIET,))[0]) + NOTHING
        found.append((float(level[group].mean()), np.log(quiet), np.log((coarser[group].mean() + NOTHING) / variance)))
    return np.array(found, dtype=np.float64).T.ravel()
