"""What tells structure from noise where both are as fine.

Structure has directions: near an edge, gradients point the same way (the coherence of the structure tensor, Bigün &
Granlund 1987), and the image bends across it and not along it. And its fine details lie where its coarse ones do.
White noise has none of this, so that even dense tissue at low magnification, whose spectrum is as flat as that of
noise, is not mistaken for it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_sr.estimation.sampling import quantiles

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
#: sides in pixels of the windows that gradients, bends and details are compared over
GRADIENTS, BENDS, DETAILS = (3, 5), 3, 5
#: tiles that are looked at, at most: directions are the same everywhere
TILES = 4
#: standard deviation in pixels of the Gaussian before coarse edges are looked for
EDGES = 1.5
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
#: share of the image's variance that counts as nothing, of squared details and of bends
NOTHING, FLAT = 1e-9, 1e-12


def structure(sample: Float32Array, bands: Mapping[int, Float32Array]) -> FloatArray:
    """Return what tells structure from noise in tiles (tile, row, column).

    Parameters
    ----------
    sample
        The tiles, of variance 1.
    bands
        Their fine, middle and coarse details, each of the shape of the tiles, by the distance between the taps of the
        filter; pixels nearer to the border than three of the largest are left out.
    """
    chosen = slice(None, None, -(-len(sample) // TILES))
    sample, bands = sample[chosen], {step: band[chosen] for step, band in bands.items()}
    found = [same_places(sample, bands)]
    found += [coherence(sample, side) for side in GRADIENTS]
    return np.concatenate([*found, bending(sample)])


def same_places(sample: Float32Array, bands: Mapping[int, Float32Array]) -> FloatArray:
    """Return correlations of the logarithms of energies: of pairs of bands, and of the finest one and coarse edges."""
    from scipy import ndimage

    reach = 3 * max(bands)
    inner = _without_border(reach)
    around = _without_border(reach - DETAILS // 2)
    logs = [np.log(_means(band[around] ** 2, DETAILS) + NOTHING) for band in bands.values()]
    smooth = ndimage.gaussian_filter(sample, (0, EDGES, EDGES))
    steps = np.gradient(smooth, axis=1) ** 2 + np.gradient(smooth, axis=2) ** 2
    edges = np.log(steps[inner] + NOTHING)
    fine, middle, coarse = (one - one.mean() for one in logs)
    edges -= edges.mean()
    pairs = ((fine, middle), (middle, coarse), (fine, coarse), (fine, edges))
    return np.array([_correlation(a, b) for a, b in pairs])


def coherence(sample: Float32Array, side: int) -> FloatArray:
    """Return how much gradients within a window of pixels agree: mean, mean weighted by their squares, quantiles.

    With the tensor J of the means of gᵢ gⱼ, sqrt((J₁₁ - J₂₂)² + 4 J₁₂²) / (J₁₁ + J₂₂): 1 where all have one direction.
    """
    down = sample[:, 2:, 1:-1] - sample[:, :-2, 1:-1]
    across = sample[:, 1:-1, 2:] - sample[:, 1:-1, :-2]
    first, second, mixed = (_means(x, side) for x in (across * across, down * down, across * down))
    strength = first + second
    least = FLAT * float(strength.mean()) + np.finfo(np.float64).tiny
    found = np.sqrt((first - second) ** 2 + 4 * mixed**2) / np.maximum(strength, least)
    weighted = float((found * strength).sum()) / max(float(strength.sum()), np.finfo(np.float64).tiny)
    return np.array([found.mean(), weighted, *quantiles(found, QUANTILES)])


def bending(sample: Float32Array) -> FloatArray:
    """Return by how much an image bends more in one direction than in another: mean and quantiles of the logarithm.

    Of the largest over the smallest mean square of the second differences along rows, columns and diagonals.
    """
    middle = 2 * sample[:, 1:-1, 1:-1]
    second = (
        sample[:, 1:-1, 2:] + sample[:, 1:-1, :-2] - middle,
        sample[:, 2:, 1:-1] + sample[:, :-2, 1:-1] - middle,
        sample[:, 2:, 2:] + sample[:, :-2, :-2] - middle,
        sample[:, 2:, :-2] + sample[:, :-2, 2:] - middle,
    )
    squares = [_means(x * x, BENDS) + FLAT for x in second]
    found = np.log(np.maximum.reduce(squares) / np.minimum.reduce(squares))
    return np.array([found.mean(), *quantiles(found, QUANTILES)])


def _means(values: Float32Array, side: int) -> Float32Array:
    """Return the means over windows of pixels about each pixel that has a whole one."""
    rows, columns = (n - side + 1 for n in values.shape[1:])
    high = values[:, :rows].copy()
    for k in range(1, side):
        high += values[:, k : k + rows]
    wide = high[:, :, :columns].copy()
    for k in range(1, side):
        wide += high[:, :, k : k + columns]
    return wide / np.float32(side**2)


def _without_border(width: int) -> tuple[slice, slice, slice]:
    return slice(None), slice(width, -width), slice(width, -width)


def _correlation(a: Float32Array, b: Float32Array) -> float:
    """Return the correlation of values without their means; 0 where there is no variation."""
    both = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / both if both > 0 else 0.0
