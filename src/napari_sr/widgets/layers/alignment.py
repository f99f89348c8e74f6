"""Where a resampled layer lies in the world.

napari puts pixel centres on whole numbers. If axis i is sampled s_i times more finely, its first pixel
lies (1/s_i - 1)/2 old pixels beside the old first pixel, so scale alone leaves the layer half a pixel off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def resampled_transform(layer: Any, factors: Sequence[float], start: Sequence[float] | None = None) -> dict[str, Any]:
    """Return the transform arguments of a layer that resamples ``layer``.

    Parameters
    ----------
    layer
        An image layer with its scale, translate, rotate, shear and affine.
    factors
        Sampling factor of each dimension: 4 for a x4 upscaled axis, 1/4 for a reduced one, 1 for others.
    start
        First pixel of a cut-out of ``layer`` that is resampled, in its data coordinates.

    Returns
    -------
    dict
        ``scale``, ``translate``, ``rotate``, ``shear`` and ``affine`` for ``viewer.add_image``:
        scale'_i = scale_i / s_i, translate' = translate + M o with M = rotate shear diag(scale) and
        o_i = start_i + (1/s_i - 1)/2. The affine, which acts on the outside, stays.
    """
    s = np.asarray(factors, dtype=float)
    offset = (1 / s - 1) / 2 + (np.zeros_like(s) if start is None else np.asarray(start, dtype=float))
    scale = np.asarray(layer.scale, dtype=float)
    rotate, shear = np.asarray(layer.rotate, dtype=float), np.asarray(layer.shear, dtype=float)
    matrix = rotate @ shear_matrix(shear, len(s)) @ np.diag(scale)
    return {
        "scale": scale / s,
        "translate": np.asarray(layer.translate, dtype=float) + matrix @ offset,
        "rotate": rotate,
        "shear": shear,
        "affine": np.asarray(layer.affine.affine_matrix if hasattr(layer.affine, "affine_matrix") else layer.affine),
    }


def shear_matrix(shear: np.ndarray, ndim: int) -> np.ndarray:
    """Return napari's shear as a matrix: a vector holds the upper triangle, row by row."""
    if shear.ndim == 2:
        return shear
    matrix = np.eye(ndim)
    matrix[np.triu_indices(ndim, 1)] = shear
    return matrix
