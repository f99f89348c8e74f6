"""What a scan does to noise: smears it along its rows, and makes whole rows brighter or darker than they should be.

A slow detector carries each pixel over into the next, so that noise is smooth along rows and as rough as ever from one
to the next. A filter along the other axis alone lets all of it pass. Structure has no such axis.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_sr.estimation.noise import HIGH_PASS, block_means, high_pass_along
from napari_sr.estimation.sampling import quantiles

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
#: quantiles of the variances of blocks
QUANTILES = (0.05, 0.2, 0.5)
#: distances in pixels over which noise may be alike
APART = (1, 2)
#: parts that a row is cut into: what is alike in those that do not touch is no structure
PARTS = 4
#: standard deviations beyond which a row is an edge, and no noise; standard deviation over median absolute deviation
EDGE, MAD = 3.0, 0.6745
#: share of the image's variance that counts as nothing
NOTHING = 1e-9
#: what is told of an image, of both axes
NUMBERS = 2 * (2 + len(QUANTILES) + len(APART))


def scan(sample: Float32Array) -> FloatArray:
    """Return what tells noise of a scan from structure, along either axis; first along the one with more fine detail.

    Parameters
    ----------
    sample
        Tiles of variance 1, (tile, row, column).
    """
    both = [_along(sample), _along(sample.transpose(0, 2, 1))]
    return np.concatenate(sorted(both, key=lambda found: -found[0]))


def noise_of_rows(high: Float32Array) -> float:
    """Return the variance of what whole rows have in common.

    The covariance of the means of parts of a row that do not touch, of what a filter along columns has left (one-way
    analysis of variance, with structure taken out); rows with edges are left out.

    Parameters
    ----------
    high
        Tiles after a high-pass along columns that keeps the variance of white noise, (tile, row, column).
    """
    tiles, rows, columns = high.shape
    width = columns // PARTS
    means = high[:, :, : width * PARTS].reshape(tiles, rows, PARTS, width).mean(axis=3)
    whole = np.abs(means.mean(axis=2))
    counts = whole <= EDGE / MAD * np.median(whole, axis=1, keepdims=True)
    pairs = means[..., 0] * means[..., 2] + means[..., 1] * means[..., 3] + means[..., 0] * means[..., 3]
    return float(pairs[counts].mean()) / 3 if counts.any() else 0.0


def _along(sample: Float32Array) -> FloatArray:
    """Return the fine detail from row to row: its variance, that of its quieter blocks, how alike it is along rows, and
    how much of it whole rows have in common.
    """
    reach = len(HIGH_PASS) // 2
    high = high_pass_along(sample)[:, reach:-reach]
    squares = high * high
    variance = float(squares.mean())
    alike = [float((high[:, :, d:] * high[:, :, :-d]).mean()) / max(variance, NOTHING) for d in APART]
    quiet = quantiles(block_means(squares), QUANTILES)
    logs = np.log(np.array([variance, *quiet, max(noise_of_rows(high), 0.0)]) + NOTHING)
    return np.array([*logs, *alike])
